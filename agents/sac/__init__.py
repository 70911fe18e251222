"""Soft actor-critic (Haarnoja et al., 2018): stable-baselines3's SAC with a faster update of the same losses."""

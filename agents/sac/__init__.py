"""Soft actor-critic (Haarnoja et al., 2018): stable-baselines3's SAC with a leaner update of the same arithmetic."""

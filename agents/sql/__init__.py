"""Soft Q-learning (Haarnoja et al., 2017), SAC's ancestor: an energy-based policy and a network that samples from it."""

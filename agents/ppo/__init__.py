"""Proximal policy optimisation (arXiv 1707.06347) on stable-baselines3's ActorCriticPolicy."""

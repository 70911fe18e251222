"""Reinforcement learning via supervised learning, conditioned on returns (Emmons et al., 2021)."""

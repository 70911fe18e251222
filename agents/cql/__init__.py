"""Conservative Q-learning (Kumar et al., 2020), for continuous and for discrete actions."""

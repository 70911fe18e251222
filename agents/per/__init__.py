"""Prioritized Experience Replay (Schaul et al., 2016): a replay buffer for SB3, Double DQN and SAC on it, Blind Cliffwalk."""

"""Prioritized Experience Replay (Schaul et al., 2016): Double DQN on a prioritised buffer, and the Blind Cliffwalk."""

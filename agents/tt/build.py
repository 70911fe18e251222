"""The Trajectory Transformer from a configuration."""

from papergym.agents.tt.learner import TrajectoryTransformerLearner

build = TrajectoryTransformerLearner.build

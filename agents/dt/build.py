"""A Decision Transformer from a configuration."""

from papergym.agents.dt.learner import DecisionTransformer

build = DecisionTransformer.build

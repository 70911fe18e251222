"""IQL from a configuration."""

from papergym.agents.iql.learner import IQL

build = IQL.build

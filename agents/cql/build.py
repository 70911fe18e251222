"""CQL from a configuration."""

from papergym.agents.cql.learner import CQL

build = CQL.build

"""Behaviour cloning from a configuration."""

from papergym.agents.bc.learner import BehaviourCloning

build = BehaviourCloning.build

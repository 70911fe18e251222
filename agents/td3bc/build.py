"""TD3+BC from a configuration."""

from papergym.agents.td3bc.learner import TD3BC

build = TD3BC.build

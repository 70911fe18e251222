"""RvS from a configuration."""

from papergym.agents.rvs.learner import RvS

build = RvS.build

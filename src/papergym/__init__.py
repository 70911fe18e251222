"""papergym: reinforcement-learning papers that run as published.

Importing the package registers every environment id with Gymnasium and loads no simulator and no torch.
"""

from papergym import envs as envs  # registers every id
from papergym import wrappers as wrappers
from papergym.version import __version__ as __version__

__all__ = ["__version__", "envs", "wrappers"]

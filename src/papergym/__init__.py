"""papergym: reinforcement-learning papers that run as published.

Importing the package registers every environment id with Gymnasium and loads no simulator and no torch.
"""

from typing import TYPE_CHECKING

from papergym import envs as envs  # registers every id
from papergym import wrappers as wrappers
from papergym.version import __version__ as __version__

if TYPE_CHECKING:
    __all__: list[str]
    from papergym.agents.runner.api import Run as Run
    from papergym.agents.runner.api import Stopped as Stopped
    from papergym.agents.runner.api import load as load
    from papergym.agents.runner.api import train as train
else:
    from papergym.wrappers.lazy import attach

    __getattr__, __dir__, __all__ = attach(__name__, dict.fromkeys(("Run", "Stopped", "load", "train"), "agents.runner.api"))
    __all__ = sorted([*__all__, "__version__", "envs", "wrappers"])

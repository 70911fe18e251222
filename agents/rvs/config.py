"""Settings of RvS-R."""

from dataclasses import dataclass

from papergym import assets
from papergym.agents.offline.config import DatasetConfig

_PAPER = assets.paper("rvs")["presets"]["paper"]  # the only home of the paper's numbers


@dataclass
class Config(DatasetConfig):
    """Every setting; the defaults are the paper's for MuJoCo tasks."""

    batch_size: int = _PAPER["batch_size"]
    """Transitions per update."""
    learning_rate: float = _PAPER["learning_rate"]
    """Adam's step size."""
    hidden: tuple[int, ...] = tuple(_PAPER["hidden"])
    """ReLU units per hidden layer."""

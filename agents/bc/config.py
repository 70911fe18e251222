"""Settings of behaviour cloning."""

from dataclasses import dataclass

from papergym import assets
from papergym.agents.offline.config import DatasetConfig

_QUICK = assets.paper("bc")["presets"]["quick"]


@dataclass
class Config(DatasetConfig):
    """Every setting; the paper trains another network on camera images, so the numbers are ours."""

    share: float = 1.0
    """Part of the transitions that is cloned: the episodes of highest return (0.1 is 10 %BC)."""
    batch_size: int = _QUICK["batch_size"]
    """Transitions per update."""
    learning_rate: float = _QUICK["learning_rate"]
    """Adam's step size."""
    weight_decay: float = 0.0
    """Adam's weight decay."""
    hidden: tuple[int, ...] = tuple(_QUICK["hidden"])
    """ReLU units per hidden layer."""

"""Settings of behaviour cloning."""

from dataclasses import dataclass

from papergym import assets

_QUICK = assets.paper("bc")["presets"]["quick"]


@dataclass
class Config:
    """Every setting; the paper trains another network on camera images, so the numbers are ours."""

    dataset: str = ""
    """Id of a Minari dataset under MINARI_DATASETS_PATH, or a dataset's folder."""
    dataset_digest: str = ""
    """Of the dataset's contents; filled by the run. A run goes on with the same data only."""
    batch_size: int = _QUICK["batch_size"]
    """Transitions per update."""
    learning_rate: float = _QUICK["learning_rate"]
    """Adam's step size."""
    weight_decay: float = 0.0
    """Adam's weight decay."""
    hidden: tuple[int, ...] = tuple(_QUICK["hidden"])
    """ReLU units per hidden layer."""

"""Settings of every agent that learns from a dataset."""

from dataclasses import dataclass

from papergym.agents.errors import UsageError


@dataclass
class DatasetConfig:
    """The data; an agent's ``Config`` extends it."""

    dataset: str = ""
    """Id of a Minari dataset under MINARI_DATASETS_PATH, or a dataset's folder."""
    dataset_digest: str = ""
    """Of the dataset's contents; filled by the run. A run goes on with the same data only."""
    delayed: bool = False
    """Learn from the data with the whole return of each episode paid at its last step, and no reward before."""


@dataclass
class TransitionConfig(DatasetConfig):
    """Settings of agents that learn from single transitions; each gives its own defaults."""

    batch_size: int = 256
    """Transitions per update."""
    learning_rate: float = 3e-4
    """Adam's step size."""
    hidden: tuple[int, ...] = (256, 256)
    """ReLU units per hidden layer, of every network."""
    gamma: float = 0.99
    """Discount."""
    tau: float = 0.005
    """Rate of the targets."""
    normalize: bool = True
    """Normalize observations by the data's mean and standard deviation (images and Discrete ones stay as they are)."""
    lean: bool = True
    """Update with explicit gradients where the networks allow it; false: the plain autograd update."""

    def check(self) -> None:
        """Raise UsageError for values with which no update can be made; an agent adds its own."""
        require(len(self.hidden) > 0, "hidden", self.hidden, "at least one hidden layer")


def require(fits: bool, name: str, value: object, expected: str) -> None:
    """Raise UsageError unless a setting fits."""
    if not fits:
        raise UsageError(f"--{name.replace('_', '-')} is {value}, expected {expected}.")

"""Settings of implicit Q-learning."""

from dataclasses import dataclass

from papergym import assets
from papergym.agents.offline.config import TransitionConfig, require

_PAPER = assets.paper("iql")["presets"]["paper"]  # the only home of the paper's numbers


@dataclass
class Config(TransitionConfig):
    """Every setting; the defaults are the paper's for MuJoCo tasks."""

    total_steps: int = _PAPER["updates"]
    """Length of the cosine by which the actor's step size falls to 0: the run's budget."""
    batch_size: int = _PAPER["batch_size"]
    learning_rate: float = _PAPER["learning_rate"]
    """Adam's step size, of every network; the actor's at the beginning."""
    hidden: tuple[int, ...] = tuple(_PAPER["hidden"])
    gamma: float = _PAPER["gamma"]
    tau: float = _PAPER["tau"]
    normalize: bool = _PAPER["normalize"]
    expectile: float = _PAPER["expectile"]
    """Of the values over the data's actions; 0.5 is their mean, near 1 their maximum."""
    beta: float = _PAPER["beta"]
    """Inverse temperature of the weights exp(beta * advantage)."""
    largest_weight: float = _PAPER["largest_weight"]
    """Bound of those weights."""
    scale_rewards: bool = _PAPER["scale_rewards"]
    """Multiply rewards by 1000 / (best - worst return of the data's episodes), as published for MuJoCo tasks."""

    def check(self) -> None:
        """Raise UsageError for values with which no update can be made."""
        super().check()
        require(0 < self.expectile < 1, "expectile", self.expectile, "between 0 and 1, both excluded")
        require(self.beta >= 0, "beta", self.beta, "at least 0")
        require(self.largest_weight > 0, "largest_weight", self.largest_weight, "a positive number")

"""Settings of conservative Q-learning."""

from dataclasses import dataclass

from papergym import assets
from papergym.agents.offline.config import TransitionConfig, require

_PAPER = assets.paper("cql")["presets"]["paper"]  # the only home of the paper's numbers


@dataclass
class Config(TransitionConfig):
    """Every setting; the defaults are those of the official code for MuJoCo tasks."""

    batch_size: int = _PAPER["batch_size"]
    learning_rate: float = _PAPER["learning_rate"]
    """Adam's step size for the critics, or for the one network of discrete actions."""
    hidden: tuple[int, ...] = tuple(_PAPER["hidden"])
    gamma: float = _PAPER["gamma"]
    tau: float = _PAPER["tau"]
    normalize: bool = _PAPER["normalize"]
    weight: float = _PAPER["weight"]
    """Weight of the conservative term; the official code takes 5 or 10 on MuJoCo, 1 or 4 on Atari."""
    policy_learning_rate: float = _PAPER["policy_learning_rate"]
    """Adam's step size for actor and temperature; continuous actions only."""
    sampled_actions: int = _PAPER["sampled_actions"]
    """Actions per state from each of three laws (uniform, policy here, policy at the next state); continuous actions only."""
    cloning_updates: int = _PAPER["cloning_updates"]
    """First updates in which the actor clones the data instead of following the critics; continuous actions only."""

    def check(self) -> None:
        """Raise UsageError for values with which no update can be made."""
        super().check()
        require(self.weight >= 0, "weight", self.weight, "at least 0")
        require(self.sampled_actions >= 1, "sampled_actions", self.sampled_actions, "at least 1")
        require(self.policy_learning_rate > 0, "policy_learning_rate", self.policy_learning_rate, "a positive number")

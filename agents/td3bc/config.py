"""Settings of TD3+BC."""

from dataclasses import dataclass

from papergym import assets
from papergym.agents.offline.config import TransitionConfig, require

_PAPER = assets.paper("td3bc")["presets"]["paper"]  # the only home of the paper's numbers


@dataclass
class Config(TransitionConfig):
    """Every setting; the defaults are the paper's."""

    batch_size: int = _PAPER["batch_size"]
    learning_rate: float = _PAPER["learning_rate"]
    hidden: tuple[int, ...] = tuple(_PAPER["hidden"])
    gamma: float = _PAPER["gamma"]
    tau: float = _PAPER["tau"]
    normalize: bool = _PAPER["normalize"]
    alpha: float = _PAPER["alpha"]
    """Weight of the values against the cloning of the data's actions."""
    policy_noise: float = _PAPER["policy_noise"]
    """Standard deviation of the noise on the target's actions, which lie in [-1, 1]."""
    noise_clip: float = _PAPER["noise_clip"]
    """Bound of that noise."""
    policy_delay: int = _PAPER["policy_delay"]
    """Updates of the critics per update of the actor and the targets."""

    def check(self) -> None:
        """Raise UsageError for values with which no update can be made."""
        super().check()
        require(self.policy_delay >= 1, "policy_delay", self.policy_delay, "at least 1")
        require(self.policy_noise >= 0, "policy_noise", self.policy_noise, "at least 0")
        require(self.noise_clip >= 0, "noise_clip", self.noise_clip, "at least 0")

"""Settings of TD3+BC."""

from dataclasses import dataclass

from papergym import assets
from papergym.agents.offline.config import TransitionConfig

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

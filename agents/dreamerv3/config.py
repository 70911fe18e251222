"""Settings of DreamerV3."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from papergym import assets
from papergym.agents.dreamerv3.world_model import Size
from papergym.agents.errors import UsageError

_FACTS = assets.paper("dreamerv3")
_PAPER = _FACTS["presets"]["paper"]  # the only home of the paper's numbers

_POSITIVE = (lambda value: 0 < value < math.inf, "a positive number")
_SHARE = (lambda value: 0 <= value <= 1, "between 0 and 1")
_WEIGHT = (lambda value: 0 <= value < math.inf, "at least 0")
_COUNT = (lambda value: value >= 1 and value == int(value), "a whole number of at least 1")
_RANGES: dict[str, tuple[Callable[[float], bool], str]] = {
    **dict.fromkeys(("learning_rate", "train_ratio", "clip"), _POSITIVE),
    **dict.fromkeys(
        ("warmup", "learning_starts", "entropy", "free_nats", "dyn_scale", "rep_scale", "replay_value_scale"), _WEIGHT
    ),
    **dict.fromkeys(("batch_size", "imagined_steps"), _COUNT),
    "gae_lambda": _SHARE,
    "horizon": (lambda value: 1 < value < math.inf, "more than 1"),
    "unimix": (lambda value: 0 <= value < 1, "from 0 to below 1"),
    "slow_rate": (lambda value: 0 < value <= 1, "above 0 and at most 1"),
}
"""Setting -> what holds for its value, and the same in words; nothing holds for NaN."""


@dataclass
class Config:
    """Every setting; the defaults are those of danijar/dreamerv3."""

    size: str = _PAPER["size"]
    """Of all networks: 1M, 12M, 25M or 50M parameters."""
    buffer_size: int = _PAPER["buffer_size"]
    """Steps kept; each holds its observation once."""
    batch_size: int = _PAPER["batch_size"]
    """Sequences per update."""
    batch_length: int = _PAPER["batch_length"]
    """Steps per sequence."""
    train_ratio: float = _PAPER["train_ratio"]
    """Replayed steps per step of the agent: an update comes every batch_size * batch_length / train_ratio steps."""
    learning_starts: int = _PAPER["learning_starts"]
    """Steps before the first update."""
    online: bool = _PAPER["online"]
    """Replay every new sequence once before uniform ones."""
    learning_rate: float = _PAPER["learning_rate"]
    """LaProp's step size."""
    warmup: int = _PAPER["warmup"]
    """Updates over which the step size rises from 0."""
    clip: float = _PAPER["clip"]
    """Largest norm of a tensor's gradient relative to the tensor's norm."""
    horizon: float = _PAPER["horizon"]
    """Steps; the discount is 1 - 1 / horizon."""
    gae_lambda: float = _PAPER["gae_lambda"]
    """Lambda of the returns."""
    imagined_steps: int = _PAPER["imagined_steps"]
    """Length of imagined trajectories."""
    entropy: float = _PAPER["entropy"]
    """Weight of the actor's entropy."""
    free_nats: float = _PAPER["free_nats"]
    """Divergence below which the latent states cost nothing."""
    unimix: float = _PAPER["unimix"]
    """Share of the uniform distribution in latent states and discrete actions."""
    dyn_scale: float = _PAPER["dyn_scale"]
    """Weight of the loss that teaches the prior."""
    rep_scale: float = _PAPER["rep_scale"]
    """Weight of the loss that teaches the posterior."""
    replay_value_scale: float = _PAPER["replay_value_scale"]
    """Weight of the critic's loss on replayed sequences; 0: none."""
    slow_rate: float = _PAPER["slow_rate"]
    """Rate of the slow critic."""
    bf16: bool = False
    """Forward passes of training in bfloat16, losses in float32; the numbers are other ones then."""
    compile: bool = False
    """Compile the world model's networks with torch.compile at their first use (minutes); numbers are rounded otherwise."""

    def widths(self) -> Size:
        """Widths of the networks.

        Raises:
            UsageError: no such size.
        """
        if self.size not in _FACTS["sizes"]:
            raise UsageError(f"size is {self.size!r}, expected one of {', '.join(_FACTS['sizes'])}.")
        return Size(**_FACTS["sizes"][self.size])

    def check(self) -> None:
        """Raise UsageError for values that cannot be used."""
        self.widths()
        if self.batch_length < 2:
            raise UsageError(f"batch_length is {self.batch_length}, expected at least 2: a return needs a step.")
        for name, (fits, expected) in _RANGES.items():
            if not fits(getattr(self, name)):
                raise UsageError(f"{name} is {getattr(self, name)}, expected {expected}.")

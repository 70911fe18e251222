"""Settings of prioritised DQN."""

from dataclasses import dataclass

from papergym import assets
from papergym.agents.errors import UsageError

REPLAYS = ("uniform", "proportional", "rank")
SCALES = ("batch", "buffer")
_PAPER = assets.paper("per")["presets"]["paper"]  # the only home of the paper's numbers


@dataclass
class Config:
    """Every knob; the defaults suit small worlds, the preset `paper` is Atari's (1511.05952, table 3 and section 4)."""

    replay: str = _PAPER["replay"]
    """Sampling law: uniform (same agent, no priorities), proportional or rank."""
    alpha: float | None = None
    """Priority exponent; unset: 0.6 proportional, 0.7 rank."""
    beta: float | None = None
    """First exponent of the importance weights, 1 at the end; unset: 0.4 proportional, 0.5 rank."""
    largest_weight: str = "batch"
    """Importance weights are divided by the largest of the batch (the paper) or of the buffer (OpenAI's baselines, cpprb)."""
    double: bool = True
    """Double DQN."""
    td_clip: float | None = _PAPER["td_clip"]
    """Priorities come from TD errors clipped to this size; unset: not clipped."""
    learning_rate: float = _PAPER["learning_rate"]
    """Adam's step size."""
    batch_size: int = _PAPER["batch_size"]
    """Transitions per update."""
    buffer_size: int = _PAPER["buffer_size"]
    """Transitions kept."""
    learning_starts: int = _PAPER["learning_starts"]
    """Random steps at the beginning."""
    train_freq: int = _PAPER["train_freq"]
    """Steps between updates (the paper's replay period K is 4)."""
    gamma: float = _PAPER["gamma"]
    """Discount."""
    n_steps: int = 1
    """Rewards in a return."""
    target_update_interval: int = _PAPER["target_update_interval"]
    """Steps between copies of the network to the target."""
    exploration_fraction: float = _PAPER["exploration_fraction"]
    """Share of the budget over which epsilon falls."""
    exploration_final_eps: float = _PAPER["exploration_final_eps"]
    """Epsilon afterwards."""
    max_grad_norm: float = 10.0
    """Limit of the gradient's norm."""
    hidden: tuple[int, ...] = (64, 64)
    """ReLU units per hidden layer, for flat observations."""

    def check(self) -> None:
        """Raise UsageError for values that are not possible."""
        for name, known in (("replay", REPLAYS), ("largest_weight", SCALES)):
            if getattr(self, name) not in known:
                raise UsageError(f"{name} must be one of {', '.join(known)}, got {getattr(self, name)!r}.")
        if min(self.batch_size, self.buffer_size, self.train_freq, self.n_steps) < 1:
            raise UsageError("batch_size, buffer_size, train_freq and n_steps must be at least 1.")

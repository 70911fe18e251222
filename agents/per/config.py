"""Settings of prioritised DQN."""

from dataclasses import dataclass

from papergym.agents.errors import UsageError

REPLAYS = ("uniform", "proportional", "rank")


@dataclass
class Config:
    """Every knob; the defaults suit small worlds, the preset `paper` is Atari's (1511.05952, table 3 and section 4)."""

    replay: str = "proportional"
    """Sampling law: uniform (same agent, no priorities), proportional or rank."""
    alpha: float | None = None
    """Priority exponent; unset: 0.6 proportional, 0.7 rank."""
    beta: float | None = None
    """First exponent of the importance weights, 1 at the end; unset: 0.4 proportional, 0.5 rank."""
    double: bool = True
    """Double DQN."""
    td_clip: float | None = 1.0
    """Priorities come from TD errors clipped to this size; unset: not clipped."""
    learning_rate: float = 5e-4
    """Adam's step size."""
    batch_size: int = 32
    """Transitions per update."""
    buffer_size: int = 50_000
    """Transitions kept."""
    learning_starts: int = 500
    """Random steps at the beginning."""
    train_freq: int = 1
    """Steps between updates (the paper's replay period K is 4)."""
    gamma: float = 0.99
    """Discount."""
    n_steps: int = 1
    """Rewards in a return."""
    target_update_interval: int = 500
    """Steps between copies of the network to the target."""
    exploration_fraction: float = 0.2
    """Share of the budget over which epsilon falls."""
    exploration_final_eps: float = 0.05
    """Epsilon afterwards."""
    max_grad_norm: float = 10.0
    """Limit of the gradient's norm."""
    hidden: tuple[int, ...] = (64, 64)
    """ReLU units per hidden layer, for flat observations."""

    def check(self) -> None:
        """Raise UsageError for values that are not possible."""
        if self.replay not in REPLAYS:
            raise UsageError(f"replay must be one of {', '.join(REPLAYS)}, got {self.replay!r}.")
        if min(self.batch_size, self.buffer_size, self.train_freq, self.n_steps) < 1:
            raise UsageError("batch_size, buffer_size, train_freq and n_steps must be at least 1.")

"""Settings of soft Q-learning."""

from dataclasses import dataclass


@dataclass
class Config:
    """Every knob; the defaults solve SQL-MultiGoal-v0."""

    temperature: float = 10.0
    """Alpha: the policy is exp(Q / alpha); the inverse of the paper's reward scale."""
    value_particles: int = 32
    """Uniform actions per soft value."""
    stein_particles: int = 16
    """Actions per state in the sampler's update."""
    learning_rate: float = 6e-3
    """Adam's step size, of critic and sampler."""
    anneal: bool = True
    """Let the step size fall linearly to zero over the budget; the noise of the values decides which goal is preferred."""
    buffer_size: int = 100_000
    """Transitions kept."""
    learning_starts: int = 6000
    """Uniformly random steps at the beginning; they show the critic actions that the policy would not take."""
    batch_size: int = 128
    """Transitions per update."""
    gamma: float = 0.99
    """Discount."""
    target_update_interval: int = 60
    """Updates between copies of the critic to its target."""
    train_freq: int = 1
    """Steps between updates."""
    hidden: tuple[int, ...] = (64, 64)
    """ReLU units per hidden layer, of critic and sampler."""

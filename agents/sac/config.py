"""Settings of SAC."""

import math
from dataclasses import dataclass

from papergym import assets
from papergym.agents.errors import UsageError

IMPLEMENTATIONS = ("papergym", "sb3")
REPLAYS = ("uniform", "proportional", "rank")
FOLLOWED = ("min", "mean", "first")  # keys of losses.FOLLOWED, which takes torch to import
_PAPER = assets.paper("sac")["presets"]["paper"]  # the only home of the paper's numbers


@dataclass
class Config:
    """Every knob of SAC; the defaults are the paper's (1812.05905, table of hyper-parameters)."""

    temperature: str = _PAPER["temperature"]
    """auto: learned; auto_0.1: learned from 0.1 on; a number: fixed (1 / reward scale of the first paper)."""
    target_entropy: float | None = None
    """Entropy at which a learned temperature aims, nats; unset: minus the number of action dimensions."""
    separate_value: bool = False
    """The first version (1801.01290): a value network with its own target instead of target critics."""
    actor_follows: str = "min"
    """What the actor climbs, of its critics: min (paper), mean (softlearning) or first (haarnoja/sac)."""
    learning_rate: float = _PAPER["learning_rate"]
    """Adam's step size, of every network and of the temperature."""
    buffer_size: int = _PAPER["buffer_size"]
    """Transitions kept."""
    learning_starts: int = _PAPER["learning_starts"]
    """Uniformly random steps at the beginning."""
    batch_size: int = _PAPER["batch_size"]
    """Transitions per update."""
    tau: float = _PAPER["tau"]
    """Rate of the targets."""
    gamma: float = _PAPER["gamma"]
    """Discount."""
    n_steps: int = 1
    """Rewards in a return."""
    train_freq: int = 1
    """Steps between trainings."""
    gradient_steps: int = 1
    """Updates per training; -1: as many as steps were made."""
    hidden: tuple[int, ...] = tuple(_PAPER["hidden"])
    """ReLU units per hidden layer, of actor and critics."""
    replay: str = "uniform"
    """Sampling law: uniform, or prioritised replay (1511.05952) proportional or rank."""
    lean: bool = True
    """Update with explicit gradients and numpy acting where the policy allows it; false: the plain autograd update."""
    implementation: str = "papergym"
    """papergym, or for comparison stable-baselines3's SAC (sb3)."""

    def check(self) -> None:
        """Raise UsageError for values that exclude each other."""
        for name, known in (("implementation", IMPLEMENTATIONS), ("replay", REPLAYS), ("actor_follows", FOLLOWED)):
            if getattr(self, name) not in known:
                raise UsageError(f"{name} must be one of {', '.join(known)}, got {getattr(self, name)!r}.")
        if self.implementation == "sb3" and (self.separate_value or self.replay != "uniform" or self.actor_follows != "min"):
            raise UsageError("stable-baselines3's SAC has neither separate_value, actor_follows nor prioritised replay.")
        learned = self.temperature.startswith("auto")
        start = "1" if self.temperature == "auto" else self.temperature.removeprefix("auto_")
        try:
            number = float(start)
        except ValueError:
            number = math.nan
        if not ((number > 0 if learned else number >= 0) and number < math.inf):
            raise UsageError(f"temperature is auto, auto_<start above 0> or a number from 0, got {self.temperature!r}.")
        if not learned and self.target_entropy is not None:
            raise UsageError("target_entropy has a meaning for a learned temperature only (temperature='auto').")

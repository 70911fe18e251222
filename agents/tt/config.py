"""Settings of the Trajectory Transformer."""

from dataclasses import dataclass

from papergym import assets
from papergym.agents.errors import UsageError
from papergym.agents.offline.config import DatasetConfig
from papergym.agents.tt.discretizer import THRESHOLDS

_PAPER = assets.paper("tt")["presets"]["paper"]  # the only home of the paper's numbers
PLANNERS = ("reward", "likelihood")
MOST_BINS = 2**15 - 1
SCHEDULES = ("flat", "rising", "constant")


@dataclass
class Config(DatasetConfig):
    """Every setting; the defaults are the paper's."""

    discretizer: str = _PAPER["discretizer"]
    """quantile: bins of equally many data; uniform: bins of equal width."""
    bins: int = _PAPER["bins"]
    """Tokens of each dimension."""
    window: int = _PAPER["window"]
    """Transitions of a training window."""
    width: int = _PAPER["width"]
    """Of the embeddings."""
    layers: int = _PAPER["layers"]
    """Blocks of the transformer."""
    heads: int = _PAPER["heads"]
    """Attention heads of each block."""
    dropout: float = _PAPER["dropout"]
    """Of embeddings, attention weights and residuals."""
    goal: bool = False
    """Put a goal before the sequence: in training the episode's last observation, while acting the environment's desired_goal.
    Needs --planner likelihood, and an --env with the observations of the data, for example TT-FourRooms-v0."""
    batch_size: int = _PAPER["batch_size"]
    """Windows per update."""
    learning_rate: float = _PAPER["learning_rate"]
    """AdamW's step size."""
    weight_decay: float = _PAPER["weight_decay"]
    """AdamW's weight decay of matrices; 0 is Adam."""
    warmup: int = _PAPER["warmup"]
    """Updates in which the step size rises; 0: one epoch."""
    decay: int = 0
    """Update at which the cosine of the step size ends; 0: that of 20 epochs."""
    schedule: str = _PAPER["schedule"]
    """Of the step size behind the rise: flat (a cosine, then a tenth), rising (the cosine goes on), constant."""
    max_grad_norm: float = _PAPER["max_grad_norm"]
    """Limit of the gradient's norm over all parameters."""
    gamma: float = _PAPER["gamma"]
    """Discount of values and plans."""
    action_weight: float = _PAPER["action_weight"]
    """Weight of action tokens in the loss."""
    reward_weight: float = 1.0
    """Weight of reward tokens."""
    value_weight: float = 1.0
    """Weight of value tokens."""
    bf16: bool = False
    """Forward passes of training in bfloat16; the numbers are other ones then."""
    termination_penalty: float | None = None
    """Stands for the reward of a step that ends the task; None: the reward itself."""
    planner: str = _PAPER["planner"]
    """reward: beam search by rewards and value; likelihood: by likelihood, which imitates, or goes to the goal."""
    density: bool = True
    """Likelihood is that of the numbers, a bin's probability divided by its width; off: that of the bins, which leads plans to
    wide bins, where data are rare. Without effect on uniform bins and on plans by reward."""
    horizon: int = _PAPER["horizon"]
    """Transitions that are planned."""
    beam_width: int = _PAPER["beam_width"]
    """Sequences that are kept."""
    n_expand: int = _PAPER["n_expand"]
    """Actions that are drawn for each."""
    k_act: int | None = _PAPER["k_act"]
    """Draw actions from this many likeliest tokens; None: from all."""
    cdf_act: float | None = None
    """Drop the least likely action tokens that hold up to this share of the probability; None: none."""
    k_obs: int | None = 1
    """As k_act, for observations."""
    cdf_obs: float | None = None
    """As cdf_act, for observations."""
    context: int = _PAPER["context"]
    """Transitions that the planner sees, the present one included."""
    critic: str = ""
    """Folder of a td3bc, iql or cql run, whose Q-function ranks plans in place of the value, where rewards are sparse."""
    latency_s: float = 0.0
    """Seconds that a decision may take: beam and horizon shrink to it, and plans depend on the machine; 0: no limit."""

    def check(self) -> None:
        """Raise UsageError for a value that no setting has."""
        for name, known in (("discretizer", tuple(THRESHOLDS)), ("planner", PLANNERS), ("schedule", SCHEDULES)):
            if getattr(self, name) not in known:
                raise UsageError(f"{name} is {getattr(self, name)!r}, expected one of {', '.join(known)}.")
        least = ("window", "width", "layers", "heads", "horizon", "beam_width", "n_expand", "context")
        for name, bound in (*((name, 1) for name in least), ("bins", 2)):
            if getattr(self, name) < bound:
                raise UsageError(f"{name} is {getattr(self, name)}, expected at least {bound}.")
        for name in ("k_act", "k_obs"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}, expected at least 1, or None.")
        for name in ("cdf_act", "cdf_obs"):
            if getattr(self, name) is not None and not 0 <= getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}, expected a share from 0 to below 1, or None.")
        if self.width % self.heads:
            raise UsageError(f"width is {self.width}, expected a multiple of heads, {self.heads}.")
        if self.bins > MOST_BINS:
            raise UsageError(f"bins is {self.bins}, expected at most {MOST_BINS}: tokens are stored in 16 bits.")
        self._check_planner()

    def _check_planner(self) -> None:
        if self.context > self.window:
            raise UsageError(
                f"context is {self.context}, expected at most window, {self.window}: the planner sees no more transitions than "
                "a training window has."
            )
        if self.horizon > 1 and self.context < 2:
            raise UsageError(
                f"context is 1 and horizon {self.horizon}: to plan a transition the planner has to see the one before it. "
                "Expected a context of at least 2, or a horizon of 1."
            )
        if self.critic and self.planner != "reward":
            raise UsageError(f"a critic ranks plans by reward: expected planner reward, got {self.planner}.")
        if self.goal and self.planner != "likelihood":
            raise UsageError("a goal is reached by likelihood: expected planner likelihood, got reward.")

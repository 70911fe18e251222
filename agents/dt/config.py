"""Settings of the Decision Transformer."""

from dataclasses import dataclass

from papergym import assets
from papergym.agents.dt.windows import Sampling
from papergym.agents.errors import UsageError
from papergym.agents.offline.config import DatasetConfig, require
from papergym.agents.sequence.gpt import Activation

_PAPER = assets.paper("dt")["presets"]["paper"]


@dataclass
class Config(DatasetConfig):
    """Every setting; defaults are the paper's for MuJoCo."""

    context: int = _PAPER["context"]
    """Steps K that the network sees."""
    width: int = _PAPER["width"]
    """Of the embeddings."""
    layers: int = _PAPER["layers"]
    """Blocks of the transformer."""
    heads: int = _PAPER["heads"]
    """Attention heads of each block."""
    dropout: float = _PAPER["dropout"]
    """Of embeddings, attention and outputs."""
    activation: Activation = _PAPER["activation"]
    """Of the blocks; gelu_tanh is GPT-2's gelu_new."""
    batch_size: int = _PAPER["batch_size"]
    """Windows per update."""
    learning_rate: float = _PAPER["learning_rate"]
    """AdamW's step size after the warm-up."""
    weight_decay: float = _PAPER["weight_decay"]
    """AdamW's, on every parameter."""
    warmup: int = _PAPER["warmup"]
    """Updates over which the step size rises linearly."""
    clip: float = _PAPER["clip"]
    """Largest norm of the gradient."""
    sampling: Sampling = _PAPER["sampling"]
    """What begins windows equally often: `length` each step, `uniform` each episode, `stratified` each interval of returns."""
    whole_windows: bool = False
    """Windows that would reach over the end of their episode begin earlier."""
    return_scale: float = 0.0
    """Returns are divided by it; 0: the largest absolute return-to-go of the data."""
    target_quantile: float = 1.0
    """The target where none is given is this quantile of the data's returns; 1 is the best one."""
    delayed: bool = False
    """Learn from the data with the whole return of each episode paid at its last step; the target stays while acting."""
    max_timestep: int = 0
    """Rows of the table of time steps; 0: the longest episode of data or environment."""
    timesteps: bool = True
    """Add the learned table of time steps; without it, only the causal mask orders the tokens."""
    return_values: tuple[float, ...] = ()
    """Returns-to-go that the network predicts and chooses among; empty: it is told them."""
    prior_power: float = 10.0
    """With return_values: exponent of the prior that favours high returns."""
    hide_returns: bool = False
    """The network sees no return-to-go; with return_values it is a critic."""
    bf16: bool = False
    """Forward passes of training in bfloat16; the numbers are other ones then."""
    sweep_targets: int = 10
    """Targets from the data's lowest to its best return that a finished run is told (targets.csv, targets.png); 0: none."""
    sweep_episodes: int = 2
    """Episodes for each of them."""

    def check(self) -> None:
        """Raise UsageError for values with which no update or no sweep can be made."""
        for name in ("context", "width", "layers", "heads"):
            require(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        require(self.width % self.heads == 0, "width", self.width, f"a multiple of heads, {self.heads}")
        require(self.clip > 0, "clip", self.clip, "a positive number; inf does not clip")
        require(self.return_scale >= 0, "return_scale", self.return_scale, "at least 0")
        require(0 <= self.target_quantile <= 1, "target_quantile", self.target_quantile, "between 0 and 1")
        require(self.sweep_targets != 1, "sweep_targets", self.sweep_targets, "at least 2, or 0 for none")
        require(self.sweep_episodes >= 1, "sweep_episodes", self.sweep_episodes, "at least 1")


def check_rows(rows: int, steps: int, what: str) -> None:
    """Raise UsageError where ``what`` may have an episode of more steps than the table of time steps has rows."""
    if steps > rows:
        raise UsageError(f"{what} has episodes of {steps} steps, the table of time steps {rows} rows. Raise --max-timestep.")

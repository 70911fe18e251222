"""Settings of PPO."""

from dataclasses import dataclass

from papergym import assets
from papergym.agents.errors import UsageError

IMPLEMENTATIONS = ("papergym", "sb3", "trpo")
_PAPER = assets.paper("ppo")["presets"]["paper"]  # the only home of the paper's numbers


@dataclass
class Config:
    """Every knob of PPO; the defaults are the paper's for MuJoCo (1707.06347, table 3 and section 6.1)."""

    objective: str = _PAPER["objective"]
    """Surrogate objective: none, clip, fixed_kl or adaptive_kl."""
    clip_range: float = _PAPER["clip_range"]
    """Epsilon of the clipped objective (eq. 7)."""
    beta: float = 1.0
    """KL coefficient (eq. 8); the first one with adaptive_kl."""
    d_targ: float = 0.01
    """Target divergence of adaptive_kl, nats."""
    advantage: str = "gae"
    """Advantage estimator: gae (eq. 11) or truncated (eq. 10, the same with lambda = 1)."""
    gamma: float = _PAPER["gamma"]
    """Discount."""
    gae_lambda: float = _PAPER["gae_lambda"]
    """Lambda of the gae estimator."""
    n_steps: int = _PAPER["n_steps"]
    """Horizon T: steps per environment and update."""
    n_epochs: int = _PAPER["n_epochs"]
    """Epochs K over each rollout."""
    batch_size: int = _PAPER["batch_size"]
    """Minibatch rows."""
    learning_rate: float = _PAPER["learning_rate"]
    """Adam's step size."""
    adam_eps: float = 1e-5
    """Adam's epsilon."""
    value_coef: float = 0.5
    """c1 of eq. 9."""
    entropy_coef: float = _PAPER["entropy_coef"]
    """c2 of eq. 9."""
    max_grad_norm: float | None = None
    """Limit of the gradient's norm over all parameters; None: no limit."""
    normalize_advantage: bool = True
    """Standardise the advantages over each minibatch."""
    hidden: tuple[int, ...] = tuple(_PAPER["hidden"])
    """Tanh units per hidden layer, of the policy and of the separate value network."""
    norm_obs: bool = _PAPER["norm_obs"]
    """Standardise observations by running statistics (SB3's VecNormalize), clipped at 10."""
    norm_reward: bool = _PAPER["norm_reward"]
    """Divide rewards by the running standard deviation of the discounted return, clipped at 10."""
    use_fast: bool = True
    """Numpy path where policy and environment allow it; the results are those of torch to float tolerance."""
    implementation: str = "papergym"
    """papergym, or for comparison stable_baselines3's PPO (sb3) and sb3-contrib's TRPO (trpo)."""

    def check(self) -> None:
        """Raise UsageError for values that exclude each other."""
        if self.advantage not in ("gae", "truncated"):
            raise UsageError(f"advantage must be gae or truncated, got {self.advantage!r}.")
        if self.implementation not in IMPLEMENTATIONS:
            raise UsageError(f"implementation must be one of {', '.join(IMPLEMENTATIONS)}, got {self.implementation!r}.")
        if self.implementation == "sb3" and self.objective != "clip":
            raise UsageError(f"stable_baselines3's PPO has the clipped objective only, got objective={self.objective!r}.")
        if min(self.batch_size, self.n_steps, self.n_epochs) < 1:
            raise UsageError(
                f"n_steps, n_epochs and batch_size must be positive, got {self.n_steps}, {self.n_epochs}, {self.batch_size}."
            )

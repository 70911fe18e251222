"""Every knob of Proto-RL. Defaults are the official code's; `assets/papers/protorl.toml` argues each choice."""

from dataclasses import dataclass
from typing import Any, Literal

import tyro

from papergym import assets

_PAPER = assets.paper("protorl")["presets"]["paper"]  # the only home of the paper's numbers


@dataclass
class Config:
    """Settings of one run."""

    steps: tyro.conf.SuppressFixed[tyro.conf.Fixed[int]] = _PAPER["steps"]
    """Agent steps of both phases together (one step is two frames: 1M frames)."""
    pretrain_steps: int | None = None
    """Reward-free steps at the beginning; None: half of `steps`. 0 is SAC from scratch."""

    # SAC or DDPG
    backbone: Literal["sac", "ddpg"] = _PAPER["backbone"]
    """"ddpg" as in DrQ-v2 and URLB: a mean with Gaussian noise behind it, and no temperature."""
    n_steps: int = _PAPER["n_steps"]
    """Rewards in a return; DrQ-v2 and URLB: 3."""
    noise_std: tuple[float, float] = (0.2, 0.2)
    """Standard deviation of DDPG's noise at the beginning and at the end of its schedule; URLB: 0.2 throughout."""
    noise_std_steps: int = 100_000
    """Steps from one to the other, in a straight line."""
    noise_clip: float = 0.3
    """Largest noise of DDPG where actor and critic learn."""
    learning_rate: float = _PAPER["learning_rate"]
    """Adam's learning rate, for all four optimisers."""
    batch_size: int = _PAPER["batch_size"]
    """Transitions per update."""
    buffer_size: int = _PAPER["buffer_size"]
    """Transitions kept; each phase starts with an empty buffer."""
    learning_starts: int = _PAPER["learning_starts"]
    """Uniformly random steps at the beginning; also the transitions a phase collects before its first update."""
    train_freq: int = _PAPER["train_freq"]
    """Steps between updates."""
    gamma: float = _PAPER["gamma"]
    """Discount; dm_control's episodes bootstrap through their time limit."""
    tau: float = _PAPER["tau"]
    """Rate of the critic's target."""
    initial_temperature: float = _PAPER["initial_temperature"]
    """Start of SAC's learned temperature, in both phases."""
    actor_every: int = _PAPER["actor_every"]
    """Updates between updates of actor and temperature."""
    target_every: int = _PAPER["target_every"]
    """Updates between updates of the critic's target."""
    hidden: tuple[int, ...] | None = None
    """Widths of the MLPs of actor and critic; None: (1024, 1024) for pixels, (1024,) for states."""
    trunk_dim: int | None = None
    """Width of the layer with LayerNorm before them; None: 50 for pixels, 1024 for states."""
    trunk_tanh: bool | None = None
    """Tanh after that LayerNorm (DrQ-v2, URLB); None: no for pixels, yes for states."""
    log_std_bounds: tuple[float, float] = tuple(_PAPER["log_std_bounds"])
    """Range of the actor's log standard deviation, reached through a tanh."""
    ignore_terminated: bool = False
    """Bootstrap through true ends as well (official code; in the suite only lqr has some, elsewhere it is wrong)."""

    # Encoder and clustering
    encoder_channels: int = _PAPER["encoder_channels"]
    """Channels of each 3x3 convolution."""
    encoder_strides: tuple[int, ...] = tuple(_PAPER["encoder_strides"])
    """Stride of each convolution."""
    pixel_offset: float = _PAPER["pixel_offset"]
    """Subtracted from pixels in [0, 1]: 0 in Proto-RL, 0.5 in DrQ-v2 and URLB."""
    shift_px: int = _PAPER["shift_px"]
    """Random shift of images, in pixels to each side."""
    representation_every: int = _PAPER["representation_every"]
    """Updates between updates of the encoder."""
    encoder_tau: float = _PAPER["encoder_tau"]
    """Rate of the slow encoder and projector."""
    projection_dim: int = _PAPER["projection_dim"]
    """Length of an embedding."""
    predictor_dim: int = _PAPER["predictor_dim"]
    """Hidden width of the predictor."""
    prototypes: int = _PAPER["prototypes"]
    """Number of prototypes."""
    prototype_temperature: float = _PAPER["prototype_temperature"]
    """Of the student's softmax and of Sinkhorn."""
    sinkhorn_iterations: int = _PAPER["sinkhorn_iterations"]
    """The official code runs 3 whatever its config says."""

    # Intrinsic reward
    intrinsic_coef: float = _PAPER["intrinsic_coef"]
    """Weight of the novelty while finetuning (URLB: 0)."""
    queue_size: int = _PAPER["queue_size"]
    """Candidates kept, a multiple of `prototypes`."""
    reward_k: int = _PAPER["reward_k"]
    """The reward is the distance to this nearest candidate."""
    candidate_temperature: float = _PAPER["candidate_temperature"]
    """Softmax over the batch from which a prototype draws its candidate: 1 is nearly uniform; 0.1 spreads prototypes."""
    enqueue_before_score: bool = True
    """Official order, which gives 8.0% of a batch of 512 the reward 0, as they find themselves; False: score first."""
    mask_self_matches: bool = False
    """Ignore an element's own copies in the queue."""
    mask_empty_queue: bool = False
    """Ignore rows never written; officially they are zeros, at distance 1."""
    queue_advances: bool = True
    """False: URLB before 2021-12-21, which overwrote the same rows and left the others at zero."""

    # Finetuning
    freeze_encoder: bool = True
    """Stop the clustering loss when the reward arrives."""
    transfer_critic: bool = False
    """Keep critic and temperature at the switch (URLB, of its critic); False: afresh, as in the official code."""

    # Machine
    replay_storage: str = "device"
    """Where frames lie: "device" (2.2 GB of GPU memory at full size) or "cpu"."""
    channels_last: bool = False
    """Memory format of the convolutions; faster on most machines, other rounding."""
    bf16: bool = False
    """Run the convolutions under bfloat16 autocast; Sinkhorn, distances and targets stay fp32."""
    record_visits: bool = True
    """Record the world's physical features while pretraining, for the state coverage (dm_control tasks)."""

    @property
    def switch_at(self) -> int:
        """Step at which finetuning begins."""
        return self.steps // 2 if self.pretrain_steps is None else self.pretrain_steps

    def policy_kwargs(self, *, pixels: bool) -> dict[str, Any]:
        """Arguments of :class:`papergym.agents.protorl.policies.ProtoPolicy`."""
        queue = {"size": self.queue_size, "k": self.reward_k, "temperature": self.candidate_temperature}
        queue |= {"enqueue_before_score": self.enqueue_before_score, "mask_self": self.mask_self_matches}
        queue |= {"mask_empty": self.mask_empty_queue, "advance": self.queue_advances}
        encoder = {"channels": self.encoder_channels, "strides": self.encoder_strides, "pixel_offset": self.pixel_offset}
        encoder |= {"channels_last": self.channels_last, "bf16": self.bf16}
        return {
            "net_arch": None if self.hidden is None else list(self.hidden),
            "trunk_dim": self.trunk_dim,
            "trunk_tanh": self.trunk_tanh,
            "log_std_bounds": self.log_std_bounds,
            "encoder_kwargs": encoder if pixels else None,
            "projection_dim": self.projection_dim,
            "predictor_dim": self.predictor_dim,
            "prototypes": self.prototypes,
            "prototype_temperature": self.prototype_temperature,
            "sinkhorn_iterations": self.sinkhorn_iterations,
            "queue_kwargs": queue,
        }

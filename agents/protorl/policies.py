"""Policy class of Proto-RL for stable-baselines3: it holds every network of the algorithm, so that ``save`` keeps them all."""

import math
from copy import deepcopy
from typing import Any

import torch
import torch.nn.functional as F
from gymnasium import spaces
from stable_baselines3.common.type_aliases import PyTorchObs, Schedule
from stable_baselines3.sac.policies import SACPolicy
from torch import nn

from papergym.agents.protorl.networks import (
    ClippedActor,
    ConvEncoder,
    SquashedActor,
    StateEncoder,
    TwinCritic,
    orthogonal_init,
)
from papergym.agents.protorl.prototypes import Prototypes
from papergym.wrappers.intrinsic.candidates import CandidateQueue

BACKBONES = ("sac", "ddpg")
"""What actor and critic learn by."""


class ProtoPolicy(SACPolicy):
    """Encoder, projector, their slow copies, prototypes, candidate queue, actor and critics.

    Actor and critics read detached features of the encoder, which only the clustering loss trains. Images
    (channels, height, width) uint8 go through convolutions; any other Box is a state and goes in as it is, with the wider
    trunk of URLB (``trunk_dim`` 1024, tanh, action in front of the critic's trunk) unless told otherwise.

    Args:
        observation_space: Box.
        action_space: Box.
        lr_schedule: learning rate; one for all optimisers.
        net_arch: hidden widths of actor and critics.
        trunk_dim: width of the layer in front of them; None: 50 for pixels, 1024 for states.
        trunk_tanh: tanh after its LayerNorm; None: False for pixels, True for states.
        log_std_bounds: range of the actor's log standard deviation.
        backbone: ``"sac"``, or ``"ddpg"`` for an actor of a mean with noise behind it, see :class:`ClippedActor`.
        noise_std: of that noise at the beginning.
        noise_clip: largest such noise where actor and critic learn.
        encoder_kwargs: of :class:`ConvEncoder`.
        projection_dim: length of an embedding.
        predictor_dim: hidden width of the predictor.
        prototypes: number of prototypes.
        prototype_temperature, sinkhorn_iterations: see :class:`Prototypes`.
        queue_kwargs: of :class:`CandidateQueue`.
    """

    encoder: ConvEncoder | StateEncoder
    target_encoder: ConvEncoder | StateEncoder
    actor: SquashedActor | ClippedActor
    critic: TwinCritic
    critic_target: TwinCritic
    representation_optimizer: torch.optim.Optimizer

    def __init__(
        self,
        observation_space: spaces.Space,
        action_space: spaces.Box,
        lr_schedule: Schedule,
        net_arch: list[int] | None = None,
        *,
        trunk_dim: int | None = None,
        trunk_tanh: bool | None = None,
        log_std_bounds: tuple[float, float] = (-10.0, 2.0),
        backbone: str = "sac",
        noise_std: float = 0.2,
        noise_clip: float = 0.3,
        encoder_kwargs: dict[str, Any] | None = None,
        projection_dim: int = 128,
        predictor_dim: int = 512,
        prototypes: int = 512,
        prototype_temperature: float = 0.1,
        sinkhorn_iterations: int = 3,
        queue_kwargs: dict[str, Any] | None = None,
        use_sde: bool = False,
    ) -> None:
        if not isinstance(observation_space, spaces.Box):
            raise TypeError(f"Proto-RL reads Box observations, got {observation_space}. Use obs_type='pixels' or 'state'.")
        if use_sde:
            raise ValueError("Proto-RL explores by its Gaussian policy; use_sde is not supported.")
        if backbone not in BACKBONES:
            raise ValueError(f"Expected a backbone of {' or '.join(BACKBONES)}, got {backbone!r}.")
        self.pixels = len(observation_space.shape) == 3
        self.widths = net_arch if net_arch is not None else ([1024, 1024] if self.pixels else [1024])
        self.settings: dict[str, Any] = {
            "trunk_dim": trunk_dim if trunk_dim is not None else (50 if self.pixels else 1024),
            "trunk_tanh": trunk_tanh if trunk_tanh is not None else not self.pixels,
            "log_std_bounds": tuple(log_std_bounds),
            "backbone": backbone,
            "noise_std": noise_std,
            "noise_clip": noise_clip,
            "encoder_kwargs": encoder_kwargs or {},
            "projection_dim": projection_dim,
            "predictor_dim": predictor_dim,
            "prototypes": prototypes,
            "prototype_temperature": prototype_temperature,
            "sinkhorn_iterations": sinkhorn_iterations,
            "queue_kwargs": queue_kwargs or {},
        }
        self.generator: torch.Generator | None = None
        extractor = ConvEncoder if self.pixels else StateEncoder
        super().__init__(
            observation_space,
            action_space,
            lr_schedule,
            self.widths,
            features_extractor_class=extractor,
            features_extractor_kwargs=self.settings["encoder_kwargs"] if self.pixels else {},
            normalize_images=False,  # the encoder divides by 255 itself
        )

    def _build(self, lr_schedule: Schedule) -> None:
        settings = self.settings
        extractor: type[Any] = self.features_extractor_class
        self.encoder = extractor(self.observation_space, **self.features_extractor_kwargs)
        self.projector = nn.Linear(self.encoder.features_dim, settings["projection_dim"]).apply(orthogonal_init)
        self.target_encoder, self.target_projector = deepcopy(self.encoder), deepcopy(self.projector)
        self.prototypes = Prototypes(
            settings["prototypes"],
            settings["projection_dim"],
            settings["predictor_dim"],
            settings["prototype_temperature"],
            settings["sinkhorn_iterations"],
        ).apply(orthogonal_init)
        nn.init.orthogonal_(self.prototypes.weight)
        self.queue = CandidateQueue(settings["prototypes"], settings["projection_dim"], **settings["queue_kwargs"])
        self.actor = self.make_actor()
        for target in (self.target_encoder, self.target_projector):
            target.requires_grad_(False)
        self.reset_critic(lr_schedule)
        self.reset_optimizers(lr_schedule)

    def make_actor(self, features_extractor: Any = None) -> SquashedActor | ClippedActor:
        """A fresh actor on the encoder's features."""
        settings, actions = self.settings, math.prod(self.action_space.shape or ())
        sizes = (self.encoder.features_dim, actions, settings["trunk_dim"], settings["trunk_tanh"], self.widths)
        if settings["backbone"] == "ddpg":
            return ClippedActor(*sizes, settings["noise_std"], settings["noise_clip"]).to(self.device)
        return SquashedActor(*sizes, settings["log_std_bounds"]).to(self.device)

    def make_critic(self, features_extractor: Any = None) -> TwinCritic:
        """A fresh pair of Q functions on the encoder's features."""
        settings, actions = self.settings, math.prod(self.action_space.shape or ())
        critic = TwinCritic(
            self.encoder.features_dim, actions, settings["trunk_dim"], settings["trunk_tanh"], self.widths, not self.pixels
        )
        return critic.to(self.device)

    def reset_critic(self, lr_schedule: Schedule) -> None:
        """New critic, its target and its optimiser."""
        self.critic = self.make_critic()
        self.critic_target = self.make_critic().requires_grad_(False)
        self.critic_target.load_state_dict(self.critic.state_dict())
        new: dict[str, Any] = {"lr": lr_schedule(1), **self.optimizer_kwargs}
        self.critic.optimizer = self.optimizer_class(self.critic.parameters(), **new)

    def reset_optimizers(self, lr_schedule: Schedule) -> None:
        """New optimisers of actor, critic and representation, on the present weights."""
        new = {"lr": lr_schedule(1), **self.optimizer_kwargs}
        self.actor.optimizer = self.optimizer_class(self.actor.parameters(), **new)
        self.critic.optimizer = self.optimizer_class(self.critic.parameters(), **new)
        modules = (self.encoder, self.projector, self.prototypes)
        self.representation_optimizer = self.optimizer_class([p for module in modules for p in module.parameters()], **new)

    def novelty(self, features: torch.Tensor, gumbel: torch.Tensor) -> torch.Tensor:
        """Intrinsic reward (batch, 1) of the encoder's features of o_t+1; the queue takes in its candidates."""
        with torch.no_grad():
            self.prototypes.normalize()
            z = F.normalize(self.projector(features), dim=1)
            return self.queue.reward(z, self.prototypes.similarity(z), gumbel)

    def _predict(self, observation: PyTorchObs, deterministic: bool = False) -> torch.Tensor:
        assert isinstance(observation, torch.Tensor)
        features = self.encoder(observation)
        if deterministic:
            return self.actor.mode(features)
        shape = (len(features), self.actor.action_dim)
        return self.actor.explore(features, torch.randn(shape, device=features.device, generator=self.generator))

    def set_training_mode(self, mode: bool) -> None:
        """Nothing here depends on the mode; kept for SB3's interface."""
        self.train(mode)

    def _get_constructor_parameters(self) -> dict[str, Any]:
        space = {"observation_space": self.observation_space, "action_space": self.action_space}
        return {**space, "lr_schedule": self._dummy_schedule, "net_arch": self.net_arch, **self.settings}

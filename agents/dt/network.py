"""The network of the Decision Transformer: a GPT over (return-to-go, state, action)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.preprocessing import get_action_dim, is_image_space
from stable_baselines3.common.torch_layers import FlattenExtractor, NatureCNN
from torch import nn
from torch.nn import functional as F

from papergym.agents.sequence.gpt import GPT


class DecisionTransformerNetwork(BasePolicy):
    """A GPT over (return-to-go, state, action) that reads the next action at the state.

    Args:
        observation_space: Box or Discrete; images go through SB3's ``NatureCNN``.
        action_space: bounded Box (linear and tanh, rescaled to the bounds) or Discrete (logits).
        context: steps K that it sees.
        width, layers, heads, dropout, activation: of the :class:`papergym.agents.sequence.gpt.GPT`.
        max_timestep: rows of the table of time steps: the longest episode.
        delayed: the return-to-go is not lowered by the rewards.
        return_values: if given, the policy also predicts the return-to-go, one of these values, and chooses the first one of an
            episode by itself: tokens are then (state, return-to-go, action).
        prior_power: exponent of the prior with which it chooses, ``(value - least value) ** prior_power``.
        timesteps: add a learned table of time steps to the tokens; without it, only the causal mask orders them.
        hide_returns: the network is not told the returns: a policy without a target, or a critic with ``return_values``.

    Attributes:
        target, return_scale: scalars: the return aimed at, and what returns are divided by.
        returns_range: (2,) lowest and highest return of an episode in the data.
        state_mean, state_std: of the flat observations.

    Source: Chen et al. 2021 (arXiv 2106.01345), with the shapes of the official code for MuJoCo.
    """

    target: torch.Tensor
    return_scale: torch.Tensor
    returns_range: torch.Tensor
    state_mean: torch.Tensor
    state_std: torch.Tensor
    action_center: torch.Tensor
    action_half: torch.Tensor
    return_values: torch.Tensor

    def __init__(
        self,
        observation_space: spaces.Space,
        action_space: spaces.Space,
        *,
        context: int = 20,
        width: int = 128,
        layers: int = 3,
        heads: int = 1,
        dropout: float = 0.1,
        activation: str = "relu",
        max_timestep: int = 1000,
        delayed: bool = False,
        return_values: Sequence[float] = (),
        prior_power: float = 10.0,
        hide_returns: bool = False,
        timesteps: bool = True,
    ) -> None:
        _check_spaces(observation_space, action_space)
        image = is_image_space(observation_space)
        extractor = NatureCNN if image else FlattenExtractor
        super().__init__(
            observation_space,
            action_space,
            features_extractor_class=extractor,
            features_extractor_kwargs={"features_dim": width} if image else {},
        )
        self.settings = {"context": context, "width": width, "layers": layers, "heads": heads, "dropout": dropout}
        self.settings |= {"activation": activation, "max_timestep": max_timestep, "delayed": delayed}
        self.settings |= {"return_values": tuple(return_values), "prior_power": prior_power}
        self.settings |= {"hide_returns": hide_returns, "timesteps": timesteps}
        self.context, self.max_timestep, self.delayed, self.hide_returns = context, max_timestep, delayed, hide_returns
        self.prior_power = prior_power
        self.discrete = isinstance(action_space, spaces.Discrete)
        self.normalized = isinstance(observation_space, spaces.Box) and not image
        size = int(action_space.n) if isinstance(action_space, spaces.Discrete) else get_action_dim(action_space)
        self.features_extractor = self.make_features_extractor()
        features = self.features_extractor.features_dim
        self.embed_timestep = nn.Embedding(max_timestep, width) if timesteps else None
        self.embed_return, self.embed_state = nn.Linear(1, width), nn.Linear(features, width)
        self.embed_action, self.norm = nn.Linear(size, width), nn.LayerNorm(width)
        self.gpt = GPT(width, layers, heads, dropout=dropout, activation=activation)
        self.action_head = nn.Linear(width, size)
        self.return_head = nn.Linear(width, len(return_values)) if return_values else None
        self._add_buffers(features, tuple(return_values))

    def _add_buffers(self, features: int, return_values: tuple[float, ...]) -> None:
        box = self.action_space if isinstance(self.action_space, spaces.Box) else spaces.Box(-1.0, 1.0, (1,))
        low, high = (torch.as_tensor(bound, dtype=torch.float32).flatten() for bound in (box.low, box.high))
        buffers = {"state_mean": torch.zeros(features), "state_std": torch.ones(features)}
        buffers |= {"return_scale": torch.ones(()), "target": torch.zeros(()), "returns_range": torch.zeros(2)}
        buffers |= {"action_center": (high + low) / 2, "action_half": (high - low) / 2}
        buffers["return_values"] = torch.as_tensor(return_values, dtype=torch.float32)
        for name, value in buffers.items():
            self.register_buffer(name, value)

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return {"observation_space": self.observation_space, "action_space": self.action_space, **self.settings}

    def forward(
        self, observations: torch.Tensor, actions: torch.Tensor, returns: torch.Tensor, timesteps: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Predict what follows at every step; padding stands on the right and needs no mask.

        Args:
            observations: (B, T, ...) as in the space.
            actions: (B, T, ...) as in the space.
            returns: (B, T) returns-to-go, not divided by the scale.
            timesteps: (B, T) int64.

        Returns:
            Actions in [-1, 1], or logits, (B, T, action_dim); logits of the return values (B, T, values), None without.
        """
        hidden = self.gpt(self.tokens(observations, actions, returns, timesteps)).unflatten(1, (-1, 3))
        values = None if self.return_head is None else self.return_head(hidden[:, :, 0])
        return self._action(hidden[:, :, 1]), values

    def action_at(self, tokens: torch.Tensor, steps: torch.Tensor) -> torch.Tensor:
        """Actions of :meth:`forward` at one step of each row, (B, action_dim), from :meth:`tokens` and (B,) steps."""
        return self._action(self.gpt.at(tokens, 3 * steps + 1))

    def return_at(self, tokens: torch.Tensor, steps: torch.Tensor) -> torch.Tensor:
        """Logits of the return values at one step of each row, (B, values); see :meth:`action_at`."""
        assert self.return_head is not None
        return self.return_head(self.gpt.at(tokens, 3 * steps))

    def _action(self, hidden: torch.Tensor) -> torch.Tensor:
        head = self.action_head(hidden)
        return head if self.discrete else head.tanh()

    def tokens(
        self, observations: torch.Tensor, actions: torch.Tensor, returns: torch.Tensor, timesteps: torch.Tensor
    ) -> torch.Tensor:
        """Embeddings of the tokens, (B, 3 T, width); see :meth:`forward`."""
        scaled = torch.zeros_like(returns) if self.hide_returns else returns / self.return_scale
        told, seen = self.embed_return(scaled[..., None]), self.embed_state(self.features(observations))
        order = (told, seen) if self.return_head is None else (seen, told)
        parts = torch.stack((*order, self.embed_action(self.encode_actions(actions))), 2)
        parts = parts if self.embed_timestep is None else parts + self.embed_timestep(timesteps)[:, :, None]
        return self.norm(parts.flatten(1, 2))

    def features(self, observations: torch.Tensor) -> torch.Tensor:
        """Flat and normalized observations, (B, T, features)."""
        if isinstance(self.observation_space, spaces.Discrete):
            observations = observations - int(self.observation_space.start)
        flat = self.extract_features(observations.flatten(0, 1), self.features_extractor)
        flat = (flat - self.state_mean) / (self.state_std + 1e-6) if self.normalized else flat
        return flat.unflatten(0, observations.shape[:2])

    def encode_actions(self, actions: torch.Tensor) -> torch.Tensor:
        """Actions in [-1, 1], or one-hot, (B, T, action_dim)."""
        if isinstance(self.action_space, spaces.Discrete):
            return F.one_hot(actions.long() - int(self.action_space.start), int(self.action_space.n)).float()
        return (actions.flatten(2).float() - self.action_center) / self.action_half


def _check_spaces(observation_space: spaces.Space, action_space: spaces.Space) -> None:
    """Raise ValueError for spaces that it cannot see or act in."""
    if not isinstance(observation_space, (spaces.Box, spaces.Discrete)):
        raise ValueError(f"expected observations in a Box or a Discrete space, got {observation_space}.")
    bounded = isinstance(action_space, spaces.Box) and bool(np.isfinite([action_space.low, action_space.high]).all())
    if not bounded and not isinstance(action_space, spaces.Discrete):
        raise ValueError(f"expected actions in a bounded Box or a Discrete space, got {action_space}.")

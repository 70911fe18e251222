"""The tanh-squashed Gaussian actor with explicit gradients.

Plain form: stable-baselines3's ``Actor.get_action_dist_params``, ``SquashedDiagGaussianDistribution.log_prob`` of
tanh(mean + std * noise), and ``backward()`` of autograd.
"""

import math

import torch
from stable_baselines3.sac.policies import LOG_STD_MAX, LOG_STD_MIN, Actor
from torch import nn

from papergym.agents.fast.stacked_mlp import StackedMLP

_EPSILON = 1e-6  # inside the logarithm of stable-baselines3's SquashedDiagGaussianDistribution


class SquashedActor:
    """Actions a = tanh(u), u = mean + std * noise, with log-densities log N(u) - sum log(1 - a^2 + 1e-6).

    Args:
        actor: stable-baselines3's, a ReLU MLP on flat observations without gSDE.
    """

    def __init__(self, actor: Actor) -> None:
        hidden = [[layer] for layer in actor.latent_pi if isinstance(layer, nn.Linear)]
        assert isinstance(actor.mu, nn.Linear) and isinstance(actor.log_std, nn.Linear)
        self.network = StackedMLP([[*hidden, [actor.mu, actor.log_std]]])
        self._size = actor.mu.out_features

    def forward(self, obs: torch.Tensor, noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Actions ``(batch, action_dim)`` and log-densities ``(batch, 1)``, kept for :meth:`backward`."""
        mean, raw = self.network.forward(obs)[0].split(self._size, dim=1)
        log_std = raw.clamp(LOG_STD_MIN, LOG_STD_MAX)
        spread = log_std.exp() * noise
        action = torch.tanh(mean + spread)
        slack = 1 - action.square()
        density = -0.5 * noise.square() - log_std - torch.log(slack + _EPSILON)  # (u - mean) / std is the noise
        self._saved = (raw, spread, action, slack)
        return action, density.sum(1, keepdim=True) - 0.5 * math.log(2 * math.pi) * self._size

    def backward(self, action_gradient: torch.Tensor, temperature: float) -> None:
        """Fill ``network.gradients`` with those of mean(temperature * log_prob + f(action)) over the first rows.

        Call it once after each :meth:`forward`.

        Args:
            action_gradient: of mean(f), ``(rows, action_dim)``.
            temperature: weight of the log-density.
        """
        rows = len(action_gradient)
        raw, spread, action, slack = (saved[:rows] for saved in self._saved)
        scale = temperature / rows
        mean_gradient = (action_gradient + 2 * scale * action / (slack + _EPSILON)) * slack
        std_gradient = mean_gradient * spread - scale
        std_gradient *= (raw >= LOG_STD_MIN) & (raw <= LOG_STD_MAX)
        self.network.backward(torch.cat([mean_gradient, std_gradient], 1)[None], rows)

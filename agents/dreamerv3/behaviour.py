"""Actor and critic: they learn in imagination, and the critic on replayed returns too (2301.04104, section 3)."""

import copy
from typing import NamedTuple

import torch
from torch import nn
from torch.distributions import Normal, OneHotCategorical

from papergym.agents.dreamerv3.returns import ReturnScale, lambda_return
from papergym.agents.dreamerv3.rssm import Latent
from papergym.agents.dreamerv3.world_model import BINS, Size, WorldModel
from papergym.agents.nets.categorical import mixed_log_probs, whole
from papergym.agents.nets.layers import Head
from papergym.agents.nets.symlog import symexp_bins, two_hot_loss, two_hot_mean

LAYERS = 3
LEAST_STD, LARGEST_STD = 0.1, 1.0


class Actor(nn.Module):
    """Features to a distribution of action vectors: one-hot, or normal with a mean between -1 and 1.

    Args:
        features: width of a state's features.
        action_width: of the action vector.
        discrete: one-hot actions.
        units: per layer.
        unimix: share of the uniform distribution in one-hot actions.
    """

    def __init__(self, features: int, action_width: int, *, discrete: bool, units: int, unimix: float = 0.01) -> None:
        super().__init__()
        self.discrete, self.unimix = discrete, unimix
        self.head = Head(features, units, LAYERS, action_width * (1 if discrete else 2), scale=0.01)

    def forward(self, features: torch.Tensor) -> "Policy":
        """``(..., features)``."""
        outputs = whole(self.head(features))
        if self.discrete:
            return Policy(OneHotCategorical(logits=mixed_log_probs(outputs, self.unimix), validate_args=False))
        mean, std = outputs.chunk(2, -1)
        std = LEAST_STD + (LARGEST_STD - LEAST_STD) * torch.sigmoid(std + 2)
        return Policy(Normal(torch.tanh(mean), std, validate_args=False))


class Policy(NamedTuple):
    """A distribution of action vectors."""

    distribution: OneHotCategorical | Normal

    def sample(self) -> torch.Tensor:
        """``(..., action_width)``, from torch's global generator."""
        return self.distribution.sample()

    def mode(self) -> torch.Tensor:
        """The likeliest vector."""
        return self.distribution.mode

    def log_prob(self, action: torch.Tensor) -> torch.Tensor:
        """Of whole vectors: ``(...)``."""
        value = self.distribution.log_prob(action)
        return value.sum(-1) if isinstance(self.distribution, Normal) else value

    def entropy(self) -> torch.Tensor:
        """Of whole vectors, nats: ``(...)``."""
        value = self.distribution.entropy()
        return value.sum(-1) if isinstance(self.distribution, Normal) else value


class Trajectory(NamedTuple):
    """An imagined trajectory, time first: ``horizon + 1`` states and the actions that were taken in them."""

    latent: Latent
    action: torch.Tensor


class Returns(NamedTuple):
    """What the losses of an imagined trajectory need, without gradients; ``(horizon, n)`` each.

    Attributes:
        value: of the states, by the critic.
        target: lambda-returns.
        weight: probability that the state is reached, discounted.
    """

    value: torch.Tensor
    target: torch.Tensor
    weight: torch.Tensor


class Behaviour(nn.Module):
    """Actor, critic and slow critic.

    Args:
        features: width of a state's features.
        action_width, discrete: of the actions.
        size: widths.
        horizon: imagined steps.
        mix: lambda of the returns.
        entropy: weight of the actor's entropy.
        slow_rate: of the slow critic's running mean of weights.
        unimix: share of the uniform distribution in one-hot actions.

    Attributes:
        actor, critic, slow_critic: networks; the slow critic only keeps the critic near its past.
        scale: of the returns.
    """

    bins: torch.Tensor

    def __init__(
        self,
        features: int,
        action_width: int,
        size: Size,
        *,
        discrete: bool,
        horizon: int = 15,
        mix: float = 0.95,
        entropy: float = 3e-4,
        slow_rate: float = 0.02,
        unimix: float = 0.01,
    ) -> None:
        super().__init__()
        self.horizon, self.mix, self.entropy, self.slow_rate = horizon, mix, entropy, slow_rate
        self.actor = Actor(features, action_width, discrete=discrete, units=size.units, unimix=unimix)
        self.critic = Head(features, size.units, LAYERS, BINS, scale=0.0)
        self.slow_critic = copy.deepcopy(self.critic).requires_grad_(False)
        self.scale = ReturnScale()
        self.register_buffer("bins", symexp_bins(BINS), persistent=False)

    def predict_value(self, features: torch.Tensor) -> torch.Tensor:
        """Expected return from states with ``features`` ``(..., width)``; ``(...)``."""
        return two_hot_mean(self.critic(features), self.bins)

    @torch.no_grad()
    def imagine(self, world: WorldModel, start: Latent) -> Trajectory:
        """Act in the model from ``start`` ``(n, ...)``. The losses need no gradient through the trajectory."""
        latents, actions = [start], []
        for _ in range(self.horizon):
            actions.append(self.actor(latents[-1].features()).sample())
            latents.append(self.imagine_step(world, latents[-1], actions[-1]))
        actions.append(self.actor(latents[-1].features()).sample())
        deters, stochs = (torch.stack(parts) for parts in zip(*latents))
        return Trajectory(Latent(deters, stochs), torch.stack(actions))

    def imagine_step(self, world: WorldModel, latent: Latent, action: torch.Tensor) -> Latent:
        """One imagined step; an agent that jumps overrides it."""
        return world.rssm.imagine_step(latent, action)

    @torch.no_grad()
    def returns(self, world: WorldModel, features: torch.Tensor) -> Returns:
        """Of a trajectory's features ``(horizon + 1, n, width)``."""
        reward, live = world.predict_reward(features), world.predict_continuation(features)
        value = self.predict_value(features)
        target = lambda_return(reward[1:], value[1:], live[1:], self.mix)
        return Returns(value[:-1], target, live.cumprod(0)[:-1])

    def losses(
        self, features: torch.Tensor, action: torch.Tensor, returns: Returns, counted: torch.Tensor | slice = slice(None)
    ) -> dict[str, torch.Tensor]:
        """``actor`` and ``critic`` of a trajectory, ``(horizon, n)`` each.

        The actor follows the score function: log-probability times advantage, divided by the scale of the returns, and entropy.

        Args:
            features: of all states but the last, without gradient.
            action: taken in them.
            returns: see :meth:`returns`.
            counted: which trajectories the scale of the returns takes in, ``(n,)`` bool; all of them by default.
        """
        policy = self.actor(features)
        advantage = (returns.target - returns.value) / self.divisor(returns.target[:, counted])
        gain = policy.log_prob(action) * advantage + self.entropy * policy.entropy()
        return {"actor": -returns.weight * gain, "critic": returns.weight * self.critic_loss(features, returns.target)}

    def divisor(self, target: torch.Tensor) -> torch.Tensor:
        """Scale of the returns, after it has taken in these."""
        return self.scale.update(target)

    def critic_loss(self, features: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Cross-entropy with returns ``target`` ``(...)``, and with the slow critic's mean; ``(...)``."""
        logits = self.critic(features)
        with torch.no_grad():
            slow = two_hot_mean(self.slow_critic(features), self.bins)
        return two_hot_loss(logits, self.bins, target) + two_hot_loss(logits, self.bins, slow)

    def replay_loss(
        self,
        features: torch.Tensor,
        reward: torch.Tensor,
        terminal: torch.Tensor,
        last: torch.Tensor,
        imagined: torch.Tensor,
        discount: float,
    ) -> torch.Tensor:
        """The critic's loss on replayed sequences, ``(time - 1, batch)``; 0 where an episode ended.

        Args:
            features: of the replayed states, ``(time, batch, width)``; the gradient reaches the world model.
            reward: of arriving in them, ``(time, batch)``.
            terminal: 1 where the task ended in them, ``(time, batch)``.
            last: 1 where the episode ended in them, for any reason.
            imagined: returns imagined from them, the value of what comes after the sequence.
            discount: per step.
        """
        live, mix = (1 - terminal[1:].float()) * discount, self.mix * (1 - last[1:].float())
        target = lambda_return(reward[1:], imagined[1:], live, mix)
        return (1 - last[:-1].float()) * self.critic_loss(features[:-1], target)

    @torch.no_grad()
    def update_slow(self) -> None:
        """Move the slow critic a little towards the critic."""
        torch._foreach_lerp_(list(self.slow_critic.parameters()), list(self.critic.parameters()), self.slow_rate)

"""Actions of a tanh-squashed Gaussian with their log-densities, and those over which the conservative term sums."""

import math

import torch

Law = tuple[torch.Tensor, torch.Tensor]
"""Mean and log standard deviation before the tanh, each ``(batch, action_dim)``."""

EPSILON = 1e-6
"""Added to 1 - a^2 inside the logarithm, as stable-baselines3 does."""


def action_density(mean: torch.Tensor, log_std: torch.Tensor, noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Action tanh(mean + std noise) and its log pi(a|s); shapes ``(..., action_dim)`` and ``(..., 1)``."""
    action = torch.tanh(mean + log_std.exp() * noise)
    log_normal = -0.5 * noise.square() - log_std - 0.5 * math.log(2 * math.pi)  # (u - mean) / std is the noise
    return action, (log_normal - torch.log(1 - action.square() + EPSILON)).sum(-1, keepdim=True)


def log_density(mean: torch.Tensor, log_std: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
    """Log pi(a|s) of given actions in [-1, 1], ``(..., 1)``; those at a bound count as just inside."""
    before = torch.atanh(actions.clamp(EPSILON - 1, 1 - EPSILON))
    return action_density(mean, log_std, (before - mean) / log_std.exp())[1]


def sampled_actions(law: Law, next_law: Law, count: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """``count`` actions for each state from each of three laws.

    Args:
        law: the policy at the state.
        next_law: the policy at the next state; its actions are tried at the state too.
        count: actions per law.
        generator: of the noise.

    Returns:
        Actions ``(batch, 3 * count, action_dim)`` in [-1, 1], uniform ones first, and the log-densities ``(batch, 3 * count)``
        of the laws that they are drawn from.
    """
    batch, dimensions = law[0].shape
    shape = batch, count, dimensions
    uniform = 2 * torch.rand(shape, generator=generator, device=law[0].device) - 1
    found = [(uniform, torch.full((batch, count, 1), -dimensions * math.log(2.0), device=law[0].device))]
    for mean, log_std in (law, next_law):
        noise = torch.randn(shape, generator=generator, device=mean.device)
        found.append(action_density(mean[:, None], log_std[:, None], noise))
    actions, log_densities = zip(*found)
    return torch.cat(actions, 1), torch.cat(log_densities, 1)[:, :, 0]

"""Returns of imagined pathways that mix steps and jumps (2410.03618, section 3.3), and the official code's variants."""

from typing import NamedTuple

import torch


class Jumps(NamedTuple):
    """Which transitions of a pathway were jumps, and what they took and brought; ``(horizon, n)`` each.

    Attributes:
        jumped: bool.
        steps: of a jump, at least 1; of no meaning elsewhere.
        gathered: reward of a jump, see ``papergym.agents.lsimagine.replay.GATHERED``; of no meaning elsewhere.
    """

    jumped: torch.Tensor
    steps: torch.Tensor
    gathered: torch.Tensor


def jump_rewards(
    reward: torch.Tensor, jumps: Jumps, discount: float, *, gathered: str = "sum", least_terms: int = 0
) -> torch.Tensor:
    """Rewards of transitions, ``(horizon, n)``: of a step its own, of a jump what it has gathered, discounted to its start.

    Args:
        reward: of arriving after each transition.
        jumps: see :class:`Jumps`.
        discount: gamma.
        gathered: ``"sum"``: as predicted. ``"mean"``: the predicted mean is that of all steps but the last; it counts
            ``sum of gamma^i`` times over these ``steps - 1`` terms, and the reward of arriving ``gamma^(steps - 1)`` times.
        least_terms: of that sum. The official code's has 1 where there are none, in jumps of one step.
    """
    brought = jumps.gathered
    if gathered == "mean":
        terms = (jumps.steps - 1).clamp(min=least_terms)
        brought = brought * (1 - discount**terms) / (1 - discount) + discount ** (jumps.steps - 1) * reward
    return torch.where(jumps.jumped, brought, reward)


def jump_live(live: torch.Tensor, jumps: Jumps, discount: float) -> torch.Tensor:
    """Discount of transitions, ``(horizon, n)``: ``live`` holds one step's, times the probability to go on; a jump has more."""
    return torch.where(jumps.jumped, live * discount ** (jumps.steps - 1), live)

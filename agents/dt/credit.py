"""Key-to-Door: what a Decision Transformer that predicts returns knows at each step, and which steps it looks at."""

from typing import Any

import numpy as np
import torch

from papergym.agents.dt.attention import attention_map, step_attention
from papergym.agents.dt.history import History
from papergym.agents.dt.policy import DecisionTransformerPolicy
from papergym.envs.toys.base import Walks
from papergym.envs.toys.key_to_door import random_walks

WALKS = 2000
AROUND = 4
"""Steps before and after an event for which numbers are given."""


def credit(policy: DecisionTransformerPolicy, rooms: dict[str, int], *, seed: int) -> dict[str, Any]:
    """Predicted success and attention around key and door, on new random walks.

    Args:
        policy: with return values (0, 1), told no returns, that sees whole episodes.
        rooms: ``size`` and ``phase_steps``.
        seed: of the walks.

    Returns:
        ``at_key``: ``offset:probability``, mean predicted probability of success at the steps around the one that took the key;
        ``with_key``, ``without_key``: mean probability at the last step before the door is reached; ``attention``:
        ``offset:share``, attention of that step to the steps around the one that took the key, and ``even``: what each step
        would get of even attention.
    """
    walks = random_walks(WALKS, seed, **rooms)
    taken = key_steps(walks, rooms["size"])
    at_door = walks.observations[np.arange(WALKS), walks.lengths - 1, 2] == 1
    in_time = walks.lengths < 3 * rooms["phase_steps"]
    opened = at_door & in_time  # the door was reached before the phases were over
    history = _history(walks, policy)
    with torch.no_grad():
        _, logits = policy.eval().predictions(history)
    assert logits is not None
    chance = logits.softmax(-1)[:, :, 1].cpu().numpy()
    last = walks.lengths - 1
    chosen = np.flatnonzero(opened & (taken >= AROUND))
    attended = step_attention(attention_map(policy, _rows(history, chosen)))
    near = range(-AROUND, AROUND + 1)
    places = taken[chosen, None] + np.array(near)
    looks = attended[np.arange(len(chosen)), last[chosen]]
    with_key = taken >= 0
    around_key = np.flatnonzero(taken >= AROUND)
    seen = chance[around_key[:, None], taken[around_key, None] + np.array(near)].mean(0)
    return {
        "with_key": float(chance[opened & with_key, last[opened & with_key]].mean()),
        "without_key": float(chance[opened & ~with_key, last[opened & ~with_key]].mean()),
        "at_key": _series(near, seen),
        "attention": _series(near, np.take_along_axis(looks, places, 1).mean(0)),
        "even": float((1 / (last[chosen] + 1)).mean()),
    }


def key_steps(walks: Walks, size: int) -> np.ndarray:
    """Step whose action took the key, ``(n,)`` int64, -1 where none did: the object leaves the view within the first phase."""
    key = walks.observations[:, :, 7 + 2 * size : 7 + 4 * size].any(-1) & (walks.observations[:, :, 0] == 1)
    gone = ~key[:, 1:] & (walks.observations[:, 1:, 0] == 1)
    last = walks.observations[:, :, 0].sum(1).astype(int) - 1  # the last action of the phase leads to the next room
    by_last = _on_object(walks, last, size)
    return np.where(gone.any(1), gone.argmax(1), np.where(by_last, last, -1))


def _on_object(walks: Walks, step: np.ndarray, size: int) -> np.ndarray:
    """Whether the action of ``step`` moves onto the object that is seen then, ``(n,)`` bool."""
    seen = walks.observations[np.arange(len(step)), step]
    heading = seen[:, 3:7].argmax(1)
    move = np.array([[1, 0], [0, -1], [-1, 0], [0, 1]])[heading]
    at, there = seen[:, 7 : 7 + 2 * size].reshape(-1, 2, size), seen[:, 7 + 2 * size : 7 + 4 * size].reshape(-1, 2, size)
    forward = walks.actions[np.arange(len(step)), step] == 2
    return there.any((1, 2)) & forward & (at.argmax(2) + move == there.argmax(2)).all(1)


def _history(walks: Walks, policy: DecisionTransformerPolicy) -> History:
    steps = walks.actions.shape[1]
    if policy.context < steps:
        raise ValueError(f"expected a policy that sees whole episodes of {steps} steps, got context {policy.context}.")
    zeros = np.zeros(walks.actions.shape)
    return History(walks.observations[:, :steps], walks.actions, zeros, walks.lengths - 1, zeros[:, 0])


def _rows(history: History, chosen: np.ndarray) -> History:
    return History(*(part[chosen] for part in history))


def _series(places: Any, values: np.ndarray) -> str:
    return " ".join(f"{place}:{value:.4f}" for place, value in zip(places, values))

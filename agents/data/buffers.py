"""Datasets as replay buffers of stable-baselines3, and back."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.buffers import DictReplayBuffer, ReplayBuffer

from papergym.agents.data.dataset import Dataset
from papergym.agents.data.recording import Recording
from papergym.agents.errors import UsageError


def to_replay_buffer(
    data: Dataset, kind: type[ReplayBuffer] = ReplayBuffer, *, device: torch.device | str = "auto", **more: Any
) -> ReplayBuffer:
    """A full replay buffer with every transition of ``data``, in order, of one environment.

    ``dones`` is set at each episode's last step, ``timeouts`` where that did not end the task, so the buffer's samples
    bootstrap past time limits. Box actions are scaled to [-1, 1], as SB3's algorithms keep them.

    Args:
        data: Box or Discrete spaces.
        kind: class of the buffer, for example SB3's ``ReplayBuffer`` or ``PackedReplayBuffer``.
        device: where sampled tensors live.
        **more: arguments of ``kind``.

    Raises:
        UsageError: a buffer that holds something else, or actions without bounds.

    Example:
        >>> model = stable_baselines3.SAC("MlpPolicy", "Hopper-v4")
        >>> model.replay_buffer = to_replay_buffer(load_dataset("papergym/hopper-v4/medium-v0"), device=model.device)
    """
    if isinstance(data.action_space, spaces.Box) and not data.action_space.is_bounded():
        raise UsageError(f"expected a bounded Box of actions, which SB3 scales to [-1, 1], got {data.action_space}.")
    buffer: Any = kind(len(data), data.observation_space, data.action_space, device, n_envs=1, **more)
    _refuse_other(buffer)
    dones = np.zeros(len(data), np.float32)
    dones[data.starts[1:] - 1] = 1.0
    columns = {
        "observations": data.observations,
        "next_observations": data.next_observations,
        "actions": _scaled(data.actions, data.action_space),
        "rewards": data.rewards,
        "dones": dones,
        "timeouts": dones * ~data.terminated,
    }
    for name, column in columns.items():
        place = getattr(buffer, name)
        place[...] = column.reshape(place.shape)
    buffer.pos, buffer.full = 0, True
    return buffer


def from_replay_buffer(buffer: ReplayBuffer, *, name: str = "in memory", scaled: bool = True) -> Dataset:
    """What a replay buffer holds, oldest episodes first, one environment after the other.

    Pieces of episodes, at the buffer's oldest and newest end, become episodes that were cut.

    Args:
        buffer: of SB3 or of papergym, not of Dict observations, not with ``optimize_memory_usage``.
        name: for messages.
        scaled: Box actions are in [-1, 1], as SB3's algorithms keep them, and are scaled back.

    Raises:
        UsageError: another kind of buffer, or an empty one.
    """
    columns = range(buffer.n_envs)
    episodes = [episode for column in columns for episode in buffer_episodes(buffer, column, scaled=scaled, pieces=True)]
    return Dataset.from_episodes(episodes, buffer.observation_space, buffer.action_space, name=name)


def buffer_episodes(
    buffer: Any, column: int, rows: int | None = None, *, scaled: bool = True, pieces: bool = False
) -> Iterator[Recording]:
    """Episodes of one environment in a replay buffer, oldest first.

    Args:
        buffer: see :func:`from_replay_buffer`.
        column: number of the environment.
        rows: look at the oldest ones only.
        scaled: Box actions are in [-1, 1].
        pieces: give the end of the rows too, where no episode ended.
    """
    _refuse_other(buffer)
    order = np.arange(buffer.size())
    order = (np.roll(order, -buffer.pos) if buffer.full else order)[:rows]
    observation_shape, action_shape = buffer.observation_space.shape or (), buffer.action_space.shape or ()
    ends = np.flatnonzero(buffer.dones[order, column]) + 1
    if pieces and len(order) not in (0, *ends[-1:]):
        ends = np.append(ends, len(order))
    for begin, end in zip(np.concatenate(([0], ends[:-1])).astype(int), ends):
        row, last = order[begin:end], order[end - 1]
        seen = np.concatenate((buffer.observations[row, column], buffer.next_observations[last, column][None]))
        actions = buffer.actions[row, column].reshape(-1, *action_shape)
        truncated = bool(buffer.timeouts[last, column]) or not buffer.dones[last, column]
        yield Recording(
            seen.reshape(-1, *observation_shape),
            _unscaled(actions, buffer.action_space) if scaled else actions,
            buffer.rewards[row, column],
            not truncated,
            truncated,
        )


def _refuse_other(buffer: Any) -> None:
    if isinstance(buffer, DictReplayBuffer) or isinstance(buffer.observation_space, spaces.Dict):
        raise UsageError("datasets hold one array per observation, this buffer has Dict observations. Flatten them first.")
    if not isinstance(buffer, ReplayBuffer) or buffer.optimize_memory_usage:
        raise UsageError(
            f"expected a ReplayBuffer that holds next observations, got {type(buffer).__name__}. "
            "Make it with optimize_memory_usage=False."
        )


def _scaled(actions: np.ndarray, space: spaces.Space) -> np.ndarray:
    """To [-1, 1], as SB3's ``policy.scale_action``."""
    if not isinstance(space, spaces.Box):
        return actions
    return 2.0 * ((actions - space.low) / (space.high - space.low)) - 1.0


def _unscaled(actions: np.ndarray, space: spaces.Space) -> np.ndarray:
    """Bit for bit what SB3's ``policy.unscale_action`` hands to the environment."""
    if not isinstance(space, spaces.Box):
        return actions
    return space.low + (0.5 * (actions + 1.0) * (space.high - space.low))

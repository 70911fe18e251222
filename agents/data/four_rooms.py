"""Reward-free walks through the four rooms of ``TT-FourRooms-v0``, each to a random point."""

from itertools import pairwise
from pathlib import Path
from typing import cast

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Dict

from papergym.agents.data.dataset import Dataset, Episode
from papergym.agents.data.recording import Recording
from papergym.agents.data.write import write_dataset
from papergym.envs.toys.four_rooms import FourRooms
from papergym.envs.toys.rooms import DOOR

_MIDDLE = sum(DOOR) / 2
_DOORS = {  # between the room with these signs of (x, y) and the next one, counter-clockwise: the middle of the doorway
    (1, 1): (0.0, _MIDDLE),
    (-1, 1): (-_MIDDLE, 0.0),
    (-1, -1): (0.0, -_MIDDLE),
    (1, -1): (_MIDDLE, 0.0),
}
_ROOMS = list(_DOORS)


def route(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Points to pass from ``start`` to ``end`` through the middles of the doorways, the shorter way round, ``(k, 2)``."""
    first, last = (_ROOMS.index((1 if x > 0 else -1, 1 if y > 0 else -1)) for x, y in (start, end))
    forward = [_DOORS[_ROOMS[(first + index) % 4]] for index in range((last - first) % 4)]
    backward = [_DOORS[_ROOMS[(first - 1 - index) % 4]] for index in range((first - last) % 4)]
    ways = [np.array([*doors, end], np.float64) for doors in (forward, backward)]
    return min(ways, key=lambda way: sum(np.linalg.norm(b - a) for a, b in pairwise([start, *way])))


def waypoint_walks(walks: int, seed: int, *, noise: float = 0.4, limit: int = 200) -> Dataset:
    """Walks from random points to random points, through the doors, with noisy headings; all rewards are zero.

    The paper's data was not released. Here each episode ends where the walk was headed for, so its last observation is the
    goal that a goal-conditioned model is told; nothing else says where it goes.

    Args:
        walks: number of episodes.
        seed: of starts, ends and noise.
        noise: standard deviation of the heading, radians.
        limit: steps after which a walk ends wherever it is.
    """
    env, rng = FourRooms(continuing=True), np.random.default_rng(seed)
    episodes = [_walk(env, rng, noise, limit) for _ in range(walks)]
    spaces = cast(Dict, env.observation_space)
    return Dataset.from_episodes(
        episodes, spaces["observation"], env.action_space, name=f"{walks} walks through the four rooms"
    )


def write_walks(dataset_id: str, walks: int, seed: int, *, overwrite: bool = False) -> Path:
    """Write :func:`waypoint_walks` as a Minari dataset of ``TT-FourRooms-v0``; its folder.

    It holds positions and no goals. ``papergym train tt --goal`` learns from it and is shown the environment's goals.

    Args:
        dataset_id: for example ``papergym/tt-fourrooms-v0/walks-v0``.
        walks: number of episodes.
        seed: of the walks.
        overwrite: replace a dataset of that id.

    Raises:
        UsageError: see :func:`papergym.agents.data.write.write_dataset`.
    """
    data = waypoint_walks(walks, seed)
    episodes = (data.episode(number) for number in range(walks))
    recordings = (Recording(part.observations, part.actions, part.rewards, False, truncated=True) for part in episodes)
    env = gym.wrappers.FilterObservation(gym.make("TT-FourRooms-v0", disable_env_checker=True), ["observation"])
    about = {"walks": walks, "seed": seed, "rule": "to random points through the doors, with noisy headings"}
    return write_dataset(
        dataset_id,
        recordings,
        gym.wrappers.FlattenObservation(env),
        about=about,
        algorithm="waypoint walks",
        overwrite=overwrite,
    )


def _walk(env: FourRooms, rng: np.random.Generator, noise: float, limit: int) -> Episode:
    start, end = rng.uniform(-1, 1, (2, 2))
    observation, _ = env.reset(options={"position": start, "goal": end})
    seen, done = [observation["observation"]], []
    for point in route(start, end):
        while len(done) < limit and (np.linalg.norm(point - env.position) > env.step_size or not done):
            gap = point - env.position
            angle = np.arctan2(gap[1], gap[0]) + rng.normal(0, noise)
            size = min(1.0, float(np.linalg.norm(gap)) / env.step_size)
            action = (size * np.array([np.cos(angle), np.sin(angle)])).astype(np.float32)
            observation, *_ = env.step(action)
            seen, done = [*seen, observation["observation"]], [*done, action]
    return Episode(np.stack(seen), np.stack(done), np.zeros(len(done)), False)

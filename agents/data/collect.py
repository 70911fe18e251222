"""Episodes of a policy in an environment, each one a function of its own seed."""

import copy
import math
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from papergym.agents.data.recording import FLATTEN, Recording, Start, kept, stacked
from papergym.agents.errors import BadNumbersError, UsageError


class Policy(Protocol):
    """What acts while episodes are recorded."""

    name: str
    """For the metadata of the episodes."""

    def begin(self, seed: int) -> None:
        """An episode begins; from here on actions depend on ``seed`` and on what is seen, on nothing else."""

    def __call__(self, observation: Any, first: bool, reward: float) -> tuple[Any, float | None]:
        """Action and its log-probability, None where it is not known.

        Args:
            observation: of the environment.
            first: the episode begins.
            reward: of the step before, 0 at the beginning.
        """
        ...


class RandomPolicy:
    """Draws from the action space.

    Args:
        space: of the actions.
    """

    name = "random"

    def __init__(self, space: spaces.Space) -> None:
        self.space = copy.deepcopy(space)
        self.log_prob = _uniform_log_prob(space)

    def begin(self, seed: int) -> None:
        """See :class:`Policy`."""
        self.space.seed(seed)

    def __call__(self, observation: Any, first: bool, reward: float) -> tuple[Any, float | None]:
        """See :class:`Policy`."""
        return self.space.sample(), self.log_prob


def _uniform_log_prob(space: spaces.Space) -> float | None:
    """Of each draw; None for a space that is not drawn from uniformly."""
    if isinstance(space, spaces.Discrete):
        return -math.log(int(space.n))
    if isinstance(space, spaces.Box) and space.is_bounded() and np.issubdtype(space.dtype, np.floating):
        return -float(np.log(space.high.astype(np.float64) - space.low).sum())
    return None


def record(env: gym.Env, policy: Policy, seed: int, most: int) -> Recording:
    """One episode.

    Args:
        env: environment.
        policy: acts.
        seed: of the environment and of the policy.
        most: steps after which an episode that has not ended is cut: ``truncated``.

    Raises:
        BadNumbersError: a reward or an observation that is not finite.
    """
    start = Start(seed)
    seen, actions, paid, log_probs = [start.begin(env)], [], [], []
    policy.begin(seed)
    reward, terminated, truncated = 0.0, False, False
    while not (terminated or truncated or len(actions) == most):
        action, log_prob = policy(seen[-1], not actions, reward)
        observation, reward, terminated, truncated, _ = env.step(action)
        reward = float(reward)
        seen.append(kept(observation))
        actions.append(np.array(action))
        paid.append(reward)
        log_probs.append(log_prob)
    columns = (stacked(seen), np.stack(actions), np.array(paid, np.float64))
    if not all(np.isfinite(column).all() for column in columns):
        raise BadNumbersError(f"the episode with the seed {seed} has numbers that are not finite. Nothing was written.")
    known = None if None in log_probs else np.array(log_probs, np.float64)
    about = {"policy": policy.name}
    return Recording(*columns, bool(terminated), not terminated, start, known, about)


def collect(
    env: gym.Env, policy: Policy, steps: int, seed_of: Callable[[int], int], *, done: int = 0, begun: int = 0
) -> Iterator[Recording]:
    """Whole episodes until there are at least ``steps`` steps.

    Args:
        env: environment, of Box or Discrete observations and actions.
        policy: acts.
        steps: least number of steps; an episode longer than this is cut there.
        seed_of: number of an episode -> its seed.
        done: steps that there are already.
        begun: episodes that there are already.

    Raises:
        UsageError: an observation or action space that a dataset does not hold.
        BadNumbersError: a reward or an observation that is not finite.
    """
    check_spaces(env)
    while done < steps:
        episode = record(env, policy, seed_of(begun), steps)
        done, begun = done + len(episode.actions), begun + 1
        yield episode


def check_spaces(env: gym.Env) -> None:
    """Raise UsageError for an environment whose episodes a dataset does not hold."""
    for what, space in (("observations", env.observation_space), ("actions", env.action_space)):
        if not isinstance(space, (spaces.Box, spaces.Discrete)):
            remedy = f" {FLATTEN}" if what == "observations" else ""
            raise UsageError(f"datasets hold Box and Discrete {what}; {_name(env)} has {space}.{remedy}")


def _name(env: gym.Env) -> str:
    return env.spec.id if env.spec else str(env)


def episode_seed(seed: int, stream: str, number: int) -> int:
    """Seed of episode ``number`` of a stream of episodes, below 2**32; streams share no seeds but by chance."""
    key = [seed, int.from_bytes(stream.encode()[:8], "little"), number]
    return int(np.random.SeedSequence(key).generate_state(1)[0])

"""A vector environment whose environments take their steps on several threads, each always on the same one."""

import functools
import sys
from collections.abc import Callable, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.vector.utils import create_empty_array, iterate

from papergym.envs.checks import ResetNeeded, mask_of, options_of, seeds_of, whole
from papergym.envs.vector.pool import Pool, threads_for


class ThreadedVectorEnv(SyncVectorEnv):
    """Gymnasium's SyncVectorEnv on several threads, in which a refused call changes no environment.

    Environment ``i`` is reset and stepped by thread ``i % num_threads``, which writes its observation straight into the batch.
    The results are the same, bit for bit, for any number of threads. Threads pay where a step spends its time without the
    interpreter's lock: in drawing, in compiled loops, in the physics of large bodies.

    An exception in one environment is raised when all others have taken their step; a note on it (from Python 3.11 on) names
    the environment, which then needs a reset. What the others returned in this step is lost: whoever needs every end of an
    episode resets all.

    Args:
        env_fns: make the environments. What an environment or one of its wrappers offers as ``check_action(action)`` is called
            before any of them moves, and raises what a step with this action would; not below a wrapper that may change the
            action, such as Gymnasium's ActionWrapper.
        num_threads: threads that reset and step, at most one for each environment.
        kwargs: of SyncVectorEnv.

    Raises:
        ValueError: observations that are not made of Dict, Tuple and spaces whose batch is one array.
    """

    envs: list[Any]

    def __init__(self, env_fns: Sequence[Callable[[], gym.Env]], *, num_threads: int = 1, **kwargs: Any):
        self._pool = Pool(threads_for(len(env_fns), num_threads, 1))
        super().__init__(env_fns, **kwargs)
        if not _made_of_arrays(self._observations):
            space = self.single_observation_space
            raise ValueError(f"Expected observations that batch as arrays, got {space}; use gymnasium.vector.SyncVectorEnv.")

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin episodes in all environments, or in those of ``options["reset_mask"]``; further options are theirs.

        Args:
            seed: one for all (environment ``i`` gets ``seed + i``), a list with one or None for each, or None.
            options: ``reset_mask``, (num_envs,) bool, and what the environments take.

        Returns:
            observations, of ``observation_space``; infos, a dict of arrays (num_envs, ...).

        Raises:
            ValueError: seeds or options that are not right; nothing has changed.
            RuntimeError: closed.
        """
        self._check_open()
        seeds, given = seeds_of(seed, self.num_envs), options_of(options, None)
        mask = mask_of(given.pop("reset_mask"), self.num_envs) if "reset_mask" in given else np.ones(self.num_envs, bool)
        self._prepare()

        def begin(index: int) -> list[dict[str, Any]]:
            info = self._begin(index, seeds[index], None if options is None else dict(given))
            self._terminations[index] = self._truncations[index] = False
            self._show(index)
            return [info]

        infos = self._run(begin, np.flatnonzero(mask).tolist())
        for index in np.flatnonzero(~mask).tolist():
            self._show(index)
        return self._batch(), infos

    def step(self, actions: Any) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """One step of every environment; ends as the autoreset mode says.

        Args:
            actions: of ``action_space``, one for each environment.

        Returns:
            observations, of ``observation_space``; rewards, (num_envs,) float64; terminated and truncated, (num_envs,) bool;
            infos, a dict of arrays (num_envs, ...).

        Raises:
            ValueError: not one action per environment, or one that its environment refuses; nothing has moved.
            gymnasium.error.ResetNeeded: an episode has not begun, or has ended and nothing begins the next; nothing has moved.
            RuntimeError: closed.
        """
        self._check_open()
        rests = self._autoreset_envs & (self.autoreset_mode == AutoresetMode.NEXT_STEP)
        each = zip(range(self.num_envs), self._each(actions))
        checked = [None if rests[index] else _naming(index, self._checked, index, action) for index, action in each]
        self._prepare(forward=True)

        def move(index: int) -> list[dict[str, Any]]:
            if rests[index]:
                told = [self._begin(index)]
                self._rewards[index], self._terminations[index], self._truncations[index] = 0.0, False, False
            else:
                told = self._take(index, checked[index])
            self._show(index)
            return told

        infos = self._run(move, range(self.num_envs))
        return self._batch(), self._rewards.copy(), self._terminations.copy(), self._truncations.copy(), infos

    def _take(self, index: int, action: Any) -> list[dict[str, Any]]:
        """Step one environment; returns what ``info`` says of it, in order."""
        self._rewards[index], terminated, truncated, info = self._act(index, action)
        self._terminations[index], self._truncations[index] = terminated, truncated
        if not ((terminated or truncated) and self.autoreset_mode == AutoresetMode.SAME_STEP):
            self._autoreset_envs[index] = terminated or truncated
            return [info]
        return [{"final_obs": self._final(index), "final_info": info}, self._begin(index)]

    def _run(self, function: Callable[[int], list[dict[str, Any]]], chosen: Sequence[int]) -> dict[str, Any]:
        """Call ``function`` for each number of ``chosen`` on its thread; returns the infos that the calls returned as one."""
        infos: dict[str, Any] = {}
        for index, told in zip(chosen, self._pool.run(lambda index: _naming(index, function, index), chosen)):
            for info in told:
                infos = self._add_info(infos, info, index)
        return infos

    def _each(self, actions: Any) -> Sequence[Any]:
        """One action per environment."""
        nested = isinstance(self.single_action_space, spaces.Dict | spaces.Tuple)
        each = list(iterate(self.action_space, actions)) if nested else actions
        count = len(each) if nested or isinstance(each, list | tuple) or np.ndim(each) else repr(actions)
        if count != self.num_envs:
            raise ValueError(f"one action per environment: expected {self.num_envs}, got {count}")
        return each

    def _checked(self, index: int, action: Any) -> Any:
        """An action that environment ``index`` can take now, as :meth:`_act` wants it."""
        if self._autoreset_envs[index] and self.autoreset_mode == AutoresetMode.DISABLED:
            raise ResetNeeded(f"environment {index} has ended and autoreset is disabled: reset(options={{'reset_mask': ...}})")
        if (check := _check_of(self.envs[index])) is not None:
            check(action)
        return action

    def _prepare(self, *, forward: bool = False) -> None:
        """What precedes the calls of a reset, or of a step (``forward``): room for the observations."""
        if self.copy:
            self._observations = create_empty_array(self.single_observation_space, self.num_envs)

    def _begin(self, index: int, seed: int | None = None, options: dict[str, Any] | None = None) -> dict[str, Any]:
        """Reset one environment; returns its info."""
        self._env_obs[index], info = self.envs[index].reset(seed=seed, options=options)
        self._autoreset_envs[index] = False
        return info

    def _act(self, index: int, action: Any) -> tuple[float, bool, bool, dict[str, Any]]:
        """Step one environment and keep its observation; returns reward, terminated, truncated, info."""
        self._env_obs[index], reward, terminated, truncated, info = self.envs[index].step(action)
        return reward, terminated, truncated, info

    def _final(self, index: int) -> Any:
        """The observation in which an episode has ended."""
        return self._env_obs[index]

    def _show(self, index: int) -> None:
        """Write the observation of one environment into the batch; zeros where it has none yet."""
        if self._env_obs[index] is not None:
            _put(self._observations, index, self._env_obs[index])

    def _batch(self) -> Any:
        """The observations of all environments."""
        return self._observations

    def render(self) -> tuple[Any, ...]:
        """What each environment renders.

        Raises:
            RuntimeError: closed.
        """
        self._check_open()
        return super().render()  # type: ignore[return-value]

    def _check_open(self) -> None:
        if self.closed:
            raise RuntimeError(f"this {type(self).__name__} is closed; make a new one")

    def close_extras(self, **kwargs: Any) -> None:
        """End the threads and close the environments."""
        self._pool.close()
        super().close_extras(**kwargs)


_PASS_ON = ("gymnasium.wrappers.common", "papergym.")
"""Modules whose wrappers step with the action that they get, or offer ``check_action`` themselves."""


def _check_of(env: Any) -> Callable[[Any], None] | None:
    """``check_action`` of an environment or its outermost wrapper that has one; None below one that may change the action."""
    while not hasattr(env, "check_action") and isinstance(env, gym.Wrapper):
        kind = type(env)
        same = kind.step is gym.Wrapper.step or isinstance(env, gym.ObservationWrapper | gym.RewardWrapper)
        if isinstance(env, gym.ActionWrapper) or not (same or kind.__module__.startswith(_PASS_ON)):
            return None
        env = env.env
    return getattr(env, "check_action", None)


def _naming(index: int, function: Callable[..., Any], *args: Any) -> Any:
    """``function(*args)``, whose exceptions say that environment ``index`` raised them."""
    try:
        return function(*args)
    except BaseException as error:
        if sys.version_info >= (3, 11):
            error.add_note(f"in environment {index} of the batch")
        raise


def _made_of_arrays(batch: Any) -> bool:
    if isinstance(batch, dict | tuple):
        return all(map(_made_of_arrays, batch.values() if isinstance(batch, dict) else batch))
    return isinstance(batch, np.ndarray)


def _put(batch: Any, index: int, observation: Any) -> None:
    if isinstance(batch, dict):
        for name, part in batch.items():
            _put(part, index, observation[name])
    elif isinstance(batch, tuple):
        for part, own in zip(batch, observation):
            _put(part, index, own)
    else:
        there = batch[index, ...]  # a view, also of one number
        if np.shape(observation) != there.shape:
            raise ValueError(f"expected an observation of shape {there.shape}, got {np.shape(observation)}")
        np.copyto(there, observation, casting="same_kind")


def batch_of(
    make: Callable[..., gym.Env],
    num_envs: int,
    *,
    default_threads: int,
    num_threads: int | None = None,
    lanes: bool = False,
    autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
    copy: bool = True,
    max_episode_steps: int | None = None,
    **kwargs: Any,
) -> ThreadedVectorEnv:
    """``num_envs`` of ``make(**kwargs)`` as a :class:`ThreadedVectorEnv`, for entry points of ``gym.make_vec``.

    Args:
        make: entry point of one environment.
        num_envs: number of environments.
        default_threads: number of threads if ``num_threads`` is None.
        num_threads: threads that reset and step, at most one for each environment.
        lanes: whether ``make`` takes the number of its thread as ``lane``.
        autoreset_mode: of SyncVectorEnv.
        copy: of SyncVectorEnv.
        max_episode_steps: limit of Gymnasium's TimeLimit; None and -1 for none.
        kwargs: of ``make``.

    Raises:
        ValueError: a number of environments or threads that is none.
    """
    threads = threads_for(whole("num_envs", num_envs), num_threads, default_threads)
    own = [{"lane": index % threads} if lanes else {} for index in range(num_envs)]
    makers = [functools.partial(_limited, make, max_episode_steps, **kwargs, **lane) for lane in own]
    return ThreadedVectorEnv(makers, num_threads=threads, copy=copy, autoreset_mode=autoreset_mode)


def _limited(make: Callable[..., gym.Env], max_episode_steps: int | None, **kwargs: Any) -> gym.Env:
    """One environment with the limit that ``gym.make`` would set."""
    env = make(**kwargs)
    return env if max_episode_steps in (None, -1) else gym.wrappers.TimeLimit(env, max_episode_steps)

"""Several state worlds in one process, checked together before any of them moves."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.vector.utils import concatenate

from papergym.envs.checks import mask_of, options_of, seeds_of
from papergym.wrappers.vector.pool import Pool, threads_for


class StateBatch(SyncVectorEnv):
    """Gymnasium's SyncVectorEnv of MuJoCo worlds, in which a refused call changes no environment.

    With several threads, environment ``i`` is stepped by thread ``i % num_threads``, with the same results. Threads pay where
    MuJoCo itself takes long, as for dogs and humanoids with an action repeat; on small bodies the interpreter's lock makes two
    threads slower than one. An exception in one environment is raised when all others have taken their step.

    Args:
        env_fns: make the environments.
        num_threads: threads that step, at most one for each environment.
        kwargs: of SyncVectorEnv.
    """

    def __init__(self, env_fns: Sequence[Callable[[], gym.Env]], *, num_threads: int = 1, **kwargs: Any):
        self._pool = Pool(threads_for(len(env_fns), num_threads, 1))
        super().__init__(env_fns, **kwargs)

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin episodes in all environments, or in those of ``options["reset_mask"]``.

        Raises:
            ValueError: seeds or options that are not right; nothing has changed.
        """
        given = options_of(options, ("reset_mask",))
        if "reset_mask" in given:
            mask_of(given["reset_mask"], self.num_envs)
        return super().reset(seed=seeds_of(seed, self.num_envs), options=given)

    def step(self, actions: Any) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """One step of every environment.

        Raises:
            ValueError: not one action per environment, or one that its environment refuses; nothing has moved.
        """
        if np.ndim(actions) == 0 or len(actions) != self.num_envs:
            raise ValueError(f"one action per environment: expected {self.num_envs}, got {actions!r}")
        rests = self._autoreset_envs if self.autoreset_mode == AutoresetMode.NEXT_STEP else np.zeros(self.num_envs, bool)
        for env, action, rest in zip(self.envs, actions, rests):
            if not rest:
                world: Any = env.unwrapped
                world.scaled(action)
        same_step = self.autoreset_mode == AutoresetMode.SAME_STEP

        def move(index: int) -> list[dict[str, Any]]:
            env, told = self.envs[index], []
            if rests[index]:
                self._env_obs[index], info = env.reset()
                self._rewards[index], self._terminations[index], self._truncations[index] = 0.0, False, False
                return [info]
            self._env_obs[index], self._rewards[index], terminated, truncated, info = env.step(actions[index])
            self._terminations[index], self._truncations[index] = terminated, truncated
            if same_step and (terminated or truncated):
                told = [{"final_obs": self._env_obs[index], "final_info": info}]
                self._env_obs[index], info = env.reset()
            return [*told, info]

        infos: dict[str, Any] = {}
        for index, told in enumerate(self._pool.run(move, range(self.num_envs))):
            for info in told:
                infos = self._add_info(infos, info, index)
        self._observations = concatenate(self.single_observation_space, self._env_obs, self._observations)
        self._autoreset_envs = np.logical_or(self._terminations, self._truncations)
        observations = deepcopy(self._observations) if self.copy else self._observations
        return observations, self._rewards.copy(), self._terminations.copy(), self._truncations.copy(), infos

    def close_extras(self, **kwargs: Any) -> None:
        """End the threads and close the environments."""
        self._pool.close()
        super().close_extras(**kwargs)

"""Several state worlds in one process, checked together before any of them moves."""

from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from papergym.envs.checks import mask_of, options_of, seeds_of


class StateBatch(SyncVectorEnv):
    """Gymnasium's SyncVectorEnv of MuJoCo worlds, in which a refused call changes no environment."""

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
        return super().step(actions)

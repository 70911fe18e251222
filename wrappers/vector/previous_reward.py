"""The reward of the last step as a part of the observation, for Gymnasium vector environments."""

from typing import Any

import numpy as np
from gymnasium.utils import RecordConstructorArgs
from gymnasium.vector import AutoresetMode, VectorEnv, VectorWrapper
from gymnasium.vector.utils import batch_space

from papergym.wrappers.previous_reward import add_reward, with_reward
from papergym.wrappers.state import array_of_state
from papergym.wrappers.vector.forwarding import Forwards
from papergym.wrappers.wrapped import vector_env


class PreviousReward(Forwards, VectorWrapper, RecordConstructorArgs):
    """:class:`papergym.wrappers.PreviousReward` for every environment of a batch: ``previous_reward`` is ``(n, 1)`` float32.

    Equal to a vector of the wrapper for one environment in every autoreset mode: the first observation of an episode comes with
    0, and in SAME_STEP mode ``info["final_obs"]`` with the last reward.

    Args:
        env: vector environment with any spaces.
    """

    def __init__(self, env: VectorEnv):
        RecordConstructorArgs.__init__(self)
        super().__init__(vector_env(env))
        self._same_step = env.metadata.get("autoreset_mode") == AutoresetMode.SAME_STEP
        self.single_observation_space = with_reward(env.single_observation_space)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self._rewards = np.zeros((self.num_envs, 1), np.float32)

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
        """Reset all environments, or those of ``options["reset_mask"]``; their rewards are 0."""
        mask = None if options is None else options.get("reset_mask")
        mask = np.ones(self.num_envs, bool) if mask is None else np.asarray(mask, bool)
        observations, info = self.env.reset(seed=seed, options=options)
        self._rewards[mask] = 0
        return add_reward(observations, self._rewards.copy()), info

    def step(self, actions: Any) -> tuple[dict[str, Any], Any, Any, Any, dict[str, Any]]:
        """Take a step in each environment."""
        observations, rewards, terminated, truncated, info = self.env.step(actions)
        self._rewards = np.asarray(rewards, np.float32).reshape(-1, 1).copy()
        ended = np.logical_or(terminated, truncated)
        if self._same_step and ended.any():
            final = np.full(self.num_envs, None, object)
            for index in np.flatnonzero(ended):
                final[index] = add_reward(info["final_obs"][index], self._rewards[index].copy())
            info = {**info, "final_obs": final}
            self._rewards[ended] = 0
        return add_reward(observations, self._rewards.copy()), rewards, terminated, truncated, info

    def state_dict(self) -> dict[str, Any]:
        """The rewards that a reset of some environments shows again, (n, 1) float32."""
        return {"rewards": self._rewards.copy()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from :meth:`state_dict`.

        Raises:
            ValueError: no such state; nothing has changed.
        """
        self._rewards = array_of_state(state, "rewards", self._rewards)

"""The reward of the last step as a part of the observation, for stable-baselines3 ``VecEnv``."""

from typing import Any

import numpy as np
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper

from papergym.wrappers.previous_reward import add_reward, with_reward
from papergym.wrappers.wrapped import vec_env


class PreviousReward(VecEnvWrapper):
    """:class:`papergym.wrappers.PreviousReward` for stable-baselines3: ``previous_reward`` is ``(n, 1)`` float32.

    The first observation of an episode comes with 0, ``infos[i]["terminal_observation"]`` with the last reward.

    Args:
        venv: vectorised environment with any spaces.
    """

    def __init__(self, venv: VecEnv):
        super().__init__(venv, observation_space=with_reward(vec_env(venv).observation_space))

    def reset(self) -> dict[str, Any]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Reset all environments; the rewards are 0."""
        return add_reward(self.venv.reset(), np.zeros((self.num_envs, 1), np.float32))

    def step_wait(self) -> tuple[Any, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        """End a step."""
        observations, rewards, dones, infos = self.venv.step_wait()
        paid = np.asarray(rewards, np.float32).reshape(-1, 1)
        for index in np.flatnonzero(dones):
            if "terminal_observation" in infos[index]:
                last = add_reward(infos[index]["terminal_observation"], paid[index].copy())
                infos[index] = {**infos[index], "terminal_observation": last}
        return add_reward(observations, np.where(np.asarray(dones)[:, None], np.float32(0), paid)), rewards, dones, infos

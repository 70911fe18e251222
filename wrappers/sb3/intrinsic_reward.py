"""Intrinsic reward for stable-baselines3 ``VecEnv``."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper
from stable_baselines3.common.vec_env.base_vec_env import VecEnvObs

from papergym.envs.renamed import renamed
from papergym.wrappers.intrinsic.base import Bonus
from papergym.wrappers.intrinsic.claims import claim
from papergym.wrappers.intrinsic.mixing import REPORTED, Mix, RewardMixer, WrapperState
from papergym.wrappers.intrinsic.resolving import resolve
from papergym.wrappers.intrinsic.transitions import Observations, Transitions, copied, replaced
from papergym.wrappers.wrapped import vec_env


class IntrinsicReward(WrapperState, VecEnvWrapper):
    """:class:`papergym.wrappers.IntrinsicReward` for stable-baselines3.

    The terminal observation of an episode is scored, the first one of the next is not. Each ``info`` gains
    ``reward_extrinsic`` and ``reward_intrinsic``, and ``episode_extrinsic`` and ``episode_intrinsic``, their sums over the
    episode so far; ``reset_infos`` have them, too, all 0. A ``Monitor`` inside records extrinsic returns, a ``VecMonitor``
    outside the mixed ones.

    Args:
        venv: vectorised environment.
        bonus: a :class:`~papergym.wrappers.intrinsic.base.Bonus`, or the name of one.
        weight, mix, decay, normalize: see :class:`~papergym.wrappers.intrinsic.mixing.RewardMixer`.
        bonus_arguments: arguments of a bonus given by name.
    """

    @renamed(normalise="normalize")
    def __init__(
        self,
        venv: VecEnv,
        bonus: Bonus | str,
        *,
        weight: float = 1.0,
        mix: Mix = "add",
        decay: float = 0.0,
        normalize: bool = True,
        bonus_arguments: Mapping[str, Any] | None = None,
    ):
        super().__init__(vec_env(venv))
        self.bonus, _ = resolve(bonus, bonus_arguments)
        self.mixer = RewardMixer(weight=weight, mix=mix, decay=decay, normalize=normalize)
        self.bonus.bind(venv.observation_space, venv.action_space)
        self.bonus.check_envs(venv.num_envs)
        self._all = np.arange(venv.num_envs)
        self._obs: Observations = None
        self._actions: Any = None

    def reset(self) -> VecEnvObs:
        """Reset all environments; first observations earn nothing.

        Raises:
            ValueError: the bonus is episodic and another wrapper uses it; nothing has changed.
        """
        claim(self.bonus, self)
        obs = self.venv.reset()
        self.bonus.reset(self._all)
        self.mixer.reset(self._all)
        self._remember(obs)
        self._tell_resets()
        return obs

    def step_async(self, actions: np.ndarray) -> None:
        """Start a step."""
        self._actions = np.array(actions) if "action" in self.bonus.needs else None  # a copy: they may be changed
        self.venv.step_async(actions)

    def step_wait(self) -> tuple[VecEnvObs, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        """End a step and score what each action led to.

        Raises:
            ValueError: an episode ended without a ``terminal_observation`` in its info.
        """
        obs, extrinsic, dones, infos = self.venv.step_wait()
        dones = np.asarray(dones, bool)
        next_obs = obs
        if dones.any():
            missing = [i for i in np.flatnonzero(dones) if "terminal_observation" not in infos[i]]
            if missing:
                raise ValueError(
                    f"environments {missing} ended without infos[i]['terminal_observation'], which VecEnv requires."
                )
            next_obs = replaced(obs, [info.get("terminal_observation") for info in infos], dones)
        batch = Transitions(next_obs=next_obs, obs=self._obs, action=self._actions, done=dones, env=self._all)
        intrinsic = self.bonus.reward(batch)
        rewards, reported, episodes = self.mixer(extrinsic, intrinsic, self._all, dones)
        paid = np.stack([np.asarray(extrinsic, np.float64), reported, *episodes[:2]], axis=1).tolist()
        infos = [{**info, **dict(zip(REPORTED, values))} for info, values in zip(infos, paid)]
        self._remember(obs)
        if dones.any():
            self._tell_resets()
        return obs, rewards.astype(np.float32), dones, infos

    def _tell_resets(self) -> None:
        self.reset_infos = [{**info, **dict.fromkeys(REPORTED, 0.0)} for info in self.venv.reset_infos]

    def _remember(self, obs: Any) -> None:
        if self.bonus.needs:
            self._obs = copied(obs)

"""Affordance maps for stable-baselines3 ``VecEnv``: one pass of the network for all environments."""

from typing import Any

import numpy as np
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper
from stable_baselines3.common.vec_env.base_vec_env import VecEnvObs, VecEnvStepReturn

from papergym.wrappers.vision.jump import JumpFlag
from papergym.wrappers.vision.observation import AffordanceParts, Maps
from papergym.wrappers.wrapped import vec_env


class AffordanceObservation(VecEnvWrapper):
    """The stable-baselines3 twin of :class:`papergym.wrappers.vision.AffordanceObservation`.

    Terminal observations get maps, too, and count in the flag's statistics.

    Args:
        venv: vectorised environment.
        maps, prompt, flag, key: as for one environment.
    """

    def __init__(
        self, venv: VecEnv, maps: Maps | str, prompt: str, flag: JumpFlag | str | None = None, key: str = "rgb"
    ) -> None:
        self.parts = AffordanceParts(maps, prompt, flag, key, vec_env(venv).observation_space)
        super().__init__(venv, observation_space=self.parts.space)

    def reset(self) -> VecEnvObs:
        """Reset all environments."""
        return self._add(self.venv.reset(), None)[0]

    def step_wait(self) -> VecEnvStepReturn:
        """End a step and map all pictures at once."""
        observations, rewards, dones, infos = self.venv.step_wait()
        infos = [dict(info) for info in infos]
        for i in np.flatnonzero(dones):
            if "terminal_observation" in infos[i]:
                last = infos[i]["terminal_observation"]
                single = {k: np.asarray(v)[None] for k, v in last.items()} if isinstance(last, dict) else np.asarray(last)[None]
                added, _ = self._add(single, np.array([i]))
                infos[i]["terminal_observation"] = {k: v[0] for k, v in added.items()}
        observations, said = self._add(observations, None)
        for i, info in enumerate(infos):
            info.update({name: float(value[i]) for name, value in said.items()})
        return observations, rewards, dones, infos

    def _add(self, observations: Any, slots: np.ndarray | None) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        held = observations if isinstance(observations, dict) else {self.parts.key: observations}
        added, said = self.parts(np.asarray(held[self.parts.key]), slots)
        return {**held, **added}, said

    def state_dict(self) -> dict[str, Any]:
        """Exact state of the flag's statistics."""
        return self.parts.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self.parts.load_state_dict(state)

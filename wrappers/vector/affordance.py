"""Affordance maps for Gymnasium vector environments: one pass of the network for all of them."""

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector.utils import batch_space

from papergym.wrappers.vector.forwarding import Forwards
from papergym.wrappers.vision.jump import JumpFlag
from papergym.wrappers.vision.observation import AffordanceParts, Maps
from papergym.wrappers.wrapped import vector_env


class AffordanceObservation(Forwards, gym.vector.VectorWrapper, gym.utils.RecordConstructorArgs):
    """The vector twin of :class:`papergym.wrappers.vision.AffordanceObservation`.

    The keys of ``info`` are (num_envs,) arrays. Final observations in ``info["final_obs"]`` get maps, too, and count in the
    flag's statistics.

    Args:
        envs: vector environment.
        maps, prompt, flag, key: as for one environment.
    """

    def __init__(
        self, envs: gym.vector.VectorEnv, maps: Maps | str, prompt: str, flag: JumpFlag | str | None = None, key: str = "rgb"
    ) -> None:
        gym.utils.RecordConstructorArgs.__init__(self, _disable_deepcopy=True, maps=maps, prompt=prompt, flag=flag, key=key)
        gym.vector.VectorWrapper.__init__(self, vector_env(envs))
        self.parts = AffordanceParts(maps, prompt, flag, key, envs.single_observation_space)
        self.single_observation_space = self.parts.space
        self.observation_space = batch_space(self.parts.space, envs.num_envs)

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Reset all environments, or those of ``options["reset_mask"]``."""
        return self._add(*self.env.reset(seed=seed, options=options))  # type: ignore[arg-type]

    def step(self, actions: Any) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Step all, then map all pictures at once."""
        observations, rewards, terminated, truncated, info = self.env.step(actions)
        if "final_obs" in info:
            info = {**info, "final_obs": self._finals(info["final_obs"], np.logical_or(terminated, truncated))}
        observations, info = self._add(observations, info)
        return observations, rewards, terminated, truncated, info

    def _add(self, observations: Any, info: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        held = observations if isinstance(observations, dict) else {self.parts.key: observations}
        added, said = self.parts(np.asarray(held[self.parts.key]))
        masks = {f"_{name}": np.ones(self.num_envs, bool) for name in said}
        return {**held, **added}, {**info, **said, **masks}

    def _finals(self, finals: Any, done: np.ndarray) -> Any:
        out: Any = np.array(finals, dtype=object) if not isinstance(finals, dict) else dict(finals)
        for i in np.flatnonzero(done):
            held = {k: v[i] for k, v in finals.items()} if isinstance(finals, dict) else finals[i]
            held = held if isinstance(held, dict) else {self.parts.key: held}
            added, _ = self.parts(np.asarray(held[self.parts.key])[None], np.array([i]))
            for name, value in added.items() if isinstance(out, dict) else ():
                out.setdefault(name, np.zeros((self.num_envs, *value.shape[1:]), value.dtype))[i] = value[0]
            if not isinstance(out, dict):
                out[i] = {**held, **{name: value[0] for name, value in added.items()}}
        return out

    def state_dict(self) -> dict[str, Any]:
        """Exact state of the flag's statistics."""
        return self.parts.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self.parts.load_state_dict(state)

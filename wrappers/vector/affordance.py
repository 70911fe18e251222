"""Affordance maps for Gymnasium vector environments: one pass of the network for all of them."""

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector.utils import batch_space

from papergym.wrappers.state import array_of_state, of_state
from papergym.wrappers.vector.forwarding import Forwards
from papergym.wrappers.vision.jump import JumpFlag
from papergym.wrappers.vision.observation import FLAG_KEYS, AffordanceParts, Maps
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
        self._added: dict[str, np.ndarray] | None = None  # to the observations of the last step or reset

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Reset all environments, or those of ``options["reset_mask"]``: the others keep their maps and count nothing."""
        mask = (options or {}).get("reset_mask")  # read now: Gymnasium takes it out of the options
        observations, info = self.env.reset(seed=seed, options=options)  # type: ignore[arg-type]
        return self._add(observations, info, None if self._added is None else mask)

    def step(self, actions: Any) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Step all, then map all pictures at once."""
        observations, rewards, terminated, truncated, info = self.env.step(actions)
        if "final_obs" in info:
            info = {**info, "final_obs": self._finals(info["final_obs"], np.logical_or(terminated, truncated))}
        observations, info = self._add(observations, info)
        return observations, rewards, terminated, truncated, info

    def _add(
        self, observations: Any, info: dict[str, Any], mask: np.ndarray | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Observations and info with maps; of the environments of ``mask`` (num_envs,) only, all by default."""
        held = observations if isinstance(observations, dict) else {self.parts.key: observations}
        chosen = np.ones(self.num_envs, bool) if mask is None else np.array(mask, bool)
        slots = np.flatnonzero(chosen)
        added, said = self.parts(np.asarray(held[self.parts.key])[slots], slots)
        if len(slots) < self.num_envs and self._added is not None:
            added = {name: _set(old.copy(), slots, added[name]) for name, old in self._added.items()}
            said = {name: _set(np.zeros(self.num_envs, new.dtype), slots, new) for name, new in said.items()}
        self._added = {name: new.copy() for name, new in added.items()}  # what the agent does to its own must not come back
        masks = {f"_{name}": chosen.copy() for name in said}
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
        """Exact state: the flag's statistics, and the last maps, which a reset of some environments keeps for the others."""
        return {**self.parts.state_dict(), "added": {name: array.copy() for name, array in (self._added or {}).items()}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned.

        Raises:
            ValueError: no such state, or one of other environments or another flag; nothing has changed.
        """
        added = None
        if of_state(of_state(state, "added")["added"]):  # nothing before the first reset
            names = ("affordance",) if self.parts.flag is None else ("affordance", *FLAG_KEYS)
            one = {name: self.parts.space[name] for name in names}
            like = {name: np.zeros((self.num_envs, *(space.shape or ())), space.dtype) for name, space in one.items()}
            added = {name: array_of_state(state["added"], name, like[name]) for name in names}
        self.parts.load_state_dict(state)
        self._added = added


def _set(array: np.ndarray, rows: np.ndarray, values: np.ndarray) -> np.ndarray:
    array[rows] = values
    return array

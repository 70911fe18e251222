"""Intrinsic reward for Gymnasium vector environments: one batched call for all of them, in all three autoreset modes."""

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode

from papergym.envs.renamed import renamed
from papergym.wrappers.intrinsic.base import Bonus
from papergym.wrappers.intrinsic.claims import claim
from papergym.wrappers.intrinsic.mixing import REPORTED, Mix, RewardMixer, WrapperState
from papergym.wrappers.intrinsic.resolving import resolve
from papergym.wrappers.intrinsic.transitions import Observations, Transitions, copied, replaced, taken
from papergym.wrappers.state import array_of_state
from papergym.wrappers.vector.forwarding import Forwards
from papergym.wrappers.wrapped import vector_env


class IntrinsicReward(WrapperState, Forwards, gym.vector.VectorWrapper, gym.utils.RecordConstructorArgs):
    """:class:`papergym.wrappers.IntrinsicReward` for vector environments.

    The observation in which an episode ends is scored, wherever the autoreset mode puts it; the observation of a reset is
    never scored. ``info`` gains ``reward_extrinsic``, ``reward_intrinsic`` and their sums over the episode so far,
    ``episode_extrinsic`` and ``episode_intrinsic``, each (num_envs,) float64. Masks stand under the same names after an
    underscore: those of rewards mark environments that acted, those of sums environments whose episode ended.

    Args:
        envs: vector environment.
        bonus: a :class:`~papergym.wrappers.intrinsic.base.Bonus`, or the name of one.
        weight, mix, decay, normalize: see :class:`~papergym.wrappers.intrinsic.mixing.RewardMixer`.
        bonus_arguments: arguments of a bonus given by name.
        autoreset_mode: only for environments whose metadata does not declare theirs.

    Raises:
        ValueError: no autoreset mode is declared, two are, or the environments act by another.
    """

    _holds = ("envs", "bonus", "mixer", "ended")

    @renamed(normalise="normalize")
    def __init__(
        self,
        envs: gym.vector.VectorEnv,
        bonus: Bonus | str,
        *,
        weight: float = 1.0,
        mix: Mix = "add",
        decay: float = 0.0,
        normalize: bool = True,
        bonus_arguments: Mapping[str, Any] | None = None,
        autoreset_mode: AutoresetMode | None = None,
    ):
        self.bonus, recipe = resolve(bonus, bonus_arguments)
        self.mixer = RewardMixer(weight=weight, mix=mix, decay=decay, normalize=normalize)
        mixing = {name: getattr(self.mixer, name) for name in ("weight", "mix", "decay", "normalize")}
        gym.utils.RecordConstructorArgs.__init__(self, _disable_deepcopy=True, **recipe, **mixing)
        gym.vector.VectorWrapper.__init__(self, vector_env(envs))
        self.mode = _mode(envs, autoreset_mode)
        self.bonus.bind(envs.single_observation_space, envs.single_action_space)
        self.bonus.check_envs(envs.num_envs)
        self._all = np.arange(envs.num_envs)
        self._obs: Observations = None
        self._ended = np.zeros(envs.num_envs, bool)

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Reset all environments, or those of ``options["reset_mask"]``; first observations earn nothing.

        Raises:
            ValueError: the bonus is episodic and another wrapper uses it; nothing has changed.
        """
        claim(self.bonus, self)
        mask = (options or {}).get("reset_mask")  # read now: Gymnasium takes it out of the options
        obs, info = self.env.reset(seed=seed, options=options)  # type: ignore[arg-type]
        chosen = self._all if mask is None else np.flatnonzero(mask)
        self.bonus.reset(chosen)
        self.mixer.reset(chosen)
        self._ended[chosen] = False
        self._remember(obs)
        reset = np.isin(self._all, chosen)
        for name in REPORTED:
            mask = reset.copy() if name.startswith("reward") else np.zeros(self.num_envs, bool)
            info = {**info, name: np.zeros(self.num_envs), f"_{name}": mask}
        return obs, info

    def step(self, actions: Any) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Step all environments and score what each action led to."""
        if self.mode is AutoresetMode.DISABLED and self._ended.any():
            ended = np.flatnonzero(self._ended).tolist()
            raise ValueError(
                f"environments {ended} have ended and autoreset is disabled: reset(options={{'reset_mask': ...}})."
            )
        taken_actions = np.array(actions) if "action" in self.bonus.needs else None  # a copy: environments may change theirs
        obs, extrinsic, terminated, truncated, info = self.env.step(actions)
        done = np.logical_or(terminated, truncated)
        resetting = self._ended if self.mode is AutoresetMode.NEXT_STEP else np.zeros_like(done)
        acted = np.flatnonzero(~resetting) if resetting.any() else self._all
        rewards, intrinsic = np.array(extrinsic, np.float64), np.zeros(self.num_envs)
        episodes = np.zeros((3, self.num_envs))
        if len(acted):
            batch = self._transitions(taken_actions, obs, done, acted, info)
            raw = self.bonus.reward(batch)
            rewards[acted], intrinsic[acted], episodes[:, acted] = self.mixer(rewards[acted], raw, acted, done[acted])
        self._ended = done & (self.mode is not AutoresetMode.SAME_STEP)
        self._remember(obs)
        return obs, rewards, terminated, truncated, self._report(info, extrinsic, intrinsic, ~resetting, done, episodes)

    def _transitions(
        self, actions: np.ndarray | None, obs: Any, done: np.ndarray, acted: np.ndarray, info: dict[str, Any]
    ) -> Transitions:
        """What the environments ``acted`` did, final observations in their place."""
        next_obs = obs
        if (self.mode is AutoresetMode.SAME_STEP) != ("final_obs" in info) and done.any():
            found = "has" if "final_obs" in info else "lacks"
            raise ValueError(
                f"autoreset mode {self.mode.name} was declared, but the info of an ended episode {found} final_obs."
            )
        if self.mode is AutoresetMode.SAME_STEP and done.any():
            next_obs = replaced(obs, info["final_obs"], done)
        before = self._obs if self.bonus.needs else None
        if acted is self._all:
            return Transitions(next_obs=next_obs, obs=before, action=actions, done=done, env=acted)
        before = None if before is None else taken(before, acted)
        actions = None if actions is None else actions[acted]
        return Transitions(next_obs=taken(next_obs, acted), obs=before, action=actions, done=done[acted], env=acted)

    def _report(self, info, extrinsic, intrinsic, acted, done, episodes) -> dict[str, Any]:
        values = (np.array(extrinsic, np.float64), intrinsic, episodes[0].copy(), episodes[1].copy())
        masks = (acted, acted, done & acted, done & acted)
        added = {f"_{name}": mask.copy() for name, mask in zip(REPORTED, masks)}
        return {**info, **dict(zip(REPORTED, values)), **added}

    def _remember(self, obs: Any) -> None:
        if self.bonus.needs:
            self._obs = copied(obs)

    def state_dict(self) -> dict[str, Any]:
        """Exact state in the middle of episodes, without the wrapped environments' own."""
        return {**super().state_dict(), "ended": self._ended.copy()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned.

        Raises:
            ValueError: no such state; nothing has changed.
        """
        self.check_state(state)
        ended = array_of_state(state, "ended", self._ended)
        super().load_state_dict(state)
        self._ended = ended


def _mode(envs: gym.vector.VectorEnv, given: AutoresetMode | None) -> AutoresetMode:
    modes = [mode.value for mode in AutoresetMode]
    if not (given is None or isinstance(given, AutoresetMode) or (isinstance(given, str) and given in modes)):
        raise ValueError(f"autoreset_mode is an AutoresetMode ({', '.join(modes)}) or None, got {given!r}.")
    declared = (envs.metadata or {}).get("autoreset_mode")
    if declared is None and given is None:
        raise ValueError("these vector environments declare no autoreset mode; pass autoreset_mode=AutoresetMode.NEXT_STEP, "
                         "SAME_STEP or DISABLED, whichever they follow.")  # fmt: skip
    if None not in (declared, given) and AutoresetMode(declared) is not AutoresetMode(given):
        raise ValueError(f"autoreset_mode={given} was passed, but the environments declare {declared}; leave it out.")
    return AutoresetMode(declared if declared is not None else given)

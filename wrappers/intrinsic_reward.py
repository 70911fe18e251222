"""Intrinsic reward for one Gymnasium environment, and the short spellings for every kind of environment."""

from collections.abc import Mapping
from typing import Any, SupportsFloat

import gymnasium as gym
import numpy as np

from papergym.wrappers.intrinsic import make_bonus
from papergym.wrappers.intrinsic.base import Bonus
from papergym.wrappers.intrinsic.mixing import DoorState, RewardMixer
from papergym.wrappers.intrinsic.transitions import Observations, Transitions

_FIRST = np.zeros(1, np.int64)


class IntrinsicReward(DoorState, gym.Wrapper, gym.utils.RecordConstructorArgs):
    """Adds an intrinsic reward to the environment's own, or puts it in its place.

    The environment is never stepped or reset behind your back. ``info`` gains ``reward_extrinsic`` and ``reward_intrinsic``
    (before the weight), and at the end of an episode ``episode_extrinsic`` and ``episode_intrinsic``, their sums.

    Args:
        env: environment with Box, Discrete, MultiDiscrete, MultiBinary or Dict observations.
        bonus: a :class:`~papergym.wrappers.intrinsic.base.Bonus`, or the name of one. A bonus object may be shared by other
            doors, for example a replay relabeller.
        weight, mix, decay, normalise: see :class:`~papergym.wrappers.intrinsic.mixing.RewardMixer`.
        bonus_arguments: arguments of a bonus given by name.

    Rebuilding the environment from its spec builds a *fresh* bonus with the same arguments; what it learned travels by
    ``state_dict``.
    """

    def __init__(
        self,
        env: gym.Env,
        bonus: Bonus | str,
        *,
        weight: float = 1.0,
        mix: str = "add",
        decay: float = 0.0,
        normalise: bool = False,
        bonus_arguments: Mapping[str, Any] | None = None,
    ):
        self.bonus, recipe = resolve(bonus, bonus_arguments)
        mixing = {"weight": weight, "mix": mix, "decay": decay, "normalise": normalise}
        gym.utils.RecordConstructorArgs.__init__(self, _disable_deepcopy=True, **recipe, **mixing)
        gym.Wrapper.__init__(self, env)
        self.mixer = RewardMixer(**mixing)
        self.bonus.bind(env.observation_space, env.action_space)
        self.bonus.check_envs(1)
        self._obs: Observations = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Reset the environment; a running episode is forgotten, and the first observation earns nothing."""
        obs, info = self.env.reset(seed=seed, options=options)
        self.bonus.reset(_FIRST)
        self.mixer.reset(_FIRST)
        self._obs = _batched(obs) if self.bonus.needs else None
        return obs, info

    def step(self, action: Any) -> tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]:
        """Step once; the observation reached earns the intrinsic reward, the last one of an episode included."""
        obs, extrinsic, terminated, truncated, info = self.env.step(action)
        ended, batch = terminated or truncated, _batched(obs)
        actions = np.asarray(action)[None] if "action" in self.bonus.needs else None
        done = np.array([ended])
        intrinsic = self.bonus.reward(Transitions(next_obs=batch, obs=self._obs, action=actions, done=done, env=_FIRST))
        if self._obs is not None:
            self._obs = batch
        rewards, reported, episodes = self.mixer(np.array([float(extrinsic)]), intrinsic, _FIRST, done)
        info = {**info, "reward_extrinsic": float(extrinsic), "reward_intrinsic": float(reported[0])}
        if ended:
            info["episode_extrinsic"], info["episode_intrinsic"] = float(episodes[0, 0]), float(episodes[1, 0])
        return obs, float(rewards[0]), terminated, truncated, info


def resolve(bonus: Bonus | str, arguments: Mapping[str, Any] | None) -> tuple[Bonus, dict[str, Any]]:
    """A bonus and the plain arguments ``bonus``, ``bonus_arguments`` that make its like again.

    Raises:
        TypeError: neither a bonus nor a name, or arguments beside a ready bonus.
    """
    if isinstance(bonus, str):
        arguments = dict(arguments or {})
        return make_bonus(bonus, **arguments), {"bonus": bonus, "bonus_arguments": arguments}
    if not isinstance(bonus, Bonus):
        raise TypeError(f"bonus is a Bonus or the name of one, got {type(bonus).__name__}.")
    if arguments:
        raise TypeError("bonus_arguments go with a bonus given by name; this one is built already.")
    return bonus, {"bonus": type(bonus).__name__, "bonus_arguments": bonus.config()}


def _batched(obs: Any) -> Observations:
    """One observation as a batch of one, copied: the environment may write its buffer again."""
    if isinstance(obs, dict):
        return {key: _batched(value) for key, value in obs.items()}
    if isinstance(obs, tuple):
        raise ValueError("Tuple observations are not supported; use a Dict space.")
    return np.array(obs)[None]


_DOOR = ("weight", "mix", "decay", "normalise")


def add_intrinsic_reward(env: Any, bonus: Bonus | str, **arguments: Any) -> Any:
    """Wrap a Gymnasium environment, a Gymnasium vector environment or an SB3 ``VecEnv`` in its ``IntrinsicReward``.

    Args:
        env: any of the three.
        bonus: a bonus or the name of one.
        **arguments: ``weight``, ``mix``, ``decay``, ``normalise``, and ``autoreset_mode`` for vector environments that declare
            none; the rest goes to the bonus given by name.
    """
    vector = isinstance(env, gym.vector.VectorEnv)
    names = (*_DOOR, "autoreset_mode") if vector else _DOOR
    door = {name: arguments.pop(name) for name in names if name in arguments}
    if arguments:
        door["bonus_arguments"] = arguments
    if isinstance(env, gym.Env):
        return IntrinsicReward(env, bonus, **door)
    if vector:
        from papergym.wrappers.vector.intrinsic_reward import IntrinsicReward as VectorDoor

        return VectorDoor(env, bonus, **door)
    if hasattr(env, "step_wait") and hasattr(env, "num_envs"):  # stable-baselines3 loads torch: only now
        from papergym.wrappers.sb3.intrinsic_reward import IntrinsicReward as SB3Door

        return SB3Door(env, bonus, **door)
    raise TypeError(f"env is a gymnasium Env or VectorEnv or a stable-baselines3 VecEnv, got {type(env).__name__}.")


def NoveltyReward(env: Any, **arguments: Any) -> Any:
    """k-nearest-neighbour novelty, ``NoveltyReward(env, k=3)``."""
    return add_intrinsic_reward(env, "KNNNovelty", **arguments)


def PrototypeReward(env: Any, **arguments: Any) -> Any:
    """Proto-RL's novelty against a queue of prototype candidates."""
    return add_intrinsic_reward(env, "PrototypeNovelty", **arguments)


def RE3Reward(env: Any, **arguments: Any) -> Any:
    """RE3: k-nearest-neighbour entropy in a random encoder's space."""
    return add_intrinsic_reward(env, "RE3", **arguments)


def RNDReward(env: Any, **arguments: Any) -> Any:
    """Random network distillation."""
    return add_intrinsic_reward(env, "RND", **arguments)


def ICMReward(env: Any, **arguments: Any) -> Any:
    """Curiosity: error of a forward model in the space of an inverse model."""
    return add_intrinsic_reward(env, "ICM", **arguments)


def DisagreementReward(env: Any, **arguments: Any) -> Any:
    """Variance of an ensemble of forward models."""
    return add_intrinsic_reward(env, "Disagreement", **arguments)


def EpisodicReward(env: Any, **arguments: Any) -> Any:
    """NGU's episodic novelty alone."""
    return add_intrinsic_reward(env, "EpisodicNovelty", **arguments)


def NGUReward(env: Any, **arguments: Any) -> Any:
    """Never Give Up: episodic novelty times lifelong novelty."""
    return add_intrinsic_reward(env, "NGU", **arguments)


def CountReward(env: Any, **arguments: Any) -> Any:
    """One over the root of the visit count."""
    return add_intrinsic_reward(env, "CountBonus", **arguments)

"""Intrinsic reward for one Gymnasium environment, and one function that wraps every kind of environment."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, SupportsFloat, cast, overload

import gymnasium as gym
import numpy as np
from gymnasium.core import ActType, ObsType
from gymnasium.vector import AutoresetMode

from papergym.envs.renamed import renamed
from papergym.wrappers.intrinsic.base import Bonus
from papergym.wrappers.intrinsic.claims import claim
from papergym.wrappers.intrinsic.mixing import REPORTED, Mix, RewardMixer, WrapperState
from papergym.wrappers.intrinsic.resolving import resolve
from papergym.wrappers.intrinsic.transitions import Observations, Transitions, mapped

if TYPE_CHECKING:
    from stable_baselines3.common.vec_env import VecEnv

    from papergym.wrappers import sb3, vector

_FIRST = np.zeros(1, np.int64)


class IntrinsicReward(WrapperState, gym.Wrapper[ObsType, ActType, ObsType, ActType], gym.utils.RecordConstructorArgs):
    """Adds an intrinsic reward to the environment's own, or replaces it.

    The wrapper never steps or resets the environment by itself. ``info`` gains ``reward_extrinsic`` and ``reward_intrinsic``
    (before the weight), and ``episode_extrinsic`` and ``episode_intrinsic``, their sums over the episode so far. The keys and
    types are the same in every step and after a reset, where all are 0.

    Args:
        env: environment with Box, Discrete, MultiDiscrete, MultiBinary or Dict observations.
        bonus: a :class:`~papergym.wrappers.intrinsic.base.Bonus`, or the name of one. A bonus object may be shared by other
            wrappers, or by a replay relabeller, unless it is ``episodic``: it would mix the episodes of its environments.
        weight, mix, decay, normalize: see :class:`~papergym.wrappers.intrinsic.mixing.RewardMixer`.
        bonus_arguments: arguments of a bonus given by name.

    Raises:
        ValueError: spaces or arguments that the bonus refuses; at ``reset``, an episodic bonus that another wrapper, which
            still exists, has reset before.

    Rebuilding the environment from its spec builds a *fresh* bonus with the same arguments; what it learned travels by
    ``state_dict``.
    """

    @renamed(normalise="normalize")
    def __init__(
        self,
        env: gym.Env[ObsType, ActType],
        bonus: Bonus | str,
        *,
        weight: float = 1.0,
        mix: Mix = "add",
        decay: float = 0.0,
        normalize: bool = True,
        bonus_arguments: Mapping[str, Any] | None = None,
    ):
        self.bonus, recipe = resolve(bonus, bonus_arguments)
        self.mixer = RewardMixer(weight=weight, mix=mix, decay=decay, normalize=normalize)
        mixing = {name: getattr(self.mixer, name) for name in ("weight", "mix", "decay", "normalize")}
        gym.utils.RecordConstructorArgs.__init__(self, _disable_deepcopy=True, **recipe, **mixing)
        gym.Wrapper.__init__(self, env)
        self.bonus.bind(env.observation_space, env.action_space)
        self.bonus.check_envs(1)
        self._obs: Observations = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[ObsType, dict[str, Any]]:
        """Reset the environment; a running episode is forgotten, and the first observation earns nothing.

        Raises:
            ValueError: the bonus is episodic and another wrapper uses it; nothing has changed.
        """
        claim(self.bonus, self)
        obs, info = self.env.reset(seed=seed, options=options)
        self.bonus.reset(_FIRST)
        self.mixer.reset(_FIRST)
        self._obs = _batched(obs) if self.bonus.needs else None
        return obs, {**info, **dict.fromkeys(REPORTED, 0.0)}

    def step(self, action: ActType) -> tuple[ObsType, SupportsFloat, bool, bool, dict[str, Any]]:
        """Step once; the observation reached earns the intrinsic reward, the last one of an episode included."""
        actions = np.array(action)[None] if "action" in self.bonus.needs else None  # a copy: the environment may change it
        obs, extrinsic, terminated, truncated, info = self.env.step(action)
        ended, batch = terminated or truncated, _batched(obs)
        done = np.array([ended])
        intrinsic = self.bonus.reward(Transitions(next_obs=batch, obs=self._obs, action=actions, done=done, env=_FIRST))
        if self._obs is not None:
            self._obs = batch
        rewards, reported, episodes = self.mixer(np.array([float(extrinsic)]), intrinsic, _FIRST, done)
        paid = (float(extrinsic), float(reported[0]), *episodes[:2, 0].tolist())
        return obs, float(rewards[0]), terminated, truncated, {**info, **dict(zip(REPORTED, paid))}


def _batched(obs: Any) -> Observations:
    """One observation as a batch of one, copied: the environment may write its buffer again."""
    return mapped(_one, obs)


def _one(part: Any) -> np.ndarray:
    if isinstance(part, tuple):
        raise ValueError("Tuple observations are not supported; use a Dict space.")
    return np.array(part)[None]


Parameters = ParamSpec("Parameters")


class ForAnyEnv(Protocol[Parameters]):
    """Type of a function that wraps an environment of any of three kinds, and returns the ``IntrinsicReward`` of that kind."""

    @overload
    def __call__(
        self, env: gym.Env[ObsType, ActType], *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> IntrinsicReward[ObsType, ActType]: ...
    @overload
    def __call__(
        self, env: gym.vector.VectorEnv, *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> "vector.IntrinsicReward": ...
    @overload
    def __call__(self, env: "VecEnv", *args: Parameters.args, **kwargs: Parameters.kwargs) -> "sb3.IntrinsicReward": ...


def for_any_env(function: Callable[Concatenate[Any, Parameters], Any]) -> ForAnyEnv[Parameters]:
    """Decorator: the type of a function that passes its environment on to :func:`add_intrinsic_reward`."""
    return cast("ForAnyEnv[Parameters]", renamed(normalise="normalize")(function))


@for_any_env
def add_intrinsic_reward(
    env: Any,
    bonus: Bonus | str,
    *,
    weight: float = 1.0,
    mix: Mix = "add",
    decay: float = 0.0,
    normalize: bool = True,
    autoreset_mode: AutoresetMode | None = None,
    **bonus_arguments: Any,
) -> Any:
    """Wrap a Gymnasium environment, a Gymnasium vector environment or an SB3 ``VecEnv`` in its ``IntrinsicReward``.

    Args:
        env: any of the three.
        bonus: a bonus or the name of one.
        weight: factor of the intrinsic reward.
        mix: ``"add"`` it to the environment's reward, or ``"replace"`` that.
        decay: relative loss of weight per environment step.
        normalize: divide intrinsic rewards by the running standard deviation of their discounted sum; False for the bonus's
            own unit. See :class:`~papergym.wrappers.intrinsic.mixing.RewardMixer`.
        autoreset_mode: for vector environments whose metadata declares none.
        **bonus_arguments: arguments of a bonus given by name.

    Raises:
        TypeError: an environment of another kind, arguments beside a ready bonus, or an ``autoreset_mode`` for an
            environment that is no Gymnasium vector environment.
    """
    kind: Any
    mixing: dict[str, Any] = {"weight": weight, "mix": mix, "decay": decay, "normalize": normalize}
    if isinstance(env, gym.vector.VectorEnv):
        from papergym.wrappers.vector.intrinsic_reward import IntrinsicReward as kind

        return kind(env, bonus, bonus_arguments=bonus_arguments, autoreset_mode=autoreset_mode, **mixing)
    if autoreset_mode is not None:
        raise TypeError(f"expected a gymnasium VectorEnv with autoreset_mode=, got {type(env).__name__}; leave it out.")
    if isinstance(env, gym.Env):
        kind = IntrinsicReward
    elif hasattr(env, "step_wait") and hasattr(env, "num_envs"):  # stable-baselines3 loads torch: only now
        from papergym.wrappers.sb3.intrinsic_reward import IntrinsicReward as kind
    else:
        raise TypeError(f"env is a gymnasium Env or VectorEnv or a stable-baselines3 VecEnv, got {type(env).__name__}.")
    return kind(env, bonus, bonus_arguments=bonus_arguments, **mixing)

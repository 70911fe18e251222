"""State of SB3 vector environments in mid-episode: VecEnv wrappers, Gymnasium wrappers and worlds.

A layer is exact when it offers ``state_dict()/load_state_dict()`` (papergym wrappers), ``get_state()/set_state()``
(papergym worlds), or stands in the tables of this file. An environment with any other layer restarts: the next episode
begins fresh, and the log says so once.
"""

import importlib
import logging
from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import numpy as np
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecEnvWrapper

from papergym.agents.checkpoint.pack import pack_attributes, unpack_attributes
from papergym.agents.checkpoint.state import CheckpointError, State, generator_state, set_generator_state

log = logging.getLogger(__name__)

VEC_ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "VecNormalize": ("obs_rms", "ret_rms", "returns", "old_obs", "old_reward"),
    "VecMonitor": ("episode_returns", "episode_lengths", "episode_count"),
    "VecFrameStack": (),  # its stack lives one object deeper, see _vec_frame_stack
    "VecTransposeImage": (),
    "VecCheckNan": (),
    "VecExtractDictObs": (),
}
"""SB3's VecEnv wrappers -> the attributes that change while an episode runs."""

WRAPPER_ATTRIBUTES: dict[type[gym.Wrapper], tuple[str, ...]] = {
    Monitor: (
        "rewards",
        "needs_reset",
        "total_steps",
        "current_reset_info",
        "episode_returns",
        "episode_lengths",
        "episode_times",
    ),
    gym.wrappers.TimeLimit: ("_elapsed_steps",),
    gym.wrappers.OrderEnforcing: ("_has_reset",),
    gym.wrappers.Autoreset: ("autoreset",),
    gym.wrappers.TimeAwareObservation: ("timesteps",),
    gym.wrappers.FrameStackObservation: ("obs_queue", "padding_value"),
    gym.wrappers.DelayObservation: ("observation_queue",),
    gym.wrappers.NormalizeObservation: ("obs_rms",),
    gym.wrappers.NormalizeReward: ("return_rms", "discounted_reward"),
    gym.wrappers.RecordEpisodeStatistics: ("episode_count", "episode_returns", "episode_lengths"),
    gym.wrappers.StickyAction: ("last_action", "is_sticky_actions", "num_repeats", "repeats_taken"),
}
"""Stateful wrappers of SB3 and Gymnasium; every other wrapper of Gymnasium is a pure function of one step."""

WORLD_ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "gymnasium.envs.classic_control": ("state", "last_u", "steps_beyond_terminated"),
    "gymnasium.envs.toy_text": ("s", "lastaction"),
}
"""Module of Gymnasium's own worlds -> attributes; their physics constants never change."""

_SOLVER_ARRAYS = ("efc_", "iefc_", "efm_", "island", "plugin", "flex")  # sized per contact, rebuilt by every mj_step


class EpisodeCut(Exception):
    """A layer of the environment offers no state."""


class Resumable(gym.Wrapper, gym.utils.RecordConstructorArgs):
    """Outermost wrapper that lets SubprocVecEnv reach the state of the whole chain in its worker."""

    def __init__(self, env: gym.Env) -> None:
        gym.utils.RecordConstructorArgs.__init__(self)
        gym.Wrapper.__init__(self, env)

    def chain_state(self) -> State | None:
        """State of every layer below, or None where one offers none."""
        return single_env_state(self.env)

    def set_chain_state(self, state: State) -> None:
        """Put every layer below into ``state``."""
        set_single_env_state(self.env, state)


def env_state(venv: VecEnv) -> State:
    """State of a vector environment between two steps; ``exact`` is False where a layer offers none."""
    chains = _chain_states(venv.unwrapped)
    exact = all(chain is not None for chain in chains)
    state: State = {
        "exact": exact,
        "wrappers": {str(depth): _vec_layer_state(layer) for depth, layer in enumerate(_vec_wrappers(venv))},
        "envs": {str(index): chain for index, chain in enumerate(chains)} if exact else {},
        "seeds": list(venv.unwrapped._seeds),
    }
    base = venv.unwrapped
    if isinstance(base, DummyVecEnv):
        observations = {str(index): buffer.copy() for index, buffer in enumerate(base.buf_obs.values())}
        state["buffers"] = {"dones": base.buf_dones.copy(), "rewards": base.buf_rews.copy(), "observations": observations}
    return state


def set_env_state(venv: VecEnv, state: State) -> bool:
    """Restore what :func:`env_state` returned.

    Returns:
        True if the next step continues the saved episodes; False if the caller has to seed and reset ``venv`` (statistics of
        VecNormalize and its kind are restored in any case).
    """
    base = venv.unwrapped
    layers = list(_vec_wrappers(venv))
    if state["exact"] and len(state["envs"]) != base.num_envs:
        raise CheckpointError(f"the checkpoint holds {len(state['envs'])} environments, this run has {base.num_envs}.")
    if len(layers) != len(state["wrappers"]):
        names = [type(layer).__name__ for layer in layers]
        raise CheckpointError(f"the checkpoint has {len(state['wrappers'])} VecEnv wrappers, this run has {names}.")
    for depth, layer in enumerate(layers):
        _set_vec_layer_state(layer, state["wrappers"][str(depth)])
    base._seeds = list(state["seeds"])
    if not state["exact"]:
        return False
    if isinstance(base, DummyVecEnv):
        base.buf_dones[:], base.buf_rews[:] = state["buffers"]["dones"], state["buffers"]["rewards"]
        for index, buffer in enumerate(base.buf_obs.values()):
            buffer[...] = state["buffers"]["observations"][str(index)]
        for index, env in enumerate(base.envs):
            set_single_env_state(env, state["envs"][str(index)])
    else:
        for index in range(base.num_envs):
            base.env_method("set_chain_state", state["envs"][str(index)], indices=[index])
    return True


def _chain_states(base: VecEnv) -> list[State | None]:
    if isinstance(base, DummyVecEnv):
        return [single_env_state(env) for env in base.envs]
    if base.has_attr("chain_state"):
        return base.env_method("chain_state")
    _say_once(f"{type(base).__name__} without the wrapper Resumable offers no state: after a resume, episodes start fresh")
    return [None] * base.num_envs


_said: set[str] = set()


def single_env_state(env: gym.Env) -> State | None:
    """State of a wrapped Gymnasium environment, or None (said once in the log) if a layer offers none."""
    layers: State = {}
    try:
        for depth, layer in enumerate(_chain(env)):
            layers[str(depth)] = {"class": type(layer).__name__, "state": _layer_state(layer)}
    except EpisodeCut as cut:
        _say_once(f"{cut} offers no state: after a resume, the next episode of {env.spec.id if env.spec else env} starts fresh")
        return None
    return {"layers": layers}


def _say_once(message: str) -> None:
    if message not in _said:
        _said.add(message)
        log.warning(message)


def set_single_env_state(env: gym.Env, state: State) -> None:
    """Put every layer of ``env`` into ``state``.

    Raises:
        CheckpointError: the chain of wrappers is another one than that of the checkpoint.
    """
    chain = list(_chain(env))
    saved = [state["layers"][str(depth)]["class"] for depth in range(len(state["layers"]))]
    if saved != [type(layer).__name__ for layer in chain]:
        raise CheckpointError(
            f"the checkpoint belongs to the chain {saved}, this environment is {[type(layer).__name__ for layer in chain]}."
        )
    for depth, layer in enumerate(chain):
        _set_layer_state(layer, state["layers"][str(depth)]["state"])


def _chain(env: gym.Env) -> Iterator[gym.Env]:
    """Layers from the outermost wrapper to the world."""
    while isinstance(env, gym.Wrapper):
        if not isinstance(env, Resumable):
            yield env
        env = env.env
    yield env


def _layer_state(layer: gym.Env) -> State:
    if not isinstance(layer, gym.Wrapper):
        return _world_state(layer)
    if "state_dict" in dir(type(layer)):
        return {"own": layer.state_dict()}  # pyright: ignore[reportAttributeAccessIssue]
    if type(layer) in WRAPPER_ATTRIBUTES:
        return pack_attributes(layer, WRAPPER_ATTRIBUTES[type(layer)])
    if isinstance(layer, gym.wrappers.PassiveEnvChecker):
        return {"checked": [layer.checked_reset, layer.checked_render]}
    if type(layer).__module__.startswith(("gymnasium.wrappers", "papergym.")):
        return {}  # a pure function of one step
    raise EpisodeCut(f"{type(layer).__module__}.{type(layer).__name__}")


def _set_layer_state(layer: gym.Env, state: State) -> None:
    if not isinstance(layer, gym.Wrapper):
        _set_world_state(layer, state)
    elif "own" in state:
        layer.load_state_dict(state["own"])  # pyright: ignore[reportAttributeAccessIssue]
    elif isinstance(layer, gym.wrappers.PassiveEnvChecker):
        layer.checked_reset, layer.checked_render = state["checked"]
        layer.checked_step = layer.checked_data_reuse = True  # they compare with objects of the call before, which are gone
    else:
        unpack_attributes(layer, state)


def _world_state(world: gym.Env) -> State:
    if hasattr(world, "get_state") and hasattr(world, "set_state"):
        return {"own": world.get_state()}  # pyright: ignore[reportAttributeAccessIssue]
    module = type(world).__module__
    random = {"seed": world._np_random_seed, "rng": None if world._np_random is None else generator_state(world._np_random)}
    for prefix, names in WORLD_ATTRIBUTES.items():
        if module.startswith(prefix):
            return {"random": random, **pack_attributes(world, tuple(name for name in names if hasattr(world, name)))}
    if module.startswith("gymnasium.envs.mujoco"):
        return {"random": random, "mujoco": _mujoco_state(world)}
    raise EpisodeCut(f"{module}.{type(world).__name__}")


def _set_world_state(world: gym.Env, state: State) -> None:
    if "own" in state:
        world.set_state(state["own"])  # pyright: ignore[reportAttributeAccessIssue]
        return
    world._np_random_seed = state["random"]["seed"]
    if state["random"]["rng"] is not None:
        world._np_random = np.random.default_rng()
        set_generator_state(world._np_random, state["random"]["rng"])
    if "mujoco" in state:
        _set_mujoco_state(world, state["mujoco"])
    else:
        unpack_attributes(world, {name: value for name, value in state.items() if name != "random"})


def _mujoco_state(world: Any) -> State:
    """Integration state, and the derived arrays, which tasks read before their next ``mj_step`` (xpos lags qpos)."""
    mujoco = importlib.import_module("mujoco")  # loaded only where a MuJoCo world is

    which = mujoco.mjtState.mjSTATE_INTEGRATION
    integration = np.empty(mujoco.mj_stateSize(world.model, which))
    mujoco.mj_getState(world.model, world.data, integration, which)
    derived = {name: value.copy() for name, value in _derived_arrays(world.data)}
    return {"integration": integration, "derived": derived}


def _set_mujoco_state(world: Any, state: State) -> None:
    mujoco = importlib.import_module("mujoco")  # loaded only where a MuJoCo world is

    mujoco.mj_setState(world.model, world.data, state["integration"], mujoco.mjtState.mjSTATE_INTEGRATION)
    for name, value in _derived_arrays(world.data):
        value[...] = state["derived"][name]


def _derived_arrays(data: Any) -> Iterator[tuple[str, np.ndarray]]:
    for name in dir(data):
        if not name.startswith(("_", *_SOLVER_ARRAYS)):
            value = getattr(data, name)
            if isinstance(value, np.ndarray) and value.dtype == np.float64 and value.size:
                yield name, value


def _vec_wrappers(venv: VecEnv) -> Iterator[VecEnvWrapper]:
    while isinstance(venv, VecEnvWrapper):
        yield venv
        venv = venv.venv


def _vec_layer_state(layer: VecEnvWrapper) -> State:
    name = type(layer).__name__
    if "state_dict" in dir(type(layer)):
        return {"own": layer.state_dict()}
    if name == "VecFrameStack":
        return pack_attributes(layer.stacked_obs, ("stacked_obs",))
    if name in VEC_ATTRIBUTES:
        return pack_attributes(layer, VEC_ATTRIBUTES[name])
    raise CheckpointError(
        f"the VecEnv wrapper {name} offers no state_dict(): exact resume is impossible with it. Give it one, or remove it."
    )


def _set_vec_layer_state(layer: VecEnvWrapper, state: State) -> None:
    if "own" in state:
        layer.load_state_dict(state["own"])
    else:
        unpack_attributes(layer.stacked_obs if type(layer).__name__ == "VecFrameStack" else layer, state)

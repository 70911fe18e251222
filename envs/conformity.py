"""Checks that any environment, or any wrapper around one, should pass; the ids of this package do.

In a test of yours::

    from papergym.envs.conformity import CHECKS


    @pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
    def test_conformity(check):
        check(lambda **kwargs: MyWrapper(gym.make("MyEnv-v0", **kwargs)))

On the command line: ``papergym check ID``. Each check takes a function that makes the environment, called with ``render_mode``
at most, and raises :class:`NonconformityError` with what was expected and what came.

Long because the whole list stands in one place.
"""

import ctypes
import gc
import os
import pickle
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import tree
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env
from gymnasium.utils.env_checker import data_equivalence as same
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv

Make = Callable[..., gym.Env]
Trace = list[tuple[Any, float, bool, bool]]

STEPS = 40
"""Of a rollout."""
LIMIT = 12
"""Steps of an episode in the checks that need an end."""
SCALARS = (bool, int, float, str)
"""What infos hold under their keys: TorchRL and Minari ask for it."""
DESCRIPTIVE = (r".*(infinity|symmetric|normalized).*", r".*settotalmass.*")
"""Warnings of Gymnasium's check_env that say how a world is, not that it is wrong: unbounded states, ranges of actions."""
MEMORY_MB = 10.0
"""By which 200 resets may grow the process: drivers and the C library keep some of what was freed."""


class NonconformityError(AssertionError):
    """What an environment does otherwise than expected."""


def require(fits: Any, message: str) -> None:
    """Raise NonconformityError unless ``fits``."""
    if not fits:
        raise NonconformityError(message)


def rollout(env: gym.Env, seed: int = 0, steps: int = STEPS, *, reset: bool = True) -> Trace:
    """``steps`` random steps as (observation, reward, terminated, truncated), with resets where episodes end."""
    env.action_space.seed(seed)
    trace: Trace = [(env.reset(seed=seed)[0], 0.0, False, False)] if reset else []
    for _ in range(steps):
        observation, reward, terminated, truncated, _ = env.step(env.action_space.sample())
        trace.append((observation, float(reward), terminated, truncated))
        if terminated or truncated:
            trace.append((env.reset()[0], 0.0, False, False))
    return trace


@contextmanager
def both(make: Make) -> Iterator[tuple[gym.Env, gym.Env]]:
    """Two instances, closed at the end."""
    with closing(make()) as one, closing(make()) as two:
        yield one, two


def gymnasium_check(make: Make) -> None:
    """Gymnasium's ``check_env`` passes; only warnings that describe an unbounded world."""
    with closing(make()) as env, warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        for message in DESCRIPTIVE:
            warnings.filterwarnings("ignore", message=message)
        try:
            check_env(env.unwrapped, skip_render_check=True)
        except (AssertionError, UserWarning) as error:
            raise NonconformityError(f"Gymnasium's check_env: {error}") from error


def spaces_and_types(make: Make) -> None:
    """Observations lie in their space and are finite; rewards are finite numbers, ends Python bools; an episode ends."""
    with closing(limited(make)) as env:
        env.action_space.seed(0)
        observation, _ = env.reset(seed=0)
        check_observation(env, observation, "reset")
        ended = False
        for step in range(STEPS):
            observation, reward, terminated, truncated, _ = env.step(env.action_space.sample())
            check_observation(env, observation, f"step {step}")
            number = isinstance(reward, (float, int, np.floating)) and not isinstance(reward, bool)
            require(number and np.isfinite(float(reward)), f"step {step}: expected a finite number as reward, got {reward!r}")
            for name, value in (("terminated", terminated), ("truncated", truncated)):
                require(type(value) is bool, f"step {step}: expected a Python bool as {name}, got {type(value).__name__}")
            if terminated or truncated:
                ended = True
                env.reset()
        require(ended, f"no episode ended within {STEPS} steps under a limit of {LIMIT}")


def check_observation(env: gym.Env, observation: Any, where: str) -> None:
    """Raise NonconformityError for an observation outside its space, or one that is not finite."""
    require(
        env.observation_space.contains(observation),
        f"{where}: the observation {summary(observation)} is not in {env.observation_space}",
    )
    for array in tree.flatten(observation):
        if isinstance(array, np.ndarray) and array.dtype.kind == "f":
            require(np.isfinite(array).all(), f"{where}: the observation has numbers that are not finite")


def summary(observation: Any) -> str:
    """An observation in a few words."""
    if isinstance(observation, dict):
        return "{" + ", ".join(f"{key}: {summary(value)}" for key, value in observation.items()) + "}"
    if isinstance(observation, np.ndarray):
        return f"array of shape {observation.shape}, {observation.dtype}, {observation.min()} to {observation.max()}"
    return f"{observation!r} ({type(observation).__name__})"


def infos(make: Make) -> None:
    """Infos have the same keys and types after a reset and in every step, and Python scalars under them."""
    with closing(limited(make)) as env:
        env.action_space.seed(0)
        first = env.reset(seed=1)[1]
        kinds, over = {key: type(value) for key, value in first.items()}, False
        wrong = [key for key, kind in kinds.items() if kind not in SCALARS]
        require(not wrong, f"reset: expected Python scalars in the info, got {', '.join(f'{k}: {kinds[k]}' for k in wrong)}")
        for step in range(LIMIT):
            if over:
                break
            *_, terminated, truncated, info = env.step(env.action_space.sample())
            found = {key: type(value) for key, value in info.items()}
            different = [key for key in {**kinds, **found} if kinds.get(key) != found.get(key)]
            require(not different, f"step {step}: the info differs from that of the reset in {', '.join(map(str, different))}")
            over = terminated or truncated


def same_seed(make: Make) -> None:
    """Two instances with one seed play the same episodes, and again after use."""
    with both(make) as (one, two):
        for times in ("first", "second"):
            require(
                same(rollout(one, seed=3), rollout(two, seed=3)), f"two instances differ at the {times} rollout with one seed"
            )


def other_seed(make: Make) -> None:
    """Other seeds begin elsewhere."""
    with closing(make()) as env:
        starts = [env.reset(seed=seed)[0] for seed in (1, 2, 3)]
        require(not all(same(starts[0], start) for start in starts[1:]), "three seeds begin with the same observation")


def own_memory(make: Make) -> None:
    """What was returned does not change later."""
    with closing(make()) as env:
        trace = rollout(env, steps=10)
        kept = pickle.loads(pickle.dumps(trace))
        env.step(env.action_space.sample())
        require(same(trace, kept), "an observation that was returned changed with the next step: return a copy")


def rebuilt_from_json(make: Make) -> None:
    """The spec survives JSON and makes an environment that plays the same."""
    with closing(make()) as env:
        require(env.spec is not None, "the environment has no spec: make it with gym.make")
        assert env.spec is not None
        with closing(gym.make(EnvSpec.from_json(env.spec.to_json()))) as copy:
            require(same(rollout(env, steps=15), rollout(copy, steps=15)), "the environment made from the spec's JSON differs")
        require(pickle.loads(pickle.dumps(env.spec)) == env.spec, "the spec changes when it is pickled")


def pickled_in_mid_episode(make: Make) -> None:
    """A pickled copy goes on like the original."""
    _copied(make, lambda env: pickle.loads(pickle.dumps(env)), "pickled")


def copied_in_mid_episode(make: Make) -> None:
    """A deep copy goes on like the original, and neither changes the other."""
    _copied(make, deepcopy, "deep")


def _copied(make: Make, copy_of: Callable[[gym.Env], gym.Env], how: str) -> None:
    with closing(make()) as env:
        rollout(env, steps=5)
        with closing(copy_of(env)) as copy:
            one = rollout(env, seed=1, steps=10, reset=False)
            require(same(one, rollout(copy, seed=1, steps=10, reset=False)), f"a {how} copy does not go on like the original")


def closed_twice(make: Make) -> None:
    """``close()`` may be called twice, and before a reset."""
    for used in (False, True):
        env = make()
        if used:
            env.reset()
        env.close()
        env.close()


def rendered(make: Make) -> None:
    """Every render mode gives what Gymnasium asks, and the same for one state."""
    with closing(make()) as env:
        modes = [mode for mode in env.metadata.get("render_modes", []) if mode != "human"]
    for mode in modes:
        with closing(make(render_mode=mode)) as env:
            env.reset(seed=0)
            one, two = env.render(), env.render()
            require(same(one, two), f"{mode}: two images of one state differ")
            require(env.metadata.get("render_fps", 0) > 0, f"{mode}: metadata has no render_fps")
            if mode == "rgb_array":
                require(
                    isinstance(one, np.ndarray) and one.dtype == np.uint8 and one.ndim == 3 and one.shape[-1] == 3,
                    f"{mode}: expected a uint8 array (H, W, 3), got {summary(one)}",
                )
                assert isinstance(one, np.ndarray)
                require(one.min() < one.max(), f"{mode}: the image has one colour only")
            else:
                require(isinstance(one, (str, np.ndarray, list)), f"{mode}: got {type(one).__name__}")


def limited(make: Make) -> gym.Env:
    """The environment with episodes of at most LIMIT steps."""
    return gym.wrappers.TimeLimit(make(), LIMIT)


def vector_sync(make: Make) -> None:
    """Two in Gymnasium's SyncVectorEnv, in every autoreset mode, play as one alone."""
    for mode in AutoresetMode:
        _check_vector(make, lambda functions, mode=mode: SyncVectorEnv(functions, autoreset_mode=mode), mode)


def vector_fork(make: Make) -> None:
    """Two in processes that inherit this one, in every autoreset mode."""
    for mode in AutoresetMode if sys.platform != "win32" else ():
        _check_vector(make, lambda functions, mode=mode: AsyncVectorEnv(functions, context="fork", autoreset_mode=mode), mode)


def vector_spawn(make: Make) -> None:
    """Two in processes that begin from nothing."""
    _check_vector(make, lambda functions: AsyncVectorEnv(functions, context="spawn"), AutoresetMode.NEXT_STEP)


def _check_vector(
    make: Make, vector: Callable[[list[Callable[[], gym.Env]]], gym.vector.VectorEnv], mode: AutoresetMode
) -> None:
    with closing(vector([lambda: limited(make)] * 2)) as envs, closing(limited(make)) as env:
        batch, _ = envs.reset(seed=4)
        require(envs.observation_space.contains(batch), f"{mode.name}: the batch of a reset is not in its space")
        require(alike(first_of(batch), env.reset(seed=4)[0]), f"{mode.name}: the reset differs from that of one alone")
        envs.action_space.seed(0)
        ended = False
        for step in range(2 * LIMIT):
            actions = envs.action_space.sample()
            batch, _, terminated, truncated, _ = envs.step(actions)
            require(envs.observation_space.contains(batch), f"{mode.name}, step {step}: the batch is not in its space")
            over = np.logical_or(terminated, truncated)
            if not ended:
                observation, *_ = env.step(first_of(actions))
                if not over[0]:
                    require(alike(first_of(batch), observation), f"{mode.name}, step {step}: differs from one alone")
            ended = ended or bool(over[0])
            if over.any() and mode is AutoresetMode.DISABLED:
                envs.reset(options={"reset_mask": over})
        require(ended, f"{mode.name}: no episode ended")


def first_of(batch: Any) -> Any:
    """The first environment's part of a batch."""
    return {key: first_of(value) for key, value in batch.items()} if isinstance(batch, dict) else batch[0]


def alike(one: Any, two: Any) -> bool:
    """Equal up to numpy's own number types, which a batch of numbers has."""
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(alike(one[key], two[key]) for key in one)
    return np.array_equal(one, two)


def sb3_check(make: Make) -> None:
    """stable-baselines3's ``check_env`` passes; its warnings are advice."""
    from stable_baselines3.common.env_checker import check_env as sb3_check_env

    with closing(make()) as env, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            sb3_check_env(env.unwrapped if hasattr(env.unwrapped, "compute_reward") else env, skip_render_check=True)
        except AssertionError as error:
            raise NonconformityError(f"stable-baselines3's check_env: {error}") from error


def resident_mb() -> float:
    """Resident memory of this process in MB, without what the C library keeps of freed memory. Linux only."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def growth_mb(make: Make, closes: int = 20, resets: int = 200) -> float:
    """MB by which ``resets`` resets and ``closes`` closes between them grow this process, as it stands after closes.

    What was freed is not given back at once, so single readings scatter by a model's size; compared are the least readings of
    the first and of the second half, and scaled to all of the resets.
    """
    readings = []
    for part in range(closes + 4):
        env = make()
        for count in range(resets // closes):
            env.reset(seed=part * resets + count)
            env.step(env.action_space.sample())
        env.close()
        del env
        if part >= 4 and part % (closes // 20) == 0:  # before, things that are allocated once
            readings.append(resident_mb())
    return 2 * (min(readings[10:]) - min(readings[:10]))


def flat_memory(make: Make) -> float:
    """200 resets, and a close after each tenth, leave memory as it was; the growth in MB."""
    if not Path("/proc/self/statm").exists():
        return 0.0
    growth = growth_mb(make)
    require(growth < MEMORY_MB, f"200 resets and 20 closes grow the process by {growth:.0f} MB")
    return growth


QUICK = (
    gymnasium_check, spaces_and_types, infos, same_seed, other_seed, own_memory, rebuilt_from_json, pickled_in_mid_episode,
    copied_in_mid_episode, closed_twice, rendered, vector_sync, sb3_check,
)  # fmt: skip
LONG = (vector_fork, vector_spawn, flat_memory)
CHECKS: dict[str, Callable[[Make], Any]] = {check.__name__: check for check in (*QUICK, *LONG)}
"""Name -> check."""

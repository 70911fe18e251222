"""Kind L: whatever an argument of a constructor, of reset, of step or of a wrapper is given, the error is ours.

It is a ValueError or TypeError, or an error type of this package, and its text names the argument; nothing is accepted that
fails later. Every argument of every kind of environment is given every value of ``BAD``.
"""

import inspect
import math
import warnings

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import load_env_creator
from gymnasium.vector import SyncVectorEnv

import papergym  # noqa: F401
from papergym import wrappers
from papergym.wrappers.rows import rows


class Odd:
    """No number, no text, no container."""


BAD = [
    Odd(), "banana", "", b"x", -1, 0, 1.5, True, 10**30, -(10**30), math.nan, math.inf, 1j, None, set(), [], {}, {"a": 1},
    [[1], [2, 3]], [math.nan], [None], np.array([1, 2]), np.array(math.nan),
]  # fmt: skip
KINDS = {(row.family, row.entry_point): row for row in reversed(rows()) if not row.unavailable}
"""One row for each entry point, the first."""
FORWARDED = {
    "football": "papergym.envs.football.parallel:FootballEnv",
    "Mine": "papergym.envs.mine.voxel.env:VoxelMineEnv",
    "LS-Imagine": "papergym.envs.mine.voxel.env:VoxelMineEnv",
}
"""Family -> what takes the arguments that an entry point does not name."""


def arguments(row):
    """What makes a row cheap."""
    small = {"walker": "boxhead"} if row.family == "football" else {}
    small |= {"quality": "fast", "size_px": 16} if "size_px" in row.kwargs else {}
    return {**row.kwargs, **small, **({"image_size": 16} if row.family in ("Mine", "LS-Imagine") else {})}


def names(row):
    """Arguments of a row's entry point and of what it passes them on to."""
    found = []
    for place in (row.entry_point, *filter(None, [FORWARDED.get(row.family)])):
        parameters = inspect.signature(load_env_creator(place)).parameters.values()
        found += [one.name for one in parameters if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]
        if not any(one.kind is one.VAR_KEYWORD for one in parameters):
            break
    return [name for name in dict.fromkeys(found) if name != "task" or row.family not in FORWARDED]


def refused(call, *said):
    """Whether ``call`` refuses; fails for an error that is not ours or whose text has none of ``said``."""
    try:
        call()
    except Exception as error:
        assert isinstance(error, ValueError | TypeError) or type(error).__module__.startswith("papergym"), repr(error)
        assert any(part.lower() in str(error).lower() for part in said), repr(error)
        return True
    return False


def cases():
    for row in KINDS.values():
        slow = pytest.mark.slow if row.family in ("Mine", "LS-Imagine") else ()
        for name in names(row):
            yield pytest.param(row, name, id=f"{row.id}-{name}", marks=slow)


@pytest.mark.parametrize(("row", "name"), cases())
def test_every_argument_of_every_kind_of_environment(row, name):
    make = load_env_creator(row.entry_point)
    for value in BAD:
        built = []
        call = lambda value=value, built=built: built.append(make(**{**arguments(row), name: value}))  # noqa: E731
        if not refused(call, name, name.split("_")[-1] if name != "task_id" else "task"):
            env = built[0]
            env.reset(seed=0)
            env.step(env.action_space.sample())
            env.close()


@pytest.mark.parametrize("row", [
    pytest.param(row, id=row.id, marks=pytest.mark.slow if row.family in ("Mine", "LS-Imagine") else ())
    for row in KINDS.values()
])  # fmt: skip
def test_seeds_options_and_actions_of_every_kind_of_environment(row):
    env = load_env_creator(row.entry_point)(**arguments(row))
    assert refused(lambda: env.step(env.action_space.sample()), "reset")
    env.reset(seed=0)
    for value in BAD:
        whole = isinstance(value, int) and not isinstance(value, bool)
        if value is not None and not (whole and value >= 0):
            assert refused(lambda value=value: env.reset(seed=value), "seed")
        if value is not None and not (isinstance(value, dict) and not value):
            assert refused(lambda value=value: env.reset(options=value), "options")
        if not (whole and env.action_space.contains(value)):
            assert refused(lambda value=value: env.step(value), "action")
    env.step(env.action_space.sample())
    env.close()


WRAPPERS = {
    "ActionRepeat": ("repeat",),
    "FrameStack": ("num_stack",),
    "FlattenDict": ("separator",),
    "LSImagineActions": ("turn_degrees", "pitch_limits", "sticky_jump"),
    "LSImagineObservation": ("size", "keep"),
    "IntrinsicReward": ("bonus", "weight", "mix", "decay", "normalize", "bonus_arguments"),
    "DmEnv": ("seed",),
    "PreviousReward": (),
}
"""Wrapper -> its arguments beside the environment."""
MINE = ("FlattenDict", "LSImagineActions", "LSImagineObservation")


@pytest.fixture(scope="module")
def worlds():
    from papergym.envs.mine import make

    image = gym.make("DMC-PendulumSwingup-v0", obs_type="pixels", quality="fast", size_px=16)
    return {"image": image, "mine": make("open-ended", 16, cam_interval=10)}


@pytest.mark.parametrize(("name", "argument"), [(name, one) for name, many in WRAPPERS.items() for one in many])
def test_every_argument_of_every_wrapper(name, argument, worlds):
    env = worlds["mine" if name in MINE else "image"]
    base = {"bonus": "KNNNovelty"} if name == "IntrinsicReward" else {}
    kinds = [(getattr(wrappers, name), env)]
    if name in ("FrameStack", "IntrinsicReward"):
        kinds.append((getattr(wrappers.vector, name), SyncVectorEnv([lambda: env])))
    for build, inner in kinds:
        for value in BAD:
            refused(lambda build=build, inner=inner, value=value: build(inner, **{**base, argument: value}), argument)


@pytest.mark.parametrize("name", WRAPPERS)
def test_what_is_no_environment_is_refused_by_name(name):
    base = {"bonus": "KNNNovelty"} if name == "IntrinsicReward" else {}
    for value in (Odd(), "CartPole-v1", None, 3, gym.Env):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert refused(lambda value=value: getattr(wrappers, name)(value, **base), "env")

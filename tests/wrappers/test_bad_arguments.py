"""Kind L: every argument of every bonus, vision part and vector or SB3 form refuses what is wrong in words that name it.

Each gets every value of ``BAD``. What is accepted must work: bonuses score a batch, environments are reset and stepped.
"""

import inspect
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import SyncVectorEnv
from stable_baselines3.common.vec_env import DummyVecEnv

from papergym import wrappers
from papergym.wrappers import intrinsic, vision
from papergym.wrappers.intrinsic import BONUSES, Bonus, Transitions
from tests.envs.test_bad_arguments import BAD


def refused(call, name):
    """Whether ``call`` refuses; fails for an error that is not ours or whose text does not name the argument."""
    try:
        call()
    except Exception as error:
        ours = isinstance(error, ValueError | TypeError | FileNotFoundError) or type(error).__module__.startswith("papergym")
        assert ours and (name.lower() in str(error).lower() or name.rstrip("s") in str(error).lower()), repr(error)
        return True
    return False


def arguments(kind):
    """Names of the arguments that can be given by name."""
    named = inspect.signature(kind).parameters.values()
    return [one.name for one in named if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]


@pytest.mark.parametrize(("name", "argument"), [
    (name, one) for name in (*BONUSES, "RewardMixer") for one in arguments(getattr(intrinsic, name))
])  # fmt: skip
def test_bonuses(name, argument):
    kind, draw = getattr(intrinsic, name), np.random.default_rng(0)
    for value in BAD:
        built: list[Any] = []
        if refused(lambda value=value, built=built: built.append(kind(**{argument: value})), argument):
            continue
        if name != "RewardMixer":
            batch = draw.normal(size=(3, 4, 5)).astype(np.float32)
            action, done = draw.normal(size=(4, 2)).astype(np.float32), np.zeros(4, bool)
            moves = Transitions(obs=batch[0], next_obs=batch[1], action=action, done=done, env=np.arange(4))
            if not refused(lambda bonus=built[0], moves=moves: bonus.reward(moves), argument):
                assert np.isfinite(built[0].reward(moves)).all()


class Views(gym.Env):
    """Random (3, 40, 64) images."""

    observation_space = gym.spaces.Dict({"rgb": gym.spaces.Box(0, 255, (3, 40, 64), np.uint8)})
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.observation_space.sample(), {}

    def step(self, action):
        return self.observation_space.sample(), 0.0, False, False, {}


def map_of(frames, prompt):
    """Maps (n, 1, H, W) with one bright corner."""
    maps = np.full((len(frames), 1, *frames.shape[2:]), 0.2, np.float32)
    maps[..., :12, :12] = 0.9
    return maps


def single():
    return Views()


def viewed():
    return vision.AffordanceObservation(Views(), map_of, "a tree", "JumpFlag")


def several():
    return SyncVectorEnv([Views])


def several_sb3():
    return DummyVecEnv([Views])


SCORER = vision.SmallScorer()
MAPS = {"maps": map_of, "prompt": "a tree"}
FORMS: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "AffordanceObservation": (vision.AffordanceObservation, single, MAPS),
    "AffordanceObservation-vector": (wrappers.vector.AffordanceObservation, several, MAPS),
    "AffordanceObservation-sb3": (wrappers.sb3.AffordanceObservation, several_sb3, MAPS),
    "ResizeMaps": (vision.ResizeMaps, viewed, {}),
    "RemoveHUD": (vision.RemoveHUD, single, {}),
    "LongTermSignals": (vision.LongTermSignals, viewed, {"prompt": "a tree", "scorer": SCORER}),
    "AgentView": (vision.AgentView, viewed, {}),
    "IntrinsicReward-vector": (wrappers.vector.IntrinsicReward, several, {"bonus": "CountBonus"}),
    "IntrinsicReward-sb3": (wrappers.sb3.IntrinsicReward, several_sb3, {"bonus": "CountBonus"}),
    "PreviousReward-vector": (wrappers.vector.PreviousReward, several, {}),
    "PreviousReward-sb3": (wrappers.sb3.PreviousReward, several_sb3, {}),
}  # fmt: skip
"""Name -> the wrapper, what it wraps, and the arguments that it needs."""
BUILDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "JumpFlag": (vision.JumpFlag, {}),
    "ZoomAffordance": (vision.ZoomAffordance, {"scorer": SCORER}),
    "SmallScorer": (vision.SmallScorer, {}),
    "AffordanceUNet": (vision.AffordanceUNet, {"scorer": SCORER}),
    "SegmentationOracle": (vision.SegmentationOracle, {}),
    "MineCLIPScore": (vision.MineCLIPScore, {"prompt": "a tree", "scorer": SCORER}),
    "AffordanceBonus": (vision.AffordanceBonus, {}),
}
"""Parts that are built on their own."""


@pytest.mark.parametrize(("name", "argument"), [
    (name, one) for name, (build, _, _) in FORMS.items() for one in arguments(build)
])  # fmt: skip
def test_forms_of_wrappers(name, argument):
    """What wraps is told what it wraps by position, whatever its name there is."""
    build, inner, needed = FORMS[name]
    place = next(iter(inspect.signature(build).parameters))
    for value in BAD:
        env = value if argument == place else inner()
        given = needed if argument == place else {**needed, argument: value}
        made: list[Any] = []
        if not refused(lambda env=env, given=given, made=made: made.append(build(env, **given)), argument):
            made[0].reset()
            many = getattr(made[0], "num_envs", None)
            made[0].step(1 if many is None else np.ones(many, int))


@pytest.mark.parametrize(("name", "argument"), [(name, one) for name, (build, _) in BUILDS.items() for one in arguments(build)])
def test_parts_of_vision(name, argument):
    build, needed = BUILDS[name]
    for value in BAD:
        made: list[Any] = []
        if not refused(lambda value=value, made=made: made.append(build(**{**needed, argument: value})), argument):
            frames = np.full((1, 3, 40, 64), 90, np.uint8)
            if isinstance(made[0], Bonus):
                key, shown = ("rgb", frames) if name == "MineCLIPScore" else ("affordance", map_of(frames, ""))
                shown = {value if argument == "key" else key: shown}
                assert np.isfinite(made[0].reward(Transitions(next_obs=shown, done=np.zeros(1, bool), env=np.arange(1)))).all()
            elif name in ("ZoomAffordance", "AffordanceUNet"):
                assert np.isfinite(made[0](frames, "a tree")).all()
            elif name == "JumpFlag":
                made[0](frames, map_of(frames, "")[:, 0], lambda views: map_of(views, "")[:, 0])

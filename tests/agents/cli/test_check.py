"""The public checks find what they are made to find, and nothing in an environment without the fault."""

import gymnasium as gym
import numpy as np
import pytest

from papergym.agents.run import main
from papergym.envs.conformity import CHECKS, LIMIT, NonconformityError, growth_mb

SKIP = {"vector_spawn", "flat_memory"}  # seconds each; tests of their own


class Sound(gym.Env):
    """A random walk without a fault."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}
    observation_space = gym.spaces.Box(-100, 100, (2,), np.float32)
    action_space = gym.spaces.Discrete(2)

    def __init__(self, render_mode=None):
        self.render_mode = render_mode

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place = self.np_random.uniform(-1, 1, 2).astype(np.float32)
        return self.place.copy(), {"far": False}

    def step(self, action):
        self.place = self.place + self.np_random.normal(size=2).astype(np.float32) * np.float32(1 + action)
        return self.place.copy(), float(self.place[0]), False, False, {"far": bool(self.place[0] > 1)}

    def render(self):
        image = np.zeros((8, 8, 3), np.uint8)
        image[int(abs(self.place[0])) % 8] = 255
        return image


class OutOfSpace(Sound):
    def step(self, action):
        observation, *rest = super().step(action)
        return observation + np.float32(1e6), *rest


class NestedInfinity(Sound):
    observation_space = gym.spaces.Dict(
        pair=gym.spaces.Tuple((gym.spaces.Discrete(2), gym.spaces.Box(-np.inf, np.inf, (2,), np.float32)))
    )

    def nested(self, place):
        return {"pair": (1, place)}

    def reset(self, **kwargs):
        place, info = super().reset(**kwargs)
        return self.nested(place), info

    def step(self, action):
        place, *rest = super().step(action)
        return self.nested(np.full_like(place, np.inf)), *rest


class NaNReward(Sound):
    def step(self, action):
        observation, _, *rest = super().step(action)
        return observation, float("nan"), *rest


class NumpyEnd(Sound):
    def step(self, action):
        observation, reward, _, *rest = super().step(action)
        return observation, reward, np.bool_(False), *rest


class OtherKeys(Sound):
    def step(self, action):
        *rest, info = super().step(action)
        return *rest, {**info, "more": 1}


class ArrayInfo(Sound):
    def reset(self, *, seed=None, options=None):
        return super().reset(seed=seed)[0], {"far": np.float32(0)}


class GlobalRandom(Sound):
    def step(self, action):
        self.place = self.place + np.random.normal(size=2).astype(np.float32)  # noqa: NPY002 (not the seeded generator: the fault)
        return self.place.copy(), 0.0, False, False, {"far": False}


class FixedStart(Sound):
    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place = np.zeros(2, np.float32)
        return self.place.copy(), {"far": False}


class SharedArray(Sound):
    def step(self, action):
        self.place += np.float32(0.1)
        return self.place, 0.0, False, False, {"far": False}


class Unpicklable(Sound):
    def __init__(self, render_mode=None):
        super().__init__(render_mode)
        self.hook = lambda: None


class CopyForgets(Sound):
    def __deepcopy__(self, memo):
        copy = type(self)(self.render_mode)
        copy.reset(seed=0)
        return copy


class ClosedOnce(Sound):
    def close(self):
        del self.render_mode


class FlatImage(Sound):
    def render(self):
        return np.zeros((8, 8, 3), np.uint8)


class FloatImage(Sound):
    def render(self):
        return super().render() / 255


class RestlessImage(Sound):
    def render(self):
        self.count = getattr(self, "count", 0) + 1
        image = super().render()
        image[0, 0] = self.count
        return image


class Leak(Sound):
    kept: list = []

    def reset(self, *, seed=None, options=None):
        Leak.kept.append(np.ones(40_000))
        return super().reset(seed=seed)


FAULTS = {
    OutOfSpace: "spaces_and_types",
    NestedInfinity: "spaces_and_types",
    NaNReward: "spaces_and_types",
    NumpyEnd: "spaces_and_types",
    OtherKeys: "infos",
    ArrayInfo: "infos",
    GlobalRandom: "same_seed",
    FixedStart: "other_seed",
    SharedArray: "own_memory",
    Unpicklable: "pickled_in_mid_episode",
    CopyForgets: "copied_in_mid_episode",
    ClosedOnce: "closed_twice",
    FlatImage: "rendered",
    FloatImage: "rendered",
    RestlessImage: "rendered",
}


@pytest.fixture(autouse=True)
def registered():
    for kind in (Sound, *FAULTS, Leak):
        gym.register(f"{kind.__name__}-v0", f"{__name__}:{kind.__name__}", max_episode_steps=LIMIT)
    yield
    for kind in (Sound, *FAULTS, Leak):
        del gym.registry[f"{kind.__name__}-v0"]


def maker(kind):
    return lambda **kwargs: gym.make(f"{kind.__name__}-v0", disable_env_checker=True, **kwargs)


@pytest.mark.parametrize("check", sorted(CHECKS.keys() - SKIP))
def test_a_sound_environment_passes(check):
    CHECKS[check](maker(Sound))


@pytest.mark.parametrize(("kind", "check"), FAULTS.items(), ids=lambda value: getattr(value, "__name__", value))
def test_a_fault_is_found(kind, check):
    expected = NonconformityError if kind not in (Unpicklable, ClosedOnce) else (AttributeError, TypeError)
    with pytest.raises(expected):
        CHECKS[check](maker(kind))


def test_a_leak_is_found():
    assert growth_mb(maker(Leak)) > 30  # 200 resets keep 320 kB each
    Leak.kept.clear()


def test_the_command(capsys):
    assert main(["check", "Sound-v0", "--only", "same_seed", "rendered"]) == 0
    assert main(["check", "FlatImage-v0", "--only", "same_seed", "rendered"]) == 1
    said = capsys.readouterr().out
    assert "FAILED" in said and "one colour" in said.replace("\n", " ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["NoSuch-v0"], "cannot be made"),
        (["Sound-v0", "--only", "same_sed"], "Did you mean same_seed"),
        (["Sound-v0", "--wrapper", "json"], "expected module:Class"),
        (["Sound-v0", "--wrapper", "json:Nothing"], "has no attribute"),
    ],
)
def test_bad_requests(arguments, said, capsys):
    assert main(["check", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_wrappers_are_checked(capsys):
    assert main(["check", "Sound-v0", "--wrapper", "papergym.wrappers:PreviousReward", "--only", "own_memory"]) == 0

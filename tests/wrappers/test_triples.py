"""Kind B: a wrapper for one environment, its vector form and its form for stable-baselines3 keep one contract.

Every environment of a vector, and of a VecEnv, sees what it would see alone; all three answer the same questions; a state is
loaded whole, and one that is refused changes nothing.
"""

import copy

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence as same
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from stable_baselines3.common.vec_env import DummyVecEnv

from papergym import wrappers

LENGTHS = (3, 5)


class Pictures(gym.Env):
    """Observes pictures drawn from its number and time, pays the time, ends after ``LENGTHS[number]`` steps."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 7}
    action_space = gym.spaces.Discrete(2)

    def __init__(self, number, render_mode=None):
        self.observation_space = gym.spaces.Box(0, 255, (3, 8, 8), np.uint8)
        self.number, self.time, self.render_mode, self.mark = number, 0, render_mode, 0

    def _seen(self):
        return np.random.default_rng((self.number, self.time)).integers(0, 256, (3, 8, 8), np.uint8)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.time = 0
        return self._seen(), {"time": 0}

    def step(self, action):
        self.time += 1
        over = self.time == LENGTHS[self.number]
        return self._seen(), float(self.time), over and self.number == 0, over and self.number == 1, {"time": self.time}

    def render(self):
        return self._seen().transpose(1, 2, 0)

    def shout(self, word, times=1):
        return word * times * (self.number + 1)


"""Made of nothing random but its number, so that three copies see the same."""


def brightness(frames, prompt):
    """The simplest map: how bright a pixel is."""
    return frames.mean(1, keepdims=True) / 255


def triple(name):
    """(single, vector, SB3) constructors; the last None where there is none."""
    bonus = {"normalize": False, "bonus_arguments": {"seed": 0}}
    return {
        "FrameStack": (
            lambda env: wrappers.FrameStack(env, 2), lambda envs: wrappers.vector.FrameStack(envs, 2), None,
        ),
        "PreviousReward": (wrappers.PreviousReward, wrappers.vector.PreviousReward, wrappers.sb3.PreviousReward),
        "IntrinsicReward": tuple(
            lambda env, kind=kind: kind(env, "KNNNovelty", **bonus)
            for kind in (wrappers.IntrinsicReward, wrappers.vector.IntrinsicReward, wrappers.sb3.IntrinsicReward)
        ),
        "AffordanceObservation": tuple(
            lambda env, kind=kind: kind(env, brightness, "a log")
            for kind in (
                wrappers.AffordanceObservation, wrappers.vector.AffordanceObservation, wrappers.sb3.AffordanceObservation,
            )
        ),
    }[name]  # fmt: skip


NAMES = ("FrameStack", "PreviousReward", "IntrinsicReward", "AffordanceObservation")


def made(number=0, mode=None):
    return lambda: Pictures(number, mode)


def at(batch, index):
    return {key: at(part, index) for key, part in batch.items()} if isinstance(batch, dict) else batch[index]


def test_these_are_all_wrappers_that_have_twins():
    single = set(wrappers.__all__)
    assert (set(wrappers.vector.__all__) | set(wrappers.sb3.__all__)) & single == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_environment_of_a_batch_sees_what_it_would_see_alone(name):
    """The bonus of IntrinsicReward is one for all environments: there only what does not depend on it is compared."""
    one, vector, sb3 = triple(name)
    paid = name == "IntrinsicReward"
    envs, alone = vector(SyncVectorEnv([made(0), made(1)])), [one(Pictures(number)) for number in (0, 1)]
    venv = None if sb3 is None else sb3(DummyVecEnv([made(0), made(1)]))
    batch, infos = envs.reset(seed=0)
    theirs = None if venv is None else venv.reset()
    for number, env in enumerate(alone):
        observation, info = env.reset(seed=number)
        assert same(at(batch, number), observation) and (theirs is None or same(at(theirs, number), observation))
        assert {key for key in infos if key[0] != "_"} == set(info)
    assert envs.single_observation_space == alone[0].observation_space
    for _ in range(min(LENGTHS)):
        batch, rewards, terminated, truncated, infos = envs.step(np.zeros(2, int))
        results = None if venv is None else venv.step(np.zeros(2, int))
        for number, env in enumerate(alone):
            observation, reward, *ends, info = env.step(0)
            assert same(at(batch, number), observation) and ends == [terminated[number], truncated[number]]
            assert {key for key in infos if key[0] != "_"} == set(info)
            assert all(type(value) in (bool, int, float, str) for value in info.values())
            assert paid or reward == rewards[number]
            if results is not None:
                own = results[3][number]
                last = own.get("terminal_observation", at(results[0], number))
                assert same(last, observation) and results[2][number] == any(ends) and (paid or reward == results[1][number])
                assert set(info) <= set(own) and all(type(own[key]) is type(info[key]) for key in info)
    envs.close()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_all_forms_answer_the_same_questions(name, mode):
    one, vector, sb3 = triple(name)
    drawn = [made(0, "rgb_array"), made(1, "rgb_array")]
    env, envs = one(Pictures(0, "rgb_array")), vector(SyncVectorEnv(drawn, autoreset_mode=mode))
    assert env.render_mode == envs.render_mode == "rgb_array"
    assert env.metadata["render_fps"] == envs.metadata["render_fps"] == 7
    assert envs.metadata["autoreset_mode"] is envs.autoreset_mode is mode
    assert envs.get_attr("number") == (0, 1) and envs.call("shout", "a", times=2) == ("aa", "aaaa")
    envs.set_attr("mark", [1, 2])
    assert envs.get_attr("mark") == (1, 2)
    envs.reset(seed=3)
    assert envs.get_attr("np_random_seed") == (3, 4) == envs.np_random_seed
    assert [image.shape for image in envs.render()] == [(8, 8, 3)] * 2
    if sb3 is not None:
        venv = sb3(DummyVecEnv(drawn))
        assert venv.render_mode == "rgb_array" and venv.get_attr("number") == [0, 1]
        assert venv.env_method("shout", "a", times=2) == ["aa", "aaaa"]
        venv.set_attr("mark", 5)
        assert venv.get_attr("mark") == [5, 5]
        assert venv.env_is_wrapped(gym.Wrapper) == [False, False]
    envs.close()


def listed(state):
    """A state in Python's own values, which compare exactly, as text."""
    if isinstance(state, dict):
        return {name: listed(value) for name, value in state.items()}
    return repr(state if isinstance(state, str) else np.asarray(state).tolist())


def damaged(state):
    """Copies of a state of which an entry, however deep, is missing or wrong."""
    yield from (None, 3, [], {"nothing": 1})
    for key in state:
        rest = {name: part for name, part in state.items() if name != key}
        yield rest
        for wrong in ("?", None, np.zeros((7, 7, 7)), np.nan):
            yield {**rest, key: wrong}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("form", [0, 1, 2], ids=["single", "vector", "sb3"])
def test_states_are_loaded_whole_and_refused_ones_change_nothing(name, form):
    build = triple(name)[form]
    if build is None:
        return

    def new():
        worlds = [made(0), made(1)]
        return build([worlds[1], lambda: SyncVectorEnv(worlds), lambda: DummyVecEnv(worlds)][form]())

    env, other = new(), new()
    action = 0 if form == 0 else np.zeros(2, int)
    if not hasattr(env, "state_dict"):
        assert name == "PreviousReward" and form != 1, "only this wrapper has no state beside its environment's"
        return
    for wrapper, steps in ((env, 3), (other, 1)):
        wrapper.reset()
        for _ in range(steps):
            wrapper.step(action)
    state = copy.deepcopy(env.state_dict())
    before = listed(other.state_dict())
    if state:
        for wrong in damaged(state):
            if name == "IntrinsicReward" and isinstance(wrong, dict) and set(state) - set(wrong) == {"obs"}:
                continue  # bonuses that do not look back have none
            with pytest.raises(ValueError):
                other.load_state_dict(wrong)
                pytest.fail(f"loaded {wrong}")
            assert listed(other.state_dict()) == before, wrong
    other.load_state_dict(state)
    assert listed(other.state_dict()) == listed(state)

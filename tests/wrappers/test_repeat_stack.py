"""Action repeat and frame stack: arithmetic, episode borders, state, and the vector twin in every autoreset mode."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from papergym.wrappers import ActionRepeat, FrameStack
from papergym.wrappers.vector import FrameStack as VectorFrameStack


class Counter(gym.Env):
    """Shows its frame number in every pixel; ends after ``length`` frames by termination or truncation."""

    def __init__(self, length=7, shape=(4, 5, 3), terminate=False):
        self.length, self.shape, self.terminate = length, shape, terminate
        self.observation_space = gym.spaces.Box(0, 255, shape, np.uint8)
        self.action_space = gym.spaces.Discrete(2)
        self.observed = 0

    def _image(self):
        self.observed += 1
        image = np.full(self.shape, self.frame, np.uint8)
        image[0, 0] = self.start
        return image

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.frame, self.start = 0, int(self.np_random.integers(256))
        return self._image(), {}

    def step(self, action):
        self.frame += 1
        end = self.frame >= self.length
        return self._image(), 0.5 * self.frame, end and self.terminate, end and not self.terminate, {"action": int(action)}


class Watched(Counter):
    """The same world with the ``observing`` protocol."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.observing, self._last = True, None

    def _image(self):
        if self._last is None or self.observing or self.frame >= self.length or self.frame == 0:
            self._last = super()._image()
        return self._last


@pytest.mark.parametrize("terminate", [False, True])
@pytest.mark.parametrize("world", [Counter, Watched])
def test_repeat_sums_and_stops_at_the_end(world, terminate):
    env = ActionRepeat(world(terminate=terminate), repeat=3)
    _, info = env.reset(seed=0)
    assert info["frames"] == 0
    steps = [env.step(1) for _ in range(3)]
    assert [step[1] for step in steps] == [0.5 * (1 + 2 + 3), 0.5 * (4 + 5 + 6), 0.5 * 7]
    assert [step[4]["frames"] for step in steps] == [3, 3, 1]
    assert [int(step[0][1, 1, 0]) for step in steps] == [3, 6, 7]
    assert steps[-1][2:4] == (terminate, not terminate) and steps[0][4]["action"] == 1


def test_repeat_lets_a_direct_world_observe_only_what_is_seen():
    env = ActionRepeat(Watched(length=100), repeat=4)
    env.reset()
    for _ in range(5):
        env.step(0)
    assert env.unwrapped.observed == 6
    between = ActionRepeat(gym.wrappers.TransformObservation(Watched(length=100), lambda o: o, None), repeat=4)
    between.reset()
    between.step(0)
    assert between.unwrapped.observed == 5, "a wrapper in between sees every frame"


@pytest.mark.parametrize("bad", [0, -1, 1.5, "2", True])
def test_bad_counts_are_refused(bad):
    with pytest.raises(ValueError, match="at least 1"):
        ActionRepeat(Counter(), repeat=bad)
    with pytest.raises(ValueError, match="at least 1"):
        FrameStack(Counter(), num_stack=bad)


@pytest.mark.parametrize("shape", [(4, 5, 3), (4, 5, 1), (3, 6, 7), (6, 7), (4, 6, 7)])
@pytest.mark.parametrize("num_stack", [1, 3, 4])
def test_stack_equals_a_list_of_images(shape, num_stack):
    env, plain = FrameStack(Counter(shape=shape), num_stack=num_stack), Counter(shape=shape)

    def channels_first(image):
        if image.ndim == 2:
            return image[None]
        return np.moveaxis(image, -1, 0) if shape[-1] in (1, 3) else image

    for seed in (3, 4):
        observation, _ = env.reset(seed=seed)
        images = [plain.reset(seed=seed)[0]] * num_stack
        held = []
        for _ in range(7):
            expected = np.concatenate([channels_first(image) for image in images[-num_stack:]])
            assert np.array_equal(observation, expected) and observation in env.observation_space
            held.append((observation, observation.copy()))
            observation = env.step(0)[0]
            images.append(plain.step(0)[0])
        assert all(np.array_equal(old, copy) for old, copy in held), "observations share memory"


def test_stack_refuses_what_is_no_image():
    for space in (gym.spaces.Box(-1, 1, (5,)), gym.spaces.Discrete(3), gym.spaces.Box(0, 1, (7, 8, 9))):
        env = Counter()
        env.observation_space = space
        with pytest.raises(ValueError, match=r"images|channel axis"):
            FrameStack(env)


def test_stack_state_continues_exactly():
    env, other = FrameStack(Counter()), FrameStack(Counter())
    env.reset(seed=1)
    other.reset(seed=1)
    for _ in range(4):
        env.step(0)
    for _ in range(4):
        other.unwrapped.step(0)
    other.load_state_dict(env.state_dict())
    for _ in range(3):
        assert np.array_equal(env.step(0)[0], other.step(0)[0])
    with pytest.raises(ValueError, match="the state"):
        FrameStack(Counter(), num_stack=2).load_state_dict(env.state_dict())


@pytest.mark.parametrize("mode", list(AutoresetMode))
@pytest.mark.parametrize("terminate", [False, True])
def test_vector_twin_equals_stacked_environments(mode, terminate):
    worlds = [lambda n=n: Counter(length=n, terminate=terminate) for n in (3, 5, 4)]
    twin = VectorFrameStack(SyncVectorEnv(worlds, autoreset_mode=mode))
    ours = SyncVectorEnv([lambda w=world: FrameStack(w()) for world in worlds], autoreset_mode=mode)
    assert twin.observation_space == ours.observation_space and twin.single_observation_space == ours.single_observation_space
    (a, _), (b, _) = twin.reset(seed=5), ours.reset(seed=5)
    assert np.array_equal(a, b)
    for index in range(15):
        actions = np.full(3, index % 2)
        (a, *flags_a, info_a), (b, *flags_b, info_b) = twin.step(actions), ours.step(actions)
        assert np.array_equal(a, b), (mode, index)
        assert all(np.array_equal(x, y) for x, y in zip(flags_a, flags_b, strict=True))
        ended = np.logical_or(flags_a[1], flags_a[2])
        if mode == AutoresetMode.SAME_STEP and ended.any():
            for env in np.flatnonzero(ended):
                assert np.array_equal(info_a["final_obs"][env], info_b["final_obs"][env])
        if mode == AutoresetMode.DISABLED and ended.any():
            a, b = (venv.reset(options={"reset_mask": ended.copy()})[0] for venv in (twin, ours))
            assert np.array_equal(a, b)


def test_vector_twin_state_continues_exactly():
    def make():
        return VectorFrameStack(SyncVectorEnv([lambda n=n: Counter(length=n) for n in (3, 5)]))

    one, two = make(), make()
    one.reset(seed=0)
    two.reset(seed=0)
    for _ in range(3):
        one.step(np.zeros(2, int))
        two.env.step(np.zeros(2, int))
    two.load_state_dict(one.state_dict())
    for _ in range(4):
        assert np.array_equal(one.step(np.zeros(2, int))[0], two.step(np.zeros(2, int))[0])


def test_vector_twin_needs_to_know_when_episodes_begin():
    venv = SyncVectorEnv([Counter])
    del venv.metadata["autoreset_mode"]
    with pytest.raises(ValueError, match="AutoresetMode"):
        VectorFrameStack(venv)


def test_a_refused_action_and_an_early_end_leave_the_world_observing():
    class Refusing(Watched):
        def step(self, action):
            if action < 0:
                raise ValueError("refused")
            return super().step(action)

    env = ActionRepeat(Refusing(length=5), repeat=4)
    env.reset(seed=0)
    with pytest.raises(ValueError, match="refused"):
        env.step(-1)
    assert env.unwrapped.observing
    env.step(0)
    assert env.step(0)[4]["frames"] == 1 and env.unwrapped.observing

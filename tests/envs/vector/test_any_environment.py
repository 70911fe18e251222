"""Environments that know nothing of this package, on threads and in Gymnasium's SyncVectorEnv."""

from functools import partial

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from papergym.envs.vector.batch import ThreadedVectorEnv
from tests.envs.vector.conftest import names


class Nested(gym.Env):
    """Counts its steps in nested observations, and ends after three."""

    observation_space = gym.spaces.Dict(
        pair=gym.spaces.Tuple((gym.spaces.Discrete(9), gym.spaces.Box(-9, 9, (2, 2), np.int16))), bits=gym.spaces.MultiBinary(3)
    )
    action_space = gym.spaces.Dict(pay=gym.spaces.Discrete(2))

    def seen(self):
        return {"pair": (self.steps, np.full((2, 2), -self.steps, np.int16)), "bits": np.arange(3) < self.steps}

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return self.seen(), {}

    def step(self, action):
        self.steps += 1
        return self.seen(), float(action["pay"]), self.steps == 3, False, {"steps": self.steps}


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_environments_of_any_kind(mode):
    envs, sync = (
        kind([Nested] * 3, autoreset_mode=mode) for kind in (partial(ThreadedVectorEnv, num_threads=2), SyncVectorEnv)
    )
    assert data_equivalence(*(batch.reset(seed=0) for batch in (envs, sync)), exact=True)
    for _ in range(3 if mode == AutoresetMode.DISABLED else 8):
        actions = envs.action_space.sample()
        assert data_equivalence(envs.step(actions), sync.step(actions), exact=True)
    envs.close(), sync.close()

    class Speaking(Nested):
        observation_space = gym.spaces.Text(4)

    with pytest.raises(ValueError, match="batch as arrays, got Text"):
        ThreadedVectorEnv([Speaking])


class Line(gym.Env):
    """Adds its action to a number, and refuses actions of another type than float32."""

    observation_space = gym.spaces.Box(-9, 9, (1,), np.float32)
    action_space = gym.spaces.Box(-1, 1, (1,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place = np.zeros(1, np.float32)
        return self.place, {}

    def check_action(self, action):
        if getattr(action, "dtype", None) != np.float32 or abs(action[0]) > 1:
            raise ValueError(f"refused {action!r}")

    def step(self, action):
        self.check_action(action)
        self.place = self.place + action
        return self.place, 0.0, False, False, {}


class Halved(gym.Wrapper):
    """A wrapper of somebody that changes actions in its ``step``."""

    def step(self, action):
        return self.env.step(np.float32(action / 2))


class Longer(gym.ObservationWrapper):
    def observation(self, observation):
        return 2 * observation


CHAINS = {
    "transformed": (
        lambda: gym.wrappers.TransformAction(Line(), lambda a: np.float32([a - 1]), gym.spaces.Discrete(3)),
        [np.array([0, 1, 2]), np.array([2, 2, 0])],
    ),
    "clipped": (lambda: gym.wrappers.ClipAction(Line()), [np.float32([[5], [-7], [0.5]])]),
    "rescaled": (lambda: gym.wrappers.RescaleAction(Line(), np.float32(-4), np.float32(4)), [np.float32([[3], [-4], [0.5]])]),
    "sticky": (lambda: gym.wrappers.StickyAction(Line(), 0.5), 6 * [np.float32([[1], [-1], [0.5]])]),
    "own": (lambda: Halved(Line()), [np.array([[2.0], [-1.5], [1]])]),
    "below": (lambda: gym.wrappers.TimeLimit(Halved(Longer(Line())), 9), [np.array([[2.0], [-1.5], [1]])]),
}


@pytest.mark.parametrize("name", CHAINS)
def test_wrappers_may_change_actions_that_the_environment_would_refuse(name):
    make, actions = CHAINS[name]
    envs, sync = ThreadedVectorEnv([make] * 3, num_threads=2), SyncVectorEnv([make] * 3)
    assert data_equivalence(*(batch.reset(seed=0) for batch in (envs, sync)), exact=True)
    for action in actions:
        assert data_equivalence(envs.step(action), sync.step(action), exact=True)
    envs.close(), sync.close()


@pytest.mark.parametrize(
    "make", [Line, lambda: Longer(gym.wrappers.TimeLimit(Line(), 9)), lambda: gym.wrappers.RecordEpisodeStatistics(Line())]
)
def test_below_wrappers_that_pass_actions_on_a_refusal_moves_nobody(make):
    envs = ThreadedVectorEnv([make] * 3, num_threads=2)
    envs.reset(seed=0)
    with pytest.raises(ValueError, match="refused") as raised:
        envs.step(np.float32([[0.5], [0.5], [2]]))
    assert names(raised.value, 2)
    assert [env.unwrapped.place[0] for env in envs.envs] == [0, 0, 0]
    envs.close()


@pytest.mark.parametrize(
    "space",
    [
        gym.spaces.Sequence(gym.spaces.Discrete(5)),
        gym.spaces.OneOf((gym.spaces.Discrete(2), gym.spaces.Box(-1, 1, (2,)))),
        gym.spaces.Tuple((gym.spaces.Discrete(2), gym.spaces.Sequence(gym.spaces.Discrete(5)))),
        gym.spaces.Text(8),
    ],
)
def test_actions_of_unequal_parts(space):
    class Said(gym.Env):
        """Tells the action it got."""

        observation_space = gym.spaces.Discrete(1000)
        action_space = space

        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed)
            return 0, {}

        def step(self, action):
            return sum(map(ord, repr(action))) % 1000, 0.0, False, False, {}

    envs, sync = ThreadedVectorEnv([Said] * 3, num_threads=2), SyncVectorEnv([Said] * 3)
    envs.reset(seed=0), sync.reset(seed=0)
    envs.action_space.seed(0)
    for _ in range(5):
        actions = envs.action_space.sample()
        assert data_equivalence(envs.step(actions), sync.step(actions), exact=True)
    two = tuple(part[:2] for part in actions) if isinstance(space, gym.spaces.Tuple) else actions[:2]
    with pytest.raises(ValueError, match="one action per environment: expected 3, got 2"):
        envs.step(two)
    envs.close(), sync.close()


@pytest.mark.parametrize(
    "seen", [np.float32(0.5), np.zeros(1, np.float32), np.array(["1", "2", "3"]), np.zeros(3, complex), [0, 1]]
)
def test_observations_that_are_not_in_their_space_are_refused_as_gymnasium_does(seen):
    class Wrong(Line):
        observation_space = gym.spaces.Box(-9, 9, (3,), np.float32)

        def step(self, action):
            return seen, 0.0, False, False, {}

        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed)
            return np.zeros(3, np.float32), {}

    for kind in (ThreadedVectorEnv, SyncVectorEnv):
        envs = kind([Wrong] * 2)
        envs.reset(seed=0)
        with pytest.raises((ValueError, TypeError)):
            envs.step(np.zeros((2, 1), np.float32))
        envs.close()

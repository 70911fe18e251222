"""Environments that know nothing of this package, on threads and in Gymnasium's SyncVectorEnv."""

from functools import partial

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from papergym.envs.vector.batch import ThreadedVectorEnv


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

"""``normalize=True`` by hand in float64, and what the first step of vector environments can pay at most."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import SyncVectorEnv

from papergym import wrappers
from papergym.wrappers.intrinsic import BONUSES, RewardMixer

ENVS = 4
SMALL = {"APT": {"k": 2}, "PrototypeNovelty": {"prototypes": 2, "size": 8, "batch_size": 4}, "RND": {"warmup": 0}}


class Near(gym.Env):
    """Starts at the same place and stays there, up to noise of 1e-3, as simulators do."""

    observation_space = gym.spaces.Box(-np.inf, np.inf, (6,))
    action_space = gym.spaces.Box(-1, 1, (2,))

    def _observation(self):
        return (1 + 1e-3 * self.np_random.standard_normal(6)).astype(np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self._observation(), {}

    def step(self, action):
        return self._observation(), 0.0, False, False, {}


@pytest.mark.parametrize("envs", [1, 4])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_by_hand(envs, scale):
    """Over the population deviation of all discounted sums so far, those before the first step, 0, among them."""
    rng, mixer = np.random.default_rng(0), RewardMixer(mix="replace", gamma=0.9)
    sums, seen = [0.0] * envs, [0.0] * envs
    for t in range(12):
        acting = [env for env in range(envs) if envs == 1 or (env + t) % 3]
        raw = scale * rng.exponential(size=len(acting))
        for env, value in zip(acting, raw):
            sums[env] = 0.9 * sums[env] + value
            seen.append(sums[env])
        if t == 0:
            mixer.reset(np.arange(envs))  # as the wrappers do: all environments are known before the first step
        paid, _, _ = mixer(np.zeros(len(acting)), raw, np.array(acting), np.zeros(len(acting), bool))
        mean = sum(seen) / len(seen)
        deviation = np.sqrt(sum((value - mean) ** 2 for value in seen) / len(seen))
        np.testing.assert_allclose(paid, raw / deviation, rtol=1e-9)


@pytest.mark.parametrize("name", BONUSES)
def test_the_first_step_pays_a_few_units_at_most(name):
    """At most sqrt(2 (n + 1)), for n environments.

    The statistics then hold n zeros and the first rewards x_1 ... x_n >= 0. Of all values of the others, the deviation is the
    smallest where they are equal to the mean m of all 2n: m = ((n - 1) m + x) / 2n, so m = x / (n + 1). The variance is then
    (n m^2 + (x - m)^2) / 2n = x^2 (n + n^2) / (2n (n + 1)^2) = x^2 / (2 (n + 1)).
    """
    bound = np.sqrt(2 * (ENVS + 1)) * (1 + 1e-9)
    for seed in range(3):
        envs = wrappers.add_intrinsic_reward(SyncVectorEnv([Near] * ENVS), name, **SMALL.get(name, {}))
        envs.reset(seed=seed)
        first = envs.step(np.zeros((ENVS, 2), np.float32))[4]["reward_intrinsic"]
        assert first.shape == (ENVS,) and (first >= 0).all() and first.max() <= bound
    single = RewardMixer()
    assert single(np.zeros(1), np.array([1e-8]), np.zeros(1, int), np.zeros(1, bool))[0] == pytest.approx(2.0)  # n = 1


def test_the_bound_is_attained():
    """One reward of 1, the others 1 / (n + 1)."""
    raw = np.array([1.0, *[1 / (ENVS + 1)] * (ENVS - 1)])
    paid, _, _ = RewardMixer()(np.zeros(ENVS), raw, np.arange(ENVS), np.zeros(ENVS, bool))
    assert paid[0] == pytest.approx(np.sqrt(2 * (ENVS + 1)))

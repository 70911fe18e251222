"""Normalization by the data's statistics, and its place in a policy's first layers."""

import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.td3.policies import TD3Policy

from papergym.agents.offline.normalizer import ObservationNormalizer
from papergym.agents.offline.transitions import Transitions

SEEN, DONE = spaces.Box(np.array([-2.0, 40.0, 5.0]), np.array([2.0, 60.0, 5.0]), dtype=np.float64), spaces.Box(-3, 1, (2,))


def policy():
    torch.manual_seed(0)
    return TD3Policy(SEEN, DONE, lambda _: 1e-3, net_arch=[8, 8])


def test_statistics_against_numpy(memory_data):
    """In float64; a constant dimension is divided by epsilon alone."""
    _, data = memory_data(SEEN, DONE)
    normalizer = ObservationNormalizer(SEEN, enabled=True, epsilon=1e-3)
    normalizer.fit(data)
    expected = (data.observations - data.observations.mean(0)) / (data.observations.std(0) + 1e-3)
    np.testing.assert_allclose(normalizer.normalize(data.observations), expected, atol=1e-4)
    assert normalizer.normalize(data.observations).dtype == np.float32
    assert set(normalizer.state_dict()) == {"mean", "scale"}


@pytest.mark.parametrize("space", [spaces.Discrete(4), spaces.Box(0, 255, (3, 36, 36), np.uint8)])
def test_images_and_numbers_stay_as_they_are(memory_data, space):
    _, data = memory_data(space, DONE)
    normalizer = ObservationNormalizer(space, enabled=True)
    normalizer.fit(data)
    np.testing.assert_array_equal(normalizer.normalize(data.observations), data.observations)


def test_inside_a_policy(memory_data):
    """Actor and critics of the copy give on raw observations what the original gives on normalized ones."""
    _, data = memory_data(SEEN, DONE)
    normalizer, original = ObservationNormalizer(SEEN, enabled=True), policy()
    normalizer.fit(data)
    copy = normalizer.inside(original)
    raw = torch.tensor(data.observations, dtype=torch.float32)
    normalized = torch.tensor(normalizer.normalize(data.observations))
    actions = torch.rand(len(raw), 2)
    torch.testing.assert_close(copy.actor(raw), original.actor(normalized), atol=1e-4, rtol=1e-4)
    for left, right in zip(copy.critic_target(raw, actions), original.critic_target(normalized, actions), strict=True):
        torch.testing.assert_close(left, right, atol=1e-4, rtol=1e-3)
    assert not torch.equal(copy.actor(normalized), original.actor(normalized))


def test_transitions(memory_data):
    """Actions in [-1, 1], time limits are no ends, and rows stay together."""
    _, data = memory_data(SEEN, DONE)
    normalizer = ObservationNormalizer(SEEN, enabled=False)
    batch = Transitions(data, policy(), normalizer, 2 * data.rewards).sample(np.random.default_rng(5), 64)
    rows = np.random.default_rng(5).integers(len(data), size=64)
    np.testing.assert_allclose(batch.observations, data.observations[rows], rtol=1e-6)
    np.testing.assert_allclose(batch.next_observations, data.next_observations[rows], rtol=1e-6)
    np.testing.assert_allclose(batch.actions, (data.actions[rows] + 1) / 2, atol=1e-6)  # from [-3, 1]
    np.testing.assert_allclose(batch.rewards[:, 0], 2 * data.rewards[rows], rtol=1e-6)
    np.testing.assert_array_equal(batch.dones[:, 0], data.terminated[rows])
    assert data.terminated.sum() == 2

"""What building and copying networks leaves as it was, and actions that environments change."""

import copy
import pickle

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import SyncVectorEnv
from stable_baselines3.common.vec_env import DummyVecEnv

from papergym import wrappers
from papergym.wrappers.intrinsic import BONUSES, Transitions, make_bonus

RNG = np.random.default_rng(0)
ROWS = RNG.standard_normal((16, 4)).astype(np.float32)


@pytest.mark.parametrize("name", BONUSES)
def test_no_generator_of_the_user_is_reseeded(name, monkeypatch):
    calls = []
    for device in (torch.cuda, torch.mps, torch.xpu):
        monkeypatch.setattr(device, "manual_seed_all" if device is not torch.mps else "manual_seed", calls.append)
    monkeypatch.setattr(torch.cuda, "manual_seed", calls.append)
    before = torch.get_rng_state()
    batch = Transitions(next_obs=ROWS, obs=ROWS + 1, action=ROWS[:, :2], done=np.zeros(16, bool))
    make_bonus(name, seed=7).reward(batch)
    assert calls == [] and torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("copied", [lambda bonus: bonus, copy.deepcopy, lambda bonus: pickle.loads(pickle.dumps(bonus))])
def test_a_copied_random_encoder_takes_other_weights(copied):
    """The fast path on vectors, against a float64 product with the weights of the state that was loaded."""
    bonus = make_bonus("RE3")
    bonus.reward(ROWS)
    again, state = copied(bonus), copy.deepcopy(bonus.state_dict())
    weights = {name: 2 * value for name, value in state["features"]["encoder"].items()}
    state["features"]["encoder"] = weights
    original = bonus.features(ROWS).copy()
    again.load_state_dict(state)
    first, shift, last, end = (value.double().numpy() for value in weights.values())
    expected = np.maximum(ROWS.astype(np.float64) @ first.T + shift, 0) @ last.T + end
    np.testing.assert_allclose(again.features(ROWS), expected, rtol=1e-4, atol=1e-5)
    if again is not bonus:
        np.testing.assert_array_equal(bonus.features(ROWS), original)  # a copy, not another name


class Overwriting(gym.Env):
    """Writes into the actions it is given, as environments that clip them in place do."""

    observation_space = gym.spaces.Box(-np.inf, np.inf, (3,))
    action_space = gym.spaces.Box(-1, 1, (2,))

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(3, np.float32), {}

    def step(self, action):
        action *= 0
        return np.ones(3, np.float32), 0.0, False, False, {}


@pytest.mark.parametrize("kind", ["single", "vector", "sb3"])
def test_the_bonus_sees_the_actions_of_the_agent(kind, monkeypatch):
    makers = [Overwriting] * 2
    env = {"single": Overwriting, "vector": lambda: SyncVectorEnv(makers), "sb3": lambda: DummyVecEnv(makers)}[kind]()
    wrapped, seen = wrappers.ICMReward(env), []
    score = wrapped.bonus.reward
    monkeypatch.setattr(wrapped.bonus, "reward", lambda batch: seen.append(batch.action.copy()) or score(batch))
    wrapped.reset()
    action = np.array([0.5, -0.25], np.float32)
    wrapped.step(action if kind == "single" else np.stack([action, action]))
    np.testing.assert_array_equal(seen[0], [[0.5, -0.25]] * (1 if kind == "single" else 2))

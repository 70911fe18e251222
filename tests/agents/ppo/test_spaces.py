"""Policies that do not learn, and other observation spaces."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces

from papergym.agents.ppo.build import build
from papergym.agents.ppo.config import Config
from papergym.agents.ppo.still import run


def test_uniform_policy_by_hand():
    row = run({"policy": "uniform", "episodes": 3, "env_id": "InvertedPendulum-v4", "seed": 5})
    generator, env, returns = np.random.default_rng(5), gym.make("InvertedPendulum-v4"), []
    env.reset(seed=5)
    while len(returns) < 3:
        total, ended = 0.0, False
        while not ended:
            _, reward, terminated, truncated, _ = env.step(generator.uniform(-3, 3, 1).astype(np.float32))
            total, ended = total + float(reward), terminated or truncated
        returns.append(total)
        env.reset()
    assert row["score"] == pytest.approx(np.mean(returns))


class Shapes(gym.Env):
    """Random observations of any space."""

    def __init__(self, space):
        self.observation_space, self.action_space = space, spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        if seed is not None:
            self.observation_space.seed(seed)
        return self.observation_space.sample(), {}

    def step(self, action):
        return self.observation_space.sample(), 1.0, False, bool(self.np_random.random() < 0.1), {}


@pytest.mark.parametrize(
    ("space", "policy"),
    [
        (spaces.Box(0, 255, (3, 36, 36), np.uint8), "ActorCriticCnnPolicy"),
        (spaces.Dict({"a": spaces.Box(-1, 1, (2,)), "b": spaces.Discrete(3)}), "MultiInputActorCriticPolicy"),
        (spaces.Discrete(4), "ActorCriticPolicy"),
    ],
)
def test_images_dictionaries_and_indices_train_in_torch(space, policy):
    gym.register("PPOShapes-v0", entry_point=lambda: Shapes(space))
    try:
        model = build(
            Config(n_steps=32, batch_size=16, n_epochs=1, objective="adaptive_kl"), "PPOShapes-v0", seed=0, device="cpu"
        )
        model.learn(64)
    finally:
        gym.registry.pop("PPOShapes-v0")
    assert type(model.policy).__name__ == policy and model.num_timesteps == 64
    assert model.fast_policy is None  # pyright: ignore[reportAttributeAccessIssue]

"""FlattenDict: every entry of every level, and an agent of stable-baselines3 that learns on it."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env

import papergym  # noqa: F401
from papergym.envs.mine import make
from papergym.wrappers import FlattenDict
from papergym.wrappers.flatten import _leaves

SPACE = spaces.Dict({
    "image": spaces.Box(0, 255, (8, 8, 3), np.uint8),
    "body": spaces.Dict({"height": spaces.Box(-1, 1, (), np.float32), "bag": spaces.MultiDiscrete([[2, 3], [4, 5]])}),
    "deep": spaces.Dict({"er": spaces.Dict({"kind": spaces.Discrete(3), "flags": spaces.MultiBinary((2, 2))})}),
})  # fmt: skip


class Nested(gym.Env):
    """Observes what its space samples."""

    observation_space, action_space = SPACE, spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        if seed is not None:
            self.observation_space.seed(seed)
        self.options = options
        self.seen = self.observation_space.sample()
        return self.seen, {}

    def step(self, action):
        self.seen = self.observation_space.sample()
        return self.seen, 1.0, False, False, {}


def test_every_entry_is_there_once():
    env = FlattenDict(Nested())
    observation, _ = env.reset(seed=3, options={"a": 1})
    assert env.unwrapped.options == {"a": 1}
    assert set(observation) == {"image", "body/height", "body/bag", "deep/er/kind", "deep/er/flags"}
    seen = env.unwrapped.seen
    assert np.array_equal(observation["image"], seen["image"]) and observation["deep/er/kind"] == seen["deep"]["er"]["kind"]
    assert observation["body/height"].tolist() == [seen["body"]["height"]]
    assert observation["body/bag"].tolist() == seen["body"]["bag"].ravel().tolist()
    assert observation["deep/er/flags"].tolist() == seen["deep"]["er"]["flags"].ravel().tolist()
    for _ in range(5):
        assert env.step(0)[0] in env.observation_space


def test_minedojos_observation_and_its_spec():
    env = FlattenDict(gym.make("Mine-HarvestSand-v0", image_size=16, use_voxel=True, use_lidar=True))
    check_env(env, skip_render_check=True)
    copy = gym.make(EnvSpec.from_json(env.spec.to_json()))
    one, two = env.reset(seed=1)[0], copy.reset(seed=1)[0]
    assert one.keys() == two.keys() and all(np.array_equal(one[key], two[key]) for key in one)
    assert len(one) == len(list(_leaves(env.unwrapped.observation_space))) > 70


def test_ppo_of_stable_baselines3_learns_on_minedojos_observation():
    from stable_baselines3 import PPO

    env = FlattenDict(
        make("open-ended", 36, use_voxel=True, voxel_size=dict(xmin=-1, ymin=-1, zmin=-1, xmax=1, ymax=1, zmax=1))
    )
    agent = PPO("MultiInputPolicy", env, n_steps=16, batch_size=16, n_epochs=1, seed=0, device="cpu")
    before = [weights.detach().clone() for weights in agent.policy.parameters()]
    agent.learn(16)
    assert any(not np.array_equal(old, new.detach()) for old, new in zip(before, agent.policy.parameters()))


def test_what_it_refuses():
    with pytest.raises(ValueError, match="expected an environment with a Dict observation"):
        FlattenDict(gym.make("CartPole-v1"))
    twice = Nested()
    twice.observation_space = spaces.Dict({"a": spaces.Dict({"b": spaces.Discrete(2)}), "a/b": spaces.Discrete(2)})
    with pytest.raises(ValueError, match="pass another separator"):
        FlattenDict(twice)
    assert set(FlattenDict(twice, separator=".").observation_space) == {"a.b", "a/b"}
    with pytest.raises(ValueError, match="separator"):
        FlattenDict(twice, separator=None)

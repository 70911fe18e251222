"""What the tests of several agents share."""

import shutil
import subprocess
import sys

import gymnasium as gym
import minari
import numpy as np
import pytest
from minari.data_collector import EpisodeBuffer

from papergym.agents.data.dataset import Dataset, Episode


@pytest.fixture
def without_papergym():
    """Runs Python code where papergym cannot be imported and a warning of the user's kind is an error; what it printed."""

    def run(code: str) -> str:
        code = f"import sys\nsys.modules['papergym'] = None\n{code}"
        done = subprocess.run([sys.executable, "-W", "error::UserWarning", "-c", code], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture
def make_dataset(tmp_path, monkeypatch):
    """Writes a Minari dataset: episodes of ``act(observation)`` in ``env_id``; its folder."""
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))

    def make(env_id, act, episodes=3, name="test/clone-v0", change=None, **kwargs):
        env = gym.make(env_id, **kwargs)
        buffers = []
        for number in range(episodes):
            observation, _ = env.reset(seed=number)
            seen, done, paid, ends, cuts = [observation], [], [], [], []
            while not (ends and (ends[-1] or cuts[-1])):
                action = act(observation)
                observation, reward, terminated, truncated, _ = env.step(action)
                seen, done, paid = [*seen, observation], [*done, action], [*paid, float(reward)]
                ends, cuts = [*ends, terminated], [*cuts, truncated]
            columns = {"observations": np.stack(seen), "actions": np.stack(done)}
            columns = change(columns) if change else columns
            buffers.append(EpisodeBuffer(id=number, rewards=paid, terminations=ends, truncations=cuts, **columns))
        folder = tmp_path / "minari" / name
        shutil.rmtree(folder, ignore_errors=True)
        minari.create_dataset_from_buffers(name, buffers, env=env, author="tests", description="A test's own data.")
        env.close()
        return folder

    return make


class Spaces(gym.Env):
    """An environment of which only the spaces are asked for."""

    def __init__(self, observation_space, action_space):
        self.observation_space, self.action_space = observation_space, action_space


@pytest.fixture
def memory_data():
    """Makes an environment that only has spaces, and a dataset in memory of random episodes, of which every other one ends."""

    def make(observation_space, action_space, episodes=4, steps=30, seed=0):
        generator = np.random.default_rng(seed)

        def draw(space, count):
            if isinstance(space, gym.spaces.Discrete):
                return generator.integers(space.n, size=count)
            if space.dtype == np.uint8:
                return generator.integers(256, size=(count, *space.shape), dtype=np.uint8)
            low, high = (np.nan_to_num(bound, neginf=-3.0, posinf=3.0) for bound in (space.low, space.high))
            return generator.uniform(low, high, (count, *space.shape)).astype(space.dtype)

        def episode(number):
            rewards = generator.normal(size=steps + number)
            return Episode(
                draw(observation_space, len(rewards) + 1), draw(action_space, len(rewards)), rewards, number % 2 == 0
            )

        data = Dataset.from_episodes([episode(number) for number in range(episodes)], observation_space, action_space)
        return Spaces(observation_space, action_space), data

    return make

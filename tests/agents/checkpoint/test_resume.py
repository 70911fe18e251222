"""A resumed algorithm gives, bit for bit, the numbers of the one that was never interrupted."""

import tempfile

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3 import DQN, PPO, SAC, TD3
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.noise import OrnsteinUhlenbeckActionNoise
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecEnv, VecFrameStack, VecNormalize

from papergym.agents.checkpoint.envstate import Resumable
from papergym.agents.checkpoint.resume import ExactResume
from papergym.agents.checkpoint.state import CheckpointError, load_state, save_state


class ResumableSAC(ExactResume, SAC):
    pass


class ResumableDQN(ExactResume, DQN):
    pass


class ResumablePPO(ExactResume, PPO):
    pass


class ResumableTD3(ExactResume, TD3):
    pass


SMALL = {"net_arch": [16, 16]}


def normalised(env_id: str, n_envs: int) -> VecEnv:
    return VecNormalize(DummyVecEnv([lambda: gym.make(env_id) for _ in range(n_envs)]))


def sac(seed: int) -> ResumableSAC:
    return ResumableSAC("MlpPolicy", "Pendulum-v1", policy_kwargs=dict(SMALL), learning_starts=50, batch_size=16, seed=seed)


def sac_mujoco(seed: int) -> ResumableSAC:
    return ResumableSAC(
        "MlpPolicy", "Ant-v5", policy_kwargs=dict(SMALL), learning_starts=50, batch_size=16, seed=seed, buffer_size=120
    )


def dqn(seed: int) -> ResumableDQN:
    return ResumableDQN(
        "MlpPolicy",
        "CartPole-v1",
        policy_kwargs=dict(SMALL),
        learning_starts=30,
        batch_size=16,
        target_update_interval=40,
        seed=seed,
    )


def ppo(seed: int) -> ResumablePPO:
    env = normalised("Pendulum-v1", 2)
    return ResumablePPO("MlpPolicy", env, n_steps=24, batch_size=16, n_epochs=2, policy_kwargs=dict(SMALL), seed=seed)


def ppo_stack(seed: int) -> ResumablePPO:
    env = VecFrameStack(DummyVecEnv([lambda: gym.make("CartPole-v1")]), 3)
    return ResumablePPO("MlpPolicy", env, n_steps=24, batch_size=12, n_epochs=2, policy_kwargs=dict(SMALL), seed=seed)


def td3_noise(seed: int) -> ResumableTD3:
    noise = OrnsteinUhlenbeckActionNoise(np.zeros(1), 0.3 * np.ones(1))
    env = DummyVecEnv([lambda: gym.make("MountainCarContinuous-v0") for _ in range(2)])
    return ResumableTD3(
        "MlpPolicy", env, policy_kwargs=dict(SMALL), learning_starts=40, batch_size=16, action_noise=noise, seed=seed
    )


class Snapshot(BaseCallback):
    """Saves the state at the first safe point at or after ``step``."""

    def __init__(self, step: int, path) -> None:
        super().__init__()
        self.step, self.path = step, path

    def _on_rollout_start(self) -> None:
        if self.num_timesteps >= self.step and not self.path.exists():
            save_state(self.path, self.model.get_state(), kind="test")

    def _on_step(self) -> bool:
        return True


def numbers(model) -> dict[str, np.ndarray]:
    values = {name: tensor.numpy() for name, tensor in model.policy.state_dict().items()}
    values["obs"] = np.asarray(model._last_obs)
    values["steps"] = np.asarray([model.num_timesteps, model._episode_num, model._n_updates])
    values["returns"] = np.asarray([episode["r"] for episode in model.ep_info_buffer])
    return values


@pytest.mark.parametrize("build", [sac, sac_mujoco, dqn, ppo, ppo_stack, td3_noise])
def test_resumed_equals_uninterrupted(build, tmp_path):
    whole = build(3)
    whole.learn(320, callback=Snapshot(130, tmp_path / "state"))
    resumed = build(99)  # everything of seed 3 must come from the file
    torch.manual_seed(12345)
    resumed.set_state(load_state(tmp_path / "state", kind="test"))
    assert 130 <= resumed.num_timesteps < 200
    resumed.learn_until(320)
    expected, got = numbers(whole), numbers(resumed)
    assert expected.keys() == got.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(value, got[name], err_msg=name)


@pytest.mark.parametrize("build", [sac, ppo_stack])
def test_saved_outside_learn(build, tmp_path):
    first = build(3)
    first.learn(144)
    save_state(tmp_path / "state", first.get_state(), kind="test")
    first.learn_until(288)  # to its end before the other: both draw from the global generators
    resumed = build(99)
    resumed.set_state(load_state(tmp_path / "state", kind="test"))
    resumed.learn_until(288)
    for name, value in numbers(first).items():
        np.testing.assert_array_equal(value, numbers(resumed)[name], err_msg=name)


def test_other_seed_differs():
    """The comparison above can fail."""
    one, two = sac(3).learn(120), sac(4).learn(120)
    assert any(not np.array_equal(value, numbers(two)[name]) for name, value in numbers(one).items())


def test_logged_values_survive(tmp_path):
    model = dqn(3)
    model.learn(60)
    model.logger.record("train/loss", 0.25)
    save_state(tmp_path / "state", model.get_state(), kind="test")
    resumed = dqn(5)
    resumed.set_state(load_state(tmp_path / "state", kind="test"))
    resumed._setup_learn(10, reset_num_timesteps=False)
    assert resumed.logger.name_to_value["train/loss"] == 0.25


class NoState(gym.Env):
    """A world that offers nothing."""

    observation_space = gym.spaces.Box(-1, 1, (2,))
    action_space = gym.spaces.Box(-1, 1, (1,))

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.count = 0
        return self.np_random.uniform(-1, 1, 2).astype(np.float32), {}

    def step(self, action):
        self.count += 1
        return self.np_random.uniform(-1, 1, 2).astype(np.float32), 0.0, False, self.count == 30, {}


def test_world_without_state_starts_fresh_and_says_so(tmp_path, caplog):
    def build(seed):
        return ResumableSAC("MlpPolicy", NoState(), policy_kwargs=dict(SMALL), learning_starts=20, batch_size=8, seed=seed)

    model = build(0)
    model.learn(45)
    for _ in range(2):
        state = model.get_state()
    save_state(tmp_path / "state", state, kind="test")
    assert sum("NoState" in record.message for record in caplog.records) == 1
    ends = []
    for seed in (1, 2):  # a fresh start, and the same one each time
        resumed = build(seed)
        resumed.seed = 0
        resumed.set_state(load_state(tmp_path / "state", kind="test"))
        assert resumed.num_timesteps == 45 and resumed._last_episode_starts.all()
        resumed.learn_until(80)
        ends.append(numbers(resumed))
    for name, value in ends[0].items():
        np.testing.assert_array_equal(value, ends[1][name])


def test_subprocess_environments(tmp_path):
    def build(seed):
        env = SubprocVecEnv([lambda: Resumable(gym.make("Pendulum-v1"))] * 2, start_method="fork")
        return ResumableSAC("MlpPolicy", env, policy_kwargs=dict(SMALL), learning_starts=20, batch_size=8, seed=seed)

    whole, resumed = build(0), build(7)
    whole.learn(100, callback=Snapshot(60, tmp_path / "state"))
    resumed.set_state(load_state(tmp_path / "state", kind="test"))
    resumed.learn_until(100)
    for name, value in numbers(whole).items():
        np.testing.assert_array_equal(value, numbers(resumed)[name], err_msg=name)
    whole.env.close()
    resumed.env.close()


def test_wrong_shapes_are_named(tmp_path):
    save_state(tmp_path / "state", sac(0).learn(10).get_state(), kind="test")
    other = ResumableSAC("MlpPolicy", "Pendulum-v1", policy_kwargs={"net_arch": [8]}, seed=0)
    with pytest.raises(CheckpointError, match="does not fit this ResumableSAC"):
        other.set_state(load_state(tmp_path / "state", kind="test"))


def test_gsde_is_refused():
    model = ResumableSAC("MlpPolicy", "Pendulum-v1", policy_kwargs=dict(SMALL), use_sde=True)
    with pytest.raises(CheckpointError, match="gSDE"):
        model.get_state()


def test_no_folder_is_left_in_tmp(tmp_path, monkeypatch):
    """Unlike SB3's own, our algorithms make no empty folder for a logger that writes nothing."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    model = dqn(0).learn(40)
    first = model.logger
    assert model.learn(40, reset_num_timesteps=False).logger is not first
    assert not list(tmp_path.glob("SB3-*"))
    model.verbose = 1
    model.learn(40, reset_num_timesteps=False)
    assert list(tmp_path.glob("SB3-*")), "an output that was asked for is there"

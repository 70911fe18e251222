"""Every block of "Add it to your code" runs, as it was before the line that wraps and after it, in a program of its library."""

import re
import textwrap
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import papergym

PAGE = Path(__file__).parents[3] / "docs" / "wrappers" / "add-to-your-code.md"
BLOCKS = re.findall(r"^## (.+?)\n|^```(?:diff|python)\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def blocks(section: str) -> list[str]:
    """The code of a section, in order."""
    at, found = "", []
    for title, code in BLOCKS:
        at = title or at
        found += [code] if code and at == section else []
    return found


def parts(block: str, version: str) -> list[str]:
    """A diff as it stands before or after the change, cut where it says ``...``."""
    dropped = {"before": "+", "after": "-"}[version]
    lines = [line[1:] for line in block.splitlines() if line[:1] != dropped]
    return [textwrap.dedent(part) for part in re.split(r"^\.\.\.\n", "\n".join(lines), flags=re.MULTILINE)]


def run(code: str, names: dict[str, Any]) -> None:
    exec(compile(code, str(PAGE), "exec"), names)


def make_env(index: int):
    return lambda: gym.make("CartPole-v1")


@pytest.fixture
def names():
    return {"gym": gym, "papergym": papergym}


def test_every_section_is_run_below():
    source = Path(__file__).read_text()
    for title, _ in BLOCKS:
        assert not title or f'"{title}"' in source, title


@pytest.mark.parametrize("version", ["before", "after"])
def test_cleanrl_ppo(version, names):
    (code,) = parts(blocks("CleanRL-style PPO")[0], version)
    scope = {"args": SimpleNamespace(num_envs=4), "make_env": make_env, **names}
    run(code, scope)
    envs = scope["envs"]
    envs.reset(seed=0)
    paid = np.array([envs.step(np.zeros(4, int))[1] for _ in range(20)])
    assert ((paid > 1).any(), (paid == 1).any()) == ((False, True) if version == "before" else (True, True))


@pytest.mark.parametrize("version", ["before", "after"])
def test_cleanrl_sac(version, names):
    from stable_baselines3.common.buffers import ReplayBuffer  # what CleanRL's buffer is a copy of

    envs = gym.vector.SyncVectorEnv([lambda: gym.make("Pendulum-v1")])
    rb = ReplayBuffer(100, envs.single_observation_space, envs.single_action_space, handle_timeout_termination=False)
    scope = {"envs": envs, "rb": rb, "args": SimpleNamespace(batch_size=32), **names}
    *setup, sample = parts(blocks("CleanRL-style SAC")[0], version)
    for code in setup:
        run(code, scope)
    obs, _ = envs.reset(seed=0)
    for _ in range(100):
        actions = envs.action_space.sample()
        following, rewards, done, *_ = envs.step(actions)
        rb.add(obs, following, actions, rewards, done, [{}])
        obs = following
    stored = set(rb.rewards.ravel().tolist())
    for _ in range(20):  # RND trains on 640 transitions meanwhile
        run(sample, scope)
    mixed = set(scope["data"].rewards.numpy().ravel().tolist())
    assert (mixed <= stored) == (version == "before")


@pytest.mark.parametrize("version", ["before", "after"])
@pytest.mark.parametrize("block", [0, 1])
def test_sb3(block, version, names):
    from stable_baselines3 import PPO, SAC
    from stable_baselines3.common.env_util import make_vec_env

    scope = {"PPO": PPO, "SAC": SAC, "make_vec_env": make_vec_env, "env": gym.make("Pendulum-v1"), **names}
    (code,) = parts(blocks("stable-baselines3")[block], version)
    run(code, scope)
    model = scope["model"]
    model.n_steps, model.learning_starts = 64, 50
    if block == 0:
        model._setup_model()
    model.learn(512 if block == 0 else 60)
    bonus = getattr(scope["venv"] if block == 0 else model.replay_buffer, "bonus", None)
    assert (bonus is None) == (version == "before")
    if bonus is not None:
        assert bonus.stats()["transitions"] == (512 if block == 0 else 60)


def test_save_it_with_the_model(names, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    env = papergym.wrappers.NoveltyReward(gym.make("CartPole-v1"))
    env.reset(seed=0)
    env.step(0)
    (code,) = blocks("Save it with the model")
    run(code, {"env": env, **names})
    assert (tmp_path / "bonus.safetensors").is_file() and env.bonus.stats()["rewards"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("version", ["before", "after"])
def test_torchrl(version, names):
    envs = pytest.importorskip("torchrl.envs", reason="not installed: pip install 'papergym[thirdparty]'")
    scope = {"GymWrapper": envs.GymWrapper, **names}
    wrap, relabelled = blocks("TorchRL")
    (code,) = parts(wrap, version)
    run(code, scope)
    data = scope["env"].rollout(100)
    rewards = data["next", "reward"].numpy()
    cosine, sine, speed = data["observation"].numpy().T
    own = -(np.arctan2(sine, cosine) ** 2 + 0.1 * speed**2 + 0.001 * data["action"].numpy()[:, 0] ** 2)  # what Pendulum pays
    assert (rewards[:, 0] > own + 0.01).any() == (version == "after")
    assert (rewards[:, 0] > own - 1e-4).all()
    if version == "after":
        bonus = papergym.wrappers.intrinsic.make_bonus("KNNNovelty", memory="batch")
        buffer = SimpleNamespace(sample=lambda: data)
        scope |= {"relabel": papergym.wrappers.intrinsic.relabel, "buffer": buffer, "bonus": bonus}
        run(relabelled, scope)
        np.testing.assert_allclose(
            scope["data"]["next", "reward"][:, 0].numpy(),
            rewards[:, 0] + bonus.score(data["next", "observation"].numpy()),
            rtol=1e-5,
        )


@pytest.mark.slow
@pytest.mark.parametrize("version", ["before", "after"])
def test_tianshou(version, names):
    env = pytest.importorskip("tianshou.env", reason="not installed: pip install 'papergym[thirdparty]'")
    scope = {"DummyVectorEnv": env.DummyVectorEnv, **names}
    (code,) = parts(blocks("Tianshou")[0], version)
    run(code, scope)
    envs = scope["train_envs"]
    envs.reset()
    paid = np.array([envs.step(np.zeros(8, int))[1] for _ in range(5)])
    assert (paid > 1).any() == (version == "after")


@pytest.mark.slow
@pytest.mark.parametrize("version", ["before", "after"])
def test_rllib(version, names):
    """RLlib pins an older Gymnasium than ours: this needs ``pip install --no-deps gymnasium`` on top of ``ray[rllib]``."""
    ray = pytest.importorskip("ray", reason="not installed: pip install 'ray[rllib]', then gymnasium with --no-deps")
    from ray.rllib.algorithms.ppo import PPOConfig
    from ray.tune.registry import register_env

    scope = {"register_env": register_env, **names}
    (code,) = parts(blocks("RLlib")[0], version)
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
    try:
        run(code, scope)
        config = PPOConfig().environment("mine").env_runners(num_env_runners=0, num_envs_per_env_runner=2)
        config = config.training(train_batch_size_per_learner=500, minibatch_size=100, num_epochs=2).debugging(seed=0)
        algorithm = config.build_algo()
        seen = [algorithm.train()["env_runners"] for _ in range(4)][-1]
        algorithm.stop()
    finally:
        ray.shutdown()
    assert seen["num_env_steps_sampled_lifetime"] >= 2_000
    surplus = seen["episode_return_mean"] - seen["episode_len_mean"]  # CartPole alone pays 1 a step, of which RLlib may
    assert (surplus > 0.5) if version == "after" else -0.5 < surplus <= 0  # lose one where an iteration cuts an episode

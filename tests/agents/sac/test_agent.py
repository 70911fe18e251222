from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3 import SAC as SB3SAC
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from papergym.agents.checkpoint.state import load_state, save_state
from papergym.agents.errors import UsageError
from papergym.agents.replay.uniform import PackedReplayBuffer
from papergym.agents.sac.algorithm import SAC
from papergym.agents.sac.build import build
from papergym.agents.sac.config import Config
from papergym.agents.sac.prioritized import PrioritizedSAC
from papergym.agents.sac.update import Update


def parameters(model) -> torch.Tensor:
    return torch.nn.utils.parameters_to_vector(model.policy.parameters())


def test_files_load_in_plain_sb3(make_sac, tmp_path):
    model = make_sac(60)
    model.save(tmp_path / "model.zip")
    plain = SB3SAC.load(tmp_path / "model.zip", device="cpu")
    assert type(plain.policy) is type(model.policy)
    observations = np.random.default_rng(0).normal(size=(50, 5))
    np.testing.assert_allclose(
        plain.predict(observations, deterministic=True)[0], model.predict(observations, deterministic=True)[0], rtol=1e-6
    )
    again = SAC.load(tmp_path / "model.zip", env=model.get_env(), device="cpu")
    assert torch.equal(parameters(again), parameters(model))
    again.learn(20, reset_num_timesteps=False)
    plain.set_env(model.get_env())
    plain.learn(150)  # goes on learning there too, optimiser included


def test_the_replay_holds_what_sb3_holds(make_sac):
    """Through ends of both kinds: only a time limit leaves the target's next value in."""
    ours, theirs = (make_sac(300, cls=cls, learning_starts=1_000).replay_buffer for cls in (SAC, SB3SAC))
    for name in ("observations", "next_observations", "actions", "rewards", "dones", "timeouts"):
        np.testing.assert_array_equal(getattr(ours, name)[:300], getattr(theirs, name)[:300].astype(np.float32), name)
    assert 0 < theirs.timeouts.sum() < theirs.dones.sum()
    everything = np.arange(300)
    one, two = ours._gather(everything), theirs._get_samples(everything)
    assert torch.equal(one.dones, two.dones) and torch.equal(one.rewards, two.rewards)


def test_n_step_returns_survive_a_file(make_sac, tmp_path):
    make_sac(60, n_steps=3, gamma=0.9).save(tmp_path / "model.zip")
    again = SAC.load(tmp_path / "model.zip", device="cpu")
    assert (again.replay_buffer.n_steps, again.replay_buffer.gamma) == (3, 0.9)
    plain = SB3SAC.load(tmp_path / "model.zip", env=make_sac().get_env(), device="cpu").learn(60)
    assert (plain.replay_buffer.n_steps, plain.replay_buffer.gamma) == (3, 0.9)


def test_files_need_nothing_of_papergym(make_sac, tmp_path, without_papergym):
    make_sac(40).save(tmp_path / "model.zip")
    said = without_papergym(
        "import numpy, stable_baselines3 as sb3\n"
        f"model = sb3.SAC.load({str(tmp_path / 'model.zip')!r}, device='cpu')\n"
        "print(model.predict(numpy.zeros(5))[0].shape, type(model.replay_buffer))\n"
    )
    assert "(3,)" in said


@pytest.mark.parametrize("lean", [True, False])
@pytest.mark.parametrize("kwargs", [{}, {"ent_coef": 0.1}, {"separate_value": True, "ent_coef": 0.2}, {"n_steps": 3}])
def test_interrupted_equals_uninterrupted(make_sac, tmp_path, kwargs, lean):
    env, kwargs = lambda: gym.make("Pendulum-v1"), {"lean": lean, **kwargs}
    whole = make_sac(env=env, **kwargs)
    whole.learn(50)
    whole.learn(40, reset_num_timesteps=False)
    first = make_sac(env=env, **kwargs)
    first.learn(50)
    save_state(tmp_path / "state", first.get_state(), kind="sac")
    second = make_sac(env=env, **{**kwargs, "seed": 99})
    second.set_state(load_state(tmp_path / "state", kind="sac"))
    torch.manual_seed(0)  # what other code does to global generators between must not matter
    second.learn_until(90)
    assert torch.equal(parameters(whole), parameters(second))
    assert torch.equal(whole._noise.get_state(), second._noise.get_state())


def test_two_agents_do_not_disturb_each_other(make_sac):
    alone = make_sac(60)
    first, second = make_sac(), make_sac(seed=2)
    first.learn(30)
    second.learn(30)
    first.learn(30, reset_num_timesteps=False)
    whole = make_sac()
    whole.learn(30)
    whole.learn(30, reset_num_timesteps=False)
    assert torch.equal(parameters(first), parameters(whole))
    assert not torch.equal(parameters(alone), parameters(second))


def test_actions_reach_the_env_in_its_bounds_and_the_buffer_scaled(make_sac):
    model = make_sac(100)
    low, high = model.action_space.low, model.action_space.high
    action, stored = model._sample_action(0)
    assert (action >= low).all() and (action <= high).all()
    np.testing.assert_allclose(action, low + 0.5 * (stored + 1) * (high - low), rtol=1e-5, atol=1e-6)
    assert np.abs(model.replay_buffer.actions).max() <= 1.0
    assert model.replay_buffer.observations.dtype == np.float32


def test_gsde_runs_the_update_of_sb3(make_sac, caplog):
    with caplog.at_level("INFO", logger="papergym.agents.sac.algorithm"):
        model = make_sac(40, use_sde=True)
    assert "own update runs" in caplog.text
    assert model._update is None and model._n_updates > 0
    with pytest.raises(ValueError, match="separate_value needs"):
        make_sac(separate_value=True, use_sde=True)
    with pytest.raises(ValueError, match="use_sde=False"):
        make_sac(cls=PrioritizedSAC, use_sde=True)


def test_other_policies_run_the_plain_update(make_sac, caplog):
    with caplog.at_level("INFO", logger="papergym.agents.sac.algorithm"):
        model = make_sac(40, separate_value=True, policy_kwargs={"net_arch": [8], "activation_fn": torch.nn.Tanh})
    assert "the plain update runs: actor and critics are not ReLU networks" in caplog.text
    assert isinstance(model._update, Update) and model._n_updates > 0


def test_first_version_needs_flat_observations(make_sac, image_drift, dict_drift):
    for env, policy in ((image_drift, "CnnPolicy"), (dict_drift, "MultiInputPolicy")):
        with pytest.raises(ValueError, match="separate_value needs flat Box observations"):
            make_sac(env=env, policy=policy, separate_value=True)


@pytest.mark.parametrize("kind", ["images", "dictionary"])
def test_priorities_with_images_and_dictionaries(make_sac, image_drift, dict_drift, kind):
    env, policy = (image_drift, "CnnPolicy") if kind == "images" else (dict_drift, "MultiInputPolicy")
    model = make_sac(45, cls=PrioritizedSAC, env=env, policy=policy, policy_kwargs={"net_arch": [8]})
    assert len(np.unique(model.replay_buffer.priorities.tree.leaves[:45])) > 20


def test_several_environments_and_vecnormalize(make_sac):
    venv = VecNormalize(DummyVecEnv([lambda: gym.make("Pendulum-v1")] * 3))
    model = make_sac(90, env=venv, gradient_steps=-1)
    assert model._n_updates == 60
    assert isinstance(model.replay_buffer, PackedReplayBuffer)
    assert model.replay_buffer.n_envs == 3
    assert torch.isfinite(parameters(model)).all()


def test_n_step_discounts_reach_the_target(make_sac):
    model = make_sac(60, n_steps=4, gamma=0.9)
    batch = model.replay_buffer.sample(64)
    assert batch.discounts is not None
    np.testing.assert_allclose(sorted(set(batch.discounts.flatten().tolist()))[0], 0.9**4, rtol=1e-5)
    obs, actions, log_prob = batch.next_observations, torch.zeros(64, 3), torch.zeros(64, 1)
    with torch.no_grad():
        q = torch.stack(model.critic_target(obs, actions)).amin(0)
        ours = model._update._target(batch, obs, actions, log_prob, 0.0)
    torch.testing.assert_close(ours, batch.rewards + (1 - batch.dones) * batch.discounts * q)


def test_configurations_that_exclude_each_other():
    cases: list[tuple[dict[str, Any], str]] = [
        ({"implementation": "sbx"}, "papergym, sb3"),
        ({"implementation": "sb3", "separate_value": True}, "neither"),
        ({"temperature": "warm"}, "a number"),
        ({"temperature": "0.2", "target_entropy": -1.0}, "learned temperature only"),
        ({"implementation": "sb3", "replay": "rank"}, "neither"),
    ]
    for settings, message in cases:
        with pytest.raises(UsageError, match=message):
            Config(**settings).check()
    with pytest.raises(UsageError, match="acts in a Box"):
        build(Config(), "CartPole-v1", seed=0)


@pytest.mark.parametrize(
    "settings", [{}, {"implementation": "sb3"}, {"replay": "rank"}, {"temperature": "0.2"}, {"lean": False}]
)
def test_build(settings):
    model = build(Config(hidden=(16,), learning_starts=20, buffer_size=100, **settings), "Pendulum-v1", seed=0, device="cpu")
    model.learn(30)
    assert model._n_updates == 10
    assert isinstance(model.observation_space, spaces.Box)

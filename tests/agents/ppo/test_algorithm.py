"""PPO as a class: SB3's numbers and files, the adaptive coefficient, exact resume, bad input."""

import numpy as np
import pytest
import stable_baselines3 as sb3
import torch
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env

from papergym.agents.checkpoint.state import load_state, save_state
from papergym.agents.errors import BadNumbersError, UsageError
from papergym.agents.ppo.algorithm import PPO
from papergym.agents.ppo.build import build
from papergym.agents.ppo.config import Config
from papergym.agents.ppo.objective import BETA_BOUNDS, next_beta


def test_torch_path_with_clip_is_sb3(make_ppo, line_walk):
    """With SB3's global generator for the minibatches, three updates of both give the same bits."""
    settings = {"n_steps": 64, "batch_size": 32, "n_epochs": 3, "ent_coef": 0.01, "seed": 5, "device": "cpu"}
    theirs = sb3.PPO("MlpPolicy", make_vec_env(line_walk, n_envs=2), **settings)
    theirs.learn(384)
    ours = PPO("MlpPolicy", make_vec_env(line_walk, n_envs=2), use_fast=False, **settings)
    ours.generator = np.random.mtrand._rand  # pyright: ignore[reportAttributeAccessIssue]
    ours.learn(384)
    for a, b in zip(ours.policy.parameters(), theirs.policy.parameters()):
        torch.testing.assert_close(a, b, rtol=0, atol=0)


def test_sb3s_own_options_keep_working(line_walk):
    """Value clipping and target_kl train in torch exactly as in SB3."""
    settings = {"n_steps": 64, "batch_size": 32, "clip_range_vf": 0.2, "target_kl": 1e-4, "learning_rate": 3e-3, "seed": 1}
    theirs = sb3.PPO("MlpPolicy", make_vec_env(line_walk), device="cpu", **settings)
    theirs.learn(192)
    ours = PPO("MlpPolicy", make_vec_env(line_walk), device="cpu", **settings)
    ours.generator = np.random.mtrand._rand  # pyright: ignore[reportAttributeAccessIssue]
    ours.learn(192)
    assert ours.fast_policy is None
    for a, b in zip(ours.policy.parameters(), theirs.policy.parameters()):
        torch.testing.assert_close(a, b, rtol=0, atol=0)


@pytest.mark.parametrize("discrete", [False, True])
def test_files_load_in_plain_sb3(make_ppo, tmp_path, discrete):
    model = make_ppo(discrete=discrete, objective="adaptive_kl")
    model.learn(192)
    model.save(tmp_path / "model.zip")
    plain = sb3.PPO.load(tmp_path / "model.zip", device="cpu")
    again = PPO.load(tmp_path / "model.zip", device="cpu")
    observations = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    for loaded in (plain, again):
        np.testing.assert_array_equal(
            loaded.predict(observations, deterministic=True)[0], model.predict(observations, deterministic=True)[0]
        )
    assert again.beta == model.beta and again.objective == "adaptive_kl"
    moments = model.policy.optimizer.state_dict()["state"][0]["exp_avg"]
    torch.testing.assert_close(again.policy.optimizer.state_dict()["state"][0]["exp_avg"], moments, rtol=0, atol=0)


def test_other_policies_train_in_torch():
    """Unequal networks and another activation: no flat arrays, but they learn."""
    unequal = PPO(
        "MlpPolicy", "Pendulum-v1", n_steps=64, policy_kwargs={"net_arch": {"pi": [8], "vf": [16]}}, device="cpu", seed=0
    )
    unequal.learn(64)
    assert unequal.fast_policy is None
    relu = PPO("MlpPolicy", "Pendulum-v1", n_steps=64, policy_kwargs={"activation_fn": torch.nn.ReLU}, device="cpu", seed=0)
    relu.learn(64)
    assert relu.fast_policy is None


@pytest.mark.parametrize(
    ("kl", "expected"), [(0.0066, 0.5), (0.0067, 1.0), (0.01, 1.0), (0.0149, 1.0), (0.0151, 2.0), (0.0, 0.5)]
)
def test_beta_follows_section_4(kl, expected):
    assert next_beta(1.0, kl, 0.01) == expected


def test_beta_refuses_nan():
    with pytest.raises(BadNumbersError, match="diverged"):
        next_beta(1.0, float("nan"), 0.01)


@pytest.mark.parametrize("use_fast", [True, False])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_policy_that_diverges_in_an_update_is_named(make_ppo, use_fast):
    model = make_ppo(objective="adaptive_kl", use_fast=use_fast, learning_rate=1e30)
    with pytest.raises(BadNumbersError, match="the policy has diverged"):
        model.learn(192)


@settings(max_examples=50, derandomize=True, deadline=None)
@given(
    beta=st.floats(*BETA_BOUNDS),
    d_targ=st.floats(1e-6, 10),
    kls=st.lists(st.one_of(st.just(0.0), st.floats(0, 1e30)), max_size=20),
    far=st.integers(0, 3000),
)
def test_beta_comes_back_from_any_history(beta, d_targ, kls, far):
    """However long the divergence stayed on one side, some 130 updates on the other bring the coefficient back."""
    for first, then in ((0.0, 1e30), (1e30, 0.0)):
        moved = beta
        for kl in [*kls, *[first] * far]:
            moved = next_beta(moved, kl, d_targ)
        assert BETA_BOUNDS[0] <= moved <= BETA_BOUNDS[1]
        for _ in range(130):
            moved = next_beta(moved, then, d_targ)
        assert moved == BETA_BOUNDS[then > 0]


@pytest.mark.parametrize("use_fast", [True, False])
@pytest.mark.parametrize("beta", BETA_BOUNDS)
def test_updates_at_the_bounds_are_finite(make_ppo, use_fast, beta):
    model = make_ppo(objective="adaptive_kl", beta=beta, d_targ=1e-30 if beta > 1 else 1e3, use_fast=use_fast)
    model.learn(192)
    assert model.beta == beta and all(value.isfinite().all() for value in model.policy.parameters())


@pytest.mark.parametrize("arguments", [{"beta": 0.0}, {"beta": 1e300}, {"beta": float("nan")}, {"d_targ": float("inf")}])
def test_coefficients_outside_the_bounds_are_refused(make_ppo, arguments):
    with pytest.raises(ValueError, match="beta must lie in"):
        make_ppo(objective="adaptive_kl", **arguments)


class Betas(BaseCallback):
    def __init__(self):
        super().__init__()
        self.seen = []

    def _on_rollout_start(self):
        self.seen.append((self.model.beta, self.logger.name_to_value.get("train/kl")))

    def _on_step(self):
        return True


@pytest.mark.parametrize("use_fast", [True, False])
def test_beta_steps_once_per_update_by_the_measured_divergence(make_ppo, use_fast):
    model = make_ppo(objective="adaptive_kl", d_targ=0.003, use_fast=use_fast, learning_rate=2e-3)
    callback = Betas()
    model.learn(64 * 8, callback=callback, log_interval=10**6)
    for (before, _), (after, kl) in zip(callback.seen, callback.seen[1:]):
        assert after == next_beta(before, kl, 0.003)
    assert len({beta for beta, _ in callback.seen}) > 1


@pytest.mark.parametrize("use_fast", [True, False])
def test_resume_is_exact_to_the_bit(tmp_path, use_fast):
    """Cut at a checkpoint and resumed in a new object: parameters, moments, statistics and returns of the uncut run."""
    config = Config(objective="adaptive_kl", n_steps=128, n_epochs=2, hidden=(8, 8), norm_reward=True, use_fast=use_fast)

    class Cut(BaseCallback):
        def _on_rollout_start(self):
            if self.num_timesteps == 384:
                save_state(tmp_path / "state", self.model.get_state(), kind="test")

        def _on_step(self):
            return True

    whole = build(config, "Hopper-v4", seed=3, device="cpu")
    whole.learn(768, callback=Cut())
    resumed = build(config, "Hopper-v4", seed=99, device="cpu")
    resumed.set_state(load_state(tmp_path / "state", kind="test"))
    np.random.seed(0)  # the state must not lean on global generators  # noqa: NPY002
    if use_fast:
        torch.manual_seed(0)
    resumed.learn_until(768)
    for a, b in zip(whole.policy.parameters(), resumed.policy.parameters()):
        torch.testing.assert_close(a, b, rtol=0, atol=0)
    np.testing.assert_array_equal(whole.env.obs_rms.var, resumed.env.obs_rms.var)
    np.testing.assert_array_equal(whole.env.returns, resumed.env.returns)
    assert whole.beta == resumed.beta and whole.num_timesteps == resumed.num_timesteps == 768
    assert [e["r"] for e in whole.ep_info_buffer] == [e["r"] for e in resumed.ep_info_buffer]


def test_two_agents_in_one_process_do_not_disturb_each_other(make_ppo):
    alone = make_ppo(seed=4)
    alone.learn(256)
    one, other = make_ppo(seed=4), make_ppo(seed=8)
    one.learn(128)
    other.learn(128)
    one.learn(128, reset_num_timesteps=False)
    for a, b in zip(alone.policy.parameters(), one.policy.parameters()):
        torch.testing.assert_close(a, b, rtol=0, atol=0)


def test_it_learns(make_ppo):
    """The point is kept near zero: the return rises far above that of the untrained policy."""
    for objective in ("clip", "adaptive_kl"):
        model = make_ppo(objective=objective, n_steps=512, batch_size=64, n_epochs=10, learning_rate=3e-3, n_envs=2)
        model.learn(1024)
        before = np.mean([e["r"] for e in model.ep_info_buffer])
        model.learn(20_480, reset_num_timesteps=False)
        after = np.mean([e["r"] for e in model.ep_info_buffer])
        assert before < -15 and after > -10, (objective, before, after)


def test_bad_input(line_walk):
    with pytest.raises(ValueError, match="objective must be one of none, clip, fixed_kl, adaptive_kl, got 'klip'"):
        PPO("MlpPolicy", "Pendulum-v1", objective="klip")
    with pytest.raises(ValueError, match="must be positive"):
        PPO("MlpPolicy", "Pendulum-v1", objective="fixed_kl", beta=0.0)
    with pytest.raises(UsageError, match="budget of 100 steps is below one update"):
        PPO("MlpPolicy", "Pendulum-v1", device="cpu").learn(100)
    with pytest.raises(UsageError, match="clipped objective only"):
        build(Config(objective="none", implementation="sb3"), "Pendulum-v1", seed=0)
    with pytest.raises(UsageError, match="advantage must be"):
        build(Config(advantage="td"), "Pendulum-v1", seed=0)

    class Several(line_walk):
        def __init__(self):
            super().__init__()
            self.action_space = spaces.MultiDiscrete([2, 2])

    with pytest.raises(ValueError, match="needs Box or Discrete actions"):
        PPO("MlpPolicy", Several(), objective="adaptive_kl", device="cpu")
    model = PPO("MlpPolicy", Several(), objective="clip", n_steps=64, device="cpu")
    assert model.learn(64).fast_policy is None

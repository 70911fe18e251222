from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch.nn import functional as F

import papergym  # noqa: F401
from papergym.agents.checkpoint.state import load_state, save_state
from papergym.agents.errors import UsageError
from papergym.agents.per.build import build
from papergym.agents.per.config import Config
from papergym.agents.per.dqn import PrioritizedDQN
from papergym.agents.reproduction.trial import ReproductionTrial
from papergym.agents.reproduction.trials import reproduction

torch.set_num_threads(1)
SMALL = {"buffer_size": 300, "learning_starts": 40, "batch_size": 16, "seed": 1, "device": "cpu"}


def dqn(steps: int = 0, env: Any = "CartPole-v1", policy: str = "MlpPolicy", **kwargs) -> PrioritizedDQN:
    model = PrioritizedDQN(policy, env, **{**SMALL, "train_freq": 1, "target_update_interval": 50, **kwargs})
    return model.learn(steps) if steps else model


def parameters(model) -> torch.Tensor:
    return torch.nn.utils.parameters_to_vector(model.policy.parameters())


@pytest.mark.parametrize("double", [True, False])
def test_target_by_hand(double):
    model = dqn(120, double=double, gamma=0.9, n_steps=2)
    batch = model.replay_buffer.sample(32)
    assert batch.discounts is not None
    with torch.no_grad():
        online, target = model.q_net(batch.next_observations), model.q_net_target(batch.next_observations)
    chosen = (online if double else target).argmax(1)
    for row, found in enumerate(model._target(batch)[:, 0]):
        bootstrap = 0.0 if batch.dones[row] else batch.discounts[row, 0] * target[row, chosen[row]]
        assert found.item() == pytest.approx(float(batch.rewards[row, 0] + bootstrap), rel=1e-5)
    assert {round(float(d), 3) for d in batch.discounts} <= {0.9, 0.81}


@pytest.mark.parametrize("variant", ["proportional", "rank"])
def test_one_update_weighs_the_loss_and_returns_td_errors(monkeypatch, variant):
    model = dqn(120, variant=variant, td_clip=0.5)
    batch = model.replay_buffer.sample(16)
    monkeypatch.setattr(model.replay_buffer, "sample", lambda *_, **__: batch)
    given = {}
    monkeypatch.setattr(model.replay_buffer, "update_priorities", lambda i, td: given.update(indices=i, td=td))
    values = model.q_net(batch.observations).gather(1, batch.actions)
    td = model._target(batch) - values
    expected = (batch.weights * F.smooth_l1_loss(values, values.detach() + td.detach(), reduction="none")).mean()
    model.train(1, 16)
    assert model.logger.name_to_value["train/loss"] == pytest.approx(expected.item(), rel=1e-5)
    np.testing.assert_array_equal(given["indices"], batch.indices)
    torch.testing.assert_close(given["td"], td.detach().clamp(-0.5, 0.5))


def test_beta_is_annealed_over_training():
    model = dqn(400, n_steps=1)
    assert model.replay_buffer.beta == pytest.approx(1.0, abs=0.01)
    half = dqn()
    half._current_progress_remaining = 0.5
    half._logger = model.logger
    half.replay_buffer.set_state(model.replay_buffer.get_state())
    half.train(1, 8)
    assert half.replay_buffer.beta == pytest.approx(0.7)


@pytest.mark.parametrize("variant", ["proportional", "rank"])
def test_dqn_interrupted_equals_uninterrupted(variant, tmp_path):
    whole = dqn(70, variant=variant)
    whole.learn(50, reset_num_timesteps=False)
    first = dqn(70, variant=variant)
    save_state(tmp_path / "state", first.get_state(), kind="per")
    second = dqn(variant=variant, seed=99)
    second.set_state(load_state(tmp_path / "state", kind="per"))
    second.learn_until(120)
    assert torch.equal(parameters(whole), parameters(second))


def test_files_round_trip(tmp_path):
    model = dqn(80, variant="rank", n_steps=3, alpha=0.5, gamma=0.9, replay_buffer_kwargs={"epsilon": 0.01})
    model.save(tmp_path / "model.zip")
    again = PrioritizedDQN.load(tmp_path / "model.zip", env=gym.make("CartPole-v1"), device="cpu")
    assert again.replay_buffer.variant == "rank" and again.replay_buffer.n_steps == again.n_steps == 3
    assert (again.replay_buffer.alpha, again.replay_buffer.gamma, again.replay_buffer.priorities.epsilon) == (0.5, 0.9, 0.01)
    assert torch.equal(parameters(model), parameters(again))


def test_files_need_nothing_of_papergym(tmp_path, without_papergym):
    dqn(60, n_steps=2).save(tmp_path / "model.zip")
    said = without_papergym(
        "import gymnasium, stable_baselines3 as sb3\n"
        f"model = sb3.DQN.load({str(tmp_path / 'model.zip')!r}, env=gymnasium.make('CartPole-v1'), device='cpu')\n"
        "print(model.learn(60).num_timesteps, model.replay_buffer.n_steps)\n"
    )
    assert said.split() == ["60", "2"]


def test_several_environments_and_dict_observations():
    class Room(gym.Env):
        observation_space = spaces.Dict({"place": spaces.Box(0, 1, (2,)), "key": spaces.Discrete(3)})
        action_space = spaces.Discrete(2)

        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed)
            return self._look(), {}

        def step(self, action):
            return self._look(), 1.0, bool(self.np_random.random() < 0.1), False, {}

        def _look(self):
            return {"place": self.np_random.random(2).astype(np.float32), "key": int(self.np_random.integers(3))}

    from stable_baselines3.common.vec_env import DummyVecEnv

    model = dqn(160, DummyVecEnv([Room] * 4), "MultiInputPolicy")
    assert model.replay_buffer.n_envs == 4
    assert model._n_updates > 20
    assert set(model.replay_buffer.sample(200).indices % 4) == {0, 1, 2, 3}


def test_bad_configuration():
    with pytest.raises(UsageError, match="uniform, proportional, rank"):
        build(Config(replay="greedy"), "CartPole-v1", seed=0)


def test_uniform_replay_is_alpha_zero():
    model = build(Config(replay="uniform", learning_starts=20, buffer_size=200), "CartPole-v1", seed=0, device="cpu")
    model.learn(60)
    batch = model.replay_buffer.sample(16)
    assert torch.equal(batch.weights, torch.ones(16, 1))


def test_trials(tmp_path):
    def run(trial, key="per-dqn"):
        return ReproductionTrial(reproduction(key))(trial, tmp_path, resume=True, device="cpu")

    walk = {"study": "cliffwalk", "method": "rank", "representation": "tabular", "n": 4, "seed": 0}
    row = run(walk, "per-cliffwalk")
    assert row["solved"] and row["memory"] == 30 and row["updates"] > 30
    trial = {"study": "dqn", "setting": "rank", "replay": "rank", "env_id": "PER-BlindCliffwalk-v0", "states": 3, "seed": 0}
    row = run({**trial, "steps": 700, "learning_starts": 50})
    assert row["steps_done"] == 700 and row["eval_return"] in (0.0, 1.0) and len(row["curve"].split()) == 20
    with pytest.raises(UsageError, match="alpha"):
        run({**trial, "steps": 700, "alhpa": 1})

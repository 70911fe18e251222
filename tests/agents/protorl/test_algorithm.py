import copy

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3.common.callbacks import BaseCallback, EvalCallback
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv

from papergym.agents.checkpoint.state import load_state, save_state
from papergym.agents.protorl.algorithm import ProtoRL
from papergym.agents.protorl.update import FINETUNE, PRETRAIN


def weights(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def same(one, other):
    return all(torch.equal(value, other[name]) for name, value in one.items())


def test_switch_renews_what_it_should(make):
    model = make()
    model.learn(40, log_interval=None)
    assert model.phase == PRETRAIN
    model.log_ent_coef.data.fill_(1.0)
    before = weights(model.policy)
    rows, optimizers = (
        model.policy.queue.rows.clone(),
        [model.actor.optimizer, model.critic.optimizer, model.ent_coef_optimizer],
    )
    model.start_finetuning()
    after = model.policy.state_dict()
    kept = ("encoder", "projector", "target_encoder", "target_projector", "prototypes", "queue", "actor")
    assert same({name: value for name, value in before.items() if name.startswith(kept)}, after)
    assert not same({name: value for name, value in before.items() if name.startswith("critic.heads.0.0.weight")}, after)
    assert same(weights(model.critic), model.critic_target.state_dict())
    assert model.log_ent_coef.exp().item() == pytest.approx(0.1)
    fresh = [model.actor.optimizer, model.critic.optimizer, model.ent_coef_optimizer]
    assert all(one is not other and not one.state for one, other in zip(fresh, optimizers))
    assert model.replay_buffer.size() == 0
    assert torch.equal(rows, model.policy.queue.rows)


def test_finetuning_freezes_encoder_and_rolls_queue(make):
    model = make()
    model.learn(41, log_interval=None)
    assert model.phase == FINETUNE
    updates, encoder, written = model._n_updates, weights(model.policy.encoder), model.policy.queue.written.item()
    model.learn(30, reset_num_timesteps=False, log_interval=None)
    assert model._n_updates > updates  # after ten transitions of its own, none of them random
    assert same(encoder, model.policy.encoder.state_dict())
    assert model.policy.queue.written.item() == written + model._n_updates - updates


def test_reward_of_each_phase(make):
    model = make(intrinsic_coef=0.2)
    model.learn(30, log_interval=None)
    batch = model.replay_buffer.sample(16)
    found = model.update(batch, model.draw_noise(16))
    assert found["reward"].item() == found["intrinsic_reward"].item()
    model.phase = FINETUNE
    found = model.update(batch, model.draw_noise(16))
    assert found["reward"].item() == pytest.approx(
        batch.rewards.mean().item() + 0.2 * found["intrinsic_reward"].item(), abs=1e-6
    )


def test_options_of_the_switch(make):
    model = make(transfer_critic=True, freeze_encoder=False)
    model.learn(40, log_interval=None)
    critic = weights(model.critic)
    model.start_finetuning()
    assert same(critic, model.critic.state_dict())
    encoder = weights(model.policy.encoder)
    model.learn(30, reset_num_timesteps=False, log_interval=None)
    assert not same(encoder, model.policy.encoder.state_dict())


def test_gradient_reaches_encoder_only_by_clustering(make):
    model = make(representation_every=1000)
    model.learn(12, log_interval=None)
    model._n_updates = 1  # the next updates leave the representation alone
    encoder, actor = weights(model.policy.encoder), weights(model.actor)
    model.train(4, 16)
    assert same(encoder, model.policy.encoder.state_dict()) and not same(actor, model.actor.state_dict())


def test_truncation_bootstraps_and_termination_does_not(make, blocks):
    model = make(env=blocks(ends=True, length=5), pretrain_steps=1000)
    model.learn(60, log_interval=None)
    buffer = model.replay_buffer
    assert buffer.truncated.any() and buffer.terminated.any() and not (buffer.truncated & buffer.terminated).any()
    seen = []
    original = model._update_critic
    model._update_critic = lambda *args: (seen.append(args[4]), original(*args))[1]
    batch = model.replay_buffer.sample(200)
    model.update(batch, model.draw_noise(200))
    model.ignore_terminated = True
    model.update(batch, model.draw_noise(200))
    assert torch.equal(seen[0], 1 - batch.dones) and seen[0].min() == 0 and seen[1].min() == 1


def test_save_and_load(make, blocks, tmp_path):
    model = make()
    model.learn(60, log_interval=None)
    model.save(tmp_path / "model.zip")
    loaded = ProtoRL.load(tmp_path / "model.zip", env=blocks(), device="cpu")
    assert loaded.phase == FINETUNE
    assert same(model.policy.state_dict(), loaded.policy.state_dict())
    obs = blocks().reset(seed=1)[0]
    np.testing.assert_array_equal(model.predict(obs, deterministic=True)[0], loaded.predict(obs, deterministic=True)[0])
    loaded.learn(10, reset_num_timesteps=False, log_interval=None)
    policy = type(model.policy)
    model.policy.save(tmp_path / "policy.pth")
    np.testing.assert_array_equal(
        policy.load(tmp_path / "policy.pth", device="cpu").predict(obs, deterministic=True)[0],
        model.predict(obs, deterministic=True)[0],
    )


def test_evaluation_and_callbacks_do_not_disturb(make, blocks, tmp_path):
    plain, watched = make(), make()
    plain.learn(60, log_interval=None)
    check = EvalCallback(Monitor(blocks()), eval_freq=15, n_eval_episodes=1, verbose=0, log_path=str(tmp_path))
    watched.learn(60, callback=check, log_interval=None)
    assert same(plain.policy.state_dict(), watched.policy.state_dict())
    assert len(np.load(tmp_path / "evaluations.npz")["timesteps"]) == 4
    mean, _ = evaluate_policy(watched, Monitor(blocks()), 2)
    assert np.isfinite(mean)


class Checkpoint(BaseCallback):
    """Writes the state once, where SB3 begins a rollout."""

    def __init__(self, path, step):
        super().__init__()
        self.path, self.step = path, step

    def _on_rollout_start(self):
        if self.num_timesteps == self.step:
            save_state(self.path, self.model.get_state(), kind="protorl")

    def _on_step(self):
        return True


@pytest.mark.parametrize("step", [25, 40, 55])
@pytest.mark.parametrize("obs_type", ["pixels", "state"])
def test_resume_is_exact(make, blocks, tmp_path, step, obs_type):
    stack = 3 if obs_type == "pixels" else 1
    whole = make(env=blocks(obs_type=obs_type), frame_stack=stack)
    whole.learn(70, callback=Checkpoint(tmp_path / "state", step), log_interval=None)
    np.random.default_rng(0)
    torch.manual_seed(12345)  # whatever happened between
    resumed = make(env=blocks(obs_type=obs_type), frame_stack=stack)
    resumed.set_state(load_state(tmp_path / "state", kind="protorl"))
    assert resumed.phase == (PRETRAIN if step < 40 else FINETUNE)
    resumed.learn_until(70, log_interval=None)
    assert resumed.num_timesteps == whole.num_timesteps and resumed._n_updates == whole._n_updates
    assert same(whole.policy.state_dict(), resumed.policy.state_dict())
    assert torch.equal(whole.log_ent_coef, resumed.log_ent_coef)
    np.testing.assert_array_equal(whole._last_obs, resumed._last_obs)


def test_a_world_without_state_starts_a_new_episode(make, blocks, tmp_path):
    class Lost(blocks):
        def __getattribute__(self, name):
            if name in ("get_state", "set_state"):
                raise AttributeError(name)
            return super().__getattribute__(name)

    save_state(tmp_path / "state", make(env=Lost()).learn(50, log_interval=None).get_state(), kind="protorl")
    resumed = make(env=Lost())
    resumed.set_state(load_state(tmp_path / "state", kind="protorl"))
    assert resumed._last_episode_starts.all() and resumed.learn_until(60, log_interval=None).num_timesteps == 60


def test_states_and_several_environments(make, blocks):
    env = DummyVecEnv([lambda: Monitor(blocks(obs_type="state")) for _ in range(3)])
    model = make(env=env, frame_stack=1)
    model.learn(90, log_interval=None)
    assert model.phase == FINETUNE and model.replay_buffer.size() == 90 - 42
    assert model.critic.action_in_trunk and len(model.critic.trunk) == 3  # URLB: action in front, tanh behind


def test_same_seed_same_weights_whatever_else_draws(make):
    one, two, three = make(), make(), make(seed=4)
    one.learn(50, log_interval=None)
    two.learn(50, log_interval=None)
    three.learn(50, log_interval=None)
    assert same(one.policy.state_dict(), two.policy.state_dict())
    assert not same(one.policy.state_dict(), three.policy.state_dict())


def test_slow_encoder_follows_at_its_rate(make):
    model = make(encoder_tau=0.25)
    model.learn(12, log_interval=None)
    slow = copy.deepcopy(model.policy.target_projector.weight)
    batch, noise = model.replay_buffer.sample(16), model.draw_noise(16)
    model._n_updates = 0
    model.update(batch, noise)
    expected = 0.75 * slow + 0.25 * model.policy.projector.weight
    torch.testing.assert_close(model.policy.target_projector.weight.data, expected.data)


def test_refusals(make, blocks):
    class Words(blocks):
        def __init__(self):
            super().__init__()
            self.observation_space = gym.spaces.Discrete(3)

    with pytest.raises((TypeError, ValueError), match="frame"):
        make(env=Words())
    with pytest.raises(ValueError, match="frame_stack"):
        make(frame_stack=2)

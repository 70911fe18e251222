"""DDPG and returns over several steps: noise and losses against float64, the schedule, resume, the preset of URLB."""

import copy

import numpy as np
import pytest
import torch
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor

import papergym
from papergym.agents.checkpoint.state import load_state, save_state
from papergym.agents.errors import UsageError
from papergym.agents.protorl.algorithm import ProtoRL
from papergym.agents.protorl.networks import ClippedActor
from papergym.agents.runner.plan import make_plan
from papergym.agents.runner.registry import agent


def mean_action(actor, features):
    """Trunk, LayerNorm, MLP and tanh in numpy, float64."""
    first, norm = actor.trunk[0], actor.trunk[1]
    x = features @ first.weight.detach().double().numpy().T + first.bias.detach().double().numpy()
    x = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + norm.eps)
    x = np.tanh(x * norm.weight.detach().double().numpy() + norm.bias.detach().double().numpy())
    for layer in actor.mlp:
        if hasattr(layer, "weight"):
            x = x @ layer.weight.detach().double().numpy().T + layer.bias.detach().double().numpy()
        else:
            x = np.maximum(x, 0)
    return np.tanh(x)


def test_noise_of_the_actor():
    """Clipped where it learns and not where it explores; both stay inside the bounds of actions."""
    torch.manual_seed(0)
    actor, features, noise = ClippedActor(5, 2, 8, True, [16], 0.5, 0.3), torch.randn(400, 5), torch.randn(400, 2)
    with torch.no_grad():
        actor.mlp[-1].weight.mul_(3)  # some means near the bounds
        mean = mean_action(actor, features.double().numpy())
        np.testing.assert_allclose(actor.mode(features), mean, atol=1e-5)
        bound = 1 - 1e-6
        explored = np.clip(mean + 0.5 * noise.double().numpy(), -bound, bound)
        learned = np.clip(mean + np.clip(0.5 * noise.double().numpy(), -0.3, 0.3), -bound, bound)
        np.testing.assert_allclose(actor.explore(features, noise), explored, atol=1e-5)
        actions, log_prob = actor.sample(features, noise)
        np.testing.assert_allclose(actions, learned, atol=1e-5)
    assert (np.abs(learned) == bound).any() and np.abs(explored - mean).max() > 0.6 and not log_prob.any()


def test_gradients_pass_the_bounds():
    actor, features = ClippedActor(3, 2, 8, True, [16], 0.5, 0.3), torch.randn(20, 3)
    with torch.no_grad():
        actor.mlp[-1].bias.fill_(1.5)  # actions of 0.9, which noise of 0.3 takes beyond 1
    parameters = list(actor.parameters())
    plain = torch.autograd.grad(actor.mode(features).sum(), parameters)
    through = torch.autograd.grad(actor.sample(features, torch.full((20, 2), 9.0))[0].sum(), parameters)
    for one, other in zip(plain, through):
        torch.testing.assert_close(one, other)
    assert any(gradient.abs().max() > 0 for gradient in plain)


@pytest.fixture
def filled(make, blocks):
    model = make(env=blocks(obs_type="state", length=7, ends=True), frame_stack=1, backbone="ddpg", n_steps=3)
    return model.learn(40, log_interval=None)


def test_losses_float64(filled):
    """The critic's target discounts what follows by the rewards in each return; the actor climbs the smaller Q."""
    batch, noise = filled.replay_buffer.sample(64), filled.draw_noise(64)
    assert len(batch.discounts.unique()) == 3 and batch.dones.any()  # returns cut short at ends
    obs, next_obs = batch.observations.double(), batch.next_observations.double()
    actor, critic, target = (copy.deepcopy(m).double() for m in (filled.actor, filled.critic, filled.critic_target))
    intrinsic = copy.deepcopy(filled.policy).novelty(batch.next_observations, noise.gumbel).double()
    with torch.no_grad():
        means = torch.from_numpy(mean_action(filled.actor, next_obs.numpy()))
        following = (means + (0.2 * noise.next_action.double()).clamp(-0.3, 0.3)).clamp(-1 + 1e-6, 1 - 1e-6)
        steps = torch.log(batch.discounts.double()) / np.log(0.99)
        backup = intrinsic + 0.99**steps * (1 - batch.dones.double()) * torch.minimum(*target(next_obs, following))
        expected = sum(((q - backup) ** 2).mean() for q in critic(obs, batch.actions.double()))
    filled._n_updates = 1  # no update of actor and representation
    found = filled.update(batch, noise)
    assert found["critic_loss"].item() == pytest.approx(expected.item(), rel=1e-4)
    assert found.keys() == {"critic_loss", "intrinsic_reward", "intrinsic_zero_fraction", "reward"}
    critic = copy.deepcopy(filled.critic).double()
    loss = -torch.minimum(*critic(obs, actor.sample(obs, noise.action.double())[0])).mean()
    gradients = torch.autograd.grad(loss, list(actor.parameters()))
    before = [parameter.detach().clone() for parameter in filled.actor.parameters()]
    filled.actor.optimizer = torch.optim.SGD(filled.actor.parameters(), lr=1.0)  # a step of size 1 shows the gradient
    metrics = filled._update_actor(batch.observations, noise.action)
    assert metrics.keys() == {"actor_loss"} and metrics["actor_loss"].item() == pytest.approx(loss.item(), rel=1e-4)
    for old, new, gradient in zip(before, filled.actor.parameters(), gradients):
        torch.testing.assert_close(old - new, gradient.float(), rtol=1e-3, atol=1e-5)


def test_the_noise_follows_its_schedule(make):
    model = make(backbone="ddpg", noise_std=(1.0, 0.1), noise_std_steps=50)
    assert model.actor.std.item() == 1.0
    model.learn(20, log_interval=None)
    assert model.actor.std.item() == pytest.approx(1.0 - 0.9 * 20 / 50)
    model.learn(50, reset_num_timesteps=False, log_interval=None)
    assert model.actor.std.item() == pytest.approx(0.1)


def test_the_reward_while_finetuning(make):
    model = make(backbone="ddpg", n_steps=3, intrinsic_coef=0.2)
    model.learn(60, log_interval=None)
    batch = model.replay_buffer.sample(16)
    found = model.update(batch, model.draw_noise(16))
    expected = batch.rewards.mean().item() + 0.2 * found["intrinsic_reward"].item()
    assert model.phase == "finetune" and found["reward"].item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("step", [25, 55])
def test_resume_is_exact(make, step, tmp_path):
    settings = {"backbone": "ddpg", "n_steps": 3, "noise_std": (1.0, 0.1), "noise_std_steps": 60}
    whole, half, resumed = make(**settings), make(**settings), make(**settings)
    half.learn(step, log_interval=None)
    save_state(tmp_path / "state", half.get_state(), kind="protorl")
    whole.learn(70, log_interval=None)
    torch.manual_seed(12345)  # whatever happened between
    resumed.set_state(load_state(tmp_path / "state", kind="protorl"))
    resumed.learn_until(70, log_interval=None)
    expected = whole.policy.state_dict()
    assert resumed._n_updates == whole._n_updates and "actor.std" in expected
    assert all(torch.equal(value, expected[name]) for name, value in resumed.policy.state_dict().items())


def test_save_and_load(make, blocks, tmp_path):
    model = make(backbone="ddpg", n_steps=3, noise_std=(1.0, 0.1), noise_std_steps=60)
    model.learn(30, log_interval=None)
    model.save(tmp_path / "model.zip")
    loaded, obs = ProtoRL.load(tmp_path / "model.zip", env=blocks(), device="cpu"), blocks().reset(seed=1)[0]
    np.testing.assert_array_equal(model.predict(obs, deterministic=True)[0], loaded.predict(obs, deterministic=True)[0])
    assert loaded.actor.std == model.actor.std and loaded.replay_buffer.n_steps == 3
    loaded.learn(10, reset_num_timesteps=False, log_interval=None)


def test_refusals(make):
    for wrong, message in (
        ({"backbone": "td3"}, "backbone of sac or ddpg, got 'td3'"),
        ({"noise_std": (0.2, -0.1)}, "two numbers from 0"),
        ({"noise_std": (np.nan, 0.1)}, "two numbers from 0"),
        ({"noise_std_steps": 0}, "at least 1, got 0"),
        ({"noise_clip": 0.0}, "positive noise_clip"),
    ):
        with pytest.raises(ValueError, match=message):
            make(**wrong)
    for given, message in (({"n_steps": 0}, "n-steps"), ({"backbone": "td3"}, "one of sac, ddpg")):
        with pytest.raises(UsageError, match=message):
            make_plan(agent("protorl"), "quick", {"env": "DMC-WalkerStand-v0", **given})


@pytest.mark.parametrize("env", ["DMC-CartpoleBalance-v0", "ProtoRL-CartpoleBalance-v0"])
def test_the_preset_of_urlb_runs(env, tmp_path):
    """Few steps and small networks; the rest as the preset has it, on URLB's steps of one frame and on our ids of two."""
    small = {"steps": 84, "batch_size": 8, "learning_starts": 10, "prototypes": 8, "queue_size": 16, "buffer_size": 200}
    nets = {"hidden": (16,), "trunk_dim": 16, "projection_dim": 8, "predictor_dim": 8}
    run = papergym.train("protorl", env, preset="urlb", run_folder=str(tmp_path / "run"), video=False, **small, **nets)
    model, _ = run.load()
    assert isinstance(model.actor, ClippedActor) and model.pretrain_steps == 80 and model.replay_buffer.n_steps == 3
    assert model.transfer_critic and model.intrinsic_coef == 0 and np.isfinite(run.summary["return_after"])


def test_ddpg_learns(make, blocks):
    """The reward is the position that actions move: at most 20 in an episode, 0 on average with random actions.

    What an untrained actor gets is luck, -15 to 14 over seeds, so the bound is above all of it.
    """
    task = {"env": blocks(obs_type="state"), "frame_stack": 1, "pretrain_steps": 0, "intrinsic_coef": 0.0}
    model = make(backbone="ddpg", n_steps=3, batch_size=64, buffer_size=2000, **task).learn(400, log_interval=None)
    env = Monitor(blocks(obs_type="state"))
    env.reset(seed=0)
    assert evaluate_policy(model, env, 10)[0] > 15

"""What an update hands to the losses: each array belongs to its own step, whatever the losses then do with it."""

import numpy as np
import pytest
import torch

from papergym.agents.dreamerv3.behaviour import Returns
from papergym.agents.nets.symlog import two_hot_mean
from tests.agents.dreamerv3.test_agent import agent

pytestmark = pytest.mark.usefixtures("tiny")


@pytest.fixture
def model():
    """An agent with a memory of 60 steps of two environments, which has not learned yet."""
    return agent("mixed", n_envs=2, settings={"learning_starts": 1000}).learn(60)


@pytest.mark.slow
@pytest.mark.parametrize("observation", ["mixed", "vector"])
def test_compiled_networks_compute_the_same(observation):
    """Needs a C++ compiler. The same draws, so that rounding is the only difference; weights go from one to the other."""
    numbers = {}
    for compiled in (False, True):
        model = agent(observation, settings={"learning_starts": 1000, "compile": compiled}).learn(40)
        seen = []
        numbers[compiled], losses = seen, model.policy.losses
        model.policy.losses = lambda *given, losses=losses, seen=seen: seen.append(losses(*given)) or seen[-1]
        model.update()
        saved = model.policy.state_dict()
    agent(observation).policy.load_state_dict(saved)
    (plain, *_), (fast, *_) = numbers[False][0], numbers[True][0]
    assert plain.keys() == fast.keys()
    for name, value in plain.items():
        torch.testing.assert_close(fast[name], value, rtol=1e-3, atol=1e-4)


def test_imagined_returns_by_hand(model):
    """In float64: rewards and continuations of the state reached, and the weight of all states before."""
    policy, world, behaviour = model.policy, model.policy.world, model.policy.behaviour
    with torch.no_grad():
        for head in (world.reward, behaviour.critic):  # they begin at 0
            for tensor in head.parameters():
                tensor.add_(0.1 * torch.randn_like(tensor))
        features = torch.randn(5, 6, world.rssm.width)
        got = behaviour.returns(world, features)
        reward = two_hot_mean(world.reward(features), world.bins).double().numpy()
        live = torch.sigmoid(world.continuation(features).double())[..., 0].numpy()
        value = two_hot_mean(behaviour.critic(features), behaviour.bins).double().numpy()
    later, mix = value[-1], policy.config.gae_lambda
    for time in reversed(range(4)):
        later = reward[time + 1] + live[time + 1] * ((1 - mix) * value[time + 1] + mix * later)
        np.testing.assert_allclose(got.target[time], later, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(got.weight[time], np.prod(live[: time + 1], 0), rtol=1e-5)
    np.testing.assert_allclose(got.value, value[:-1], rtol=1e-5, atol=1e-6)


def test_an_update_sees_the_sampled_steps(model, monkeypatch):
    """Each step with the action before it, and the first one after the latent state that the memory holds before it."""
    memory, policy, seen = model.replay_buffer, model.policy, {}
    memory._queue.clear()  # its first sequences begin where no latent state is known
    draw, losses = memory.sample, policy.losses
    monkeypatch.setattr(memory, "sample", lambda count: seen.setdefault("sample", draw(count)))

    def captured(start, batch, observation):
        seen.update(start=start, batch=dict(batch), observation=dict(observation))
        return losses(start, batch, observation)

    rows = {name: value.copy() for name, value in memory._rows.items()}
    monkeypatch.setattr(policy, "losses", captured)
    model.update()
    places = seen["sample"][1]
    np.testing.assert_array_equal(seen["batch"]["previous_action"], rows["action"][places[:-1]])
    for name in ("reward", "first", "last", "terminal"):
        np.testing.assert_array_equal(seen["batch"][name], rows[name][places[1:]])
    for name, value in seen["observation"].items():
        np.testing.assert_array_equal(value, rows[f"observation/{name}"][places[1:]])
    np.testing.assert_array_equal(seen["start"].deter, rows["deter"][places[0]].astype(np.float32))
    np.testing.assert_array_equal(seen["start"].stoch.argmax(-1), rows["stoch"][places[0]])
    assert rows["action"][places].any() and rows["deter"][places[0]].any() and len(np.unique(rows["reward"][places])) > 3


def test_the_replayed_critic_learns_from_the_return_of_the_same_state(model, monkeypatch):
    behaviour, seen = model.policy.behaviour, {}
    weights = torch.randn(model.policy.world.rssm.width)

    def marked(world, features):  # a "return" that tells which state it is of
        mark = features[:-1] @ weights
        return Returns(mark, mark, torch.ones_like(mark))

    loss = behaviour.replay_loss

    def captured(features, reward, terminal, last, imagined, discount):
        seen.update(features=features.detach(), imagined=imagined)
        return loss(features, reward, terminal, last, imagined, discount)

    monkeypatch.setattr(behaviour, "returns", marked)
    monkeypatch.setattr(behaviour, "replay_loss", captured)
    model.update()
    torch.testing.assert_close(seen["imagined"], seen["features"] @ weights, rtol=1e-4, atol=1e-4)
    assert seen["imagined"].std() > 0.1

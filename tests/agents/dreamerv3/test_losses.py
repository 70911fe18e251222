"""Every loss of DreamerV3 against float64 code of its own, in numpy and in loops."""

import numpy as np
import pytest
import torch

from papergym.agents.dreamerv3.behaviour import Behaviour, Returns
from papergym.agents.dreamerv3.returns import ReturnScale, lambda_return
from papergym.agents.dreamerv3.rssm import kl_losses
from papergym.agents.dreamerv3.world_model import Size
from papergym.agents.nets.categorical import divergence, entropy, mixed_log_probs, sample_one_hot, waiting_times
from papergym.agents.nets.layers import Head
from papergym.agents.nets.symlog import symexp, symexp_bins, symlog, two_hot_loss, two_hot_mean

SIZE = Size(deter=16, hidden=8, classes=4, depth=4, units=8)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def rng():
    return np.random.default_rng(0)


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def two_hot(bins, target):
    """Weights of one number's two bins, the outermost bin beyond them."""
    weights = np.zeros(len(bins))
    if target <= bins[0]:
        weights[0] = 1
    elif target >= bins[-1]:
        weights[-1] = 1
    else:
        above = next(i for i, bin in enumerate(bins) if bin >= target)
        weights[above] = (target - bins[above - 1]) / (bins[above] - bins[above - 1])
        weights[above - 1] = 1 - weights[above]
    return weights


def test_symlog_and_its_inverse():
    x = torch.tensor([-1e6, -3.0, -0.0, 1e-3, 2.5, 1e6], dtype=torch.float64)
    np.testing.assert_allclose(symlog(x), np.sign(x.numpy()) * np.log(1 + np.abs(x.numpy())), atol=1e-12)
    torch.testing.assert_close(symexp(symlog(x)), x)


@pytest.mark.parametrize("count", [2, 5, 8, 255])
def test_two_hot(count):
    bins = symexp_bins(count).double()
    grid = np.linspace(-20, 20, count)
    np.testing.assert_allclose(bins, np.sign(grid) * (np.exp(np.abs(grid)) - 1), rtol=2e-6, atol=1e-5)
    assert (bins == -bins.flip(0)).all()
    logits = torch.from_numpy(rng().normal(size=(400, count)))
    target = torch.from_numpy(np.concatenate([rng().normal(size=300) * 10, rng().normal(size=99) * 1e9, [0.0]]))
    target[:count] = bins[:300]  # exactly on the bins
    expected = [-two_hot(bins.numpy(), t) @ np.log(softmax(row)) for t, row in zip(target.numpy(), logits.numpy())]
    np.testing.assert_allclose(two_hot_loss(logits, bins, target), expected, atol=1e-12)
    np.testing.assert_allclose(two_hot_mean(logits, bins), softmax(logits.numpy()) @ bins.numpy(), rtol=1e-9, atol=1e-6)


def test_heads_begin_at_exactly_zero():
    """In float32 the bins reach 4.8e8; without the mirrored sum, equal probabilities would not cancel."""
    head = Head(7, 8, 1, 255, scale=0.0)
    assert (two_hot_mean(head(torch.randn(50, 7)), symexp_bins(255)) == 0).all()


@pytest.mark.parametrize("uniform", [0.0, 0.01, 0.3])
def test_mixed_categoricals(uniform):
    logits = torch.from_numpy(rng().normal(size=(5, 3, 4)) * 4)
    probs = (1 - uniform) * softmax(logits.numpy()) + uniform / 4
    one, other = mixed_log_probs(logits, uniform), mixed_log_probs(logits.flip(0), uniform)
    np.testing.assert_allclose(one.exp(), probs, atol=1e-12)
    np.testing.assert_allclose(entropy(one), -(probs * np.log(probs)).sum((-2, -1)), atol=1e-12)
    expected = (probs * (np.log(probs) - np.log(probs[::-1]))).sum((-2, -1))
    np.testing.assert_allclose(divergence(one, other), expected, atol=1e-12)


def test_samples_have_their_law_and_the_gradient_of_the_probabilities():
    logits = torch.tensor([[0.0, 1.0, -2.0, 0.5]], dtype=torch.float64)
    log_probs = mixed_log_probs(logits, 0.01)
    drawn = sample_one_hot(log_probs.expand(20_000, 4), waiting_times((20_000, 4), log_probs))
    assert ((drawn == 0) | (drawn == 1)).all() and (drawn.sum(-1) == 1).all()
    expected = log_probs.exp()[0] * 20_000
    assert ((drawn.sum(0) - expected) ** 2 / expected).sum() < 16.3  # chi-square, 3 degrees of freedom, p = 0.001
    logits.requires_grad_()
    probs = mixed_log_probs(logits, 0.01)
    weights = torch.tensor([3.0, -1.0, 2.0, 0.5], dtype=torch.float64)
    (sample_one_hot(probs, waiting_times((1, 4), probs)) * weights).sum().backward()
    through = logits.grad.clone()
    logits.grad = None
    (mixed_log_probs(logits, 0.01).exp() * weights).sum().backward()
    torch.testing.assert_close(through, logits.grad)


def test_kl_losses_balance_and_free_nats():
    """``dyn`` moves the prior only, ``rep`` the posterior only, and below one nat neither moves anything."""
    far = torch.from_numpy(rng().normal(size=(2, 3, 4)) * 3)
    near = torch.from_numpy(rng().normal(size=(2, 3, 4)) * 0.1)
    logits = torch.cat([far, near]).requires_grad_()
    others = torch.zeros(4, 3, 4, dtype=torch.float64, requires_grad=True)
    losses = kl_losses(mixed_log_probs(logits, 0.01), mixed_log_probs(others, 0.01))
    p = 0.99 * softmax(logits.detach().numpy()) + 0.01 / 4
    expected = np.maximum((p * (np.log(p) - np.log(0.25))).sum((-2, -1)), 1.0)
    assert (expected[:2] > 1).all() and (expected[2:] == 1).all()
    for name, moved, still in (("dyn", others, logits), ("rep", logits, others)):
        np.testing.assert_allclose(losses[name].detach(), expected, atol=1e-12)
        logits.grad = others.grad = None
        losses[name].sum().backward(retain_graph=True)
        assert still.grad is None or (still.grad == 0).all()
        assert (moved.grad[:2] != 0).any() and (moved.grad[2:] == 0).all()


def brute_return(reward, value, live, mix, time):
    """Sum over the step at which the return bootstraps, in plain Python."""
    total, weight = 0.0, 1.0
    for step in range(time, len(reward)):
        total += weight * reward[step]
        end = step == len(reward) - 1
        total += weight * live[step] * value[step] * (1.0 if end else 1 - mix[step])
        weight *= live[step] * mix[step]
    return total


def test_lambda_return_by_brute_force():
    """On 1,000 random trajectories, with ends and steps of different lengths."""
    draw = rng()
    steps, count = 15, 1000
    reward, value = draw.normal(size=(2, steps, count))
    live = 0.997 ** draw.integers(1, 20, (steps, count)) * (draw.random((steps, count)) > 0.1)
    mix = 0.95 * (draw.random((steps, count)) > 0.1)
    got = lambda_return(*map(torch.from_numpy, (reward, value, live, mix)))
    expected = [
        [brute_return(reward[:, n], value[:, n], live[:, n], mix[:, n], time) for n in range(count)] for time in range(steps)
    ]
    np.testing.assert_allclose(got, expected, atol=1e-9)
    constant = lambda_return(*map(torch.from_numpy, (reward, value, live)), 0.95)
    full = lambda_return(*map(torch.from_numpy, (reward, value, live)), torch.full((steps, count), 0.95, dtype=torch.float64))
    torch.testing.assert_close(constant, full, atol=1e-12, rtol=0)


def test_scale_of_the_returns():
    scale = ReturnScale().double()
    low = high = 0.0
    for number in range(400):
        returns = rng().normal(size=(15, 40)) * (0.1 if number < 10 else 5.0) + number
        low, high = (0.99 * old + 0.01 * np.percentile(returns, q) for old, q in ((low, 5), (high, 95)))
        got = float(scale.update(torch.from_numpy(returns)))
        assert got == pytest.approx(max(1.0, high - low), abs=1e-9)
        assert number >= 10 or got == 1.0


def behaviour(discrete=False):
    made = Behaviour(6, 3, SIZE, discrete=discrete).double()
    for parameter in made.parameters():
        parameter.data.normal_(std=0.3)
    return made


@pytest.mark.parametrize("discrete", [False, True])
def test_actor_and_critic_losses(discrete):
    learner = behaviour(discrete)
    draw = rng()
    features = torch.from_numpy(draw.normal(size=(4, 5, 6)))
    indices = draw.integers(3, size=(4, 5))
    action = np.eye(3)[indices] if discrete else draw.normal(size=(4, 5, 3))
    value, target = draw.normal(size=(2, 4, 5)) * 30
    weight = draw.random((4, 5))
    losses = learner.losses(features, torch.from_numpy(action), Returns(*map(torch.from_numpy, (value, target, weight))))
    outputs = learner.actor.head(features).detach().numpy()
    if discrete:
        probs = 0.99 * softmax(outputs) + 0.01 / 3
        log_prob = np.log(np.take_along_axis(probs, indices[..., None], -1))[..., 0]
        entropies = -(probs * np.log(probs)).sum(-1)
    else:
        mean, raw = np.tanh(outputs[..., :3]), outputs[..., 3:]
        std = 0.1 + 0.9 / (1 + np.exp(-raw - 2))
        log_prob = (-0.5 * ((action - mean) / std) ** 2 - np.log(std) - 0.5 * np.log(2 * np.pi)).sum(-1)
        entropies = (np.log(std) + 0.5 * np.log(2 * np.pi) + 0.5).sum(-1)
    scale = max(1.0, 0.01 * (np.percentile(target, 95) - np.percentile(target, 5)))
    expected = -weight * (log_prob * (target - value) / scale + 3e-4 * entropies)
    np.testing.assert_allclose(losses["actor"].detach(), expected, atol=1e-7)
    np.testing.assert_allclose(losses["critic"].detach(), weight * critic_by_hand(learner, features, target), atol=1e-7)


def critic_by_hand(learner, features, target):
    bins = learner.bins.numpy()
    logits, slow = (network(features).detach().numpy() for network in (learner.critic, learner.slow_critic))
    log_probs, past = np.log(softmax(logits)), softmax(slow) @ bins
    loss = np.zeros(target.shape)
    for place in np.ndindex(target.shape):
        loss[place] = -(two_hot(bins, target[place]) + two_hot(bins, past[place])) @ log_probs[place]
    return loss


def test_replay_loss():
    learner = behaviour()
    draw = rng()
    features = torch.from_numpy(draw.normal(size=(6, 4, 6))).requires_grad_()
    reward, imagined = draw.normal(size=(2, 6, 4)) * 5
    last = draw.random((6, 4)) < 0.3
    terminal = last & (draw.random((6, 4)) < 0.5)
    given = map(torch.from_numpy, (reward, terminal, last, imagined))
    loss = learner.replay_loss(features, *given, discount=0.9)
    target = np.zeros((5, 4))
    for n in range(4):
        later = imagined[5, n]
        for time in reversed(range(5)):
            live, mix = 0.9 * (1 - terminal[time + 1, n]), 0.95 * (1 - last[time + 1, n])
            later = reward[time + 1, n] + live * ((1 - mix) * imagined[time + 1, n] + mix * later)
            target[time, n] = later
    expected = (1 - last[:-1]) * critic_by_hand(learner, features[:-1], target)
    np.testing.assert_allclose(loss.detach(), expected, atol=1e-7)
    loss.sum().backward()
    assert features.grad.abs().sum() > 0 and all(p.grad is None for p in learner.slow_critic.parameters())


def test_slow_critic_follows():
    learner = behaviour()
    before = [p.clone() for p in learner.slow_critic.parameters()]
    learner.update_slow()
    for old, new, target in zip(before, learner.slow_critic.parameters(), learner.critic.parameters()):
        torch.testing.assert_close(new, 0.98 * old + 0.02 * target)

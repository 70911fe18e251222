"""Every formula of DreamerV3 against float64 code of its own, in numpy and in loops."""

import copy

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from papergym.agents.dreamerv3.behaviour import Behaviour, Returns
from papergym.agents.dreamerv3.returns import ReturnScale, lambda_return
from papergym.agents.dreamerv3.rssm import RSSM, Latent, kl_losses
from papergym.agents.dreamerv3.world_model import Size
from papergym.agents.nets.categorical import divergence, entropy, mixed_log_probs, sample_one_hot, waiting_times
from papergym.agents.nets.images import ImageDecoder, ImageEncoder, Upsampling
from papergym.agents.nets.laprop import LaProp
from papergym.agents.nets.layers import BlockGRU, BlockLinear, Head
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


@pytest.mark.parametrize(("clip", "warmup"), [(0.3, 0), (0.3, 4), (0.0, 4)])
def test_laprop_with_clipping(clip, warmup):
    draw = rng()
    start = [draw.normal(size=(3, 4)), draw.normal(size=5) * 1e-6, draw.normal(size=())]
    tensors = [torch.from_numpy(np.array(x)).requires_grad_() for x in start]
    optimizer = LaProp(tensors, 1e-2, clip=clip, warmup=warmup)
    square, mean = ([np.zeros_like(x) for x in start] for _ in range(2))
    for step in range(8):
        gradients = [draw.normal(size=x.shape) * 10.0 ** draw.integers(-6, 3) for x in start]
        for tensor, gradient in zip(tensors, gradients):
            tensor.grad = torch.from_numpy(np.array(gradient))
        optimizer.step()
        for i, gradient in enumerate(gradients):
            if clip:
                largest = clip * max(1e-3, np.sqrt((start[i] ** 2).sum()))
                gradient = gradient * min(1.0, largest / np.sqrt((gradient**2).sum()))
            square[i] = 0.999 * square[i] + 0.001 * gradient**2
            scaled = gradient / (np.sqrt(square[i] / (1 - 0.999 ** (step + 1))) + 1e-20)
            mean[i] = 0.9 * mean[i] + 0.1 * scaled
            rate = 1e-2 * (min(step / warmup, 1) if warmup else 1)
            start[i] = start[i] - rate * mean[i] / (1 - 0.9 ** (step + 1))
            np.testing.assert_allclose(tensors[i].detach(), start[i], rtol=1e-10, atol=1e-15)


def test_laprop_resumes_exactly_and_leaves_tensors_without_gradient():
    one, idle = torch.ones(3, requires_grad=True), torch.ones(2, requires_grad=True)
    optimizer = LaProp([one, idle], 1e-2, warmup=2)
    for step in range(4):
        one.grad = torch.arange(3.0) + step
        optimizer.step()
    twin = one.detach().clone().requires_grad_()
    other = LaProp([twin, idle], 1.0)
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    one.grad = twin.grad = torch.full((3,), 0.5)
    optimizer.step()
    other.step()
    assert torch.equal(one, twin) and torch.equal(idle, torch.ones(2))


def dense_matrix(layer, shared=0):
    """The block-diagonal layer as a full matrix (own inputs, then shared ones)."""
    weight = layer.weight.detach().numpy()
    blocks, inputs, outputs = weight.shape
    own = inputs - shared
    full = np.zeros((blocks * own + shared, blocks * outputs))
    for b in range(blocks):
        full[b * own : (b + 1) * own, b * outputs : (b + 1) * outputs] = weight[b, :own]
        full[blocks * own :, b * outputs : (b + 1) * outputs] = weight[b, own:]
    return full


def rms_norm(x, weight):
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-4) * weight


def silu(x):
    return x / (1 + np.exp(-x))


def test_block_gru():
    gru = BlockGRU(12, 5, blocks=4).double()
    for parameter in gru.parameters():
        torch.nn.init.normal_(parameter)
    state, x = rng().uniform(-1, 1, (6, 12)), rng().normal(size=(6, 5))
    hidden = np.concatenate([state, x], 1) @ dense_matrix(gru.hidden, shared=5) + gru.hidden.bias.detach().numpy()
    hidden = silu(rms_norm(hidden, gru.norm.weight.detach().numpy()))
    gates = hidden @ dense_matrix(gru.gates) + gru.gates.bias.detach().numpy()
    reset, candidate, update = gates.reshape(6, 4, 3, 3).transpose(2, 0, 1, 3).reshape(3, 6, 12)
    update = 1 / (1 + np.exp(1 - update))
    expected = update * np.tanh(candidate / (1 + np.exp(-reset))) + (1 - update) * state
    np.testing.assert_allclose(gru(torch.from_numpy(state), torch.from_numpy(x)).detach(), expected, atol=1e-12)
    assert np.abs(expected).max() <= 1


def test_block_linear_refuses_widths_that_do_not_split():
    with pytest.raises(ValueError, match="divisible by 8 blocks, got 12"):
        BlockLinear(12, 16, 8)


@pytest.mark.parametrize("shape", [(1, 1), (4, 4), (3, 5)])
def test_upsampling_is_a_convolution_of_the_doubled_image(shape):
    layer = Upsampling(3, 2).double()
    torch.nn.init.normal_(layer.conv.bias)
    x = torch.randn(2, 3, *shape, dtype=torch.float64)
    doubled = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
    torch.testing.assert_close(layer(x), layer.conv(doubled), atol=1e-12, rtol=0)


@pytest.mark.parametrize("side", [(8, 8), (20, 33), (64, 64), (84, 84), (160, 256)])
def test_images_of_any_size(side):
    encoder = ImageEncoder((3, *side), 4)
    tokens = encoder(torch.randint(0, 256, (2, 3, *side), dtype=torch.uint8))
    assert tokens.shape == (2, encoder.outputs)
    picture = ImageDecoder((3, *side), 4, deter=16, stoch=12, width=8)(torch.randn(2, 16), torch.randn(2, 12))
    assert picture.shape == (2, 3, *side) and bool(((picture > 0) & (picture < 1)).all())


def test_images_below_eight_pixels_are_refused():
    with pytest.raises(ValueError, match="at least 8 pixels a side, got 7x64"):
        ImageEncoder((3, 7, 64), 4)


def test_first_steps_forget_state_and_action():
    """What follows a first step is what a sequence that begins there gives, whatever came before."""
    rssm = RSSM(2, 5, deter=16, hidden=8, variables=3, classes=4)
    tokens, actions = torch.randn(6, 2, 5), torch.randn(6, 2, 2) * 3
    first = torch.zeros(6, 2)
    first[3] = 1
    start = Latent(torch.rand(2, 16), torch.rand(2, 3, 4))
    waits = waiting_times((6, 2, 3, 4), tokens)
    rssm._waits = lambda *shape: waits[6 - shape[0] :]
    whole = rssm.observe(start, actions, tokens, first)
    other = actions.clone()
    other[3] = 100.0
    tail = rssm.observe(rssm.initial(2), other[3:], tokens[3:], first[3:])
    for one, two in zip((*whole.latent, whole.posterior, whole.prior), (*tail.latent, tail.posterior, tail.prior)):
        torch.testing.assert_close(one[3:], two)
    without = rssm.observe(start, actions, tokens, first * 0)
    assert not torch.allclose(without.latent.deter[3:], whole.latent.deter[3:])


def test_observing_step_by_step_is_the_sequence():
    rssm = RSSM(2, 5, deter=16, hidden=8, variables=3, classes=4)
    tokens, actions, first = torch.randn(4, 2, 5), torch.randn(4, 2, 2), torch.zeros(4, 2)
    waits = waiting_times((4, 2, 3, 4), tokens)
    rssm._waits = lambda *shape: waits
    whole = rssm.observe(rssm.initial(2), actions, tokens, first).latent
    latent = rssm.initial(2)
    for time in range(4):
        rssm._waits = lambda *shape, time=time: waits[time : time + 1]
        latent = rssm.observe_step(latent, actions[time], tokens[time], first[time])
        torch.testing.assert_close(latent.deter, whole.deter[time])
        torch.testing.assert_close(latent.stoch, whole.stoch[time])


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


def test_one_hot_targets_of_the_decoder():
    """Cross-entropy per group of classes, squared error of symlog numbers, squared error of pixels."""
    from papergym.agents.dreamerv3.spaces import Part
    from papergym.agents.dreamerv3.world_model import Decoder

    parts = (Part("a", "classes", (2,), (3, 2)), Part("b", "vector", (4,)), Part("c", "image", (1, 8, 8)))
    rssm = RSSM(2, 5, deter=16, hidden=8, variables=3, classes=4)
    decoder = Decoder(parts, rssm, SIZE)
    latent = Latent(torch.randn(5, 16), torch.rand(5, 3, 4))
    observation = {"a": torch.tensor([[0, 1]] * 5), "b": torch.randn(5, 4) * 9, "c": torch.randint(0, 256, (5, 1, 8, 8)).byte()}
    predicted, losses = decoder.predict(latent), decoder.losses(latent, observation)
    logits = predicted["a"]
    pair = F.cross_entropy(logits[:, :3], observation["a"][:, 0], reduction="none")
    pair = pair + F.cross_entropy(logits[:, 3:], observation["a"][:, 1], reduction="none")
    torch.testing.assert_close(losses["a"], pair)
    numbers = observation["b"].numpy()
    target = torch.from_numpy(np.sign(numbers) * np.log1p(np.abs(numbers)))
    torch.testing.assert_close(losses["b"], ((predicted["b"] - target) ** 2).sum(-1))
    torch.testing.assert_close(losses["c"], ((predicted["c"] - observation["c"] / 255) ** 2).sum((1, 2, 3)))

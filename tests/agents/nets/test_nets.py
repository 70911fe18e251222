"""Networks and optimiser against float64 code of its own, in numpy."""

import copy

import numpy as np
import pytest
import torch

from papergym.agents.dreamerv3.world_model import Size
from papergym.agents.nets.images import ImageDecoder, ImageEncoder, Upsampling
from papergym.agents.nets.laprop import LaProp
from papergym.agents.nets.layers import BlockGRU, BlockLinear

SIZE = Size(deter=16, hidden=8, classes=4, depth=4, units=8)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def rng():
    return np.random.default_rng(0)


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

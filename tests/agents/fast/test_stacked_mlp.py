"""The batched MLP against its modules and autograd, in float64."""

import itertools

import pytest
import torch
from torch import nn

from papergym.agents.fast.stacked_mlp import StackedMLP, is_relu_mlp, linear_layers

SHAPES = [(), (7,), (6, 5, 4)]


def make_networks(count, hidden, outputs=1):
    """For each network its layers, as :class:`StackedMLP` takes them."""
    torch.manual_seed(0)
    sizes = [6, *hidden, outputs]
    return [[[nn.Linear(before, after).double()] for before, after in itertools.pairwise(sizes)] for _ in range(count)]


def plain(layers, x):
    """One network by its modules."""
    for index, (layer,) in enumerate(layers):
        x = layer(torch.relu(x) if index else x)
    return x


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("hidden", SHAPES)
@pytest.mark.parametrize("count", [1, 2, 3])
def test_outputs_and_gradients_of_parameters_against_autograd(hidden, count, outputs):
    networks = make_networks(count, hidden, outputs)
    stacked, x = StackedMLP(networks), torch.randn(32, 6, dtype=torch.float64)
    expected = torch.stack([plain(layers, x) for layers in networks])
    by_outputs = torch.randn_like(expected)
    (expected * by_outputs).sum().backward()
    with torch.no_grad():
        torch.testing.assert_close(stacked.forward(x), expected)
        stacked.backward(by_outputs)
    assert len(stacked.parameters) == 2 * count * (len(hidden) + 1)
    for parameter, gradient in zip(stacked.parameters, stacked.gradients):
        torch.testing.assert_close(gradient, parameter.grad, rtol=1e-10, atol=1e-12)


def test_gradients_of_the_first_rows():
    networks = make_networks(2, (7, 5))
    stacked, x = StackedMLP(networks), torch.randn(32, 6, dtype=torch.float64)
    torch.stack([plain(layers, x[:10]) for layers in networks]).sum().backward()
    with torch.no_grad():
        stacked.forward(x)
        stacked.backward(torch.ones(2, 10, 1, dtype=torch.float64), rows=10)
    for parameter, gradient in zip(stacked.parameters, stacked.gradients):
        torch.testing.assert_close(gradient, parameter.grad, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("hidden", SHAPES)
@pytest.mark.parametrize("count", [1, 2, 3])
def test_input_gradient_against_autograd(hidden, count):
    """Of the sum over rows of the smallest output, in float64."""
    networks = make_networks(count, hidden)
    stacked = StackedMLP(networks)
    x = torch.randn(32, 6, dtype=torch.float64, requires_grad=True)
    torch.stack([plain(layers, x) for layers in networks]).amin(0).sum().backward()
    with torch.no_grad():
        chosen = stacked.forward(x.detach()).argmin(0)[:, 0]
        torch.testing.assert_close(stacked.input_gradient(chosen, 1.0, 2), x.grad[:, 2:], rtol=1e-10, atol=1e-12)


def test_a_layer_of_several_parts():
    """Two heads on one hidden layer, as an actor has them."""
    hidden, first, second = nn.Linear(6, 7), nn.Linear(7, 2), nn.Linear(7, 3)
    stacked, x = StackedMLP([[[hidden], [first, second]]]), torch.randn(9, 6)
    latent = torch.relu(hidden(x))
    expected = torch.cat([first(latent), second(latent)], 1)
    expected.square().sum().backward()
    with torch.no_grad():
        found = stacked.forward(x)[0]
        torch.testing.assert_close(found, expected)
        stacked.backward(2 * found[None])
    for parameter, gradient in zip(stacked.parameters, stacked.gradients):
        torch.testing.assert_close(gradient, parameter.grad)


def test_memory_is_shared_both_ways():
    networks = make_networks(2, (7,))
    stacked = StackedMLP(networks)
    with torch.no_grad():
        stacked.weights[0].fill_(0.25)
        networks[1][1][0].bias.fill_(-3.0)
    assert all((layers[0][0].weight == 0.25).all() for layers in networks)
    assert stacked.biases[1].flatten()[1] == -3.0


def test_which_modules_are_relu_mlps():
    linear = lambda: nn.Linear(3, 3)  # noqa: E731
    assert is_relu_mlp(nn.Sequential(linear(), nn.ReLU(), linear())) and is_relu_mlp(nn.Sequential(linear(), nn.ReLU()))
    assert not is_relu_mlp(nn.Sequential(linear(), nn.Tanh(), linear()))
    assert not is_relu_mlp(nn.Sequential(nn.Linear(3, 3, bias=False)))
    assert not is_relu_mlp(nn.Sequential(linear(), linear())) and not is_relu_mlp(linear())


@pytest.mark.parametrize("hidden", SHAPES)
def test_one_mlp_of_several_on_the_same_memory(hidden):
    """Its outputs and input gradients by autograd, also after the weights have changed."""
    networks = make_networks(3, hidden)
    stacked = StackedMLP(networks)
    part = stacked.part(1)
    for _ in range(2):
        x = torch.randn(9, 6, dtype=torch.float64, requires_grad=True)
        expected = plain(networks[1], x)
        (2.5 * expected).sum().backward()
        with torch.no_grad():
            torch.testing.assert_close(part.forward(x)[0], expected)
            torch.testing.assert_close(part.input_gradient(torch.zeros(9, dtype=torch.int64), 2.5, 2), x.grad[:, 2:])
            for tensor in stacked.tensors:
                tensor += 0.1


def test_linear_layers_of_a_module():
    module = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2), nn.Tanh())
    assert linear_layers(module) == [[module[0]], [module[2]]]

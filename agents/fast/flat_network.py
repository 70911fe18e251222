"""A small tanh actor-critic as one flat numpy array, on memory shared with an SB3 policy's parameters.

Policy and value network have equal hidden sizes, so each hidden layer of both is one batched matrix product.
Plain form: ``mlp_extractor``, ``action_net`` and ``value_net`` of an ``ActorCriticPolicy``, and ``backward()`` of autograd.
"""

from collections.abc import Iterable

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import FlattenExtractor
from torch import nn


def refusal(policy: ActorCriticPolicy) -> str:
    """Why the flat network cannot stand for ``policy``; "" if it can."""
    if policy.use_sde or policy.squash_output or not isinstance(policy.action_space, (spaces.Box, spaces.Discrete)):
        return "the policy is not a plain Gaussian or categorical"
    if type(policy.features_extractor) is not FlattenExtractor or not isinstance(policy.observation_space, spaces.Box):
        return "observations are not flat vectors"
    if len(policy.observation_space.shape) != 1 or policy.observation_space.dtype == np.uint8:
        return "observations are not flat vectors"
    pi, vf = (_linear_layers(net) for net in (policy.mlp_extractor.policy_net, policy.mlp_extractor.value_net))
    if pi is None or vf is None or not pi or [layer.weight.shape for layer in pi] != [layer.weight.shape for layer in vf]:
        return "policy and value network are not tanh networks of equal hidden sizes"
    if not isinstance(policy.action_net, nn.Linear) or not isinstance(policy.value_net, nn.Linear):
        return "the heads are not linear"
    if any(parameter.device.type != "cpu" for parameter in policy.parameters()):
        return "the policy is not on the CPU"
    if len(list(policy.parameters())) != len(_ordered(policy, pi, vf)):
        return "the policy has parameters beyond its two networks"
    return ""


def _linear_layers(net: nn.Module) -> list[nn.Linear] | None:
    """Linear layers of a Sequential(Linear, Tanh, ...), None for any other make."""
    modules = list(net.children())
    if not isinstance(net, nn.Sequential) or len(modules) % 2 or any(type(module) is not nn.Tanh for module in modules[1::2]):
        return None
    layers = [module for module in modules[::2] if isinstance(module, nn.Linear) and module.bias is not None]
    return layers if 2 * len(layers) == len(modules) else None


def _ordered(policy: ActorCriticPolicy, pi: list[nn.Linear], vf: list[nn.Linear]) -> list[nn.Parameter]:
    """Parameters in the order of the flat array: each layer's weights of both networks side by side, then the heads."""
    pairs = [part for a, b in zip(pi, vf) for part in (a.weight, b.weight, a.bias, b.bias)]
    heads = [policy.action_net.weight, policy.action_net.bias, policy.value_net.weight, policy.value_net.bias]
    log_std = [policy.log_std] if isinstance(policy.action_space, spaces.Box) else []
    return [*pairs, *heads, *log_std]  # pyright: ignore[reportReturnType]


class FlatViews:
    """Named views of one flat array laid out like a :class:`FlatNetwork`'s parameters.

    Attributes:
        flat: shape (parameters,).
        weights: per hidden layer, shape (2, out, in); index 0 policy, 1 value network.
        biases: per hidden layer, shape (2, 1, out).
        action_weight, action_bias: shapes (actions, hidden), (actions,).
        value_weight, value_bias: shapes (hidden,), (1,).
        log_std: shape (actions,), or (0,) for a categorical policy.
    """

    def __init__(self, flat: np.ndarray, hidden: list[tuple[int, int]], actions: int) -> None:
        self.flat = flat
        self._at = 0
        self.weights: list[np.ndarray] = []
        self.biases: list[np.ndarray] = []
        for out_size, in_size in hidden:
            self.weights.append(self._take(2, out_size, in_size))
            self.biases.append(self._take(2, 1, out_size))
        last = hidden[-1][0]
        self.action_weight, self.action_bias = self._take(actions, last), self._take(actions)
        self.value_weight, self.value_bias = self._take(last), self._take(1)
        self.log_std = flat[self._at :]

    def _take(self, *shape: int) -> np.ndarray:
        start, self._at = self._at, self._at + int(np.prod(shape))
        return self.flat[start : self._at].reshape(shape)


class FlatNetwork:
    """Forward and backward pass of an SB3 actor-critic in numpy, on memory shared with its torch parameters.

    Raises:
        ValueError: a policy for which :func:`refusal` gives a reason.
    """

    def __init__(self, policy: ActorCriticPolicy) -> None:
        if reason := refusal(policy):
            raise ValueError(f"no flat network for this policy: {reason}.")
        pi, vf = (_linear_layers(net) for net in (policy.mlp_extractor.policy_net, policy.mlp_extractor.value_net))
        assert pi and vf
        self.torch_parameters = _ordered(policy, pi, vf)
        flat = torch.cat([parameter.detach().reshape(-1) for parameter in self.torch_parameters]).numpy().copy()
        hidden = [(layer.out_features, layer.in_features) for layer in pi]
        actions = policy.action_net.out_features
        self.parameters = FlatViews(flat, hidden, int(actions))  # pyright: ignore[reportArgumentType]
        self.gradient = FlatViews(np.zeros_like(flat), hidden, int(actions))  # pyright: ignore[reportArgumentType]
        for parameter, view in zip(self.torch_parameters, self.split(flat)):
            parameter.data = torch.from_numpy(view)

    def split(self, flat: np.ndarray) -> Iterable[np.ndarray]:
        """Views of ``flat``, one for each torch parameter, in their order and shapes."""
        at = 0
        for parameter in self.torch_parameters:
            yield flat[at : at + parameter.numel()].reshape(parameter.shape)
            at += parameter.numel()

    def bound(self) -> bool:
        """True while the torch parameters still share memory with this network."""
        views = self.split(self.parameters.flat)
        return all(parameter.data_ptr() == view.ctypes.data for parameter, view in zip(self.torch_parameters, views))

    def act(self, observations: np.ndarray) -> np.ndarray:
        """Means or logits, shape (batch, actions), for observations of shape (batch, size); the value network is not run."""
        hidden, net = observations, self.parameters
        for weight, bias in zip(net.weights, net.biases):
            hidden = np.dot(hidden, weight[0].T)
            hidden += bias[0]
            np.tanh(hidden, out=hidden)
        return np.dot(hidden, net.action_weight.T) + net.action_bias

    def values(self, observations: np.ndarray) -> np.ndarray:
        """State values, shape (batch,), for observations of shape (batch, size)."""
        hidden, net = observations, self.parameters
        for weight, bias in zip(net.weights, net.biases):
            hidden = np.tanh(np.dot(hidden, weight[1].T) + bias[1])
        return np.dot(hidden, net.value_weight) + net.value_bias

    def forward(self, observations: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
        """Means or logits (batch, actions), values (batch,), and the activations that :meth:`backward` needs."""
        net = self.parameters
        activations = [observations[None]]
        for weight, bias in zip(net.weights, net.biases):
            hidden = np.matmul(activations[-1], weight.transpose(0, 2, 1))
            hidden += bias
            np.tanh(hidden, out=hidden)
            activations.append(hidden)
        outputs = np.dot(hidden[0], net.action_weight.T) + net.action_bias
        return outputs, np.dot(hidden[1], net.value_weight) + net.value_bias, activations

    def backward(self, activations: list[np.ndarray], outputs: np.ndarray, values: np.ndarray) -> None:
        """Fill :attr:`gradient`, except ``log_std``, from the loss by outputs (batch, actions) and by values (batch,)."""
        net, grad, last = self.parameters, self.gradient, activations[-1]
        np.dot(outputs.T, last[0], out=grad.action_weight)
        np.sum(outputs, axis=0, out=grad.action_bias)
        np.dot(values, last[1], out=grad.value_weight)
        grad.value_bias[0] = values.sum()
        upstream = np.empty_like(last)
        np.dot(outputs, net.action_weight, out=upstream[0])
        np.multiply(values[:, None], net.value_weight, out=upstream[1])
        for layer in reversed(range(len(net.weights))):
            hidden = activations[layer + 1]
            slope = np.multiply(hidden, hidden)
            np.subtract(1, slope, out=slope)
            upstream *= slope
            np.matmul(upstream.transpose(0, 2, 1), activations[layer], out=grad.weights[layer])
            np.sum(upstream, axis=1, keepdims=True, out=grad.biases[layer])
            if layer:
                upstream = np.matmul(upstream, net.weights[layer])

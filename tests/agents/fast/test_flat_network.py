"""The flat actor-critic against stable-baselines3's modules and autograd, in float64."""

import numpy as np
import pytest
import torch

from papergym.agents.fast.flat_network import FlatNetwork, refusal


@pytest.mark.parametrize("discrete", [False, True])
@pytest.mark.parametrize("hidden", [(7,), (8, 6), (5, 4, 3)])
def test_outputs_and_gradients_against_autograd(actor_critic, hidden, discrete):
    policy = actor_critic(discrete, hidden).double()
    network = FlatNetwork(policy)
    generator = np.random.default_rng(0)
    observations = generator.normal(size=(20, 5))
    latent_pi, latent_vf = policy.mlp_extractor(torch.from_numpy(observations))
    outputs, values = policy.action_net(latent_pi), policy.value_net(latent_vf).flatten()
    by_outputs, by_values = generator.normal(size=tuple(outputs.shape)), generator.normal(size=20)
    ((outputs * torch.from_numpy(by_outputs)).sum() + (values * torch.from_numpy(by_values)).sum()).backward()
    found_outputs, found_values, activations = network.forward(observations)
    np.testing.assert_allclose(found_outputs, outputs.detach(), rtol=1e-12)
    np.testing.assert_allclose(found_values, values.detach(), rtol=1e-12)
    np.testing.assert_allclose(network.act(observations), outputs.detach(), rtol=1e-12)
    np.testing.assert_allclose(network.values(observations), values.detach(), rtol=1e-12)
    network.backward(activations, by_outputs, by_values)
    checked = 0
    for parameter, gradient in zip(network.torch_parameters, network.split(network.gradient.flat)):
        if parameter is not getattr(policy, "log_std", None):  # its gradient is the action head's
            np.testing.assert_allclose(gradient, parameter.grad, rtol=1e-9, atol=1e-12)
            checked += 1
    assert checked == 4 * len(hidden) + 4


def test_memory_is_shared_both_ways(actor_critic):
    policy = actor_critic()
    network = FlatNetwork(policy)
    network.parameters.flat[:] = 0.25
    assert all((parameter == 0.25).all() for parameter in policy.parameters())
    with torch.no_grad():
        policy.action_net.weight.fill_(-1.5)
    assert (network.parameters.action_weight == -1.5).all() and network.bound()
    policy.value_net.weight.data = policy.value_net.weight.data.clone()
    assert not network.bound()


@pytest.mark.parametrize(
    ("kwargs", "reason"),
    [
        ({"activation_fn": torch.nn.ReLU}, "not tanh networks"),
        ({"use_sde": True}, "not a plain Gaussian"),
        ({"hidden": ()}, "not tanh networks"),
    ],
)
def test_policies_that_need_torch(actor_critic, kwargs, reason):
    assert refusal(actor_critic()) == ""
    assert reason in refusal(actor_critic(**kwargs))
    with pytest.raises(ValueError, match="no flat network"):
        FlatNetwork(actor_critic(**kwargs))

"""Flat Adam and the flat gradient's norm against torch, in float64."""

import numpy as np
import pytest
import torch

from papergym.agents.fast.flat_adam import FlatAdam, clip_norm, refusal
from papergym.agents.fast.flat_network import FlatNetwork


def test_steps_equal_adam(actor_critic, twin):
    """Five steps, a change of the learning rate, and five more from the state that torch's own optimiser has then."""
    policy = actor_critic().double()
    policy.optimizer = torch.optim.Adam(policy.parameters(), lr=1e-2, eps=1e-5)
    other = twin(policy)
    other.optimizer = torch.optim.Adam(other.parameters(), lr=1e-2, eps=1e-5)
    network = FlatNetwork(policy)
    adam, generator = FlatAdam(network, policy.optimizer), np.random.default_rng(0)
    names = {id(parameter): name for name, parameter in policy.named_parameters()}
    theirs = [dict(other.named_parameters())[names[id(parameter)]] for parameter in network.torch_parameters]
    for count in range(10):
        if count == 5:
            policy.optimizer.param_groups[0]["lr"] = other.optimizer.param_groups[0]["lr"] = 1e-3
            policy.optimizer.load_state_dict(twin(other.optimizer.state_dict()))
            assert not adam.bound()
            adam = FlatAdam(network, policy.optimizer)
        network.gradient.flat[:] = generator.normal(size=network.gradient.flat.size)
        for parameter, gradient in zip(theirs, network.split(network.gradient.flat)):
            parameter.grad = torch.from_numpy(gradient.copy())
        adam.step()
        other.optimizer.step()
    adam.publish()
    assert adam.bound() and adam.count == 10
    for ours, parameter in zip(network.torch_parameters, theirs):
        torch.testing.assert_close(ours, parameter, rtol=1e-10, atol=1e-12)
        for name, value in other.optimizer.state[parameter].items():
            torch.testing.assert_close(policy.optimizer.state[ours][name], value, check_dtype=name != "step")


@pytest.mark.parametrize("max_norm", [None, 0.5, 1e6])
def test_norm_is_clipped_as_torch_does(max_norm):
    gradient = np.random.default_rng(0).normal(size=50)
    parameter = torch.zeros(50, dtype=torch.float64)
    parameter.grad = torch.from_numpy(gradient.copy())
    if max_norm is not None:
        torch.nn.utils.clip_grad_norm_([parameter], max_norm)
    clip_norm(gradient, max_norm)
    np.testing.assert_allclose(gradient, parameter.grad, rtol=1e-12)


def test_optimisers_that_need_torch(actor_critic):
    policy = actor_critic()
    assert refusal(policy.optimizer) == ""
    for optimizer in (
        torch.optim.SGD(policy.parameters()),
        torch.optim.Adam(policy.parameters(), weight_decay=0.1),
        torch.optim.Adam(policy.parameters(), amsgrad=True),
    ):
        assert refusal(optimizer)
        with pytest.raises(ValueError, match="no flat Adam"):
            FlatAdam(FlatNetwork(policy), optimizer)

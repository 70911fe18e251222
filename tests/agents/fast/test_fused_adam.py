"""Fused Adam against ``torch.optim.Adam`` stepping by itself."""

import copy

import pytest
import torch
from torch import nn

from papergym.agents.fast.fused_adam import FusedAdam


def network(dtype):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2)).to(dtype)


def step(module, optimizer, fused, seed):
    """One step of both, along the same random gradient."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=generator).to(parameter.dtype)
    for gradient, parameter in zip(fused.gradients, module.parameters()):
        gradient.copy_(parameter.grad)
    optimizer.step()
    fused.step()


def twins(make, dtype):
    """A module with its optimiser, and the fused one on a copy of both."""
    module = network(dtype)
    optimizer, other = make(module.parameters()), copy.deepcopy(module)
    gradients = [torch.zeros_like(parameter) for parameter in other.parameters()]
    return module, optimizer, other, FusedAdam(make(other.parameters()), list(other.parameters()), gradients)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kwargs", [{}, {"eps": 1e-5, "betas": (0.5, 0.9)}, {"weight_decay": 0.01}, {"amsgrad": True}])
def test_steps_equal_adam(dtype, kwargs):
    """Also after a change of the learning rate, and for an option that the fused step leaves to torch."""
    module, optimizer, other, fused = twins(lambda parameters: torch.optim.Adam(parameters, lr=1e-2, **kwargs), dtype)
    for seed in range(5):
        if seed == 3:
            optimizer.param_groups[0]["lr"] = fused.optimizer.param_groups[0]["lr"] = 3e-3
        step(module, optimizer, fused, seed)
    tolerance = {"rtol": 1e-5, "atol": 1e-7} if dtype == torch.float32 else {"rtol": 1e-12, "atol": 1e-14}
    for ours, theirs in zip(other.parameters(), module.parameters()):
        torch.testing.assert_close(ours, theirs, **tolerance)
    ours, theirs = (item.state_dict()["state"] for item in (fused.optimizer, optimizer))
    for index, slots in theirs.items():
        assert ours[index].keys() == slots.keys()
        for name, value in slots.items():
            torch.testing.assert_close(ours[index][name], value, check_device=False, **tolerance)


def test_goes_on_from_a_loaded_state():
    module, optimizer, other, fused = twins(lambda parameters: torch.optim.Adam(parameters, lr=1e-2), torch.float64)
    for seed in range(3):
        step(module, optimizer, fused, seed)
    fused.optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))  # as a checkpoint does: new tensors
    step(module, optimizer, fused, 3)
    for ours, theirs in zip(other.parameters(), module.parameters()):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-14)


def test_another_optimiser_is_stepped_by_itself():
    module, optimizer, other, fused = twins(lambda parameters: torch.optim.RMSprop(parameters, lr=1e-2), torch.float64)
    for seed in range(3):
        step(module, optimizer, fused, seed)
    for ours, theirs in zip(other.parameters(), module.parameters()):
        assert torch.equal(ours, theirs)


def test_parameters_must_be_those_of_the_optimiser():
    module = network(torch.float32)
    with pytest.raises(ValueError, match="holds other parameters"):
        FusedAdam(torch.optim.Adam(module[0].parameters()), list(module.parameters()), [])

"""Actor and critics with explicit gradients against autograd through stable-baselines3's modules, in double precision."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from papergym.agents.fast.squashed_actor import SquashedActor
from papergym.agents.fast.stacked_mlp import StackedMLP


def parameter_gradients(network, named):
    """(name, gradient) of each parameter of a :class:`StackedMLP`."""
    names = {id(parameter): name for name, parameter in named}
    assert len(names) == len(network.parameters)
    return [(names[id(parameter)], gradient) for parameter, gradient in zip(network.parameters, network.gradients)]


@pytest.mark.parametrize(("bias", "error"), [(0.0, 1e-10), (30.0, 1e-10), (-30.0, 1e-6)])
def test_gradients_equal_autograd_in_float64(sac_policy, twin, bias, error):
    """Of the actor's and the critics' losses; a bias of the log standard deviation puts it beyond either bound.

    At the lower bound, autograd through torch's Normal takes differences of numbers of the size 1 / std = 5e8.
    """
    policy = sac_policy()
    with torch.no_grad():
        policy.actor.log_std.bias += bias
    actor, critic = twin(policy.actor).double(), twin(policy.critic).double()
    obs, taken = torch.randn(16, 5), torch.rand(16, 3) * 2 - 1
    noise = torch.randn(16, 3)
    hidden = actor.latent_pi(obs.double())
    mean, log_std = actor.mu(hidden), actor.log_std(hidden).clamp(-20, 2)
    distribution = torch.distributions.Normal(mean, log_std.exp())
    gaussian = mean + log_std.exp() * noise.double()
    action = torch.tanh(gaussian)
    log_prob = distribution.log_prob(gaussian).sum(1, keepdim=True) - torch.log(1 - action**2 + 1e-6).sum(1, keepdim=True)
    q_values = torch.stack([q(torch.cat([obs.double(), action], 1)) for q in critic.q_networks]).min(dim=0).values
    (0.3 * log_prob - q_values).mean().backward()
    critic.zero_grad()
    target, seen = torch.randn(16, 1), torch.cat([obs, taken], 1).double()
    torch.stack([0.5 * F.mse_loss(q(seen), target.double()) for q in critic.q_networks]).sum().backward()

    exact = policy.double()
    fast_actor = SquashedActor(exact.actor)
    layers = [[[layer] for layer in q if isinstance(layer, nn.Linear)] for q in exact.critic.q_networks]
    critics = StackedMLP(layers)
    with torch.no_grad():
        ours, ours_log_prob = fast_actor.forward(obs.double(), noise.double())
        torch.testing.assert_close(ours, action)
        torch.testing.assert_close(ours_log_prob, log_prob, rtol=1e-6, atol=1e-8)
        chosen = critics.forward(torch.cat([obs.double(), ours], 1)).min(dim=0).indices
        fast_actor.backward(critics.input_gradient(chosen[:, 0], -1.0 / 16, 5), 0.3)
        residual = critics.forward(seen) - target
        critics.backward(residual / 16)
    for network, ours_module, module in ((fast_actor.network, exact.actor, actor), (critics, exact.critic, critic)):
        expected = dict(module.named_parameters())
        for name, gradient in parameter_gradients(network, ours_module.named_parameters()):
            torch.testing.assert_close(gradient, expected[name].grad, rtol=1e-7, atol=error, msg=f"{name}, bias {bias}")


def test_actions_and_densities_are_those_of_sb3(sac_policy):
    """For the noise that gives an action, its log-density is what SB3's distribution says."""
    policy = sac_policy()
    obs, noise = torch.randn(16, 5), torch.randn(16, 3)
    with torch.no_grad():
        mean, log_std, _ = policy.actor.get_action_dist_params(obs)
        gaussian = mean + log_std.exp() * noise
        expected = policy.actor.action_dist.proba_distribution(mean, log_std).log_prob(torch.tanh(gaussian), gaussian)
        action, log_prob = SquashedActor(policy.actor).forward(obs, noise)
    torch.testing.assert_close(action, torch.tanh(gaussian), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(log_prob[:, 0], expected, rtol=1e-4, atol=1e-5)

"""Plain PyTorch forms of the updates that ``offline_speed.py`` measures, written as single-file implementations are.

One module per network, autograd, one optimizer per network, each target parameter moved by itself; in CQL one row through the
actor per sampled action.
"""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from papergym.agents.data.dataset import Dataset

OBS, ACT, CHOICES, BATCH, HIDDEN, GAMMA, TAU = 17, 6, 3, 256, (256, 256), 0.99, 0.005
Step = Callable[[], Any]


def mlp(inputs: int, outputs: int, hidden: tuple[int, ...] = HIDDEN) -> nn.Sequential:
    """ReLU between the layers."""
    sizes = [inputs, *hidden]
    layers = [part for a, b in zip(sizes, hidden) for part in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], outputs))


def sampler(data: Dataset) -> Callable[[], list[torch.Tensor]]:
    """Draws observations, actions, rewards, next observations, 1 - done."""
    columns = (data.observations, data.actions, data.rewards[:, None], data.next_observations, 1 - data.terminated[:, None])
    tensors = [torch.as_tensor(column) for column in columns]
    tensors = [tensor.float() if tensor.is_floating_point() else tensor for tensor in tensors]
    rng = np.random.default_rng(0)

    def draw() -> list[torch.Tensor]:
        rows = rng.integers(0, len(data), size=BATCH)
        return [tensor[rows] for tensor in tensors]

    return draw


def step(optimizer: torch.optim.Optimizer, loss: torch.Tensor) -> None:
    """One gradient step."""
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def follow(target: nn.Module, network: nn.Module) -> None:
    """Move each target parameter."""
    for slow, fast in zip(target.parameters(), network.parameters()):
        slow.data.copy_(TAU * fast.data + (1 - TAU) * slow.data)


def adam(*networks: nn.Module, lr: float = 3e-4) -> torch.optim.Adam:
    """Of all their parameters."""
    return torch.optim.Adam([parameter for network in networks for parameter in network.parameters()], lr=lr)


def bc(data: Dataset) -> Step:
    """Squared error of the actions."""
    policy, draw = mlp(OBS, ACT), sampler(data)
    optimizer = adam(policy)

    def update() -> float:
        obs, act, *_ = draw()
        loss = F.mse_loss(policy(obs), act)
        step(optimizer, loss)
        return loss.item()

    return update


def rvs(data: Dataset) -> Step:
    """Likelihood of the actions, given a condition; the next observation's first entry stands for it, for the same cost."""
    policy, log_std, draw = mlp(OBS + 1, ACT, (1024, 1024)), nn.Parameter(torch.zeros(ACT)), sampler(data)
    optimizer = torch.optim.Adam([*policy.parameters(), log_std], lr=1e-3)

    def update() -> float:
        obs, act, _, told, _ = draw()
        law = torch.distributions.Normal(policy(torch.cat([told[:, :1], obs], 1)), log_std.exp())
        loss = -law.log_prob(act).sum(1).mean()
        step(optimizer, loss)
        return loss.item()

    return update


def td3bc(data: Dataset) -> Step:
    """The update of arXiv 2106.06860."""
    actor, q1, q2 = nn.Sequential(mlp(OBS, ACT), nn.Tanh()), mlp(OBS + ACT, 1), mlp(OBS + ACT, 1)
    targets = [copy.deepcopy(network) for network in (actor, q1, q2)]
    actor_adam, critic_adam, draw, count = adam(actor), adam(q1, q2), sampler(data), [0]

    def update() -> float:
        count[0] += 1
        obs, act, reward, next_obs, going = draw()
        with torch.no_grad():
            noise = (torch.randn_like(act) * 0.2).clamp(-0.5, 0.5)
            pair = torch.cat([next_obs, (targets[0](next_obs) + noise).clamp(-1, 1)], 1)
            target = reward + going * GAMMA * torch.min(targets[1](pair), targets[2](pair))
        pair = torch.cat([obs, act], 1)
        loss = F.mse_loss(q1(pair), target) + F.mse_loss(q2(pair), target)
        step(critic_adam, loss)
        if count[0] % 2 == 0:
            pi = actor(obs)
            q = q1(torch.cat([obs, pi], 1))
            step(actor_adam, -2.5 / q.abs().mean().detach() * q.mean() + F.mse_loss(pi, act))
            for target_network, network in zip(targets, (actor, q1, q2)):
                follow(target_network, network)
        return loss.item()

    return update


def iql(data: Dataset) -> Step:
    """The update of arXiv 2110.06169."""
    actor, q1, q2, value = nn.Sequential(mlp(OBS, ACT), nn.Tanh()), mlp(OBS + ACT, 1), mlp(OBS + ACT, 1), mlp(OBS, 1)
    log_std = nn.Parameter(torch.zeros(ACT))
    slow1, slow2, draw = copy.deepcopy(q1), copy.deepcopy(q2), sampler(data)
    actor_adam = torch.optim.Adam([*actor.parameters(), log_std], lr=3e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(actor_adam, 1_000_000)
    critic_adam, value_adam = adam(q1, q2), adam(value)

    def update() -> float:
        obs, act, reward, next_obs, going = draw()
        pair = torch.cat([obs, act], 1)
        with torch.no_grad():
            next_value, slow = value(next_obs), torch.min(slow1(pair), slow2(pair))
        gap = slow - value(obs)
        step(value_adam, (torch.abs(0.7 - (gap < 0).float()) * gap**2).mean())
        target = reward + going * GAMMA * next_value
        loss = F.mse_loss(q1(pair), target) + F.mse_loss(q2(pair), target)
        step(critic_adam, loss)
        follow(slow1, q1)
        follow(slow2, q2)
        weight = torch.exp(3.0 * gap.detach()).clamp(max=100.0)
        law = torch.distributions.Normal(actor(obs), log_std.clamp(-5, 2).exp())
        step(actor_adam, -(weight * law.log_prob(act).sum(1, keepdim=True)).mean())
        schedule.step()
        return loss.item()

    return update


def discrete_cql(data: Dataset) -> Step:
    """CQL(H) (arXiv 2006.04779) on Double DQN."""
    q = mlp(OBS, CHOICES)
    slow, draw, optimizer = copy.deepcopy(q), sampler(data), adam(q)

    def update() -> float:
        obs, act, reward, next_obs, going = draw()
        with torch.no_grad():
            best = q(next_obs).argmax(1, keepdim=True)
            target = reward + going * GAMMA * slow(next_obs).gather(1, best)
        values = q(obs)
        chosen = values.gather(1, act[:, None])
        loss = F.smooth_l1_loss(chosen, target) + 5.0 * (values.logsumexp(1) - chosen[:, 0]).mean()
        step(optimizer, loss)
        follow(slow, q)
        return loss.item()

    return update


def cql(data: Dataset) -> Step:
    """CQL(H) on SAC, as the official code: the actor runs once per sampled action."""
    wide = (256, 256, 256)
    actor, q1, q2 = mlp(OBS, 2 * ACT, wide), mlp(OBS + ACT, 1, wide), mlp(OBS + ACT, 1, wide)
    slow1, slow2, draw = copy.deepcopy(q1), copy.deepcopy(q2), sampler(data)
    log_alpha = nn.Parameter(torch.zeros(1))
    actor_adam, adam1, adam2 = adam(actor, lr=1e-4), adam(q1), adam(q2)
    alpha_adam = torch.optim.Adam([log_alpha], lr=1e-4)

    def act_at(obs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        mean, raw = actor(obs).chunk(2, 1)
        law = torch.distributions.Normal(mean, raw.clamp(-20, 2).exp())
        before = law.rsample()
        action = torch.tanh(before)
        return action, (law.log_prob(before) - torch.log(1 - action**2 + 1e-6)).sum(1, keepdim=True)

    def update() -> float:
        obs, act, reward, next_obs, going = draw()
        action, log_prob = act_at(obs)
        step(alpha_adam, -(log_alpha * (log_prob - ACT).detach()).mean())
        pair = torch.cat([obs, action], 1)
        actor_loss = (log_alpha.exp().detach() * log_prob - torch.min(q1(pair), q2(pair))).mean()
        with torch.no_grad():
            pair = torch.cat([next_obs, act_at(next_obs)[0]], 1)
            target = reward + going * GAMMA * torch.min(slow1(pair), slow2(pair))
            many, next_many = obs.repeat_interleave(10, 0), next_obs.repeat_interleave(10, 0)
            found = [(torch.rand(10 * BATCH, ACT) * 2 - 1, torch.full((10 * BATCH, 1), -ACT * np.log(2.0)))]
            found += [act_at(many), act_at(next_many)]
        data_pair, critic_losses = torch.cat([obs, act], 1), []
        for q in (q1, q2):
            sampled = [q(torch.cat([many, a], 1)).view(BATCH, 10) - density.view(BATCH, 10) for a, density in found]
            data_q = q(data_pair)
            gap = torch.cat(sampled, 1).float().logsumexp(1).mean() - data_q.mean()
            critic_losses.append(F.mse_loss(data_q, target) + 5.0 * gap)
        step(actor_adam, actor_loss)
        step(adam1, critic_losses[0])
        step(adam2, critic_losses[1])
        follow(slow1, q1)
        follow(slow2, q2)
        return sum(loss.item() for loss in critic_losses)

    return update

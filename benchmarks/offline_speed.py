"""Milliseconds per update of the agents that learn from single transitions, against plain PyTorch forms of the same updates.

The plain forms are written here the way the methods' single-file implementations are: one module per network, autograd, one
optimizer per network, each target parameter moved by itself, in CQL one row through the actor per sampled action. Both sides
draw batches of 256 from the same 100 000 transitions (17 observations, 6 actions; 3 for the discrete case) and have networks of
the same size. They take turns in one process with one thread; a block is timed in CPU seconds of the process, and the table
holds medians over the blocks and of the ratios of neighbouring blocks.

    python benchmarks/offline_speed.py              # rows go to assets/results/offline-speed.csv
    python benchmarks/offline_speed.py --cases iql --blocks 3
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import copy
import statistics
import time
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from papergym.agents.checkpoint.provenance import row_provenance
from papergym.agents.data.dataset import Dataset, Episode
from papergym.agents.reproduction.results import read_rows, results_path, write_rows
from papergym.agents.runner.registry import agent

OBS, ACT, CHOICES, BATCH, HIDDEN, GAMMA, TAU = 17, 6, 3, 256, (256, 256), 0.99, 0.005
Step = Callable[[], Any]


class Spaces(gym.Env):
    """An environment of which only the spaces are asked for."""

    def __init__(self, discrete: bool) -> None:
        self.observation_space = gym.spaces.Box(-np.inf, np.inf, (OBS,), np.float32)
        self.action_space = gym.spaces.Discrete(CHOICES) if discrete else gym.spaces.Box(-1, 1, (ACT,), np.float32)


def make_data(env: Spaces) -> Dataset:
    """100 episodes of 1000 random steps."""
    rng = np.random.default_rng(0)

    def episode() -> Episode:
        actions: np.ndarray = rng.integers(CHOICES, size=1000)
        if isinstance(env.action_space, gym.spaces.Box):
            actions = rng.uniform(-0.9, 0.9, (1000, ACT)).astype(np.float32)
        return Episode(rng.normal(size=(1001, OBS)).astype(np.float32), actions, rng.normal(size=1000), True)

    return Dataset.from_episodes([episode() for _ in range(100)], env.observation_space, env.action_space)


def ours(key: str, env: Spaces, data: Dataset, **settings: Any) -> Step:
    """An update of our agent with the settings of its paper."""
    row = agent(key)
    learner_class = {"td3bc": "TD3BC", "iql": "IQL", "cql": "CQL", "rvs": "RvS", "bc": "BehaviourCloning"}[key]
    config = row.load(row.config)(batch_size=BATCH, **settings)
    learner = row.load(f"papergym.agents.{key}.learner:{learner_class}")(env, config, data, seed=0, device="cpu")
    learner.begin(data)
    return lambda: learner._count(learner.update(data))


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


def plain_td3bc(data: Dataset) -> Step:
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


def plain_iql(data: Dataset) -> Step:
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


def plain_discrete_cql(data: Dataset) -> Step:
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


def plain_cql(data: Dataset) -> Step:
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


CASES: dict[str, tuple[bool, str, Callable[[Dataset], Step], dict[str, Any], int]] = {
    "td3bc": (False, "td3bc", plain_td3bc, {}, 200),
    "iql": (False, "iql", plain_iql, {}, 200),
    "cql-discrete": (True, "cql", plain_discrete_cql, {"hidden": HIDDEN}, 200),
    "cql-continuous": (False, "cql", plain_cql, {"cloning_updates": 0}, 6),
}
"""Discrete actions, agent, plain form, settings of ours, updates in a block."""


def timed(update: Step, count: int) -> float:
    """CPU milliseconds per update."""
    begin = time.process_time()
    for _ in range(count):
        update()
    return (time.process_time() - begin) / count * 1e3


def measure(name: str, blocks: int) -> dict[str, Any]:
    """One row."""
    discrete, key, plain, settings, count = CASES[name]
    env = Spaces(discrete)
    data = make_data(env)
    torch.manual_seed(0)
    sides = ours(key, env, data, **settings), plain(data)
    for side in sides:
        timed(side, max(count // 4, 2))
    pairs = [[timed(side, count) for side in sides] for _ in range(blocks)]
    mine, theirs = (statistics.median(column) for column in zip(*pairs))
    ratios = [right / left for left, right in pairs]
    numbers = {"ours_ms": f"{mine:.2f}", "plain_ms": f"{theirs:.2f}", "ratio": f"{statistics.median(ratios):.2f}"}
    command = f"python benchmarks/offline_speed.py --cases {name}"
    return {
        "case": name,
        **numbers,
        "least_ratio": f"{min(ratios):.2f}",
        "blocks": blocks,
        **row_provenance(),
        "command": command,
    }


def main() -> None:
    """Measure the cases and keep their rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="*", default=list(CASES), choices=list(CASES))
    parser.add_argument("--blocks", type=int, default=7)
    parser.add_argument("--dry", action="store_true", help="print only")
    given = parser.parse_args()
    torch.set_num_threads(1)
    path = results_path("offline-speed")
    for name in given.cases:
        row = measure(name, given.blocks)
        print({column: row[column] for column in list(row)[:6]}, flush=True)
        if not given.dry:
            write_rows(path, [*[old for old in read_rows(path) if old["case"] != name], row])


if __name__ == "__main__":
    main()

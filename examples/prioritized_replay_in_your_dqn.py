"""Prioritized replay in a DQN of your own: draw, weight the losses, hand the TD errors back.

A minute: python examples/prioritized_replay_in_your_dqn.py
"""

import argparse

import gymnasium as gym
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from papergym.agents.replay.prioritized import PrioritizedReplayBuffer


def main(steps: int) -> list[float]:
    """Train on CartPole; the returns of the episodes."""
    torch.manual_seed(0)
    generator = np.random.default_rng(0)
    env = gym.make("CartPole-v1")
    net, target = (nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 2)) for _ in range(2))
    target.load_state_dict(net.state_dict())
    optimizer = torch.optim.Adam(net.parameters(), 1e-3)
    buffer = PrioritizedReplayBuffer(10_000, env.observation_space, env.action_space, device="cpu", seed=0)
    observation, _ = env.reset(seed=0)
    returns, total = [], 0.0
    for step in range(steps):
        greedy = int(net(torch.as_tensor(observation)).argmax())
        action = greedy if generator.random() > max(0.05, 1 - 4 * step / steps) else int(generator.integers(2))
        following, reward, terminated, truncated, _ = env.step(action)
        infos = [{"TimeLimit.truncated": truncated and not terminated}]
        done = np.array([terminated or truncated])
        buffer.add(observation[None], following[None], np.array([[action]]), np.array([reward]), done, infos)
        observation, total = following, total + float(reward)
        if done[0]:
            returns, total = [*returns, total], 0.0
            observation, _ = env.reset()
        if step < 500:
            continue
        buffer.anneal(step / steps)
        batch = buffer.sample(64)
        with torch.no_grad():
            best = target(batch.next_observations).max(1, keepdim=True).values
            goal = batch.rewards + 0.99 * (1 - batch.dones) * best
        errors = goal - net(batch.observations).gather(1, batch.actions)  # (64, 1)
        loss = (batch.weights * F.huber_loss(errors, torch.zeros_like(errors), reduction="none")).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        buffer.update_priorities(batch.indices, errors.detach())
        if step % 250 == 0:
            target.load_state_dict(net.state_dict())
    env.close()
    return returns


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=15_000)
    found = main(parser.parse_args().steps)
    print(f"first ten episodes {np.mean(found[:10]):.0f}, last ten {np.mean(found[-10:]):.0f}")

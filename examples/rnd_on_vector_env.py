"""Random network distillation on a Gymnasium vector environment: the bonus falls where the agent has been.

Half a minute: python examples/rnd_on_vector_env.py
"""

import argparse

import gymnasium as gym
import numpy as np

import papergym


def main(steps: int) -> None:
    """Play random actions and print the bonus as it becomes smaller."""
    envs = gym.make_vec("CartPole-v1", num_envs=8, vectorization_mode="sync")
    envs = papergym.wrappers.RNDReward(envs, weight=1.0, normalize=False, seed=0)
    envs.reset(seed=0)
    envs.action_space.seed(0)
    paid = []
    for step in range(1, steps + 1):
        _, _, _, _, infos = envs.step(envs.action_space.sample())
        paid.append(infos["reward_intrinsic"].mean())
        if step % max(steps // 5, 1) == 0:
            print(f"step {step}: mean bonus of the last fifth {np.mean(paid[-(steps // 5 or 1) :]):.4f}")
    envs.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1000)
    main(parser.parse_args().steps)

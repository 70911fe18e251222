"""A loop over pixels as in DrQ-v2: image stack, action repeat, and a replay buffer that keeps each frame once.

Half a minute: python examples/pixel_loop.py
"""

import argparse

import gymnasium as gym
import numpy as np

import papergym  # noqa: F401  (registers the ids)
from papergym.agents.replay.frames import FrameReplay


def main(steps: int) -> None:
    """Collect random steps and draw a batch of image stacks."""
    env = gym.make("ProtoRL-Walker-v0", quality="fast")  # Box(0, 255, (9, 84, 84), uint8)
    buffer = FrameReplay(10_000, env.observation_space, env.action_space, device="cpu", frame_stack=3, seed=0)
    env.action_space.seed(0)
    observation, _ = env.reset(seed=0)
    for _ in range(steps):
        action = env.action_space.sample()
        following, reward, terminated, truncated, info = env.step(action)
        infos = [{"TimeLimit.truncated": truncated and not terminated}]
        buffer.add(
            observation[None], following[None], action[None], np.array([reward]), np.array([terminated or truncated]), infos
        )
        observation = following
        if terminated or truncated:
            observation, _ = env.reset()
    batch = buffer.sample(32)
    print(f"observations {tuple(batch.observations.shape)} {batch.observations.dtype}, frames per step: {info['frames']}")
    env.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=600)
    main(parser.parse_args().steps)

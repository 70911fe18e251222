"""Many pixel environments at once: the ids bring their own vector environment, which draws all images in one process.

Half a minute: python examples/vector_pixels.py
"""

import argparse
import time

import gymnasium as gym

import papergym  # noqa: F401  (registers the ids)


def speed(mode: str | None, steps: int) -> float:
    """Environment steps per second of four environments."""
    envs = gym.make_vec("ProtoRL-Walker-v0", num_envs=4, vectorization_mode=mode, quality="fast")
    envs.reset(seed=0)
    envs.action_space.seed(0)
    begin = time.perf_counter()
    for _ in range(steps):
        envs.step(envs.action_space.sample())
    seconds = time.perf_counter() - begin
    envs.close()
    return 4 * steps / seconds


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=200)
    steps = parser.parse_args().steps
    print(f"steps per second: {speed('vector_entry_point', steps):.0f} own, {speed('sync', steps):.0f} SyncVectorEnv")

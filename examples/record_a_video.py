"""Record a video of a task that renders without a display.

Seconds: python examples/record_a_video.py
"""

import argparse

import gymnasium as gym
import imageio.v2 as imageio

import papergym  # noqa: F401  (registers the ids)

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--file", default="walker.mp4")
    options = parser.parse_args()
    env = gym.make("DMC-WalkerWalk-v0", render_mode="rgb_array")
    env.action_space.seed(0)
    env.reset(seed=0)
    with imageio.get_writer(options.file, fps=env.metadata["render_fps"], macro_block_size=2) as video:
        for _ in range(options.steps):
            video.append_data(env.render())
            _, _, terminated, truncated, _ = env.step(env.action_space.sample())
            if terminated or truncated:
                env.reset()
    env.close()
    print(options.file)

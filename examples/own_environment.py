"""An environment of your own under the wrappers of this package, in single, vector and pixel form.

Seconds: python examples/own_environment.py
"""

import argparse
from typing import Any

import gymnasium as gym
import numpy as np

from papergym.wrappers import ActionRepeat, FrameStack, NoveltyReward


class Dot(gym.Env[np.ndarray, np.ndarray]):
    """A dot that moves on a 32 x 32 image; the reward is 1 in the right half."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 30}

    def __init__(self, render_mode: str | None = None) -> None:
        self.observation_space = gym.spaces.Box(0, 255, (1, 32, 32), np.uint8)
        self.action_space = gym.spaces.Box(-1, 1, (2,), np.float32)
        self.render_mode = render_mode

    def _draw(self) -> np.ndarray:
        image = np.zeros((1, 32, 32), np.uint8)
        row, column = (self.place * 31).round().astype(int)
        image[0, row, column] = 255
        return image

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        """Put the dot somewhere."""
        super().reset(seed=seed)
        self.place = self.np_random.uniform(size=2)
        return self._draw(), {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict]:
        """Move the dot."""
        self.place = np.clip(self.place + 0.1 * action, 0, 1)
        return self._draw(), float(self.place[1] > 0.5), False, False, {}

    def render(self) -> np.ndarray:
        """The image, in grey as RGB."""
        return np.repeat(self._draw()[0][..., None], 3, axis=2)


gym.register("Dot-v0", entry_point=Dot, max_episode_steps=100)


def wrapped() -> gym.Env:
    """The chain: repeat actions, stack frames, pay for new images."""
    return NoveltyReward(FrameStack(ActionRepeat(gym.make("Dot-v0"), 2), 3), k=3, weight=0.1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=100)
    steps = parser.parse_args().steps
    envs = gym.vector.SyncVectorEnv([wrapped] * 2)
    observations, _ = envs.reset(seed=0)
    envs.action_space.seed(0)
    for _ in range(steps):
        observations, rewards, *_, infos = envs.step(envs.action_space.sample())
    print(f"observations {observations.shape} {observations.dtype}, last rewards {rewards.round(3)}")
    envs.close()

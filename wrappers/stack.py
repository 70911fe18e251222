"""Stack the last images along the channel axis, channels first."""

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.core import ActType
from gymnasium.utils import RecordConstructorArgs

from papergym.envs.checks import whole
from papergym.wrappers.state import array_of_state

MOST_IMAGES = 1000
CHANNELS = (1, 3, 4)
"""Channel counts by which an axis is recognised."""


def count_of_images(name: str, value: Any) -> int:
    """Images in a stack as a Python int; ``name`` is what errors call the argument.

    Raises:
        ValueError: no whole number from 1 to 1000.
    """
    count = whole(name, value, unit="images")
    if count > MOST_IMAGES:
        raise ValueError(f"{name} is at most {MOST_IMAGES} images; got {value!r}")
    return count


def stacked_space(space: gym.Space, num_stack: int) -> tuple[spaces.Box, bool]:
    """The (num_stack * C, H, W) space for images of ``space``, and whether those images have their channels last.

    Raises:
        ValueError: ``space`` is not a Box of images (H, W), (H, W, C) or (C, H, W).
    """
    num_stack = count_of_images("num_stack", num_stack)
    if not isinstance(space, spaces.Box) or len(space.shape) not in (2, 3):
        raise ValueError(
            f"frames are a Box of (H, W), (H, W, C) or (C, H, W) images; got {space}. "
            "For vectors use gymnasium.wrappers.FrameStackObservation."
        )
    if len(space.shape) == 2:
        low, high, last = space.low[None], space.high[None], False
    elif space.shape[-1] in CHANNELS:
        low, high, last = space.low.transpose(2, 0, 1), space.high.transpose(2, 0, 1), True
    elif space.shape[0] in CHANNELS:
        low, high, last = space.low, space.high, False
    else:
        raise ValueError(f"neither the first nor the last axis of {space.shape} is a channel axis of {CHANNELS} entries")
    tiles = (num_stack, 1, 1)
    return spaces.Box(np.tile(low, tiles), np.tile(high, tiles), dtype=space.dtype.type), last


class FrameStack(gym.Wrapper[np.ndarray, ActType, Any, ActType], RecordConstructorArgs):
    """Observe the last ``num_stack`` images as one (num_stack * C, H, W) array, oldest first.

    A reset fills the stack with the first image. Images are kept in a ring and each observation is a new array.
    Gymnasium's ``FrameStackObservation`` stacks on a new leading axis instead, which image networks do not take.
    A vector version exists: papergym.wrappers.vector.FrameStack.

    Args:
        env: environment that observes (H, W), (H, W, C) or (C, H, W) images with 1, 3 or 4 channels.
        num_stack: images in a stack.

    Source: Mnih et al. 2015; three images as in Proto-RL's code.
    """

    def __init__(self, env: gym.Env[Any, ActType], num_stack: int = 3):
        num_stack = count_of_images("num_stack", num_stack)
        RecordConstructorArgs.__init__(self, num_stack=num_stack)
        super().__init__(env)
        space, self._channels_last = stacked_space(env.observation_space, num_stack)
        self.observation_space, self._shape = space, space.low.shape
        depth, height, width = self._shape
        self.num_stack = num_stack
        self._ring = np.zeros((num_stack, depth // num_stack, height, width), self.observation_space.dtype)
        self._newest = num_stack - 1

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict[str, Any]]:
        """Reset the environment and repeat its first image."""
        image, info = self.env.reset(seed=seed, options=options)
        self._ring[:] = self._channels_first(image)
        return self._stack(), info

    def step(self, action: ActType) -> tuple[np.ndarray, Any, bool, bool, dict[str, Any]]:
        """Push one image."""
        image, reward, terminated, truncated, info = self.env.step(action)
        self._newest = (self._newest + 1) % self.num_stack
        self._ring[self._newest] = self._channels_first(image)
        return self._stack(), reward, terminated, truncated, info

    def _channels_first(self, image: np.ndarray) -> np.ndarray:
        return image.transpose(2, 0, 1) if self._channels_last else image

    def _stack(self) -> np.ndarray:
        oldest = self._newest + 1
        return np.concatenate((self._ring[oldest:], self._ring[:oldest])).reshape(self._shape)

    def state_dict(self) -> dict[str, Any]:
        """The images of the present stack, (num_stack, C, H, W), oldest first."""
        return {"frames": self._stack().reshape(self._ring.shape)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from :meth:`state_dict`.

        Raises:
            ValueError: no such state; nothing has changed.
        """
        self._ring[:], self._newest = array_of_state(state, "frames", self._ring), self.num_stack - 1

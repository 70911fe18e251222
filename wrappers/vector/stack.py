"""Stack the last images of every environment of a batch along the channel axis."""

from typing import Any

import numpy as np
from gymnasium.utils import RecordConstructorArgs
from gymnasium.vector import AutoresetMode, VectorEnv, VectorWrapper
from gymnasium.vector.utils import batch_space

from papergym.wrappers.stack import count_of_images, stacked_space
from papergym.wrappers.state import array_of_state
from papergym.wrappers.vector.forwarding import Forwards
from papergym.wrappers.wrapped import vector_env


class FrameStack(Forwards, VectorWrapper, RecordConstructorArgs):
    """Observe the last ``num_stack`` images of each environment as one (n, num_stack * C, H, W) array, oldest first.

    Equal to a vector of papergym.wrappers.FrameStack in every autoreset mode: the stack of an environment is filled with the
    first image of its new episode, and in SAME_STEP mode ``info["final_obs"]`` holds the stacks that ended.

    Args:
        env: vector environment that observes (H, W), (H, W, C) or (C, H, W) images.
        num_stack: images in a stack.
    """

    def __init__(self, env: VectorEnv, num_stack: int = 3):
        num_stack = count_of_images("num_stack", num_stack)
        RecordConstructorArgs.__init__(self, num_stack=num_stack)
        super().__init__(vector_env(env))
        self._mode = env.metadata.get("autoreset_mode")
        if not isinstance(self._mode, AutoresetMode):
            raise ValueError(
                f"metadata['autoreset_mode'] of {env} says when episodes begin; expected an AutoresetMode, got {self._mode!r}"
            )
        self.single_observation_space, self._channels_last = stacked_space(env.single_observation_space, num_stack)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        depth, height, width = self.single_observation_space.shape
        self.num_stack = num_stack
        shape = (self.num_envs, num_stack, depth // num_stack, height, width)
        self._ring = np.zeros(shape, self.single_observation_space.dtype)
        self._newest = num_stack - 1
        self._begins = np.zeros(self.num_envs, bool)  # NEXT_STEP: environments whose coming step is a reset

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict[str, Any]]:
        """Reset all environments, or those of ``options["reset_mask"]``, and repeat their first images."""
        mask = None if options is None else options.get("reset_mask")
        mask = np.ones(self.num_envs, bool) if mask is None else np.asarray(mask, bool)
        images, info = self.env.reset(seed=seed, options=options)
        self._begins[mask] = False
        self._ring[mask] = self._channels_first(images)[mask][:, None]
        return self._stack(), info

    def step(self, actions: Any) -> tuple[np.ndarray, Any, Any, Any, dict[str, Any]]:
        """Push one image of each environment."""
        images, reward, terminated, truncated, info = self.env.step(actions)
        ended = np.logical_or(terminated, truncated)
        if self._mode == AutoresetMode.SAME_STEP and ended.any():
            info = {**info, "final_obs": self._final(info["final_obs"], ended)}
        images = self._channels_first(images)
        self._newest = (self._newest + 1) % self.num_stack
        self._ring[:, self._newest] = images
        begins = self._begins if self._mode == AutoresetMode.NEXT_STEP else ended
        if self._mode != AutoresetMode.DISABLED and begins.any():
            self._ring[begins] = images[begins][:, None]
        self._begins = ended
        return self._stack(), reward, terminated, truncated, info

    def _final(self, images: np.ndarray, ended: np.ndarray) -> np.ndarray:
        """Stacks at the end of the episodes that ended, as an object array like Gymnasium's own."""
        stacks = np.full(self.num_envs, None, object)
        before = self._ordered()[ended, 1:]
        for index, past in zip(np.flatnonzero(ended), before):
            last = self._channels_first(np.asarray(images[index])[None])
            stacks[index] = np.concatenate((past, last)).reshape(self.single_observation_space.shape)
        return stacks

    def _channels_first(self, images: np.ndarray) -> np.ndarray:
        if self._channels_last:
            return images.transpose(0, 3, 1, 2)
        return images if images.ndim == 4 else images[:, None]

    def _ordered(self) -> np.ndarray:
        oldest = self._newest + 1
        return np.concatenate((self._ring[:, oldest:], self._ring[:, :oldest]), axis=1)

    def _stack(self) -> np.ndarray:
        return self._ordered().reshape(self.observation_space.shape)

    def state_dict(self) -> dict[str, Any]:
        """The images of the present stacks, (n, num_stack, C, H, W), oldest first, and which episodes are about to begin."""
        return {"frames": self._ordered(), "begins": self._begins.copy()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from :meth:`state_dict`.

        Raises:
            ValueError: no such state; nothing has changed.
        """
        frames, begins = array_of_state(state, "frames", self._ring), array_of_state(state, "begins", self._begins)
        self._ring[:], self._newest, self._begins = frames, self.num_stack - 1, begins

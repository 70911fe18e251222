"""Several pixel worlds stepped in one process, one OpenGL context for each thread, one batch of stacked images."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from papergym.envs.checks import mask_of, options_of, seeds_of, whole
from papergym.wrappers.stack import stacked_space
from papergym.wrappers.state import array_of_state, of_state
from papergym.wrappers.vector.pool import Pool, threads_for


class PixelBatch(VectorEnv):
    """Repeats actions and stacks images of ``worlds`` like ActionRepeat and FrameStack, without copies in between.

    Observation: (n, num_stack * 3, H, W) uint8, oldest image first. Each image is drawn straight into the batch, twice:
    the batch keeps a ring of images two rounds long, so that the present stacks are always one slice of it.

    With several threads, world ``i`` is reset and stepped by thread ``i % num_threads`` and should be made with this number as
    its ``lane``: only then are its images drawn at the same time as those of other threads. The results are the same, bit for
    bit, for any number of threads. An exception in one world is raised when all others have taken their step; that world then
    needs a reset, and the others can go on.

    Args:
        worlds: environments like papergym.envs.world.MujocoWorld, made with ``obs_type="pixels"``.
        action_repeat: frames per step.
        num_stack: images in a stack.
        copy: return a new array at each step; False returns the slice itself, whose oldest image the next step overwrites.
        autoreset_mode: as in Gymnasium's SyncVectorEnv.
        num_threads: threads that reset, step and draw, at most one for each world.
    """

    def __init__(
        self,
        worlds: Sequence[Any],
        *,
        action_repeat: int,
        num_stack: int,
        copy: bool = True,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        num_threads: int = 1,
    ):
        self.envs, self.num_envs, self.copy = list(worlds), len(worlds), copy
        action_repeat = whole("action_repeat", action_repeat, unit="frames")
        num_stack = whole("num_stack", num_stack, unit="images")
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self._pool = Pool(threads_for(self.num_envs, num_threads, 1))
        first = self.envs[0]
        fps = max(1, round(first.metadata["render_fps"] / action_repeat))
        self.metadata = {**first.metadata, "render_fps": fps, "autoreset_mode": self.autoreset_mode}
        self.render_mode, self.action_repeat, self.num_stack = first.render_mode, action_repeat, num_stack
        self.single_observation_space, _ = stacked_space(first.observation_space, num_stack)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.single_action_space = first.action_space
        self.action_space = batch_space(first.action_space, self.num_envs)
        height, width, channels = first.observation_space.shape
        self._ring = np.zeros((self.num_envs, 2 * num_stack, channels, height, width), np.uint8)
        self._newest = num_stack - 1
        self._begins = np.zeros(self.num_envs, bool)
        for world in self.envs:
            world.observing = False  # images are drawn here

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin episodes in all environments, or in those of ``options["reset_mask"]``."""
        seeds = seeds_of(seed, self.num_envs)
        given = options_of(options, ("reset_mask",))
        mask = mask_of(given["reset_mask"], self.num_envs) if "reset_mask" in given else np.ones(self.num_envs, bool)
        info: dict[str, Any] = {}
        chosen = np.flatnonzero(mask).tolist()
        for index, own in zip(chosen, self._pool.run(lambda index: self._begin(index, seeds[index]), chosen)):
            info = self._add_info(info, own, index)
        return self._batch(), info

    def _begin(self, index: int, seed: int | None = None) -> dict[str, Any]:
        """Reset one environment and fill its stack; returns its info."""
        world = self.envs[index]
        info = world.reset(seed=seed)[1]
        self._begins[index] = False
        world.draw(self._ring[index, 0])
        self._ring[index, 1:] = self._ring[index, 0]
        return {**info, "frames": 0}

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Take up to ``action_repeat`` frames in every environment; ends as the autoreset mode says.

        Raises:
            ValueError: not one action per environment, or one that its environment refuses; nothing has moved.
        """
        if np.ndim(actions) == 0 or len(actions) != self.num_envs:
            raise ValueError(f"one action per environment: expected {self.num_envs}, got {len(actions)}")
        rests = self._begins.copy() if self.autoreset_mode == AutoresetMode.NEXT_STEP else np.zeros(self.num_envs, bool)
        native = [None if rest else env.scaled(action) for rest, env, action in zip(rests, self.envs, actions)]
        self._newest = (self._newest + 1) % self.num_stack
        rewards = np.zeros(self.num_envs)
        terminated, truncated = np.zeros(self.num_envs, bool), np.zeros(self.num_envs, bool)
        shown = np.zeros(self.num_envs, bool)
        info: dict[str, Any] = {}

        def move(index: int) -> list[dict[str, Any]]:
            if rests[index]:
                told = [self._begin(index)]
            else:
                rewards[index], terminated[index], truncated[index], own = self._repeat(index, native[index])
                self._begins[index] = False
                told = self._end(index, own) if terminated[index] or truncated[index] else [own]
            shown[index] = True
            return told

        try:
            infos = self._pool.run(move, range(self.num_envs))
        except BaseException:  # the images of worlds that have none of this step are those of the step before
            for slot in (self._newest, self._newest + self.num_stack):
                self._ring[~shown, slot] = self._ring[~shown, self._newest - 1 + self.num_stack]
            raise
        for index, told in enumerate(infos):
            for own in told:
                info = self._add_info(info, own, index)
        return self._batch(), rewards, terminated, truncated, info

    def _end(self, index: int, own: dict[str, Any]) -> list[dict[str, Any]]:
        """What follows the last step of an episode, whose info is ``own``; returns what ``info`` says, in order."""
        told = [own]
        if self.autoreset_mode == AutoresetMode.SAME_STEP:
            final = self._stacks()[index].reshape(self.single_observation_space.shape).copy()
            told = [{"final_obs": final, "final_info": own}, self._begin(index)]
        self._begins[index] = True
        return told

    def _repeat(self, index: int, native: Any) -> tuple[float, bool, bool, dict[str, Any]]:
        world, total, frames = self.envs[index], 0.0, 0
        terminated = truncated = False
        info: dict[str, Any] = {}
        world._ended = True  # a step that is interrupted ends the episode
        while frames < self.action_repeat and not (terminated or truncated):
            reward, terminated, truncated, info = world.advance(native)
            total, frames = total + reward, frames + 1
        slots = self._ring[index, self._newest :: self.num_stack]
        world.draw(slots[0])
        slots[1] = slots[0]
        world._ended = terminated or truncated
        return total, terminated, truncated, {**info, "frames": frames}

    def _stacks(self) -> np.ndarray:
        """The present stacks, oldest first: a slice of the ring, (n, num_stack, 3, H, W)."""
        return self._ring[:, self._newest + 1 : self._newest + 1 + self.num_stack]

    def _batch(self) -> np.ndarray:
        """The stacks with their images joined along the channels: copied, or a view of the ring."""
        view = self._stacks().reshape(self.observation_space.shape)  # adjacent axes join without a copy
        if self.copy:
            return view.copy()
        view.flags.writeable = False
        return view

    def call(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """Call a method, or read an attribute, of every environment."""
        found = [world.get_wrapper_attr(name) for world in self.envs]
        return tuple(one(*args, **kwargs) if callable(one) else one for one in found)

    def get_attr(self, name: str) -> tuple[Any, ...]:
        """An attribute of every environment."""
        return self.call(name)

    def set_attr(self, name: str, values: Any) -> None:
        """Set an attribute of every environment.

        Args:
            name: of the attribute.
            values: one value for all, or a list or tuple with one for each.

        Raises:
            ValueError: a list or tuple of another length.
        """
        each = values if isinstance(values, list | tuple) else [values] * self.num_envs
        if len(each) != self.num_envs:
            raise ValueError(f"one value per environment: expected {self.num_envs}, got {len(each)}")
        for world, value in zip(self.envs, each):
            world.set_wrapper_attr(name, value)

    @property
    def np_random(self) -> tuple[np.random.Generator, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The generator of every environment."""
        return self.get_attr("np_random")

    @property
    def np_random_seed(self) -> tuple[int | None, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The seed of every environment's generator."""
        return self.get_attr("np_random_seed")

    def render(self) -> tuple[np.ndarray | None, ...]:
        """One image per environment."""
        return tuple(world.render() for world in self.envs)

    def close_extras(self, **kwargs: Any) -> None:
        """End the threads and give the OpenGL contexts back."""
        self._pool.close()
        for world in self.envs:
            world.close()

    def state_dict(self) -> dict[str, Any]:
        """Worlds, stacks and coming resets: everything that decides the next step."""
        worlds = {str(index): world.get_state() for index, world in enumerate(self.envs)}
        return {"worlds": worlds, "frames": self._stacks().copy(), "begins": self._begins.copy()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue exactly from :meth:`state_dict` of a batch of the same tasks.

        Raises:
            ValueError: no such state; nothing has changed.
        """
        frames, begins = array_of_state(state, "frames", self._stacks()), array_of_state(state, "begins", self._begins)
        worlds = of_state(of_state(state, "worlds")["worlds"], *map(str, range(self.num_envs)))
        before = [world.get_state() for world in self.envs]
        try:
            for index, world in enumerate(self.envs):
                world.set_state(worlds[str(index)])
        except BaseException:
            for world, own in zip(self.envs, before):
                world.set_state(own)
            raise
        self._newest = self.num_stack - 1
        self._ring[:, : self.num_stack] = self._ring[:, self.num_stack :] = frames
        self._begins = begins

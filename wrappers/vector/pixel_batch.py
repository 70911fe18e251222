"""Several pixel worlds stepped in one process, one OpenGL context for each thread, one batch of stacked images."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.vector.utils import batch_space

from papergym.envs.checks import whole
from papergym.envs.vector.batch import ThreadedVectorEnv
from papergym.envs.vector.pool import threads_for
from papergym.wrappers.stack import stacked_space
from papergym.wrappers.state import array_of_state, of_state


class PixelBatch(ThreadedVectorEnv, SyncVectorEnv):  # skrl knows an environment by its direct bases
    """Repeats actions and stacks images of ``worlds`` like ActionRepeat and FrameStack, without copies in between.

    Observation: (n, num_stack * 3, H, W) uint8, oldest image first. Each image is drawn straight into the batch, twice:
    the batch keeps a ring of images two rounds long, so that the present stacks are always one slice of it.

    With several threads, world ``i`` is reset and stepped by thread ``i % num_threads`` and should be made with this number as
    its ``lane``: only then are its images drawn at the same time as those of other threads. The results are the same, bit for
    bit, for any number of threads. An exception in one world is raised when all others have taken their step; that world then
    needs a reset, and the others can go on.

    Args:
        worlds: papergym.envs.world.MujocoWorld without wrappers, made with ``obs_type="pixels"``; those of one thread may read
            one model.
        action_repeat: frames per step.
        num_stack: images in a stack.
        copy: return a new array at each step; False returns the slice itself. The next step overwrites its oldest image, a
            reset all images of that world.
        autoreset_mode: as in Gymnasium's SyncVectorEnv.
        num_threads: threads that reset, step and draw, at most one for each world.

    Raises:
        ValueError: no worlds, other environments, or worlds of different threads that read one model.
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
        self.action_repeat = whole("action_repeat", action_repeat, unit="frames")
        self.num_stack = num_stack = whole("num_stack", num_stack, unit="images")
        _check_worlds(worlds, threads_for(len(worlds), num_threads, 1))
        given = [functools.partial(_given, world) for world in worlds]
        super().__init__(given, num_threads=num_threads, copy=copy, autoreset_mode=autoreset_mode)
        first = self.envs[0]
        self.metadata["render_fps"] = max(1, round(first.metadata["render_fps"] / self.action_repeat))
        self.single_observation_space, _ = stacked_space(first.observation_space, num_stack)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        height, width, channels = first.observation_space.shape
        self._ring = np.zeros((self.num_envs, 2 * num_stack, channels, height, width), np.uint8)
        self._observations, self._newest = self._ring, num_stack - 1
        self._shown = np.zeros(self.num_envs, bool)
        for world in worlds:
            world.observing = False  # images are drawn here

    def _begin(self, index: int, seed: int | None = None, options: dict[str, Any] | None = None) -> dict[str, Any]:
        """Reset one environment and fill its stack; returns its info."""
        world = self.envs[index]
        _, info = world.begin(seed, options, functools.partial(world.draw, self._ring[index, 0]))
        self._autoreset_envs[index] = False
        self._ring[index, 1:] = self._ring[index, 0]
        return {**info, "frames": 0}

    def _checked(self, index: int, action: Any) -> Any:
        return self.envs[index].scaled(action)

    def _prepare(self, *, forward: bool = False) -> None:
        self._shown[:] = not forward
        self._newest = (self._newest + forward) % self.num_stack

    def _show(self, index: int) -> None:
        self._shown[index] = True

    def _run(self, function: Callable[[int], list[dict[str, Any]]], chosen: Sequence[int]) -> dict[str, Any]:
        try:
            return super()._run(function, chosen)
        except BaseException:  # the images of worlds that have none of this step are those of the step before
            for slot in (self._newest, self._newest + self.num_stack):
                self._ring[~self._shown, slot] = self._ring[~self._shown, self._newest - 1 + self.num_stack]
            raise

    def _act(self, index: int, action: Any) -> tuple[float, bool, bool, dict[str, Any]]:
        """Take up to ``action_repeat`` frames of a native action, then draw."""
        world = self.envs[index]
        total, frames = 0.0, 0
        terminated = truncated = False
        info: dict[str, Any] = {}
        world._ended = True  # a step that is interrupted ends the episode
        while frames < self.action_repeat and not (terminated or truncated):
            reward, terminated, truncated, info = world.advance(action)
            total, frames = total + reward, frames + 1
        slots = self._ring[index, self._newest :: self.num_stack]
        world.draw(slots[0])
        slots[1] = slots[0]
        world._ended = terminated or truncated
        return total, terminated, truncated, {**info, "frames": frames}

    def _final(self, index: int) -> np.ndarray:
        return self._stacks()[index].reshape(self.single_observation_space.shape).copy()

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

    def state_dict(self) -> dict[str, Any]:
        """Worlds, stacks and coming resets: everything that decides the next step."""
        states = {str(index): world.get_state() for index, world in enumerate(self.envs)}
        return {"worlds": states, "frames": self._stacks().copy(), "begins": self._autoreset_envs.copy()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue exactly from :meth:`state_dict` of a batch of the same tasks.

        Raises:
            ValueError: no such state; nothing has changed.
        """
        frames, begins = array_of_state(state, "frames", self._stacks()), array_of_state(state, "begins", self._autoreset_envs)
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
        self._autoreset_envs = begins


def _given(world: Any) -> Any:
    return world


def _check_worlds(worlds: Sequence[Any], num_threads: int) -> None:
    """Raise ValueError for worlds that cannot make a batch on so many threads."""
    from papergym.envs.world import MujocoWorld  # loads the simulator

    if not worlds:
        raise ValueError("a batch needs at least one world")
    threads: dict[int, int] = {}
    for index, world in enumerate(worlds):
        if not isinstance(world, MujocoWorld) or world.obs_type != "pixels":
            raise ValueError(f"expected MujocoWorlds that observe pixels, without wrappers; got {world}")
        thread = index % num_threads
        if threads.setdefault(id(world._native()[0]), thread) != thread:
            raise ValueError(
                f"world {index} reads the model of a world of another thread: make worlds with lane=index % num_threads "
                "or with share_model=False"
            )

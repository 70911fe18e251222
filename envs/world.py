"""Base of the adapted MuJoCo environments: images, checked actions, the end of an episode, pickle."""

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from papergym.envs.base import World
from papergym.envs.checks import ActionError, finite_action, one_of, whole
from papergym.envs.render import BACKENDS, Renderer, check_size
from papergym.envs.render import quality as quality_named


class MujocoWorld(World, gym.Env[np.ndarray, np.ndarray]):
    """A MuJoCo task that observes its state vector or an image; subclasses step the physics.

    Observation: float32 vector with ``obs_type="state"``, (H, W, 3) uint8 image with ``"pixels"``. Action: float32 in
    [-1, 1], scaled per actuator to its own range.

    While :attr:`observing` is False, frames inside an episode return the last observation instead of a new one: ActionRepeat
    clears it for frames that the agent does not see. The end of an episode is always observed.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 50}
    name: str
    """What errors call this world."""

    def _set_up(self, arguments: dict[str, Any]) -> None:
        """First thing in a constructor, with its ``locals()``: check and keep how the world is seen."""
        self._arguments = {key: value for key, value in arguments.items() if key not in ("self", "__class__")}
        obs_type, render_mode = arguments["obs_type"], arguments["render_mode"]
        one_of("obs_type", obs_type, ("state", "pixels"))
        one_of("render_mode", render_mode, (None, "rgb_array"))
        one_of("backend", arguments["backend"], (None, *BACKENDS))
        quality_named(arguments["quality"])
        limit = arguments["limit_frames"]
        if limit is not None:
            arguments["limit_frames"] = self._arguments["limit_frames"] = whole("limit_frames", limit, unit="control steps")
        self.obs_type, self.render_mode = obs_type, render_mode
        sizes = {"observe": "size_px", "render": "render_size_px"}
        self._sizes = {use: check_size(arguments[name], name) for use, name in sizes.items()}
        self._look = {name: arguments[name] for name in ("camera", "quality", "backend")}
        self._look["lane"] = arguments["lane"] = self._arguments["lane"] = whole("lane", arguments["lane"], 0)
        self._renderers: dict[str, Renderer] = {}
        self.observing = True
        self._observation: Any = None

    def _set_spaces(self, low: np.ndarray, high: np.ndarray, length: int, fps: float) -> None:
        """Spaces for native action bounds and a state vector of ``length``; reports a camera that the model has not."""
        if self.render_mode is not None:
            self._renderer("render")
        self._centre, self._half_range = (low + high) / 2, (high - low) / 2
        self._largest: np.ndarray | None = None  # of actuators without a range
        self.action_space = spaces.Box(-1.0, 1.0, low.shape, np.float32)
        if self.obs_type == "pixels":
            self._renderer("observe")  # OpenGL is touched at the first frame
            self.observation_space = spaces.Box(0, 255, (*self._sizes["observe"], 3), np.uint8)
        else:
            self.observation_space = spaces.Box(-np.inf, np.inf, (length,), np.float32)
        self.metadata = {**type(self).metadata, "render_fps": max(1, round(fps))}

    def _native(self) -> tuple[Any, Any]:
        """MuJoCo's model and data of the present episode."""
        raise NotImplementedError

    def state_vector(self) -> np.ndarray:
        """The present state as the task describes it, float32 (n,), whatever ``obs_type`` is; a new array."""
        raise NotImplementedError

    def _start(self, seed: int | None) -> dict[str, Any]:
        """Begin an episode without observing it; returns its info."""
        raise NotImplementedError

    def advance(self, action: np.ndarray) -> tuple[float, bool, bool, dict[str, Any]]:
        """One control step with a native action: reward, terminated, truncated, info."""
        raise NotImplementedError

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict[str, Any]]:
        """Start an episode; a seed also restarts the generator, as Gymnasium asks.

        Raises:
            ValueError: a seed or option that is not right; nothing has changed.
            RuntimeError: the world was closed.
        """
        self._observation, info = self.begin(seed, options, self._observe)
        return self._observation, info

    def begin(self, seed: Any, options: Any, observe: Callable[[], np.ndarray]) -> tuple[np.ndarray, dict[str, Any]]:
        """:meth:`reset` with another way to observe the first frame."""
        seed, _ = self.check_reset(seed, options)
        with self.beginning():
            info = self._start(seed)
            return observe(), info

    def scaled(self, action: np.ndarray) -> np.ndarray:
        """A checked action in native units.

        Raises:
            ActionError: wrong shape, no floats, NaN or infinity, or too large for the physics; a ValueError and TypeError.
            gymnasium.error.ResetNeeded: no episode is running.
        """
        self.check_running()
        native = self._centre + self._half_range * finite_action(action, self.action_space, f"an action of {self.name}")
        if self._largest is not None and (abs(native) > self._largest).any():
            raise ActionError(f"an action of {self.name} must not exceed {self._largest.min():g}; got {action!r}")
        return native

    def check_action(self, action: np.ndarray) -> None:
        """Raise what a step with this action would; errors as in :meth:`scaled`."""
        self.scaled(action)

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Advance one control step (one *frame*); errors as in :meth:`scaled`.

        A step that is interrupted ends the episode: the physics stands somewhere between two frames.
        """
        native, self._ended = self.scaled(action), True
        reward, terminated, truncated, info = self.advance(native)
        over = terminated or truncated
        if self.observing or over:
            self._observation = self._observe()
        self._ended = over
        return self._observation, reward, terminated, truncated, info

    def _observe(self) -> np.ndarray:
        return self.draw() if self.obs_type == "pixels" else self.state_vector()

    def draw(self, out: np.ndarray | None = None) -> np.ndarray:
        """The image that is observed: (H, W, 3) uint8, or into ``out``, (H, W, 3) or channels first (3, H, W)."""
        return self._renderer("observe").render(self._native()[1], out)

    def _renderer(self, use: str) -> Renderer:
        if use not in self._renderers:
            self._renderers[use] = Renderer(self._native()[0], size_px=self._sizes[use], **self._look)
        return self._renderers[use]

    def _rebind(self, model: Any) -> None:
        """Let images show ``model``, compiled again from the same source."""
        for renderer in self._renderers.values():
            renderer.rebind(model)

    def render(self) -> np.ndarray | None:
        """The present state, (H, W, 3) uint8 of ``render_size_px``; None without a render mode."""
        if self.render_mode is None:
            return self.nothing_drawn()
        self.check_open()
        return self._renderer("render").render(self._native()[1])

    def __getstate__(self) -> dict[str, Any]:
        state = None if self._fresh else self.get_state()  # copies of a new environment draw their own episodes
        spaces_kept = (self.action_space, self.observation_space)  # with their generators
        kept = {"arguments": self._arguments, "spec": self._spec, "spaces": spaces_kept, "closed": self._closed}
        return {**kept, "state": state}

    def __setstate__(self, kept: dict[str, Any]) -> None:
        """Compile again and continue; OpenGL contexts and native memory stay behind."""
        self.__init__(**kept["arguments"])
        self._spec = kept["spec"]
        self.action_space, self.observation_space = kept["spaces"]
        if kept["state"] is not None:
            self.set_state(kept["state"])
        if kept["closed"]:
            self.close()

    def close(self) -> None:
        """Give back the OpenGL contexts; may be called twice."""
        self._closed = True
        for renderer in self._renderers.values():
            renderer.close()

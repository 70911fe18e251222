"""LS-Imagine's interface to MineDojo: twelve discrete actions and one small image."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import cv2
import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.core import ActType
from gymnasium.utils import RecordConstructorArgs

from papergym.envs.checks import choice_of, number, one_of, whole
from papergym.envs.mine.spaces import image_sides
from papergym.wrappers.repeat import ActionRepeat
from papergym.wrappers.state import of_state

ACTIONS = (
    *("noop", "attack", "turn_up", "turn_down", "turn_left", "turn_right"),
    *("forward", "back", "left", "right", "jump", "use"),
)
"""Names of LS-Imagine's actions, in the order of their indices."""
_KEYBOARD = dict(zip(" wsadfeikjl", ("jump", "forward", "back", "left", "right", "attack", "use", *ACTIONS[2:6])))
_KEYS = {"forward": (0, 1), "back": (0, 2), "left": (1, 1), "right": (1, 2), "use": (5, 1), "attack": (5, 3)}
_TURNS = {"turn_up": (-1, 0), "turn_down": (1, 0), "turn_left": (0, -1), "turn_right": (0, 1)}


class LSImagineActions(gym.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """Twelve actions over MineDojo's eight-part space, as in LS-Imagine's code.

    ``jump`` also walks forward, and both stay pressed for ``sticky_jump`` steps whatever is chosen meanwhile. A turn that would
    leave the pitch limits does nothing.

    Args:
        env: environment with MineDojo's action space; its camera interval must divide ``turn_degrees``.
        turn_degrees: degrees of one turn.
        pitch_limits: lowest and highest pitch in degrees, positive downward.
        sticky_jump: steps that a jump lasts, at least 1.

    Raises:
        ValueError: the action space is not MineDojo's, or its camera cannot turn by ``turn_degrees``.

    Source: LS-Imagine's repository (its MineDojo wrapper): turns of 10 degrees, pitch within 70, jumps of 10 steps.
    """

    def __init__(
        self,
        env: gym.Env[Any, Any],
        turn_degrees: float = 10.0,
        pitch_limits: Sequence[float] = (-70.0, 70.0),
        sticky_jump: int = 10,
    ) -> None:
        several = isinstance(pitch_limits, Sequence) or (isinstance(pitch_limits, np.ndarray) and pitch_limits.ndim == 1)
        if not several or len(pitch_limits) != 2:
            raise ValueError(f"pitch_limits is (lowest, highest) in degrees; got {pitch_limits!r}")
        limits = [number("pitch_limits", limit) for limit in pitch_limits]  # a list, as it comes back from JSON
        turn_degrees, sticky_jump = number("turn_degrees", turn_degrees, 0, 180, above=True), whole("sticky_jump", sticky_jump)
        RecordConstructorArgs.__init__(self, turn_degrees=turn_degrees, pitch_limits=limits, sticky_jump=sticky_jump)
        super().__init__(env)
        space = env.action_space
        if not isinstance(space, spaces.MultiDiscrete) or space.nvec.shape != (8,):
            raise ValueError(
                f"expected MineDojo's MultiDiscrete of 8 parts, got {space}; wrap an env of papergym.envs.mine.make"
            )
        bins = int(space.nvec[3])
        interval = 360.0 / (bins - 1)
        self._bins, self._turn = (bins - 1) // 2, round(turn_degrees / interval)
        if abs(self._turn * interval - turn_degrees) > 1e-6 or self._turn < 1:
            raise ValueError(
                f"a camera with bins of {interval:g} degrees cannot turn by turn_degrees={turn_degrees:g}; pass cam_interval=10"
            )
        self._degrees, self._limits, self._sticky = turn_degrees, limits, sticky_jump
        self._pitch, self._jumping = 0.0, 0
        self.action_space = self._choices = spaces.Discrete(len(ACTIONS))

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Reset; the pitch is counted from where the player looks."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._pitch, self._jumping = float(observation["location_stats"]["pitch"][0]), 0
        return observation, info

    def check_action(self, action: int) -> None:
        """Raise ValueError if the action is not 0 to 11, and what the world says of an action that does nothing."""
        self._choice(action)
        if self.env.has_wrapper_attr("check_action"):
            self.env.get_wrapper_attr("check_action")(self._still())

    def step(self, action: int) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Take one of the twelve actions.

        Raises:
            ValueError: the action is not 0 to 11.
        """
        before = self.state_dict()
        try:
            return self.env.step(self.translate(action))
        except BaseException:  # the step did not happen: neither did the turn or the jump
            self.load_state_dict(before)
            raise

    def get_keys_to_action(self) -> dict[tuple[str, ...], int]:
        """Key -> action, for gymnasium.utils.play: w s a d to walk, space to jump, i k j l to look, f to attack, e to use."""
        return {(): 0, **{(key,): ACTIONS.index(name) for key, name in _KEYBOARD.items()}}

    def _choice(self, action: Any) -> str:
        what = f"an action of LSImagineActions, 0 to {len(ACTIONS) - 1} ({', '.join(ACTIONS)}),"
        return ACTIONS[choice_of(action, self._choices, what)]

    def _still(self) -> np.ndarray:
        """(8,) int64 action of the world that does nothing."""
        return np.array([0, 0, 0, self._bins, self._bins, 0, 0, 0], np.int64)

    def translate(self, action: int) -> np.ndarray:
        """(8,) int64 action of the world for one of the twelve; counts the pitch and the jump."""
        name, full = self._choice(action), self._still()
        if name in _KEYS:
            part, value = _KEYS[name]
            full[part] = value
        elif name in _TURNS:
            pitch, yaw = _TURNS[name]
            aimed = self._pitch + pitch * self._degrees
            if self._limits[0] <= aimed <= self._limits[1]:
                self._pitch = aimed
                full[3] += pitch * self._turn
            full[4] += yaw * self._turn
        elif name == "jump":
            self._jumping = self._sticky
        if self._jumping > 0:
            self._jumping -= 1
            full[0], full[2] = 1, 1
        return full

    def state_dict(self) -> dict[str, Any]:
        """Pitch and remaining steps of the jump."""
        return {"pitch": self._pitch, "jumping": self._jumping}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned.

        Raises:
            ValueError: no such state; nothing has changed.
        """
        held = of_state(state, "pitch", "jumping")
        self._pitch, self._jumping = number("pitch", held["pitch"]), whole("jumping", held["jumping"], 0, self._sticky)


class LSImagineObservation(gym.ObservationWrapper[Any, ActType, dict[str, Any]], RecordConstructorArgs):
    """The image at a small size, channels last, as LS-Imagine's agent sees it.

    The whole field of view is squeezed: 160x256 becomes 64x64 by bilinear interpolation.

    Args:
        env: environment with MineDojo's observation.
        size: (H, W) of the image, or one number for a square.
        keep: further keys to keep; without any the observation is the image itself, else a dict with ``image``.

    Raises:
        ValueError: the size is not one, the observation has no ``rgb``, or a key to keep is missing.
    """

    def __init__(
        self, env: gym.Env[dict[str, Any], ActType], size: int | Sequence[int] = (64, 64), keep: Sequence[str] = ()
    ) -> None:
        if not isinstance(keep, Sequence) or isinstance(keep, str | bytes) or not all(isinstance(key, str) for key in keep):
            raise ValueError(f"keep is a list of keys of the observation; got {keep!r}")
        self._size, self._keep = image_sides(size, "size"), tuple(keep)
        RecordConstructorArgs.__init__(self, size=list(self._size), keep=list(keep))
        super().__init__(env)
        inner = env.observation_space
        if not isinstance(inner, spaces.Dict) or not {"rgb", *keep} <= set(inner.spaces):
            raise ValueError(f"expected an observation with the keys {['rgb', *keep]}, got {inner}")
        image = spaces.Box(0, 255, (*self._size, 3), np.uint8)
        self.observation_space = spaces.Dict({"image": image, **{key: inner[key] for key in keep}}) if keep else image

    def observation(self, observation: dict[str, Any]) -> Any:
        """The (H, W, 3) uint8 image, or the dict that holds it."""
        rgb = np.ascontiguousarray(observation["rgb"].transpose(1, 2, 0))
        image = rgb if rgb.shape[:2] == self._size else cv2.resize(rgb, self._size[::-1])
        return {"image": image, **{key: observation[key] for key in self._keep}} if self._keep else image


def lsimagine(
    task_id: str,
    *,
    image_size: int | Sequence[int] = (160, 256),
    size: int | Sequence[int] = (64, 64),
    keep: Sequence[str] = (),
    fast_reset: int = 0,
    backend: str = "voxel",
    wrappers: Sequence[Callable[[gym.Env], gym.Env]] = (),
    repeat: int = 1,
    affordance: bool | Mapping[str, Any] = False,
    **world: Any,
) -> gym.Env:
    """A task of LS-Imagine as its agent sees it: twelve actions, then one small image.

    Args:
        task_id: id of the paper's repository, for example "harvest_log_in_plains".
        image_size: (H, W) at which the world is drawn.
        size: (H, W) of the observation, or one number for a square.
        keep: keys of MineDojo's observation to keep beside the image; the observation is then a dict.
        fast_reset: resets that keep the world (the paper trains with 5, with 10 for iron ore, and tests with 0).
        backend: "voxel" or "minedojo".
        wrappers: put around the env in this order between the actions and the small picture, which drops ``rgb``.
        repeat: frames per step; the task's limit stays one of frames, also where ``spec.max_episode_steps`` names it.
        affordance: observe maps, closer views and jump flags too, and put the intrinsic rewards into ``info``; a dict holds
            arguments of :func:`papergym.wrappers.vision.signals.agent_view`. It replaces the small picture, so ``keep`` and
            ``wrappers`` are not used.
        world: further arguments of papergym.envs.mine.make, for example ``reward_scale=2.0`` for the official double reward.

    Raises:
        ValueError: ``affordance`` that is neither a flag nor a dict, or that comes with ``keep`` or ``wrappers``.
    """
    from papergym.envs.mine import make
    from papergym.envs.mine.tasks import FACTS

    if not isinstance(wrappers, Sequence) or not all(map(callable, wrappers)):
        raise ValueError(f"wrappers is a list of functions from an environment to an environment; got {wrappers!r}")
    one_of("backend", backend, ("voxel", "minedojo"))
    shape = image_sides(image_size)
    if backend == "voxel" or (whole("fast_reset", fast_reset, 0, unit="resets") and fast_reset):
        world["fast_reset"] = fast_reset
    env: gym.Env = make(task_id, shape, backend=backend, cam_interval=10, **world)  # type: ignore[arg-type]
    env = LSImagineActions(env)
    if repeat != 1:
        limit = FACTS["lsimagine"].get(task_id, {}).get("limit")
        env = ActionRepeat(gym.wrappers.TimeLimit(env, limit) if limit else env, repeat)
    if affordance:
        if keep or wrappers:
            raise ValueError("expected affordance without keep and wrappers, which it does not use; leave one out")
        from papergym.wrappers.vision.signals import agent_view  # loads torch

        arguments = {} if affordance is True else affordance
        if not isinstance(arguments, Mapping):
            raise ValueError(f"expected affordance True, False or a dict of arguments, got {affordance!r}")
        return agent_view(env, task_id, size=image_sides(size, "size"), **arguments)
    for wrapper in wrappers:
        env = wrapper(env)
    return LSImagineObservation(env, size=size, keep=keep)


lsimagine.metadata = {"render_modes": ["rgb_array"], "render_fps": 20}

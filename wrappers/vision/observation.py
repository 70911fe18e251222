"""Affordance maps, closer views and jump flags in observations; the world's picture without hand and slots."""

from collections.abc import Callable, Sequence
from typing import Any

import cv2
import gymnasium as gym
import numpy as np
from gymnasium import spaces

from papergym.envs.checks import number, text, texts
from papergym.envs.mine.spaces import image_sides
from papergym.wrappers.state import of_state
from papergym.wrappers.vision.jump import JumpFlag
from papergym.wrappers.vision.recipes import built, described
from papergym.wrappers.vision.scorer import check_texts

Maps = Callable[[np.ndarray, str], np.ndarray]
"""Frames (n, 3, H, W) uint8 and one prompt -> maps (n, 1, H, W): a ZoomAffordance or an AffordanceUNet."""
FLAG_KEYS = ("zoomed", "zoomed_affordance", "is_zoomed", "jump")


class AffordanceParts:
    """What the single, vector and SB3 wrappers share: one call of the map for all environments.

    Args:
        maps: makes the maps.
        prompt: what the agent is to do.
        flag: adds the closer view and the jump flag; None leaves them out.
        key: of the picture in Dict observations.
        space: of one environment's observation.

    Raises:
        ValueError: no (3, H, W) uint8 picture in the observation.
    """

    def __init__(self, maps: Any, prompt: str, flag: Any, key: str, space: gym.Space) -> None:
        self.maps: Maps = built("maps", maps, Callable)
        self.flag: JumpFlag | None = None if flag is None else built("flag", flag, JumpFlag)
        self.prompt, self.key = check_texts(text("prompt", prompt))[0], text("key", key)
        self.space = self._extended(space)

    def _extended(self, space: gym.Space) -> spaces.Dict:
        held = dict(space.spaces) if isinstance(space, spaces.Dict) else {self.key: space}
        picture = held.get(self.key)
        if not isinstance(picture, spaces.Box) or len(picture.shape) != 3 or picture.shape[0] != 3 or picture.dtype != np.uint8:
            raise ValueError(f"Expected a (3, H, W) uint8 picture under key={self.key!r}, got {space}; wrap before it goes.")
        if "affordance" in held:
            raise ValueError("Expected an observation without 'affordance', got one that has it; wrap once.")
        heat = spaces.Box(0.0, 1.0, (1, *picture.shape[1:]), np.float32)
        added: dict[str, gym.Space] = {"affordance": heat}
        if self.flag is not None:
            two = {"is_zoomed": spaces.Discrete(2), "jump": spaces.Discrete(2)}
            added |= {"zoomed": picture, "zoomed_affordance": heat, **two}
        return spaces.Dict({**held, **added})

    def __call__(
        self, frames: np.ndarray, slots: np.ndarray | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """What to add to the observations and to the infos, arrays of n, for (n, 3, H, W) frames."""
        heat = np.clip(self.maps(frames, self.prompt), 0.0, 1.0).astype(np.float32)
        if self.flag is None:
            return {"affordance": heat}, {}
        steps = self.flag(frames, heat[:, 0], lambda views: np.clip(self.maps(views, self.prompt)[:, 0], 0.0, 1.0), slots)
        added = {
            "affordance": heat,
            "zoomed": np.stack([step.view for step in steps]),
            "zoomed_affordance": np.stack([step.view_map for step in steps])[:, None].astype(np.float32),
            "is_zoomed": np.array([step.is_zoomed for step in steps], np.int64),
            "jump": np.array([step.jump for step in steps], np.int64),
        }
        names = ("probability", "threshold", "score", "view_score", "view_value")
        return added, {f"jump_{name}": np.array([getattr(step, name) for step in steps]) for name in names}

    def state_dict(self) -> dict[str, Any]:
        """Exact state of the flag's statistics."""
        return {} if self.flag is None else {"flag": self.flag.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned.

        Raises:
            ValueError: no such state, or one with a flag for a wrapper without one, or the reverse; nothing has changed.
        """
        if ("flag" in of_state(state)) != (self.flag is not None):
            raise ValueError(f"Expected a state {'with' if self.flag else 'without'} a jump flag, got {sorted(state)}.")
        if self.flag is not None:
            self.flag.load_state_dict(state["flag"])


class AffordanceObservation(gym.Wrapper, gym.utils.RecordConstructorArgs):
    """Adds ``affordance`` (1, H, W) float32, and with a flag ``zoomed``, ``zoomed_affordance``, ``is_zoomed``, ``jump``.

    With a flag, ``info`` gains ``jump_probability``, ``jump_threshold``, ``jump_score`` (the Gaussian score),
    ``jump_view_score`` and ``jump_view_value``. A bare picture becomes a Dict observation.

    Args:
        env: environment with a (3, H, W) uint8 picture, bare or under ``key``.
        maps: a ZoomAffordance or an AffordanceUNet, or the name of one.
        prompt: what the agent is to do.
        flag: a JumpFlag, or its name, or None.
        key: of the picture in Dict observations.
    """

    def __init__(
        self,
        env: gym.Env,
        maps: Maps | str | dict[str, Any],
        prompt: str,
        flag: JumpFlag | str | dict[str, Any] | None = None,
        key: str = "rgb",
    ) -> None:
        recipe = {"maps": described(maps), "prompt": prompt, "flag": described(flag), "key": key}
        gym.utils.RecordConstructorArgs.__init__(self, **recipe)
        gym.Wrapper.__init__(self, env)
        self.parts = AffordanceParts(maps, prompt, flag, key, env.observation_space)
        self.observation_space = self.parts.space

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Reset; the first observation is mapped and counted like every other."""
        return self._add(*self.env.reset(seed=seed, options=options))

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step, then map the picture."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        observation, info = self._add(observation, info)
        return observation, reward, terminated, truncated, info

    def _add(self, observation: Any, info: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        held = observation if isinstance(observation, dict) else {self.parts.key: observation}
        added, said = self.parts(np.asarray(held[self.parts.key])[None])
        return {**held, **{k: v[0] for k, v in added.items()}}, {**info, **{k: float(v[0]) for k, v in said.items()}}

    def state_dict(self) -> dict[str, Any]:
        """Exact state of the flag's statistics."""
        return self.parts.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self.parts.load_state_dict(state)


class ResizeMaps(gym.ObservationWrapper, gym.utils.RecordConstructorArgs):
    """Shrinks what AffordanceObservation added to one size, channels first kept: pictures uint8, maps float32.

    Args:
        env: environment that holds the keys.
        size: (H, W).
        keys: of the (c, H, W) arrays.
    """

    def __init__(self, env: gym.Env, size: Sequence[int] = (64, 64), keys: Sequence[str] = ("affordance",)) -> None:
        self._size, self._keys = image_sides(size, "size"), tuple(texts("keys", keys))
        gym.utils.RecordConstructorArgs.__init__(self, size=list(self._size), keys=list(self._keys))
        super().__init__(env)
        held = env.observation_space
        if not isinstance(held, spaces.Dict) or not set(keys) <= set(held.spaces):
            raise ValueError(
                f"Expected observations with the keys {sorted(keys)}, got {held}; wrap with AffordanceObservation."
            )
        new = {key: self._box(held[key]) for key in keys}
        self.observation_space = spaces.Dict({**held.spaces, **new})

    def _box(self, space: gym.Space) -> spaces.Box:
        high = 255 if space.dtype == np.uint8 else 1.0
        return spaces.Box(0, high, (space.shape[0], *self._size), space.dtype.type)  # type: ignore[index,union-attr]

    def observation(self, observation: dict[str, Any]) -> dict[str, Any]:
        """The observation with its maps at the new size."""
        return {**observation, **{key: self._resized(observation[key]) for key in self._keys}}

    def _resized(self, array: np.ndarray) -> np.ndarray:
        parts = [cv2.resize(channel, self._size[::-1], interpolation=cv2.INTER_AREA) for channel in array]
        return np.stack(parts)


class RemoveHUD(gym.ObservationWrapper, gym.utils.RecordConstructorArgs):
    """Paints over the hand and the slots that the real game draws, by inpainting from what surrounds them.

    Args:
        env: environment with a (3, H, W) uint8 picture under ``key``.
        mask: (H, W) bool of what to paint over; by default the lower right, where the hand is, and a strip for the slots.
        radius: pixels from which the inpainting draws.
        key: of the picture.

    Source: LS-Imagine's code paints over rows 81 to 159 and columns 35 to 255 of 160x256 (Telea, radius 3), about 26 % of the
    picture. Its exact mask is a picture of its own; the default here is made of two rectangles inside these bounds.
    """

    def __init__(self, env: gym.Env, mask: np.ndarray | None = None, radius: float = 3.0, key: str = "rgb") -> None:
        self._key, self._radius = text("key", key), number("radius", radius, 0, 256)
        if mask is not None and not (isinstance(mask, list | np.ndarray) and _is_boolean(mask)):
            raise ValueError(f"Expected mask to be an (H, W) array of True and False, got {mask!r}.")
        gym.utils.RecordConstructorArgs.__init__(
            self, mask=None if mask is None else np.asarray(mask).tolist(), radius=radius, key=key
        )
        super().__init__(env)
        held = env.observation_space
        picture = held.spaces.get(key) if isinstance(held, spaces.Dict) else None
        if not isinstance(picture, spaces.Box) or len(picture.shape) != 3 or picture.shape[0] != 3:
            raise ValueError(f"Expected a (3, H, W) uint8 picture under key={key!r}, got {held}.")
        size = picture.shape[1:]
        self.mask = hud_mask(*size) if mask is None else np.asarray(mask, bool)
        if self.mask.shape != size:
            raise ValueError(f"Expected a mask of {size}, got {self.mask.shape}; draw it at the size of the picture.")

    def observation(self, observation: dict[str, Any]) -> dict[str, Any]:
        """The observation with the picture painted over."""
        picture = np.ascontiguousarray(observation[self._key].transpose(1, 2, 0))
        clean = cv2.inpaint(picture, self.mask.astype(np.uint8), self._radius, cv2.INPAINT_TELEA)
        return {**observation, self._key: np.ascontiguousarray(clean.transpose(2, 0, 1))}


def _is_boolean(mask: Any) -> bool:
    try:
        return np.asarray(mask).dtype == bool
    except ValueError:  # rows of different lengths
        return False


def hud_mask(height: int, width: int) -> np.ndarray:
    """(height, width) bool: the hand at the lower right and the slots at the bottom, in the game's proportions."""
    mask = np.zeros((height, width), bool)
    mask[round(0.82 * height) :, round(0.14 * width) : round(0.86 * width)] = True
    mask[round(0.51 * height) :, round(0.72 * width) :] = True
    return mask

"""What LS-Imagine's agent has to know of a step besides its image: the two intrinsic rewards, and how near the goal is."""

from collections.abc import Sequence
from typing import Any

import cv2
import gymnasium as gym
import numpy as np
from gymnasium import spaces

from papergym.envs.checks import number, text, texts
from papergym.envs.mine.spaces import image_sides
from papergym.envs.mine.tasks import FACTS
from papergym.wrappers.previous_reward import KEY as REWARD
from papergym.wrappers.previous_reward import PreviousReward
from papergym.wrappers.state import array_of_state
from papergym.wrappers.vision.jump import JumpFlag
from papergym.wrappers.vision.observation import FLAG_KEYS, AffordanceObservation, Maps, RemoveHUD
from papergym.wrappers.vision.recipes import built, described
from papergym.wrappers.vision.scorer import FRAMES, VideoTextScorer, calibrated, check_texts

SIGNALS = ("intrinsic", "score", "view_score", "view_intrinsic")
"""Keys that :class:`LongTermSignals` adds to ``info``."""


class LongTermSignals(gym.Wrapper, gym.utils.RecordConstructorArgs):
    """Intrinsic rewards and scores of LS-Imagine in ``info``; the reward stays the task's, so that returns count items.

    Two values between 0 and 1 are watched, the scorer's of the last 16 frames and the Gaussian score of the map. Each pays
    ``scale`` times itself, and times its weight, where it exceeds every one of the episode; the first observation pays nothing.
    ``info`` gains

    - ``intrinsic``: what both pay;
    - ``score``: their sum, for values with a weight;
    - ``view_score``: the same sum for the closer view, whose first value is the mean of the map in the box; 0 without a view;
    - ``view_intrinsic``: what the closer view would pay, were it reached: values that exceed those of the episode and of the
      closer views before.

    Args:
        env: environment of :class:`~papergym.wrappers.vision.observation.AffordanceObservation` with a flag.
        prompt: what the agent is to do.
        scorer: any VideoTextScorer, or the name of one.
        scorer_weight: of the scorer's value; 0: it is not asked.
        affordance_weight: of the Gaussian score.
        scale: of what is paid.
        key: of the images in the observation, (3, H, W) uint8.

    Raises:
        ValueError: an observation without a closer view.

    Source: LS-Imagine, arXiv 2410.03618, and its repository.
    """

    def __init__(
        self,
        env: gym.Env,
        prompt: str,
        scorer: VideoTextScorer | str | dict[str, Any] = "SmallScorer",
        *,
        scorer_weight: float = 1.0,
        affordance_weight: float = 1.0,
        scale: float = 0.01,
        key: str = "rgb",
    ) -> None:
        for name, value in (("scorer_weight", scorer_weight), ("affordance_weight", affordance_weight), ("scale", scale)):
            number(name, value)
        recipe: dict[str, Any] = {"scorer_weight": scorer_weight, "affordance_weight": affordance_weight, "scale": scale}
        gym.utils.RecordConstructorArgs.__init__(self, prompt=prompt, scorer=described(scorer), key=key, **recipe)
        super().__init__(env)
        held = env.observation_space
        if not isinstance(held, spaces.Dict) or "zoomed" not in held.spaces:
            raise ValueError(
                f"Expected observations with a closer view, got {held}; wrap with AffordanceObservation and a flag."
            )
        if text("key", key) not in held.spaces:
            raise ValueError(f"Expected observations with key={key!r}, got {sorted(held.spaces)}.")
        self._scorer: VideoTextScorer | None = built("scorer", scorer, VideoTextScorer) if scorer_weight else None
        self._text = self._scorer.encode_texts(check_texts(text("prompt", prompt))) if self._scorer else np.zeros(0, np.float32)
        self._weights, self._scale, self._key = np.array([scorer_weight, affordance_weight], np.float64), scale, key
        self._window = np.zeros((FRAMES, self._scorer.feature_size if self._scorer else 0), np.float32)
        self._best, self._best_view = np.zeros(2), np.zeros(2)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Reset; window and records begin anew."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._window[:], self._best[:], self._best_view[:] = 0, 0, 0
        return observation, {**info, "intrinsic": 0.0, "score": 0.0, **self._view(observation, info)}

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step, then look at the image and its map."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        values = np.array([self._scored(observation[self._key]), info["jump_score"]])
        paid = self._paid(values, self._best)
        self._best = np.maximum(self._best, values)
        said = {"intrinsic": paid, "score": float(values @ (self._weights > 0)), **self._view(observation, info)}
        return observation, reward, terminated, truncated, {**info, **said}

    def _scored(self, frame: np.ndarray) -> float:
        """The scorer's value of the window that ends with this frame."""
        if self._scorer is None:
            return 0.0
        self._window = np.concatenate([self._window[1:], self._scorer.encode_frames(frame[None])])
        logits = self._scorer.logits(self._window[None], self._text).astype(np.float64)
        return float(calibrated(logits, self._scorer.calibration)[0, 0])

    def _paid(self, values: np.ndarray, best: np.ndarray) -> float:
        return float(self._scale * (self._weights * values) @ (values > best))

    def _view(self, observation: dict[str, Any], info: dict[str, Any]) -> dict[str, float]:
        if not observation["is_zoomed"]:
            return {"view_score": 0.0, "view_intrinsic": 0.0}
        values = np.array([info["jump_view_value"], info["jump_view_score"]])
        paid = self._paid(values, np.maximum(self._best, self._best_view))
        self._best_view = np.maximum(self._best_view, values)
        return {"view_score": float(values @ (self._weights > 0)), "view_intrinsic": paid}

    def state_dict(self) -> dict[str, Any]:
        """Exact state in the middle of an episode."""
        return {"window": self._window.copy(), "best": self._best.copy(), "best_view": self._best_view.copy()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned.

        Raises:
            ValueError: no such state, or that of a wrapper with another scorer; nothing has changed.
        """
        window = array_of_state(state, "window", self._window)
        best, best_view = (array_of_state(state, name, self._best) for name in ("best", "best_view"))
        self._window, self._best, self._best_view = window, best, best_view


class AgentView(gym.ObservationWrapper, gym.utils.RecordConstructorArgs):
    """What LS-Imagine's agent sees and stores: small images and maps as bytes, all channels first, and the two flags.

    Args:
        env: environment of :class:`~papergym.wrappers.vision.observation.AffordanceObservation` with a flag.
        size: (H, W).
        keep: further keys of the observation.

    The observation is a dict of ``image`` and ``zoomed`` (3, H, W), ``affordance`` and ``zoomed_affordance`` (1, H, W), all
    uint8, ``is_zoomed`` and ``jump``. Images are squeezed by bilinear interpolation, maps by the mean of an area, times 255.
    """

    def __init__(self, env: gym.Env, size: Sequence[int] = (64, 64), keep: Sequence[str] = ()) -> None:
        self._size, self._keep = image_sides(size, "size"), tuple(texts("keep", keep))
        gym.utils.RecordConstructorArgs.__init__(self, size=list(self._size), keep=list(self._keep))
        super().__init__(env)
        held = env.observation_space
        if not isinstance(held, spaces.Dict) or not {"rgb", "affordance", *FLAG_KEYS, *keep} <= set(held.spaces):
            raise ValueError(f"Expected an observation with the keys {['rgb', 'affordance', *FLAG_KEYS, *keep]}, got {held}.")
        image, heat = (spaces.Box(0, 255, (channels, *self._size), np.uint8) for channels in (3, 1))
        flags = {"is_zoomed": spaces.Discrete(2), "jump": spaces.Discrete(2), **{key: held[key] for key in keep}}
        self.observation_space = spaces.Dict(
            {"image": image, "affordance": heat, "zoomed": image, "zoomed_affordance": heat, **flags}
        )

    def observation(self, observation: dict[str, Any]) -> dict[str, np.ndarray]:
        """The small observation."""
        return {
            "image": self._image(observation["rgb"]),
            "affordance": self._map(observation["affordance"]),
            "zoomed": self._image(observation["zoomed"]),
            "zoomed_affordance": self._map(observation["zoomed_affordance"]),
            **{key: observation[key] for key in ("is_zoomed", "jump", *self._keep)},
        }

    def _image(self, frame: np.ndarray) -> np.ndarray:
        small = cv2.resize(np.ascontiguousarray(frame.transpose(1, 2, 0)), self._size[::-1])
        return np.ascontiguousarray(small.transpose(2, 0, 1))

    def _map(self, heat: np.ndarray) -> np.ndarray:
        small = cv2.resize(heat[0], self._size[::-1], interpolation=cv2.INTER_AREA)
        return np.rint(255 * small).astype(np.uint8)[None]


def agent_view(
    env: gym.Env,
    task: str,
    *,
    prompt: str | None = None,
    scorer: VideoTextScorer | str | dict[str, Any] = "SmallScorer",
    maps: Maps | str | dict[str, Any] = "AffordanceUNet",
    flag: JumpFlag | str | dict[str, Any] = "JumpFlag",
    scorer_weight: float = 1.0,
    affordance_weight: float = 1.0,
    observe_reward: bool = False,
    remove_hud: bool = False,
    size: Sequence[int] = (64, 64),
) -> gym.Env:
    """What papergym's LS-Imagine agent learns from: :class:`AgentView`, and :class:`LongTermSignals` in ``info``.

    Args:
        env: environment after its actions, with the image under ``rgb``.
        task: one of LS-Imagine's five, for its prompt.
        prompt: of another task.
        scorer: object, name, or name with arguments.
        maps: likewise.
        flag: likewise; each environment needs its own.
        scorer_weight: of the intrinsic reward for what the scorer says.
        affordance_weight: of the one for the map.
        observe_reward: add the task's reward of the step before to the observation, as the official code does.
        remove_hud: paint over the hand and the slots, which the real game draws.
        size: (H, W) of what the agent sees.

    Raises:
        ValueError: a task without a prompt.
    """
    if prompt is None and task not in FACTS["lsimagine"]:
        raise ValueError(f"Expected a task of {', '.join(FACTS['lsimagine'])} or a prompt, got {task!r}; give prompt=.")
    words = prompt or FACTS["lsimagine"][task]["prompt"]
    if observe_reward:
        env = PreviousReward(env)
    env = AffordanceObservation(RemoveHUD(env) if remove_hud else env, maps, words, flag)
    env = LongTermSignals(env, words, scorer, scorer_weight=scorer_weight, affordance_weight=affordance_weight)
    return AgentView(env, size, (REWARD,) if observe_reward else ())

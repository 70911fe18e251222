"""Language-conditioned and affordance rewards as bonuses, so that they work in every kind of environment and keep state."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np

from papergym.envs.checks import one_of, text, texts
from papergym.wrappers.intrinsic.base import Bonus, require
from papergym.wrappers.intrinsic.transitions import Transitions
from papergym.wrappers.intrinsic_reward import IntrinsicReward, add_intrinsic_reward
from papergym.wrappers.state import array_of_state, of_state
from papergym.wrappers.vision.gaussian import gaussian_score
from papergym.wrappers.vision.recipes import built, described
from papergym.wrappers.vision.scorer import FRAMES, VideoTextScorer, calibrated, calibration_of, check_texts

MODES = ("direct", "delta", "record")
NEGATIVES = ("Look at the sky", "Walk to a meadow", "Look at a rock wall", "Find brown soil")
"""Prompts that a goal must beat; MineDojo's own were never published."""
NO_STEP = -1.0
"""The value of the step before in an episode's first step; every other lies in [0, 1]. States must be finite: no NaN."""


def picture_of(observations: Any, key: str) -> np.ndarray:
    """The pictures of a batch of observations, dicts that hold them under ``key`` or the pictures themselves."""
    if isinstance(observations, dict):
        if key not in observations:
            raise ValueError(f"Expected observations with key={key!r}, got {sorted(observations)}; wrap before it is dropped.")
        return np.asarray(observations[key])
    return np.asarray(observations)


class _Slots:
    """Rows of one array for each environment, made when first needed."""

    def __init__(self, **fill: tuple[tuple[int, ...], float]) -> None:
        self._fill = fill
        self.arrays = {name: np.zeros((0, *shape), np.float32) for name, (shape, _) in fill.items()}

    def ensure(self, slots: np.ndarray) -> None:
        missing = int(slots.max()) + 1 - len(next(iter(self.arrays.values())))
        if missing > 0:
            for name, (shape, value) in self._fill.items():
                fresh = np.full((missing, *shape), value, np.float32)
                self.arrays[name] = np.concatenate([self.arrays[name], fresh])

    def clear(self, slots: np.ndarray | None) -> None:
        for name, (_, value) in self._fill.items():
            rows = self.arrays[name]
            chosen = np.arange(len(rows)) if slots is None else np.asarray(slots)
            rows[chosen[chosen < len(rows)]] = value

    def state_dict(self) -> dict[str, np.ndarray]:
        return {name: rows.copy() for name, rows in self.arrays.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        rows = np.shape(of_state(state, *self._fill)[next(iter(self._fill))])[:1]
        self.arrays = {
            name: array_of_state(state, name, np.zeros((*rows, *shape), np.float32)) for name, (shape, _) in self._fill.items()
        }


class _SlotBonus(Bonus):
    """A bonus that remembers the running episode of each environment in ``_slots``."""

    _slots: _Slots

    def reset(self, env: np.ndarray | None = None) -> None:
        """Forget the running episodes of these environments."""
        self._slots.clear(env)

    def _end(self, transitions: Transitions) -> None:
        """Forget the episodes that end with these transitions."""
        if transitions.done is not None:
            self._slots.clear(transitions.slots[np.asarray(transitions.done, bool)])

    def state_dict(self) -> dict[str, Any]:
        """Exact state in the middle of episodes."""
        return {**super().state_dict(), "slots": self._slots.state_dict()}

    def _load(self, state: dict[str, Any]) -> None:
        super()._load(state)
        self._slots.load_state_dict(state["slots"])


@dataclass(kw_only=True, eq=False)
class MineCLIPScore(_SlotBonus):
    """What a scorer says of the last 16 frames of the running episode and a prompt.

    One frame is encoded for each step; frames before an episode's first step are zero features. A batch of environments is
    one pass of the scorer.

    Args:
        prompt: what the agent is to do.
        scorer: any :class:`~papergym.wrappers.vision.scorer.VideoTextScorer`, or the name of one.
        mode: ``"direct"``: ``max(P - 1 / N, 0)`` with P the prompt's softmax share among N prompts; ``"delta"``: the change of
            P since the step before, 0 in an episode's first step; ``"record"``: LS-Imagine's, ``scale * s`` where the
            calibrated score ``s`` exceeds every one of the episode, else 0.
        negatives: prompts that compete in ``"direct"`` and ``"delta"``.
        calibration: (slope, offset) of the score in ``"record"``; the scorer's own by default.
        scale: factor of ``"record"``.
        key: of the pictures in Dict observations, (3, H, W) uint8.

    Source: Fan et al. 2022, arXiv 2206.08853 (direct, delta); LS-Imagine, arXiv 2410.03618 (record).
    """

    prompt: str
    scorer: Any
    mode: str = "direct"
    negatives: Sequence[str] = NEGATIVES
    calibration: Sequence[float] | None = None
    scale: float = 0.01
    key: str = "rgb"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("mode", self.mode, MODES)
        text("key", self.key)
        self.calibration = calibration_of(self.calibration)
        self.scorer = built("scorer", self.scorer, VideoTextScorer)
        text("prompt", self.prompt)
        require(len(texts("negatives", self.negatives)) > 0, "Expected negatives, prompts that compete", self.negatives)
        others = [] if self.mode == "record" else check_texts(self.negatives)
        self._texts = self.scorer.encode_texts([*check_texts(self.prompt), *others])
        window = (FRAMES, self.scorer.feature_size)
        self._slots = _Slots(features=(window, 0.0), before=((), NO_STEP), best=((), 0.0))

    @property
    def episodic(self) -> bool:
        """The window and the record are the running episode's."""
        return True

    def logits(self, transitions: Transitions) -> np.ndarray:
        """(n, prompts) logits of the batch as the next step of each environment; changes nothing."""
        return self._embed(transitions)[1]

    def _embed(self, transitions: Transitions) -> tuple[np.ndarray, np.ndarray]:
        """New windows (n, 16, F) and logits (n, prompts)."""
        slots = transitions.slots
        self._slots.ensure(slots)
        fresh = self.scorer.encode_frames(picture_of(transitions.next_obs, self.key))
        window = np.concatenate([self._slots.arrays["features"][slots, 1:], fresh[:, None]], axis=1)
        return window, self.scorer.logits(window, self._texts)

    def _value(self, logits: np.ndarray) -> np.ndarray:
        """(n,) calibrated score, or softmax share, of the prompt."""
        if self.mode == "record":
            return calibrated(logits[:, 0].astype(np.float64), self.calibration or self.scorer.calibration)
        powers = np.exp(logits.astype(np.float64) - logits.max(1, keepdims=True))
        return powers[:, 0] / powers.sum(1)

    def _raw(self, transitions: Transitions, x: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        value, held = self._value(x[1]), self._slots.arrays
        if self.mode == "direct":
            return np.maximum(value - 1.0 / x[1].shape[1], 0.0)
        if self.mode == "delta":
            before = held["before"][transitions.slots]
            return np.where(before < 0, 0.0, value - before)
        return np.where(value.astype(np.float32) > held["best"][transitions.slots], self.scale * value, 0.0)

    def _store(self, transitions: Transitions, x: tuple[np.ndarray, np.ndarray]) -> None:
        slots, held, value = transitions.slots, self._slots.arrays, self._value(x[1])
        held["features"][slots], held["before"][slots] = x[0], value
        held["best"][slots] = np.maximum(held["best"][slots], value)
        self._end(transitions)

    def config(self) -> dict[str, Any]:
        """The arguments, as plain data."""
        plain = {"scorer": described(self.scorer), "negatives": list(self.negatives)}
        return {**super().config(), **plain, "calibration": self.calibration and list(self.calibration)}


@dataclass(kw_only=True, eq=False)
class AffordanceBonus(_SlotBonus):
    """The Gaussian score of the affordance map in the observation (see AffordanceObservation).

    Args:
        mode: ``"plain"``: the score at every step, as in LS-Imagine's paper; ``"record"``: ``scale * score`` where it exceeds
            every one of the episode, as in its code.
        scale: factor of ``"record"``.
        key: of the maps in Dict observations, (1, H, W) or (H, W), between 0 and 1.

    Source: LS-Imagine, arXiv 2410.03618, and its repository.
    """

    mode: str = "record"
    scale: float = 0.01
    key: str = "affordance"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("mode", self.mode, ("plain", "record"))
        text("key", self.key)
        self._slots = _Slots(best=((), 0.0))

    @property
    def episodic(self) -> bool:
        """The record is the running episode's."""
        return self.mode == "record"

    def _embed(self, transitions: Transitions) -> np.ndarray:
        maps = picture_of(transitions.next_obs, self.key)
        self._slots.ensure(transitions.slots)
        return gaussian_score(maps[:, 0] if maps.ndim == 4 else maps)

    def _raw(self, transitions: Transitions, x: np.ndarray) -> np.ndarray:
        if self.mode == "plain":
            return x
        return np.where(x.astype(np.float32) > self._slots.arrays["best"][transitions.slots], self.scale * x, 0.0)

    def _store(self, transitions: Transitions, x: np.ndarray) -> None:
        best, slots = self._slots.arrays["best"], transitions.slots
        best[slots] = np.maximum(best[slots], x)
        self._end(transitions)


class VisionReward(IntrinsicReward[Any, Any]):
    """IntrinsicReward with a bonus of this module, which its spec names.

    Args:
        env: environment with pictures, or with maps for :class:`AffordanceBonus`.
        bonus: the bonus, or its class's name.
        bonus_arguments: arguments of a bonus given by name.
        mixing: ``weight``, ``mix``, ``decay`` and ``normalize`` of IntrinsicReward.
    """

    def __init__(
        self, env: gym.Env, bonus: Bonus | str, *, bonus_arguments: Mapping[str, Any] | None = None, **mixing: Any
    ) -> None:
        if isinstance(bonus, str):
            kinds = {"MineCLIPScore": MineCLIPScore, "AffordanceBonus": AffordanceBonus}
            require(bonus in kinds, f"Expected a bonus of {', '.join(kinds)}", bonus)
            bonus = kinds[bonus](**dict(bonus_arguments or {}))
        super().__init__(env, bonus, **mixing)


def MineCLIPReward(env: Any, prompt: str, scorer: VideoTextScorer, mode: str = "direct", **arguments: Any) -> Any:
    """Wrap a Gymnasium, vector or SB3 environment so that it pays what a scorer says of the prompt.

    Args:
        env: environment whose observation is, or holds under ``key``, a (3, H, W) uint8 picture.
        prompt: what the agent is to do.
        scorer: says how well the last frames show it.
        mode: "direct", "delta" or "record"; see :class:`MineCLIPScore`.
        arguments: further arguments of MineCLIPScore, and ``weight``, ``mix``, ``decay``, ``normalize`` and
            ``autoreset_mode`` of the wrapper. ``normalize`` is False unless given: the published rewards are not normalized.
    """
    return _wrapped(env, MineCLIPScore, {"prompt": prompt, "scorer": scorer, "mode": mode, **arguments})


def AffordanceReward(env: Any, mode: str = "record", **arguments: Any) -> Any:
    """Wrap a Gymnasium, vector or SB3 environment so that it pays the Gaussian score of the map in its observation.

    Args:
        env: environment of :class:`~papergym.wrappers.vision.observation.AffordanceObservation`.
        mode: "record" or "plain"; see :class:`AffordanceBonus`.
        arguments: further arguments of AffordanceBonus, and those of the wrapper as in :func:`MineCLIPReward`.
    """
    return _wrapped(env, AffordanceBonus, {"mode": mode, **arguments})


def _wrapped(env: Any, bonus: type[Bonus], arguments: dict[str, Any]) -> Any:
    names = ("weight", "mix", "decay", "normalize", "autoreset_mode")
    mixing: dict[str, Any] = {"normalize": False} | {name: arguments.pop(name) for name in names if name in arguments}
    if isinstance(env, gym.Env):
        return VisionReward(env, bonus(**arguments), **mixing)
    return add_intrinsic_reward(env, bonus(**arguments), **mixing)

"""Base of every bonus: score, observe, the two in one pass, exact state, diagnostics and checks."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import isfinite
from typing import Any, Literal, get_args

import numpy as np
from gymnasium import Space

from papergym.wrappers.intrinsic.arguments import device_of, plain_fields
from papergym.wrappers.intrinsic.diagnostics import Diagnostics
from papergym.wrappers.intrinsic.features import require_spaces
from papergym.wrappers.intrinsic.moments import RunningMoments
from papergym.wrappers.intrinsic.transitions import Observations, Transitions, as_transitions

Scaling = Literal["none", "mean", "std", "var"]
Order = Literal["score_first", "observe_first"]


@dataclass(kw_only=True, eq=False)
class Bonus(ABC):
    """An intrinsic reward.

    ``score`` changes nothing: it depends on the batch and on what was *observed* before. ``observe`` changes the bonus and
    pays nothing. ``reward`` does both in one pass and is what the wrappers call at every step.

    Args:
        scaling: divide raw scores by their running ``"mean"``, ``"std"`` or ``"var"`` over everything observed, or ``"none"``.
        order: ``"score_first"``, or ``"observe_first"`` as some reference codes do (a state may then meet itself).
        seed: seed of everything random in the bonus.
        device: torch device of its networks.
    """

    scaling: Scaling = "none"
    order: Order = "score_first"
    seed: int = 0
    device: str = "cpu"

    def __post_init__(self) -> None:
        plain_fields(self)
        self.device = device_of(self.device)
        require_one_of("scaling", self.scaling, Scaling)
        require_one_of("order", self.order, Order)
        self.rng = np.random.default_rng(self.seed)
        self.moments = RunningMoments()
        self.diagnostics = Diagnostics()
        self.observation_space: Space | None = None
        self.action_space: Space | None = None

    @property
    def needs(self) -> tuple[str, ...]:
        """Fields of :class:`Transitions` that the bonus reads besides ``next_obs``."""
        return ()

    @property
    def episodic(self) -> bool:
        """Whether rewards depend on the running episode, so that batches drawn from a replay buffer cannot be scored."""
        return False

    def bind(self, observation_space: Space, action_space: Space | None = None) -> "Bonus":
        """Tell the bonus the spaces of *one* environment; the wrappers do. Needed for discrete observations and actions.

        Raises:
            ValueError: a space that this bonus cannot read.
        """
        require_spaces(type(self).__name__, observation_space, action_space if "action" in self.needs else None)
        self.observation_space, self.action_space = observation_space, action_space
        return self

    def check_envs(self, envs: int) -> None:  # noqa: B027
        """Raise ValueError where steps of so many environments are batches too small for this bonus; the wrappers call it."""

    def score(self, batch: Transitions | Observations) -> np.ndarray:
        """Intrinsic rewards of a batch, (n,) float32, without changing the bonus."""
        transitions = as_transitions(batch, self)
        return self._checked(self._finish(self._raw(transitions, self._embed(transitions))))

    def observe(self, batch: Transitions | Observations) -> None:
        """Remember a batch: memories, statistics, training and episode ends."""
        transitions = as_transitions(batch, self)
        x = self._embed(transitions)
        if self.order == "observe_first":
            self._store(transitions, x)
        if self._tracks:
            self._track(self._raw(transitions, x))
        if self.order == "score_first":
            self._store(transitions, x)

    def reward(self, batch: Transitions | Observations) -> np.ndarray:
        """``score`` and ``observe`` of one batch in one pass, in the bonus's order: (n,) float32.

        Raises:
            ValueError: bad observations, of which nothing was stored.
            FloatingPointError: a reward that is not finite.
        """
        transitions = as_transitions(batch, self)
        x = self._embed(transitions)
        if self.order == "observe_first":
            self._store(transitions, x)
        raw = self._raw(transitions, x)
        if self.order == "observe_first":
            self._track(raw)
        rewards = self._checked(self._finish(raw))
        if self.order == "score_first":
            self._track(raw)
            self._store(transitions, x)
        self.diagnostics.add(rewards, self._distances(raw))
        return rewards

    def reset(self, env: np.ndarray | None = None) -> None:  # noqa: B027
        """Forget the running episodes of these environments (all by default): they were cut by a reset."""

    def stats(self) -> dict[str, float]:
        """Diagnostics: share of zero rewards, running mean and quantiles of the rewards paid; fill of the memory.

        Bonuses that measure distances add ``distance_q05``, ``_q50`` and ``_q95``: of the latest 1,024 distances to the k-th
        neighbour, before scaling, clipping and transforms.
        """
        return self.diagnostics.summary()

    @abstractmethod
    def _embed(self, transitions: Transitions) -> Any:
        """What scoring and storing share; changes nothing."""

    @abstractmethod
    def _raw(self, transitions: Transitions, x: Any) -> np.ndarray:
        """Raw scores, first axis n; changes nothing."""

    @abstractmethod
    def _store(self, transitions: Transitions, x: Any) -> None:
        """Remember the batch."""

    @property
    def _tracks(self) -> bool:
        """Whether raw scores have running statistics."""
        return self.scaling != "none"

    def _track(self, raw: np.ndarray) -> None:
        if self._tracks:
            self.moments.update(raw.reshape(-1))

    def _finish(self, raw: np.ndarray) -> np.ndarray:
        return self._scaled(raw)

    def _distances(self, raw: np.ndarray) -> np.ndarray | None:
        """The distances behind raw scores, (n,), for the diagnostics; None where there are none."""
        return None

    def _scaled(self, raw: np.ndarray) -> np.ndarray:
        """Raw scores over their running scale; as they are before anything was observed."""
        if self.scaling == "none" or self.moments.count == 0:
            return raw
        scale = {"mean": self.moments.mean, "std": self.moments.std, "var": self.moments.variance}[self.scaling]
        return raw / scale if scale > 0 else raw

    def _checked(self, rewards: np.ndarray) -> np.ndarray:
        if not (isfinite(rewards[0]) if len(rewards) == 1 else np.isfinite(rewards).all()):
            raise FloatingPointError(
                f"{type(self).__name__} gave a reward that is not finite ({rewards}): its networks diverged or a scale "
                "vanished. Lower the learning rate or reload an earlier state."
            )
        return np.asarray(rewards, np.float32)

    def config(self) -> dict[str, Any]:
        """The arguments that build this bonus again."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def state_dict(self) -> dict[str, Any]:
        """Exact state: nested dicts of arrays, tensors and JSON values."""
        return {
            "bonus": type(self).__name__,
            "config": _plain(self.config()),
            "rng": self.rng.bit_generator.state,
            "moments": self.moments.state_dict(),
            "diagnostics": self.diagnostics.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned.

        Raises:
            ValueError: the state of another bonus, of other arguments or of inputs of another size; nothing is changed.
        """
        if not isinstance(state, Mapping):
            raise ValueError(f"expected what bonus.state_dict() returned, got {type(state).__name__}.")
        before = self.state_dict()
        try:
            self._check(state)
            _same_kinds(before, state, "state")
            self._load(state)
            _same_entries(self.state_dict(), state, "state")
        except BaseException as error:
            self._load(before)
            if isinstance(error, AttributeError | IndexError | KeyError | TypeError | RuntimeError):
                name = type(self).__name__
                raise ValueError(f"the state is not a whole one of {name}: {error!r}; nothing was loaded.") from error
            raise

    def _load(self, state: dict[str, Any]) -> None:
        """Restore a state that was checked; may stop half-way."""
        self.rng.bit_generator.state = state["rng"]
        self.moments.load_state_dict(state["moments"])
        self.diagnostics.load_state_dict(state["diagnostics"])

    def _check(self, state: dict[str, Any]) -> None:
        """Raise ValueError unless the state fits this bonus; changes nothing."""
        if not isinstance(state.get("bonus"), str) or "config" not in state:
            raise ValueError(
                f"expected what bonus.state_dict() returned, got a dict of {sorted(state)}; a wrapper's state goes into the "
                "wrapper's load_state_dict, and holds its bonus's under 'bonus'."
            )
        if state["bonus"] != type(self).__name__:
            raise ValueError(f"the state belongs to {state['bonus']!r}, this is a {type(self).__name__}.")
        own, theirs = _plain(self.config()), state["config"]
        differing = [name for name in own if own[name] != theirs.get(name) and name != "device"]
        if differing:
            pairs = ", ".join(f"{name}={theirs.get(name)!r} (here {own[name]!r})" for name in differing)
            raise ValueError(f"the state was saved with {pairs}; build the bonus with the same arguments.")


def require(condition: bool, expectation: str, got: Any) -> None:
    """Raise ValueError unless the condition holds."""
    if not condition:
        raise ValueError(f"{expectation}, got {got!r}.")


def require_one_of(name: str, got: Any, choices: Any) -> None:
    """Raise ValueError unless the argument ``name`` is one of a ``Literal``'s values."""
    known = get_args(choices)
    require(isinstance(got, str) and got in known, f"{name} is one of {', '.join(map(repr, known[:-1]))} or {known[-1]!r}", got)


def _same_kinds(here: Any, saved: Any, path: str) -> None:
    """Raise ValueError where a dict or numbers stand in one state and something else in the other, or NaN or infinity."""
    if isinstance(here, Mapping):
        if not isinstance(saved, Mapping):
            raise ValueError(f"{path} is a dict of {sorted(here)}, got {saved!r}.")
        for name in here.keys() & saved.keys() - {"config"}:
            _same_kinds(here[name], saved[name], f"{path}.{name}")
    elif here is not None and saved is not None:
        if _numbers(here) != _numbers(saved) or (_numbers(here) and np.ndim(here) != np.ndim(saved)):
            raise ValueError(f"{path} is {type(here).__name__} of {np.ndim(here)} axes, got {saved!r}.")
        if _numbers(saved) and "diagnostics" not in path and not np.isfinite(np.asarray(saved)).all():  # no neighbour: inf
            raise ValueError(f"{path} must be finite, got {saved!r}.")


def _same_entries(kept: Any, saved: Any, path: str) -> None:
    """Raise ValueError where a state has entries that loading it dropped."""
    if isinstance(kept, Mapping):
        if kept.keys() != saved.keys():
            raise ValueError(f"{path} has the entries {', '.join(map(str, kept)) or 'none'}, got {', '.join(map(str, saved))}.")
        for name in kept.keys() - {"config"}:
            _same_entries(kept[name], saved[name], f"{path}.{name}")


def _numbers(value: Any) -> bool:
    return not isinstance(value, str | Mapping) and np.asarray(value).dtype.kind in "biuf"


def _plain(config: dict[str, Any]) -> dict[str, Any]:
    return {name: "a function" if callable(value) else _listed(value) for name, value in config.items()}


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value

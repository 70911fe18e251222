"""The reward that the learner gets from an extrinsic and an intrinsic one; the same for every kind of wrapper."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal

import numpy as np

from papergym.envs.checks import whole
from papergym.envs.renamed import renamed, renamed_attribute
from papergym.wrappers.intrinsic.arguments import plain_fields
from papergym.wrappers.intrinsic.base import Bonus, require, require_one_of
from papergym.wrappers.intrinsic.moments import RunningMoments
from papergym.wrappers.state import array_of_state, of_state

Mix = Literal["add", "replace"]
REPORTED = ("reward_extrinsic", "reward_intrinsic", "episode_extrinsic", "episode_intrinsic")
"""What the wrappers add to ``info``: the rewards of a step before they are mixed, and their sums over the episode so far."""


@dataclass(kw_only=True, eq=False)
class RewardMixer:
    """``extrinsic + w * intrinsic`` or ``w * intrinsic``, with ``w = weight * (1 - decay) ** steps``.

    Args:
        weight: factor of the intrinsic reward.
        mix: ``"add"`` or ``"replace"`` (pre-training without the task's reward).
        decay: relative loss of weight per environment step, summed over environments (1e-5 in RE3).
        normalize: divide intrinsic rewards by the running standard deviation of their discounted sum (RND, arXiv 1810.12894,
            section 2.4), so that they have no unit: their discounted sum varies by about 1, a step pays about 0.05 to 0.2 and
            at most a few units. False leaves them in the bonus's own unit, for example the distances of KNNNovelty, which
            are 10 to 100 times a dm_control task's reward.
            The sums before the first step, one 0 for each environment, belong to the statistics: without them the first
            deviation is that of nearly equal numbers, and the first step would pay up to thousands.
        gamma: discount of that sum; it runs on across episode ends, as in RND.
    """

    weight: float = 1.0
    mix: Mix = "add"
    decay: float = 0.0
    normalize: bool = True
    gamma: float = 0.99
    normalise = renamed_attribute("normalise", "normalize")

    def __post_init__(self) -> None:
        plain_fields(self)
        require_one_of("mix", self.mix, Mix)
        require(0 <= self.decay < 1, "decay is in [0, 1)", self.decay)
        require(0 <= self.gamma < 1, "gamma is in [0, 1)", self.gamma)
        self.steps = 0
        self._moments = RunningMoments()
        self._discounted = np.zeros(0)
        self._sums = np.zeros((3, 0))  # extrinsic return, intrinsic return, length of the running episodes

    def __call__(
        self, extrinsic: np.ndarray, intrinsic: np.ndarray, env: np.ndarray, done: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Mix one step of the environments ``env``, all arguments of shape (n,).

        Returns:
            Rewards (n,) float64; intrinsic rewards (n,) float64, normalized but not weighted, as they are reported; and
            (3, n) float64: extrinsic return, intrinsic return and length of the episodes so far, this step included.

        Raises:
            ValueError: a reward is NaN or infinite; nothing has changed.
        """
        for name, paid in (("extrinsic", extrinsic), ("intrinsic", intrinsic)):
            if not (isfinite(paid[0]) if len(paid) == 1 else np.isfinite(paid).all()):
                found = f"{name} rewards {np.asarray(paid)}"
                raise ValueError(f"expected finite rewards, got {found}: look at the environment or the bonus that pays them")
        self._ensure(int(env.max()) + 1)
        intrinsic = np.asarray(intrinsic, np.float64)
        if self.normalize:
            self._discounted[env] = self.gamma * self._discounted[env] + intrinsic
            self._moments.update(self._discounted[env])
            intrinsic = intrinsic / self._moments.std
        weight = self.weight * (1.0 - self.decay) ** self.steps
        self.steps += len(env)
        self._sums[0, env] += extrinsic
        self._sums[1, env] += intrinsic
        self._sums[2, env] += 1
        episodes = self._sums[:, env].copy()
        self._sums[:, env[done]] = 0
        rewards = weight * intrinsic if self.mix == "replace" else np.asarray(extrinsic, np.float64) + weight * intrinsic
        return rewards, intrinsic, episodes

    def reset(self, env: np.ndarray) -> None:
        """Forget the sums of episodes that a reset cut."""
        self._ensure(int(env.max()) + 1)
        self._sums[:, env] = 0

    def _ensure(self, n: int) -> None:
        missing = n - len(self._discounted)
        if missing > 0:
            self._discounted = np.concatenate([self._discounted, np.zeros(missing)])
            self._sums = np.concatenate([self._sums, np.zeros((3, missing))], axis=1)
            self._moments.update(np.zeros(missing))

    def state_dict(self) -> dict[str, Any]:
        """Exact state."""
        arrays = {"discounted": self._discounted.copy(), "sums": self._sums.copy()}
        return {"steps": self.steps, "moments": self._moments.state_dict(), **arrays}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned.

        Raises:
            ValueError: no such state; nothing has changed.
        """
        held = of_state(state, "steps", "moments", "discounted", "sums")
        moments, count = of_state(held["moments"], "count", "mean", "squares"), np.size(held["discounted"])
        steps, seen = whole("steps", held["steps"], 0), whole("count", moments["count"], 0)
        found = {name: array_of_state(moments, name, np.zeros(())) for name in ("mean", "squares")}
        discounted, sums = (
            array_of_state(held, *one) for one in (("discounted", np.zeros(count)), ("sums", np.zeros((3, count))))
        )
        self._moments.load_state_dict({"count": seen, **found})
        self.steps, self._discounted, self._sums = steps, discounted, sums


RewardMixer.__init__ = renamed(normalise="normalize")(RewardMixer.__init__)


class WrapperState:
    """State that the Gymnasium, vector and SB3 wrappers share: the bonus, the mixer and the last observation."""

    bonus: Bonus
    mixer: RewardMixer
    _obs: Any
    _holds: tuple[str, ...] = ("envs", "bonus", "mixer")

    @property
    def _envs(self) -> int:
        """Number of environments inside."""
        return getattr(self, "num_envs", 1)

    def state_dict(self) -> dict[str, Any]:
        """Exact state in the middle of episodes, without the wrapped environments' own."""
        last = {} if self._obs is None else {"obs": self._obs}
        return {"envs": self._envs, "bonus": self.bonus.state_dict(), "mixer": self.mixer.state_dict(), **last}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned.

        Raises:
            ValueError: the state of another number of environments, another kind of wrapper or another bonus; nothing is
                changed.
        """
        self.check_state(state)
        before, mixer = self.bonus.state_dict(), self.mixer.state_dict()
        try:
            self.bonus.load_state_dict(state["bonus"])
            self.mixer.load_state_dict(state["mixer"])
        except BaseException as error:
            self.bonus.load_state_dict(before)
            self.mixer.load_state_dict(mixer)
            if isinstance(error, AttributeError | IndexError | KeyError | TypeError):
                raise ValueError(
                    f"the state of the bonus or of the mixer is not whole: {error!r}; nothing was loaded."
                ) from error
            raise
        self._obs = state.get("obs")

    def check_state(self, state: Any) -> None:
        """Raise ValueError where ``state`` is no state of such a wrapper around as many environments."""
        if not isinstance(state, Mapping) or any(name not in state for name in self._holds):
            found = f"a dict of {sorted(map(str, state))}" if isinstance(state, Mapping) else type(state).__name__
            raise ValueError(
                f"expected what state_dict() of such a wrapper returned, with {', '.join(self._holds)}, got {found}; a bonus's "
                "own state goes into env.bonus.load_state_dict."
            )
        if state["envs"] != self._envs:
            raise ValueError(
                f"the state was saved around {state['envs']} environments, here are {self._envs}; wrap as many, or load its "
                "bonus alone: env.bonus.load_state_dict(state['bonus'])."
            )

"""Replay with long tuples: jumps are stored when the flag shows them and completed when a later step has reached their goal."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from papergym.agents.checkpoint.state import State
from papergym.agents.lsimagine.views import ViewPool
from papergym.agents.replay.packed import FieldSpec
from papergym.agents.replay.sequences import SequenceReplay

GATHERED = ("sum", "mean")
"""What a jump gathers: the discounted sum of all its rewards, or the weighted mean of all but the last (official code)."""

_PENDING = np.dtype([("number", "i8"), ("goal", "f8"), ("steps", "i8"), ("sum", "f8"), ("arrived", "f8"), ("terms", "f8")])


class LongReplay(SequenceReplay):
    """:class:`SequenceReplay` with a closer view beside some steps, and what the jump to it brings.

    A step with a closer view begins a jump. It is completed at the first later step of the episode whose ``score`` exceeds the
    view's; then ``steps`` holds how many steps that took, ``gathered`` what they paid, discounted to the jump's start, and
    ``complete`` is True. Jumps that are still pending when the episode ends, or when their step is overwritten, are dropped.

    Args:
        capacity, fields, length, n_envs, online, seed: of :class:`SequenceReplay`; fields without those of :attr:`JUMP_FIELDS`.
        views: name -> shape and dtype of a closer view's parts.
        discount: of rewards, per step.
        gathered: one of :data:`GATHERED`.
        same_step: test a jump in the step that begins it, too, as the official code does: it may then have 0 steps.

    Attributes:
        views: the closer views.
        counts: jumps ``begun``, ``completed``, and ``dropped``; ``steps`` is the sum of those of the completed ones.
    """

    JUMP_FIELDS: ClassVar[dict[str, FieldSpec]] = {
        "view": ((), np.dtype(np.int32)),  # slot, -1 for none
        "steps": ((), np.dtype(np.int32)),
        "gathered": ((), np.dtype(np.float32)),
        "complete": ((), np.dtype(np.bool_)),
    }

    def __init__(
        self,
        capacity: int,
        fields: Mapping[str, FieldSpec],
        views: Mapping[str, FieldSpec],
        *,
        discount: float,
        gathered: str = "sum",
        same_step: bool = False,
        **settings: Any,
    ) -> None:
        super().__init__(capacity, {**fields, **self.JUMP_FIELDS}, **settings)
        self.discount, self.gathered, self.same_step = discount, gathered, same_step
        self.views, self.counts = ViewPool(views), Counter[str]()
        self._rows["view"][:] = -1
        self._pending = [np.zeros(0, _PENDING) for _ in range(self.n_envs)]

    def add_step(
        self,
        env: int,
        record: Mapping[str, Any],
        *,
        paid: float,
        score: float,
        view: Mapping[str, Any] | None = None,
        view_score: float = 0.0,
    ) -> None:
        """Append a step, complete the jumps that it reaches, and begin one if it has a closer view.

        Args:
            env: environment.
            record: fields without those of :attr:`JUMP_FIELDS`; ``first`` and ``last`` are read.
            paid: reward of arriving, the task's and the intrinsic one.
            score: how near the goal is.
            view: parts of the closer view, None for none; the last step of an episode begins no jump.
            view_score: the score by which the closer view is reached.

        Raises:
            ValueError: see :meth:`add` and :meth:`ViewPool.add`; nothing has changed then.
        """
        step = self._checked({**record, "view": -1, "steps": 0, "gathered": 0.0, "complete": False})
        paid, score, view_score = float(paid), float(score), float(view_score)
        parts = None if view is None or step["last"] else self.views.checked(view)
        if step["first"]:
            self._drop(env)
        self._reach(env, paid, score)
        begins = parts is not None
        now = begins and self.same_step and score > view_score
        slot = self._place(env, parts)
        self._append(env, {**step, "view": np.array(slot), "complete": np.array(now)})
        if begins:
            self.counts.update(["begun", *(["completed"] if now else [])])
        if begins and not now:
            fresh = np.array([(self._added[env] - 1, view_score, 0, 0.0, 0.0, 0.0)], _PENDING)
            self._pending[env] = np.concatenate([self._pending[env], fresh])
        if step["last"]:
            self._drop(env)

    def _place(self, env: int, view: Mapping[str, Any] | None) -> int:
        """Free the view of the step that is overwritten next, and keep the new one; its slot."""
        if self._added[env] >= self.size:
            old = int(self._rows["view"][env * self.size + int(self._added[env]) % self.size])
            if old >= 0:
                self.views.free(old)
        return -1 if view is None else self.views.add(view)

    def _reach(self, env: int, paid: float, score: float) -> None:
        """Count a step of every pending jump; complete those whose goal it reaches."""
        waiting = self._pending[env]
        held = waiting["number"] >= self._added[env] - self.size  # the others were overwritten while they waited
        if not held.all():
            self.counts.update(dropped=int((~held).sum()))
            waiting = self._pending[env] = waiting[held]
        if not len(waiting):
            return
        weight = self.discount ** waiting["steps"]
        waiting["sum"] += waiting["arrived"]  # all rewards but the one of this step
        waiting["terms"] += np.where(waiting["steps"] > 0, self.discount ** (waiting["steps"] - 1.0), 0.0)
        waiting["arrived"] = weight * paid
        waiting["steps"] += 1
        reached = score > waiting["goal"]
        for jump in waiting[reached]:
            self._complete(env, jump)
        if reached.any():
            self._pending[env] = waiting[~reached]

    def _complete(self, env: int, jump: Any) -> None:
        self.counts.update(completed=1, steps=int(jump["steps"]))
        if self.gathered == "sum":
            gathered = jump["sum"] + jump["arrived"]
        else:
            gathered = jump["sum"] / jump["terms"] if jump["terms"] else 0.0
        place = env * self.size + int(jump["number"]) % self.size
        self._rows["steps"][place], self._rows["gathered"][place] = jump["steps"], gathered
        self._rows["complete"][place] = True

    def _drop(self, env: int) -> None:
        self.counts.update(dropped=len(self._pending[env]))
        self._pending[env] = self._pending[env][:0]

    def get_state(self) -> State:
        """See :class:`SequenceReplay`."""
        pending = {
            str(env): {name: waiting[name].copy() for name in _PENDING.names or ()} for env, waiting in enumerate(self._pending)
        }
        more = {"views": self.views.get_state(), "pending": pending, "counts": {name: self.counts[name] for name in COUNTS}}
        return {**super().get_state(), **more}

    def set_state(self, state: State) -> None:
        """See :class:`SequenceReplay`."""
        super().set_state(state)
        self.views.set_state(state["views"])
        self.counts = Counter({name: int(state["counts"][name]) for name in COUNTS})
        for env in range(self.n_envs):
            saved = state["pending"][str(env)]
            waiting = np.zeros(len(saved["number"]), _PENDING)
            for name in _PENDING.names or ():
                waiting[name] = saved[name]
            self._pending[env] = waiting

    def _layout(self) -> list[Any]:
        views = [[name, list(shape), dtype.str] for name, (shape, dtype) in self.views.fields.items()]
        return [*super()._layout(), views]


COUNTS = ("begun", "completed", "dropped", "steps")
"""Names of :attr:`LongReplay.counts`."""

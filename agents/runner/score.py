"""The numbers by which a run is judged: training return, learning curves, final evaluation."""

import time
from typing import Any

import numpy as np

from papergym.agents.checkpoint.state import State

POINTS = 20
"""Points of the learning curve."""


class TrainingScore:
    """Mean return of the last training episodes, now and at twenty points of the budget.

    Args:
        budget: of the run.
        last_episodes: how many episodes the mean is over.
    """

    def __init__(self, budget: int, last_episodes: int) -> None:
        self.every, self.last_episodes = max(budget // POINTS, 1), last_episodes
        self.curve: list[list[float]] = []
        self.returns: list[float] = []
        self.episodes = 0
        self._spent, self._begun = 0.0, time.process_time()

    def get_state(self) -> State:
        """What a resumed run needs."""
        return {"curve": self.curve, "returns": self.returns, "episodes": self.episodes, "spent": self.cpu_seconds()}

    def set_state(self, state: State) -> None:
        """Inverse of :meth:`get_state`."""
        self.curve, self.returns = list(state["curve"]), list(state["returns"])
        self.episodes, self._spent = int(state["episodes"]), float(state["spent"])

    def cpu_seconds(self) -> float:
        """CPU seconds of the whole run."""
        return self._spent + time.process_time() - self._begun

    def episode(self, value: float) -> None:
        """Count a training episode."""
        self.returns = [*self.returns, value][-self.last_episodes :]
        self.episodes += 1

    def note(self, done: int) -> None:
        """Add a point to the curve if one is due after ``done`` units."""
        last = self.curve[-1][0] if self.curve else 0
        if self.returns and done >= max(self.every * (len(self.curve) + 1), last + 1):
            self.curve.append([done, float(np.mean(self.returns))])

    def numbers(self, done: int, rounds: dict[int, list[float]], *, during: bool) -> dict[str, Any]:
        """Columns of a result row.

        Args:
            done: units of the budget.
            rounds: units done -> returns of the evaluation then; the last one is the final evaluation.
            during: there were evaluations on the way, which make a curve.

        Returns:
            ``score``: mean return of the last training episodes, NaN for none; ``eval_return``, ``eval_std``: mean and
            standard deviation of the final evaluation; ``episodes``; ``steps_done``; ``cpu_s``; ``curve``: ``step:score``
            twenty times; with ``during``, ``eval_curve``: ``step:return``.
        """
        final = rounds[max(rounds)]
        evaluated = [[step, float(np.mean(values))] for step, values in rounds.items() if step > 0]
        return {
            "score": float(np.mean(self.returns)) if self.returns else float("nan"),
            "eval_return": float(np.mean(final)),
            "eval_std": float(np.std(final)),
            "episodes": self.episodes,
            "steps_done": done,
            "cpu_s": round(self.cpu_seconds(), 1),
            "curve": curve_text(self.curve),
            **({"eval_curve": curve_text(evaluated)} if during else {}),
        }


def curve_text(points: list[list[float]]) -> str:
    """``step:value step:value ...`` with five digits."""
    return " ".join(f"{int(step)}:{value:.5g}" for step, value in points)

"""Returns told against returns reached: all targets in one batch."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from scipy.stats import rankdata

from papergym.agents.checkpoint.cells import to_csv
from papergym.agents.checkpoint.files import replace_text, replaced
from papergym.agents.checkpoint.state import undisturbed
from papergym.agents.runner.evaluation import EVALUATION_SEED


def play(
    learner: Any, envs: Sequence[gym.Env], targets: np.ndarray | None, seeds: Sequence[int], *, deterministic: bool = True
) -> tuple[np.ndarray, Any]:
    """Play one episode in each environment, all in one batch; no draw from the generators of training.

    Args:
        learner: acts; its ``act`` takes a target for each environment.
        envs: n environments.
        targets: (n,) returns to aim at, None for the learner's own choice.
        seeds: of the starts.
        deterministic: without exploration.

    Returns:
        Returns (n,) float64, and the learner's state after the last step.
    """
    seen = [env.reset(seed=seed)[0] for env, seed in zip(envs, seeds)]
    returns, rewards, going = np.zeros(len(envs)), np.zeros(len(envs)), np.ones(len(envs), bool)
    first, state = np.ones(len(envs), bool), None
    with undisturbed(learner.generators()):
        while going.any():
            actions, state = learner.act(np.stack(seen), first, rewards, targets, state, deterministic=deterministic)
            first, rewards = np.zeros(len(envs), bool), np.zeros(len(envs))
            for i in np.flatnonzero(going).tolist():
                seen[i], reward, terminated, truncated, _ = envs[i].step(actions[i])
                rewards[i], going[i] = float(reward), not (terminated or truncated)
                returns[i] += float(reward)
    return returns, state


def target_sweep(
    learner: Any,
    make: Callable[[], gym.Env],
    targets: Sequence[float],
    episodes: int,
    seed: int,
    *,
    deterministic: bool = True,
) -> np.ndarray:
    """Returns reached for each target, ``(targets, episodes)``; every target has the same starts.

    Args:
        learner: is told a return to reach; its ``act`` takes one for each environment.
        make: makes an environment.
        targets: returns to aim at.
        episodes: for each target.
        seed: of the run; episode i starts from ``10_000 + seed + i``.
        deterministic: without exploration.
    """
    envs = [make() for _ in range(len(targets) * episodes)]
    seeds = [EVALUATION_SEED + seed + i for _ in targets for i in range(episodes)]
    try:
        returns, _ = play(learner, envs, np.repeat(np.asarray(targets, float), episodes), seeds, deterministic=deterministic)
    finally:
        for env in envs:
            env.close()
    return returns.reshape(len(targets), episodes)


def spearman(targets: Sequence[float], returns: np.ndarray) -> float:
    """Rank correlation of the targets and the mean returns reached, ``(targets, episodes)``; NaN where either are all equal."""
    reached = returns.mean(1)
    if np.ptp(reached) == 0 or np.ptp(targets) == 0:
        return float("nan")
    return float(np.corrcoef(rankdata(targets), rankdata(reached))[0, 1])


def sweep_rows(targets: Sequence[float], returns: np.ndarray) -> list[dict[str, str]]:
    """Rows of a table: ``target`` told, and mean, ``least`` and ``most`` of the returns reached.

    Args:
        targets: told.
        returns: (targets, episodes) reached.
    """
    numbers = (
        {"target": told, "return": got.mean(), "least": got.min(), "most": got.max()} for told, got in zip(targets, returns)
    )
    return [{name: f"{value:.6g}" for name, value in row.items()} for row in numbers]


def write_sweep(place: Path, targets: Sequence[float], returns: np.ndarray, data: tuple[float, float]) -> None:
    """Write ``<place>.csv`` and ``<place>.png``; arguments as in :func:`plot_sweep`."""
    rows = sweep_rows(targets, returns)
    replace_text(place.with_suffix(".csv"), to_csv(list(rows[0]), rows))
    plot_sweep(place.with_suffix(".png"), targets, returns, data)


def plot_sweep(path: str | Path, targets: Sequence[float], returns: np.ndarray, data: tuple[float, float]) -> None:
    """Draw the mean and the range of the returns reached over the targets.

    Args:
        path: image file to write.
        targets: told.
        returns: (targets, episodes) reached.
        data: lowest and highest return of the data, marked.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 4), layout="constrained")
    axis = figure.subplots()
    axis.plot(targets, targets, color="black", linestyle="--", linewidth=1, label="as told")
    (line,) = axis.plot(targets, returns.mean(1), marker="o", markersize=4, label="reached")
    axis.fill_between(targets, returns.min(1), returns.max(1), color=line.get_color(), alpha=0.2)
    for bound in data:
        axis.axvline(bound, color="gray", linestyle=":", linewidth=1)
    axis.set(xlabel="return told (dotted: range of the data)", ylabel="return reached")
    axis.legend()
    with replaced(Path(path)) as temporary:
        figure.savefig(temporary, dpi=110)

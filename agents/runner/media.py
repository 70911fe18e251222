"""A video of one evaluation episode and the plot of a run."""

import logging
from pathlib import Path
from typing import Any

import cv2
import gymnasium as gym
import imageio.v2 as imageio
import numpy as np

from papergym.agents.checkpoint.files import replaced
from papergym.agents.errors import UsageError
from papergym.agents.runner.evaluation import evaluate, make_env
from papergym.agents.runner.folder import RunFolder
from papergym.agents.runner.learner import Learner
from papergym.agents.runner.plan import Plan
from papergym.agents.runner.tables import read_table

log = logging.getLogger(__name__)

SMALLEST_SIDE_PX = 256
"""Smaller frames are enlarged by a whole factor."""


class VideoFile:
    """An mp4 that takes frames one by one; memory does not grow with the episode.

    Args:
        path: file, complete only after :meth:`close`.
        fps: frames per second.
    """

    def __init__(self, path: Path, fps: float) -> None:
        self.path, self.frames = path, 0
        self._temporary = path.with_name(f"{path.stem}.part{path.suffix}")
        self._writer = imageio.get_writer(
            self._temporary, fps=fps, codec="libx264", macro_block_size=2, ffmpeg_log_level="error"
        )

    def add(self, frame: np.ndarray) -> None:
        """Append an (H, W, 3) uint8 frame."""
        factor = -(-SMALLEST_SIDE_PX // min(frame.shape[:2]))
        if factor > 1:
            frame = cv2.resize(frame, None, fx=factor, fy=factor, interpolation=cv2.INTER_NEAREST)
        height, width = (side - side % 2 for side in frame.shape[:2])  # yuv420 wants even sides
        self._writer.append_data(np.ascontiguousarray(frame[:height, :width]))
        self.frames += 1

    def close(self) -> None:
        """Complete the file."""
        self._writer.close()
        self._temporary.replace(self.path)


def record_video(plan: Plan, learner: Learner, path: Path, *, deterministic: bool = True) -> bool:
    """Play one evaluation episode into ``path``; False, with the reason in the log, where the environment cannot render."""
    try:
        env = make_env(plan.run.env, plan.env_kwargs, render_mode="rgb_array")
        env.reset(seed=0)
        first: Any = env.render()
        if not isinstance(first, np.ndarray):
            raise UsageError(f"{plan.run.env} renders {type(first).__name__}, expected an RGB array")
    except (UsageError, gym.error.Error, ImportError, RuntimeError) as error:
        log.warning("no video: %s. `papergym doctor` says what renders here.", error)
        return False
    video = VideoFile(path, fps=float(env.metadata.get("render_fps") or 30))

    def add(world: gym.Env) -> None:
        video.add(world.render())  # pyright: ignore[reportArgumentType]

    try:
        evaluate(learner, env, 1, plan.run.seed, target=plan.run.target, deterministic=deterministic, on_step=add)
    finally:
        video.close()
        env.close()
    return True


def draw_plot(plan: Plan, folder: RunFolder) -> None:
    """plot.png: training and evaluation returns, and the agent's own curves, against the budget."""
    from matplotlib.figure import Figure  # no pyplot: no global state, no display

    metrics = read_table(folder.tables["metrics"].path)
    curves = {name: title for name, title in plan.agent.curves.items() if name in folder.tables["metrics"].columns}
    count = 1 + len(curves)
    figure = Figure(figsize=(6 if count == 1 else 5 * count, 4), layout="constrained")
    axes = figure.subplots(1, count, squeeze=False)[0]
    _draw_returns(axes[0], folder)
    axes[0].set_title(f"{plan.agent.key} on {plan.run.env}, seed {plan.run.seed}")
    for axis, (name, title) in zip(axes[1:], curves.items()):
        points = [(int(row[folder.unit]), float(row[name])) for row in metrics if row[name]]
        axis.plot(*zip(*points), "-o", ms=3, color="tab:green")
        axis.set(title=title)
    for axis in axes:
        axis.grid(alpha=0.3)
        axis.set(xlabel=plan.agent.unit)
        for mark in plan.agent.marks:
            axis.axvline(getattr(plan.config, mark), color="gray", linestyle="--", linewidth=1)
    with replaced(folder.path / "plot.png") as temporary:
        figure.savefig(temporary, dpi=120)


def _draw_returns(axis: Any, folder: RunFolder) -> None:
    episodes = read_table(folder.tables["episodes"].path)
    if episodes:
        points = [(int(row[folder.unit]), float(row["return"])) for row in episodes]
        axis.plot(*zip(*points), ".", ms=4, alpha=0.4, label="training episodes")
    rounds = folder.eval_rounds()
    if rounds:
        means = np.array([np.mean(values) for values in rounds.values()])
        spread = np.array([np.std(values) for values in rounds.values()])
        axis.plot(list(rounds), means, "-o", ms=3, color="tab:orange", label="evaluation, mean and deviation over episodes")
        axis.fill_between(list(rounds), means - spread, means + spread, color="tab:orange", alpha=0.2)
    axis.set(ylabel="return")
    axis.legend(fontsize=8)

"""A video of one evaluation episode and the plot of a run."""

import logging
from pathlib import Path
from typing import Any

import cv2
import gymnasium as gym
import imageio.v2 as imageio
import numpy as np

from papergym.agents.checkpoint.state import global_rng_state, set_global_rng_state
from papergym.agents.errors import UsageError
from papergym.agents.runner.evaluation import EVALUATION_SEED, make_env, play_episode
from papergym.agents.runner.folder import RunFolder
from papergym.agents.runner.settings import Plan
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


def record_video(plan: Plan, model: Any, path: Path, *, seed_offset: int = 0) -> bool:
    """Play one evaluation episode into ``path``; False, with the reason in the log, where the environment cannot render."""
    rng = global_rng_state()
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
    try:
        play_episode(
            model, env, EVALUATION_SEED + 1000 * plan.run.seed + seed_offset, on_step=lambda world: video.add(world.render())
        )
    finally:
        video.close()
        env.close()
        set_global_rng_state(rng)
    return True


def draw_plot(plan: Plan, folder: RunFolder) -> None:
    """plot.png: training and evaluation returns, and the intrinsic reward where there is one, against steps."""
    from matplotlib.figure import Figure  # no pyplot: no global state, no display

    metrics, intrinsic = read_table(folder.tables["metrics"].path), intrinsic_column(folder)
    figure = Figure(figsize=(10 if intrinsic else 6, 4), layout="constrained")
    axes = figure.subplots(1, 2 if intrinsic else 1, squeeze=False)[0]
    _draw_returns(axes[0], folder)
    axes[0].set_title(f"{plan.agent.key} on {plan.run.env}, seed {plan.run.seed}")
    if intrinsic:
        points = [(int(row["step"]), float(row[intrinsic])) for row in metrics if row[intrinsic]]
        axes[1].plot(*zip(*points), "-o", ms=3, color="tab:green")
        axes[1].set(xlabel="steps", ylabel=intrinsic.split("/")[-1].replace("_", " "), title="intrinsic reward")
    for axis in axes:
        axis.grid(alpha=0.3)
        if getattr(plan.config, "switch_at", None):
            axis.axvline(plan.config.switch_at, color="gray", linestyle="--", linewidth=1)
    temporary = folder.path / "plot.part.png"
    figure.savefig(temporary, dpi=120)
    temporary.replace(folder.path / "plot.png")


def _draw_returns(axis: Any, folder: RunFolder) -> None:
    episodes = read_table(folder.tables["episodes"].path)
    if episodes:
        axis.plot(
            *zip(*[(int(row["step"]), float(row["return"])) for row in episodes]),
            ".",
            ms=4,
            alpha=0.4,
            label="training episodes",
        )
    by_step: dict[int, list[float]] = {}
    for row in read_table(folder.tables["eval"].path):
        by_step.setdefault(int(row["step"]), []).append(float(row["return"]))
    if by_step:
        means = np.array([np.mean(values) for values in by_step.values()])
        spread = np.array([np.std(values) for values in by_step.values()])
        axis.plot(list(by_step), means, "-o", ms=3, color="tab:orange", label="evaluation, mean and deviation over episodes")
        axis.fill_between(list(by_step), means - spread, means + spread, color="tab:orange", alpha=0.2)
    axis.set(xlabel="steps", ylabel="return")
    axis.legend(fontsize=8)


def intrinsic_column(folder: RunFolder) -> str:
    """Column of metrics.csv that holds the mean intrinsic reward, "" for none."""
    names = [name for name in folder.tables["metrics"].columns if "intrinsic_reward" in name]
    return min(names, key=len) if names else ""

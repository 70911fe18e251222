"""``papergym bonus-map``: what a bonus pays over the states visited, by PPO with it and by PPO without it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import tyro

from papergym.agents.cli.options import parse
from papergym.agents.console import console
from papergym.agents.errors import UsageError, unknown
from papergym.wrappers.intrinsic import BONUSES, make_bonus

Projection = Callable[[np.ndarray], np.ndarray]
KEY_TO_DOOR = "DT-KeyToDoor"
ROOMS = ("key", "empty", "door")
LABELS = {
    KEY_TO_DOOR: ("column", "row"),
    "TT-FourRooms": ("x", "y"),
    "ProtoRL-PointMass": ("x (m)", "y (m)"),
}
"""What the axes of a map are, by the beginning of the id."""


@dataclass
class Options:
    """Train PPO twice, with the bonus and without, and draw every state visited, coloured by what the bonus pays there."""

    env: tyro.conf.Positional[str] = "TT-FourRooms-v0"
    """Environment id; KeyToDoor, FourRooms and the state view of PointMass have a map of their own."""
    bonus: str = "KNNNovelty"
    """Class name of the bonus."""
    steps: int = 20_000
    """Environment steps of each run, over all environments."""
    envs: int = 8
    """Environments side by side."""
    weight: float = 1.0
    """Factor of the intrinsic reward, which is divided by the running deviation of its return."""
    axes: tuple[int, int] = (0, 1)
    """Elements of the flat observation on the two axes, where the environment has no map of its own."""
    bins: int = 40
    """Cells along each axis."""
    seed: int = 0
    """Seed of both runs."""
    output: Path = Path("bonus_map.png")
    """Picture to write: PNG, PDF or SVG."""


def main(argv: list[str]) -> int:
    """Write the picture and print how many cells each run covered."""
    options = parse(Options, "bonus-map", argv)
    _check(options)
    runs = {f"with {options.bonus}": _visits(options, options.weight), "without": _visits(options, 0.0)}
    lows = np.min([places.min(0) for places, _ in runs.values()], axis=0)
    highs = np.max([places.max(0) for places, _ in runs.values()], axis=0)
    edges = _edges(lows, highs, None if options.env.startswith(KEY_TO_DOOR) else options.bins)
    maps = {name: _average(*visits, edges) for name, visits in runs.items()}
    _draw(maps, edges, options)
    for name, cells in maps.items():
        console().print(f"{name}: {int(np.isfinite(cells).sum())} of {cells.size} cells visited")
    console().print(f"wrote {options.output}")
    return 0


def _check(options: Options) -> None:
    if options.bonus not in BONUSES:
        raise unknown("bonus", options.bonus, BONUSES)
    for name in ("steps", "envs", "bins"):
        if getattr(options, name) < 1:
            raise UsageError(f"--{name} is at least 1, got {getattr(options, name)}.")
    if options.output.suffix not in (".png", ".pdf", ".svg"):
        raise UsageError(f"--output ends in .png, .pdf or .svg, got {str(options.output)!r}.")


def _make(env_id: str) -> gym.Env:
    """The environment with flat observations, vectors where it has a choice."""
    state: dict[str, Any] = {"obs_type": "state"} if env_id.startswith("ProtoRL-") else {}
    try:
        env = gym.make(env_id, **state)
    except gym.error.UnregisteredEnv as error:
        raise UsageError(f"{error} `papergym list` prints the ids of this package.") from error
    if isinstance(env.observation_space, gym.spaces.Dict) and "achieved_goal" in env.observation_space.spaces:
        env = gym.wrappers.FilterObservation(env, ["observation"])
    return gym.wrappers.FlattenObservation(env)


def _projection(options: Options, size: int) -> Projection:
    """From flat observations (n, size) to places on the map (n, 2)."""
    if options.env.startswith(KEY_TO_DOOR):
        return _rooms_side_by_side
    if max(options.axes) >= size or min(options.axes) < 0:
        raise UsageError(f"--axes names elements 0 to {size - 1} of the flat observation of {options.env}, got {options.axes}.")
    return lambda observations: observations[:, list(options.axes)]


def _rooms_side_by_side(observations: np.ndarray) -> np.ndarray:
    """KeyToDoor: column and row of its one-hot groups (phase 3, heading 4, column, row), the three rooms from left to right."""
    size = (observations.shape[1] - 7) // 4
    _, columns, rows = np.split(observations[:, : 7 + 2 * size], [7, 7 + size], axis=1)
    phase, column, row = observations[:, :3].argmax(1), columns.argmax(1), rows.argmax(1)
    return np.stack([phase * (size + 1) + column, row], axis=1)


def _visits(options: Options, weight: float) -> tuple[np.ndarray, np.ndarray]:
    """Places (steps, 2) that PPO visited and what the bonus pays there; with weight 0 the learner never sees it."""
    import torch
    from stable_baselines3 import PPO
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.vec_env import DummyVecEnv

    from papergym.wrappers.sb3 import IntrinsicReward

    torch.set_num_threads(1)
    places, rewards = [], []

    class Record(BaseCallback):
        def _on_step(self) -> bool:
            seen = np.array(self.locals["new_obs"])
            for i, info in enumerate(self.locals["infos"]):
                seen[i] = info.get("terminal_observation", seen[i])
            places.append(project(seen))
            rewards.append([info["reward_intrinsic"] for info in self.locals["infos"]])
            return True

    venv = DummyVecEnv([lambda: _make(options.env)] * options.envs)
    project = _projection(options, int(np.prod(venv.observation_space.shape or ())))
    bonus = make_bonus(options.bonus, **_arguments(options))
    door = IntrinsicReward(venv, bonus, weight=weight, normalize=True)
    model = PPO("MlpPolicy", door, n_steps=64, batch_size=64, learning_rate=1e-3, seed=options.seed, device="cpu")
    model.learn(options.steps, callback=Record())
    door.close()
    return np.concatenate(places), np.concatenate(rewards)


def _arguments(options: Options) -> dict[str, Any]:
    """Arguments under which a map means something: the k-NN memory holds the whole run, counts go by a grid."""
    special = {"KNNNovelty": {"size": max(2048, options.steps + options.envs)}, "CountBonus": {"hash": "grid"}}
    return {"seed": options.seed, **special.get(options.bonus, {})}


def _edges(lows: np.ndarray, highs: np.ndarray, bins: int | None) -> list[np.ndarray]:
    """Edges of the cells along both axes: ``bins`` of them, or one for every whole number."""
    if bins is None:
        return [np.arange(low, high + 2) - 0.5 for low, high in zip(lows, highs)]
    return [np.linspace(low, high + 1e-9, bins + 1) for low, high in zip(lows, highs)]


def _average(places: np.ndarray, rewards: np.ndarray, edges: list[np.ndarray]) -> np.ndarray:
    """Mean reward of each cell, NaN where nothing was visited."""
    visits, *_ = np.histogram2d(*places.T, bins=edges)
    sums, *_ = np.histogram2d(*places.T, bins=edges, weights=rewards)
    return np.divide(sums, visits, out=np.full_like(sums, np.nan), where=visits > 0)


def _draw(maps: dict[str, np.ndarray], edges: list[np.ndarray], options: Options) -> None:
    from matplotlib.figure import Figure

    labels = next((names for start, names in LABELS.items() if options.env.startswith(start)), None)
    rooms = options.env.startswith(KEY_TO_DOOR)
    figure = Figure(figsize=(10, 3.2 if rooms else 4.6), layout="constrained")
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    top = np.nanquantile(np.concatenate([cells.ravel() for cells in maps.values()]), 0.95)
    mesh = None
    for panel, (name, cells) in zip(panels, maps.items()):
        panel.set_facecolor("0.88")
        mesh = panel.pcolormesh(*edges, np.ma.masked_invalid(cells.T), vmin=0, vmax=top, cmap="viridis")
        panel.set_title(f"PPO {name}: {int(np.isfinite(cells).sum())} cells", fontsize=11)
        panel.set_xlabel(labels[0] if labels else f"element {options.axes[0]} of the observation")
        if labels:
            panel.set_aspect("equal")
        if rooms:
            _name_rooms(panel, cells.shape[0])
    panels[0].set_ylabel(labels[1] if labels else f"element {options.axes[1]} of the observation")
    figure.suptitle(f"{options.env}, {options.steps:,} steps: mean intrinsic reward where the agent went; grey: never there")
    if mesh is not None:
        figure.colorbar(mesh, ax=list(panels), label="mean intrinsic reward", extend="max")
    options.output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.output, dpi=150)


def _name_rooms(panel: Any, columns: int) -> None:
    """KeyToDoor's three rooms stand side by side, a column apart."""
    size = (columns - 2) // 3
    starts = [room * (size + 1) for room in range(3)]
    panel.set_xticks([start + column for start in starts for column in range(size)], [*range(size)] * 3)
    panel.set_yticks(range(size))
    for start, name in zip(starts, ROOMS):
        panel.text(start + (size - 1) / 2, size - 0.4, f"{name} room", ha="center", va="bottom", fontsize=9)
    panel.set_ylim(-0.5, size + 0.3)

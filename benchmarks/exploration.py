"""States covered and return of PPO with and without intrinsic rewards: five seeds, appended to assets/results/exploration.csv.

Rows that are there are not run again, so the study may be cut and continued. ``--summary`` writes exploration-summary.csv:
means with 95 % bootstrap intervals over seeds, and the difference to PPO without a bonus.
"""

import argparse
import csv
import platform
import subprocess
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import stable_baselines3
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv

import papergym
from papergym import wrappers
from papergym.envs.dmc.env import DmControlEnv
from papergym.wrappers.intrinsic import make_bonus
from papergym.wrappers.intrinsic.mixing import Mix

RESULTS = Path(__file__).parent.parent / "assets" / "results"
ENVS = 8
SEEDS = range(5)
STEPS = 25_000
BONUSES = ("none", "KNNNovelty", "RND", "EpisodicNovelty", "CountBonus")


class Visits(gym.Wrapper):
    """Collects the cells that observations fall into."""

    def __init__(self, env: gym.Env, cells: set[Hashable], cell: Callable[[np.ndarray], Hashable]):
        super().__init__(env)
        self._cells, self._cell = cells, cell

    def reset(self, **options: Any) -> tuple[Any, dict[str, Any]]:
        """Reset, and count the first observation."""
        obs, info = self.env.reset(**options)
        self._cells.add(self._cell(obs))
        return obs, info

    def step(self, action: Any) -> Any:
        """Step, and count what it led to."""
        result = self.env.step(action)
        self._cells.add(self._cell(result[0]))
        return result


class FixedStart(gym.Wrapper):
    """FourRooms from the middle of one room."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start at (-0.5, -0.5)."""
        return self.env.reset(seed=seed, options={"position": np.full(2, -0.5), "goal": np.full(2, 0.95)})


def four_rooms() -> gym.Env:
    """No goal and no reward; steps so short that a random walk hardly leaves its room."""
    env = FixedStart(gym.make("TT-FourRooms-v0", continuing=True, step_size=0.025))
    env = gym.wrappers.TransformReward(env, lambda reward: 0.0)
    return gym.wrappers.FlattenObservation(gym.wrappers.FilterObservation(env, ["observation"]))


def mountain_car() -> gym.Env:
    """Both elements of the state in [-1, 1]: the velocity reaches 0.07 only and would be lost on networks and distances."""
    return gym.wrappers.RescaleObservation(gym.make("MountainCarContinuous-v0"), np.float32(-1), np.float32(1))


def cartpole() -> gym.Env:
    return wrappers.ActionRepeat(DmControlEnv("cartpole", "swingup_sparse"), 4)


def cart_and_pole(obs: np.ndarray) -> Hashable:
    """Cart position in cells of 0.2 m, pole angle in cells of 15 degrees."""
    return int(obs[0] // 0.2), int(np.arctan2(obs[2], obs[1]) // (np.pi / 12))


@dataclass(frozen=True)
class Task:
    """A world, what counts as a state of it, and the weight that intrinsic rewards get in it."""

    make: Callable[[], gym.Env]
    cell: Callable[[np.ndarray], Hashable]
    weight: float
    mix: Mix = "add"
    arguments: dict[str, dict[str, Any]] = field(default_factory=dict)


TASKS = {
    "FourRooms without goal": Task(
        four_rooms, lambda obs: tuple((obs // 0.1).astype(int)), 1.0, "replace", arguments={"CountBonus": {"hash": "grid"}}
    ),
    "KeyToDoor": Task(
        lambda: gym.make("DT-KeyToDoor-v0"), lambda obs: obs.tobytes(), 0.3, arguments={"CountBonus": {"hash": "exact"}}
    ),
    "MountainCarContinuous": Task(
        mountain_car,
        lambda obs: tuple((obs // 0.1).astype(int)),
        10.0,
        arguments={"CountBonus": {"hash": "grid"}},
    ),
    "cartpole swingup_sparse": Task(cartpole, cart_and_pole, 1.0, arguments={"CountBonus": {"hash": "grid", "width": 0.25}}),
}


def build(task: Task, bonus: str, cells: set[Hashable], seed: int) -> Any:
    """Eight environments with the bonus around them."""
    venv = DummyVecEnv([lambda: Monitor(Visits(task.make(), cells, task.cell))] * ENVS)
    if bonus == "none":
        return venv
    arguments = {"seed": seed, **task.arguments.get(bonus, {})}
    if bonus == "KNNNovelty":
        arguments["size"] = 8192
    ready = make_bonus(bonus, **arguments)
    return wrappers.add_intrinsic_reward(venv, ready, weight=task.weight, mix=task.mix, normalize=True)


def run(name: str, bonus: str, seed: int, steps: int) -> dict[str, Any]:
    """Train once: cells visited, extrinsic return of the last fifth of the episodes, CPU seconds."""
    task, cells, start = TASKS[name], set(), time.process_time()
    venv = build(task, bonus, cells, seed)
    model = PPO("MlpPolicy", venv, n_steps=64, batch_size=128, learning_rate=1e-3, seed=seed, device="cpu")
    model.learn(steps)
    returns = [r for i in range(ENVS) for r in venv.env_method("get_episode_rewards", indices=[i])[0]]
    lengths = [np.cumsum(part) for part in venv.env_method("get_episode_lengths")]
    ends = np.concatenate(lengths)
    late = np.asarray(returns)[ends > 0.8 * steps / ENVS]
    seconds = time.process_time() - start
    return {"states": len(cells), "late_return": late.mean(), "best_return": max(returns), "cpu_s": round(seconds, 1)}


def versions() -> dict[str, str]:
    root = Path(__file__).parent.parent
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=root, capture_output=True, text=True, check=False)
    libraries = {"torch": torch.__version__, "gymnasium": gym.__version__, "sb3": stable_baselines3.__version__}
    return {"python": platform.python_version(), **libraries, "papergym": papergym.__version__, "commit": commit.stdout.strip()}


def read(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def append(path: Path, row: dict[str, Any]) -> None:
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, list(row))
        if new:
            writer.writeheader()
        writer.writerow(row)


def interval(values: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    means = rng.choice(values, (10_000, len(values))).mean(1)
    return tuple(np.quantile(means, (0.025, 0.975)))


def summarise(path: Path) -> None:
    """One row per task, bonus and measure; differences pair the seeds."""
    rows, rng, out = read(path), np.random.default_rng(0), []
    for name in TASKS:
        for measure in ("states", "late_return", "best_return"):
            table = {b: {r["seed"]: float(r[measure]) for r in rows if (r["task"], r["bonus"]) == (name, b)} for b in BONUSES}
            for bonus, values in table.items():
                if not values:
                    continue
                found = np.array(list(values.values()))
                row = {"task": name, "measure": measure, "bonus": bonus, "seeds": len(found), "mean": f"{found.mean():.4g}"}
                row["low"], row["high"] = (f"{bound:.4g}" for bound in interval(found, rng))
                shared = [seed for seed in values if seed in table["none"]]
                gain = np.array([values[seed] - table["none"][seed] for seed in shared])
                row["gain"] = f"{gain.mean():.4g}" if len(gain) else ""
                row["gain_low"], row["gain_high"] = (f"{b:.4g}" for b in interval(gain, rng)) if len(gain) else ("", "")
                out.append(row)
                print("  ".join(f"{value:<12}" for value in row.values()))
    with (path.parent / "exploration-summary.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(out[0]))
        writer.writeheader()
        writer.writerows(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=35.0, help="CPU time after which no new run starts")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--task", choices=TASKS, nargs="*", default=list(TASKS))
    parser.add_argument("--bonus", choices=BONUSES, nargs="*", default=list(BONUSES))
    parser.add_argument("--seeds", type=int, nargs="*", default=list(SEEDS))
    parser.add_argument("--output", type=Path, default=RESULTS / "exploration.csv")
    parser.add_argument("--summary", action="store_true")
    options = parser.parse_args()
    if options.summary:
        summarise(options.output)
        return
    torch.set_num_threads(1)
    done = {(r["task"], r["bonus"], int(r["seed"])) for r in read(options.output)}
    for name in options.task:
        for seed in options.seeds:
            for bonus in options.bonus:
                if (name, bonus, seed) in done or time.process_time() > 60 * options.minutes:
                    continue
                result = run(name, bonus, seed, options.steps)
                row = {"task": name, "bonus": bonus, "seed": seed, "steps": options.steps, **result, **versions()}
                append(options.output, row)
                print(*row.values(), flush=True)


if __name__ == "__main__":
    main()

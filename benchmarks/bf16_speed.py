"""An update of the Trajectory Transformer in bfloat16 against the same update in float32.

Both sides are the agent with the preset ``quick``, the same weights and the same batches; they take turns in one process with
one thread. The table holds medians of CPU milliseconds and of the ratios of neighbouring updates, and how much the first losses
differ without dropout. What the option gains depends on the processor's bfloat16 instructions.

    python benchmarks/bf16_speed.py            # rows go to assets/results/bf16-speed.csv
    python benchmarks/bf16_speed.py --runs 5 --dry
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import statistics
import time
from typing import Any

import gymnasium as gym
import numpy as np
import torch

from papergym.agents.checkpoint.provenance import row_provenance
from papergym.agents.data.dataset import Dataset, Episode
from papergym.agents.reproduction.results import read_rows, results_path, write_rows
from papergym.agents.runner.plan import draft
from papergym.agents.runner.registry import agent
from papergym.agents.tt.learner import TrajectoryTransformerLearner

NAME = "bf16-speed"
CASES = {"tt-train-hopper": (11, 3), "tt-train-halfcheetah": (17, 6)}
STEPS, EPISODES = 1000, 20


def make(observation_dim: int, action_dim: int, *, bf16: bool, **more: Any) -> tuple[TrajectoryTransformerLearner, Dataset]:
    """A learner on random data."""
    rng = np.random.default_rng(0)
    spaces: dict[str, Any] = {"observation_space": gym.spaces.Box(-np.inf, np.inf, (observation_dim,), np.float32)}
    spaces["action_space"] = gym.spaces.Box(-1, 1, (action_dim,), np.float32)
    episodes = [
        Episode(
            rng.normal(size=(STEPS + 1, observation_dim)).astype(np.float32),
            rng.uniform(-1, 1, (STEPS, action_dim)).astype(np.float32),
            rng.normal(size=STEPS),
            True,
        )
        for _ in range(EPISODES)
    ]
    data = Dataset.from_episodes(episodes, **spaces)
    config = draft(agent("tt"), "quick", {"bf16": bf16, **more}).config
    learner = TrajectoryTransformerLearner(type("Spaces", (gym.Env,), spaces)(), config, data, seed=0, device="cpu")
    learner.begin(data)
    return learner, data


def timed(learner: TrajectoryTransformerLearner, data: Dataset) -> tuple[float, float]:
    """CPU milliseconds and loss of an update."""
    begun = time.process_time()
    loss = float(learner.update(data)["loss"])
    return (time.process_time() - begun) * 1e3, loss


def measure(name: str, runs: int) -> dict[str, Any]:
    """One row."""
    sides = [make(*CASES[name], bf16=bf16) for bf16 in (True, False)]
    losses = [timed(*make(*CASES[name], bf16=bf16, dropout=0.0))[1] for bf16 in (True, False)]
    for side in sides:
        timed(*side)
    pairs = []
    for run in range(runs):
        order = (0, 1) if run % 2 == 0 else (1, 0)
        found = {side: timed(*sides[side])[0] for side in order}
        pairs.append((found[0], found[1]))
    half, whole = (statistics.median(column) for column in zip(*pairs))
    return {
        "case": name,
        "bf16_ms": f"{half:.1f}",
        "fp32_ms": f"{whole:.1f}",
        "ratio": f"{statistics.median(right / left for left, right in pairs):.2f}",
        "loss_difference": f"{abs(losses[0] - losses[1]) / losses[1]:.1e}",
        "runs": runs,
        **row_provenance(),
        "command": f"python benchmarks/bf16_speed.py --cases {name}",
    }


def main() -> None:
    """Measure the cases and keep their rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--dry", action="store_true", help="print only")
    given = parser.parse_args()
    torch.set_num_threads(1)
    path = results_path(NAME)
    for name in given.cases:
        row = measure(name, given.runs)
        print({column: row[column] for column in list(row)[:6]}, flush=True)
        if not given.dry:
            write_rows(path, [*(old for old in read_rows(path) if old["case"] != name), row])


if __name__ == "__main__":
    main()

"""Milliseconds per update of the agents that learn from single transitions, against plain PyTorch forms of the same updates.

The plain forms are in ``offline_plain.py``. Both sides draw batches of 256 from the same 100 000 transitions (17 observations,
6 actions; 3 for the discrete case) and have networks of the same size. They take turns in one process with one thread; a block
is timed in CPU seconds of the process, and the table holds medians over the blocks and of the ratios of neighbouring blocks.

    python benchmarks/offline_speed.py              # rows go to assets/results/offline-speed.csv
    python benchmarks/offline_speed.py --cases iql --blocks 3
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import offline_plain as plain
import torch

from papergym.agents.checkpoint.provenance import row_provenance
from papergym.agents.data.dataset import Dataset, Episode
from papergym.agents.reproduction.results import read_rows, results_path, write_rows
from papergym.agents.runner.registry import agent


class Spaces(gym.Env):
    """An environment of which only the spaces are asked for."""

    def __init__(self, discrete: bool) -> None:
        self.observation_space = gym.spaces.Box(-np.inf, np.inf, (plain.OBS,), np.float32)
        self.action_space = gym.spaces.Discrete(plain.CHOICES) if discrete else gym.spaces.Box(-1, 1, (plain.ACT,), np.float32)


def make_data(env: Spaces) -> Dataset:
    """100 episodes of 1000 random steps."""
    rng = np.random.default_rng(0)

    def episode() -> Episode:
        actions: np.ndarray = rng.integers(plain.CHOICES, size=1000)
        if isinstance(env.action_space, gym.spaces.Box):
            actions = rng.uniform(-0.9, 0.9, (1000, plain.ACT)).astype(np.float32)
        return Episode(rng.normal(size=(1001, plain.OBS)).astype(np.float32), actions, rng.normal(size=1000), True)

    return Dataset.from_episodes([episode() for _ in range(100)], env.observation_space, env.action_space)


def ours(key: str, env: Spaces, data: Dataset, **settings: Any) -> plain.Step:
    """An update of our agent with the settings of its paper."""
    row = agent(key)
    learner_class = {"td3bc": "TD3BC", "iql": "IQL", "cql": "CQL", "rvs": "RvS", "bc": "BehaviourCloning"}[key]
    config = row.load(row.config)(batch_size=plain.BATCH, **settings)
    learner = row.load(f"papergym.agents.{key}.learner:{learner_class}")(env, config, data, seed=0, device="cpu")
    learner.begin(data)
    return lambda: learner.advance(data)


CASES: dict[str, tuple[bool, str, Callable[[Dataset], plain.Step], dict[str, Any], int]] = {
    "bc": (False, "bc", plain.bc, {"hidden": plain.HIDDEN}, 200),
    "rvs": (False, "rvs", plain.rvs, {}, 30),
    "td3bc": (False, "td3bc", plain.td3bc, {}, 200),
    "iql": (False, "iql", plain.iql, {}, 200),
    "cql-discrete": (True, "cql", plain.discrete_cql, {"hidden": plain.HIDDEN}, 200),
    "cql-continuous": (False, "cql", plain.cql, {"cloning_updates": 0}, 6),
}
"""Discrete actions, agent, plain form, settings of ours, updates in a block."""


def timed(update: plain.Step, count: int) -> float:
    """CPU milliseconds per update."""
    begin = time.process_time()
    for _ in range(count):
        update()
    return (time.process_time() - begin) / count * 1e3


def measure(name: str, blocks: int) -> dict[str, Any]:
    """One row."""
    discrete, key, other, settings, count = CASES[name]
    env = Spaces(discrete)
    data = make_data(env)
    torch.manual_seed(0)
    sides = ours(key, env, data, **settings), other(data)
    for side in sides:
        timed(side, max(count // 4, 2))
    pairs = [[timed(side, count) for side in sides] for _ in range(blocks)]
    mine, theirs = (statistics.median(column) for column in zip(*pairs))
    ratios = [right / left for left, right in pairs]
    numbers = {"ours_ms": f"{mine:.2f}", "plain_ms": f"{theirs:.2f}", "ratio": f"{statistics.median(ratios):.2f}"}
    command = f"python benchmarks/offline_speed.py --cases {name}"
    return {
        "case": name,
        **numbers,
        "least_ratio": f"{min(ratios):.2f}",
        "blocks": blocks,
        **row_provenance(),
        "command": command,
    }


def main() -> None:
    """Measure the cases and keep their rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="*", default=list(CASES), choices=list(CASES))
    parser.add_argument("--blocks", type=int, default=7)
    parser.add_argument("--dry", action="store_true", help="print only")
    given = parser.parse_args()
    torch.set_num_threads(1)
    path = results_path("offline-speed")
    for name in given.cases:
        row = measure(name, given.blocks)
        print({column: row[column] for column in list(row)[:6]}, flush=True)
        if not given.dry:
            write_rows(path, [*[old for old in read_rows(path) if old["case"] != name], row])


if __name__ == "__main__":
    main()

"""Cycles per second of replay memories: draw a batch, read the whole transitions, give the priorities back.

Every memory holds the same transitions (17 observations, 6 actions, reward, flags). Memories take turns in blocks of cycles;
a block is timed in CPU seconds of the thread and the table holds medians over blocks. Peers that are not installed, or whose
extension does not load, get a row that says so.

    python benchmarks/replay_speed.py          # rows go to assets/results/replay-speed.csv
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np
from gymnasium import spaces

from papergym.agents.checkpoint.provenance import row_provenance
from papergym.agents.reproduction.results import results_path, write_rows

OBS, ACT, CHUNK = 17, 6, 1000
Cycle = Callable[[np.ndarray], None]


def ours(variant: str | None, size: int, batch: int, data: dict[str, np.ndarray]) -> Cycle:
    from papergym.agents.replay.prioritized import PrioritizedReplayBuffer
    from papergym.agents.replay.uniform import PackedReplayBuffer

    arguments: Any = (size, spaces.Box(-1, 1, (OBS,)), spaces.Box(-1, 1, (ACT,)), "cpu", CHUNK)
    buffer = (
        PackedReplayBuffer(*arguments, seed=0)
        if variant is None
        else PrioritizedReplayBuffer(*arguments, variant=variant, seed=0)
    )
    _fill(buffer, size, data)
    if not isinstance(buffer, PrioritizedReplayBuffer):
        return lambda errors: _only_sample(buffer, batch)
    buffer.update_priorities(np.arange(size), np.random.default_rng(1).random(size))

    def cycle(errors: np.ndarray) -> None:
        buffer.update_priorities(buffer.sample(batch).indices, errors)

    return cycle


def _only_sample(buffer: Any, batch: int) -> None:
    buffer.sample(batch)


def sb3(size: int, batch: int, data: dict[str, np.ndarray]) -> Cycle:
    from stable_baselines3.common.buffers import ReplayBuffer

    box = spaces.Box(-1, 1, (OBS,), np.float64)  # the dtype of MuJoCo's spaces
    buffer = ReplayBuffer(size, box, spaces.Box(-1, 1, (ACT,)), "cpu", CHUNK)
    _fill(buffer, size, data)
    return lambda errors: _only_sample(buffer, batch)


def _fill(buffer: Any, size: int, data: dict[str, np.ndarray]) -> None:
    for _ in range(size // CHUNK):
        buffer.add(data["obs"], data["next_obs"], data["act"], data["rew"], data["done"], [{}] * CHUNK)


def cpprb(size: int, batch: int, data: dict[str, np.ndarray]) -> Cycle:
    from cpprb import PrioritizedReplayBuffer  # pyright: ignore[reportMissingImports]

    env = {"obs": {"shape": OBS}, "act": {"shape": ACT}, "rew": {}, "next_obs": {"shape": OBS}, "done": {}}
    buffer = PrioritizedReplayBuffer(size, env, alpha=0.6)
    priorities = np.random.default_rng(1).random(size)
    for start in range(0, size, CHUNK):
        buffer.add(**data, priorities=priorities[start : start + CHUNK])

    def cycle(errors: np.ndarray) -> None:
        buffer.update_priorities(buffer.sample(batch, beta=0.4)["indexes"], errors)

    return cycle


def torchrl(size: int, batch: int, data: dict[str, np.ndarray]) -> Cycle:
    import torch
    from tensordict import TensorDict  # pyright: ignore[reportMissingImports]
    from torchrl.data import LazyTensorStorage, TensorDictPrioritizedReplayBuffer  # pyright: ignore[reportMissingImports]

    buffer = TensorDictPrioritizedReplayBuffer(alpha=0.6, beta=0.4, storage=LazyTensorStorage(size), batch_size=batch)
    rows = TensorDict({name: torch.as_tensor(value) for name, value in data.items()}, batch_size=[CHUNK])
    for _ in range(size // CHUNK):
        buffer.extend(rows)

    def cycle(errors: np.ndarray) -> None:
        found = buffer.sample()
        found["td_error"] = torch.as_tensor(errors)
        buffer.update_tensordict_priority(found)

    return cycle


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=1_000_000, help="transitions, a multiple of 1000")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--blocks", type=int, default=9)
    parser.add_argument("--cycles", type=int, default=1000, help="per block; a multiple of 1000 holds one sort of the ranks")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    data = {"obs": rng.random((CHUNK, OBS), np.float32), "act": rng.random((CHUNK, ACT), np.float32)}
    data |= {"rew": rng.random(CHUNK, np.float32), "next_obs": data["obs"], "done": np.zeros(CHUNK, np.float32)}
    common = (options.size, options.batch, data)
    makers: dict[str, Callable[[], Cycle]] = {
        "papergym proportional": lambda: ours("proportional", *common),
        "papergym rank": lambda: ours("rank", *common),
        "papergym uniform": lambda: ours(None, *common),
        "cpprb proportional": lambda: cpprb(*common),
        "torchrl proportional": lambda: torchrl(*common),
        "stable-baselines3 uniform": lambda: sb3(*common),
    }
    memories, missing = {}, {}
    for name, make in makers.items():
        try:
            memories[name] = make()
            memories[name](rng.random(options.batch))
        except (ImportError, RuntimeError, OSError) as error:  # a peer; its row says why it is missing
            memories.pop(name, None)
            missing[name] = " ".join(str(error).split())[:100]
    speeds: dict[str, list[float]] = {name: [] for name in memories}
    for _ in range(options.blocks):
        for name, cycle in memories.items():
            errors = rng.random((options.cycles, options.batch))
            begun = time.thread_time()
            for row in errors:
                cycle(row)
            speeds[name].append(options.cycles / (time.thread_time() - begun))
    reference = statistics.median(speeds["cpprb proportional"]) if "cpprb proportional" in speeds else None
    rows = []
    for name in makers:
        row: dict[str, Any] = {"memory": name, "size": options.size, "batch": options.batch, "missing": missing.get(name, "")}
        if name in speeds:
            middle = statistics.median(speeds[name])
            row |= {"cycles_per_cpu_s": round(middle), "us_per_cycle": round(1e6 / middle, 1)}
            row["ratio_to_cpprb"] = round(middle / reference, 2) if reference else ""
        rows.append(row)
        print(row, flush=True)
    peers = {f"{name}_version": version(name) for name in ("cpprb", "torchrl") if f"{name} proportional" in memories}
    write_rows(
        results_path("replay-speed"),
        [{**row, **peers, **row_provenance(), "command": "python benchmarks/replay_speed.py"} for row in rows],
    )


if __name__ == "__main__":
    main()

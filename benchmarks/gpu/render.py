"""Images per second of EGL on a GPU, in three qualities, one environment and eight, with one thread and with all.

Each figure is agent steps per second of ``ProtoRL-WalkerRun-v0`` and ``ProtoRL-HumanoidRun-v0``: two frames of physics and one
84x84 image a step.
"""

import os
from typing import Any

import gymnasium as gym
import numpy as np
from common import Calls, options, rates, rows_of, write

import papergym  # noqa: F401
from papergym.envs.render.quality import QUALITIES

IDS = ("ProtoRL-WalkerRun-v0", "ProtoRL-HumanoidRun-v0")


def stepping(name: str, quality: str, count: int, threads: int) -> Any:
    """A step of ``count`` environments."""
    envs = gym.make_vec(name, count, num_threads=threads, quality=quality)
    envs.reset(seed=0)
    draw = np.random.default_rng(0)
    shape = envs.action_space.shape
    return lambda: envs.step(draw.uniform(-1, 1, shape).astype(np.float32))


def main() -> None:
    """Measure, and keep the rows."""
    given = options(__doc__, times=50, rounds=5, threads=0)
    threads = given.threads or len(os.sched_getaffinity(0))
    rows: list[dict[str, Any]] = []
    for name in IDS:
        for quality in QUALITIES:
            kinds = {"1 env": (1, 1), "8 envs, 1 thread": (8, 1), f"8 envs, {threads} threads": (8, threads)}
            calls: Calls = {kind: stepping(name, quality, *of) for kind, of in kinds.items()}
            found = rates(calls, given.device, given.times, given.rounds)
            found = {kind: rate * kinds[kind][0] for kind, rate in found.items()}
            rows += rows_of(f"{name} {quality}: steps/s", found)
    write("render", given.device, rows)


if __name__ == "__main__":
    main()

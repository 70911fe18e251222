"""Training speed of our agents and of stable-baselines3's on the same environment and settings.

Both run in turn in one process with one thread; a block is a slice of ``learn``, timed in CPU seconds of the process. The
table holds medians over the blocks, and the median of the ratios of neighbouring blocks.

    python benchmarks/agent_speed.py                 # all cases; rows go to assets/results/agent-speed.csv
    python benchmarks/agent_speed.py --cases ppo-paper --blocks 3
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import gymnasium as gym
import torch
from stable_baselines3.common.base_class import BaseAlgorithm

from papergym.agents.checkpoint.provenance import row_provenance
from papergym.agents.reproduction.results import read_rows, results_path, write_rows

NAME = "agent-speed"


@dataclass(frozen=True)
class Case:
    """One comparison: two algorithms with the same settings, and the steps of a block."""

    key: str
    env_id: str
    ours: Callable[[str], BaseAlgorithm]
    theirs: Callable[[str], BaseAlgorithm]
    block_steps: int
    warmup_steps: int = 0


def ppo_case(key: str, env_id: str = "HalfCheetah-v4", **settings: Any) -> Case:
    """PPO of the paper's preset with ``settings`` changed, against SB3's PPO with the same."""
    from papergym.agents.ppo.build import build
    from papergym.agents.ppo.config import Config

    config = Config(**settings)
    theirs = replace(config, implementation="sb3")
    return Case(
        key,
        env_id,
        lambda env: build(config, env, seed=0, device="cpu"),
        lambda env: build(theirs, env, seed=0, device="cpu"),
        block_steps=2 * config.n_steps,
        warmup_steps=config.n_steps,
    )


def sac_case(key: str, env_id: str = "HalfCheetah-v4", **settings: Any) -> Case:
    """SAC of the paper's preset with ``settings`` changed, against SB3's SAC with the same."""
    from papergym.agents.sac.build import build
    from papergym.agents.sac.config import Config

    config = Config(buffer_size=200_000, learning_starts=1000, **settings)
    theirs = replace(config, implementation="sb3")
    return Case(
        key,
        env_id,
        lambda env: build(config, env, seed=0, device="cpu"),
        lambda env: build(theirs, env, seed=0, device="cpu"),
        block_steps=300,
        warmup_steps=1300,
    )


def cases() -> dict[str, Case]:
    """Every case, by key."""
    made = (
        ppo_case("ppo-paper"),
        ppo_case("ppo-paper-hopper", "Hopper-v4"),
        ppo_case("ppo-unnormalised", norm_obs=False, norm_reward=False),
        ppo_case("ppo-torch-path", use_fast=False),
        sac_case("sac-paper"),
        sac_case("sac-paper-hopper", "Hopper-v4"),
    )
    return {case.key: case for case in made}


def measure(case: Case, blocks: int) -> dict[str, Any]:
    """Row of the table."""
    pair = [case.ours(case.env_id), case.theirs(case.env_id)]
    for model in pair:
        model.learn(max(case.warmup_steps, 1))
    speeds: list[list[float]] = [[], []]
    for block in range(blocks):
        for index in (0, 1) if block % 2 == 0 else (1, 0):
            model, steps = pair[index], pair[index].num_timesteps
            begun = time.process_time()
            model.learn(case.block_steps, reset_num_timesteps=False)
            speeds[index].append((model.num_timesteps - steps) / (time.process_time() - begun))
    ratios = [ours / theirs for ours, theirs in zip(*speeds)]
    return {
        "case": case.key,
        "env_id": case.env_id,
        "ours_steps_per_cpu_s": round(statistics.median(speeds[0])),
        "sb3_steps_per_cpu_s": round(statistics.median(speeds[1])),
        "ratio": round(statistics.median(ratios), 2),
        "least_ratio": round(min(ratios), 2),
        "blocks": blocks,
        "block_steps": case.block_steps,
    }


def main() -> None:
    known = cases()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", choices=sorted(known), default=list(known))
    parser.add_argument("--blocks", type=int, default=7)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    gym.logger.min_level = gym.logger.ERROR
    path = results_path(NAME)
    for key in arguments.cases:
        row = {
            **measure(known[key], arguments.blocks),
            **row_provenance(),
            "command": f"python benchmarks/agent_speed.py --cases {key}",
        }
        print("  ".join(f"{name} {value}" for name, value in list(row.items())[:6]), flush=True)
        write_rows(path, [*(old for old in read_rows(path) if old["case"] != key), row])


if __name__ == "__main__":
    main()

"""Rewards per second of intrinsic bonuses on a GPU beside the CPU: k-NN with its memory on the device, RND, ICM.

A call rewards one step of all environments. First the k-NN distances on the device must equal float64 ones.
"""

from typing import Any

import numpy as np
import torch
from common import Calls, options, rates, rows_of, write

from papergym.wrappers.intrinsic import Transitions, make_bonus

BONUSES: dict[str, dict[str, Any]] = {
    "KNNNovelty": {"size": 100_000},
    "RND": {"warmup": 1},
    "ICM": {},
}
WIDTH, ACTIONS = 128, 6


def check(device: str) -> None:
    """Raise AssertionError unless distances on the device are those of float64 on the CPU."""
    draw = np.random.default_rng(0)
    memory, queries = draw.normal(300, 0.01, (5_000, WIDTH)).astype(np.float32), draw.normal(300, 0.01, (64, WIDTH))
    bonus = make_bonus("KNNNovelty", k=3, size=len(memory), device=device)
    bonus.observe(memory)
    found = bonus.score(queries.astype(np.float32))
    exact = ((queries.astype(np.float32)[:, None].astype(np.float64) - memory[None].astype(np.float64)) ** 2).sum(-1)
    np.testing.assert_allclose(found, np.sqrt(np.sort(exact, 1)[:, 2]), rtol=2e-6)


def call(name: str, device: str, envs: int, memory: int) -> Any:
    """Rewards of one step of ``envs`` environments."""
    draw = np.random.default_rng(1)
    sized = {"size": memory} if name == "KNNNovelty" else {}
    bonus = make_bonus(name, **{**BONUSES[name], **sized}, device=device)
    steps = [draw.normal(size=(envs, WIDTH)).astype(np.float32) for _ in range(16)]
    if name == "KNNNovelty":
        bonus.observe(draw.normal(size=(memory, WIDTH)).astype(np.float32))
    state = {"at": 0}

    def reward() -> np.ndarray:
        obs, next_obs = steps[state["at"] % 16], steps[(state["at"] + 1) % 16]
        state["at"] += 1
        action = np.zeros((envs, ACTIONS), np.float32)
        done = np.zeros(envs, bool)
        return bonus.reward(Transitions(obs=obs, next_obs=next_obs, action=action, done=done, env=np.arange(envs)))

    return reward


def main() -> None:
    """Check, measure, and keep the rows."""
    given = options(__doc__, times=200, rounds=5, memory=100_000)
    torch.set_num_threads(1)
    check(given.device)
    rows: list[dict[str, Any]] = []
    for name in BONUSES:
        for envs in (1, 64, 512):
            calls: Calls = {place: call(name, place, envs, given.memory) for place in dict.fromkeys(("cpu", given.device))}
            rows += rows_of(f"{name} steps/s of {envs} environments", rates(calls, given.device, given.times, given.rounds))
    write("bonuses", given.device, rows)


if __name__ == "__main__":
    main()

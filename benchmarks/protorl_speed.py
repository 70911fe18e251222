"""Where a step of Proto-RL spends its time while pretraining: CPU milliseconds per environment step, part by part.

One thread. The cases take turns, block by block; the table holds medians over the blocks. `other` is what is in no part: the
loops of stable-baselines3 and of the update, the noise, the targets' averages.

    python benchmarks/protorl_speed.py              # rows go to assets/results/protorl-speed.csv
    python benchmarks/protorl_speed.py --blocks 3 --dry
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import statistics
import time
from typing import Any

import torch
from stable_baselines3.common.logger import Logger

from papergym.agents.checkpoint.provenance import row_provenance
from papergym.agents.protorl import update as update_module
from papergym.agents.reproduction.results import results_path, write_rows
from papergym.agents.runner.plan import make_plan
from papergym.agents.runner.registry import agent
from papergym.agents.runner.train import build_learner

CASES: dict[str, dict[str, Any]] = {
    "quick, 84 px": {"preset": "quick"},
    "quick, 48 px": {"preset": "quick", "env_kwargs": ("quality=fast", "size_px=48")},
    "quick-states": {"preset": "quick-states", "env_kwargs": ("obs_type=state", "action_repeat=1")},
}
STEPS = 40
"""Environment steps in a block."""


class Case:
    """A run that is stopped after every block, with a clock in each of its parts.

    Args:
        settings: preset and settings over it.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        given = {"env": "ProtoRL-Walker-v0", "learning_starts": 150, "record_visits": False, **settings}
        plan = make_plan(agent("protorl"), given.pop("preset"), {"steps": 10_000, "pretrain_steps": 10_000, **given})
        self.model: Any = build_learner(plan).model  # pyright: ignore[reportAttributeAccessIssue]
        self.model.set_logger(Logger(None, []))
        self.model.learn(200)
        self.seconds: dict[str, float] = {}
        self.inside = 0  # parts may call each other; only the outermost one counts
        policy = self.model.policy
        self._time("environment", self.model.env, "step_wait")
        self._time("action", self.model, "_sample_action")
        self._time("memory", self.model.replay_buffer, "sample")
        self._time("memory", self.model, "_store_transition")
        self._time("clustering, encoder's learning", self.model, "_update_representation")
        self._time("images to floats", policy.encoder, "prepare")
        self._time("encoder, without learning", policy.encoder, "encode")
        self._time("novelty", policy, "novelty")
        self._time("critic", self.model, "_update_critic")
        self._time("actor", self.model, "_update_actor")

    def _time(self, part: str, owner: Any, name: str) -> None:
        method = getattr(owner, name)

        def timed(*arguments: Any, **named: Any) -> Any:
            begin, self.inside = time.process_time(), self.inside + 1
            try:
                return method(*arguments, **named)
            finally:
                self.inside -= 1
                if not self.inside:
                    self.seconds[part] = self.seconds.get(part, 0.0) + time.process_time() - begin

        setattr(owner, name, timed)

    def block(self) -> dict[str, float]:
        """Milliseconds per environment step of each part, and of the whole."""
        self.seconds = dict.fromkeys(self.seconds, 0.0)
        shift = update_module.random_shift
        self._time("random shifts", update_module, "random_shift")
        begin = time.process_time()
        try:
            self.model.learn(STEPS, reset_num_timesteps=False)
        finally:
            update_module.random_shift = shift
        whole = time.process_time() - begin
        parts = {**self.seconds, "other": whole - sum(self.seconds.values()), "whole step": whole}
        return {part: value / STEPS * 1e3 for part, value in parts.items()}


def main() -> None:
    """Measure the cases and keep their rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", type=int, default=7)
    parser.add_argument("--dry", action="store_true", help="print only")
    given = parser.parse_args()
    torch.set_num_threads(1)
    cases = {name: Case(settings) for name, settings in CASES.items()}
    blocks = [{name: case.block() for name, case in cases.items()} for _ in range(given.blocks)]
    rows = []
    for part in blocks[0]["quick, 84 px"]:
        medians = {name: statistics.median(block[name].get(part, 0.0) for block in blocks) for name in cases}
        rows.append({"part": part, **{f"{name}, ms": f"{value:.2f}" for name, value in medians.items()}})
        print(rows[-1], flush=True)
    if not given.dry:
        extra = {"blocks": given.blocks, **row_provenance(), "command": "python benchmarks/protorl_speed.py"}
        write_rows(results_path("protorl-speed"), [{**row, **extra} for row in rows])


if __name__ == "__main__":
    main()

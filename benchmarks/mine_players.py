"""Success of the scripted players, and of random play, in LS-Imagine's five tasks of the embedded world.

Players read the world's state, so no picture is drawn. An episode that stands in the table is not played again, so a run
that was stopped goes on where it was; delete rows to play them anew.

    python benchmarks/mine_players.py                       # 100 seeds of both; rows go to assets/results/mine-players.csv
    python benchmarks/mine_players.py --seeds 10 --policies script --tasks shear_sheep
    python benchmarks/mine_players.py --table               # docs/_static/mine/players.md from the rows
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binomtest

from papergym.agents.checkpoint.files import replace_text
from papergym.agents.checkpoint.provenance import row_provenance
from papergym.agents.reproduction.published import markdown_table
from papergym.agents.reproduction.results import append_row, read_rows, results_path
from papergym.envs.mine import tasks
from papergym.envs.mine.players.scripts import script
from papergym.envs.mine.voxel.env import VoxelMineEnv
from papergym.wrappers.mine import ACTIONS, LSImagineActions

TASKS: dict[str, dict[str, Any]] = tasks.FACTS["lsimagine"]
POLICIES = ("script", "random")
PAGE = Path(__file__).resolve().parents[1] / "docs" / "_static" / "mine" / "players.md"


class Blind(VoxelMineEnv):
    """The world without its observation, of which LS-Imagine's actions need the pitch at the start."""

    def _observe(self, info: dict[str, Any] | None = None) -> dict[str, Any]:
        return {"location_stats": {"pitch": np.array([self.world.pitch], np.float32)}}


def play(task: str, seed: int, policy: str) -> tuple[bool, int]:
    """(success, steps) of one episode."""
    world = Blind(task, image_size=8, cam_interval=10)
    env = LSImagineActions(world)
    env.reset(seed=seed)
    player, rng = script(task, world.world, seed), np.random.default_rng(seed)
    steps, done, info = 0, False, {"success": False}
    while not done and steps < TASKS[task]["limit"]:
        action = int(rng.integers(len(ACTIONS))) if policy == "random" else ACTIONS.index(player.act())
        _, _, done, _, info = env.step(action)
        steps += 1
    return bool(info["success"]), steps


def table(rows: list[dict[str, str]]) -> str:
    """Markdown: for each task and policy the share of successes with its 95 % interval, and the median steps of a success."""
    lines = []
    for task, facts in TASKS.items():
        for policy in POLICIES:
            found = [row for row in rows if row["task"] == task and row["policy"] == policy]
            if not found:
                continue
            steps = [int(row["steps"]) for row in found if row["success"] == "True"]
            low, high = binomtest(len(steps), len(found)).proportion_ci(method="wilson")
            median = f"{np.median(steps):.0f}" if steps else "-"
            cells = (facts["prompt"], facts["limit"], policy, len(found), f"{100 * len(steps) / len(found):.0f} %")
            lines.append((*cells, f"{100 * low:.0f} to {100 * high:.0f} %", median))
    return markdown_table(("task", "limit", "player", "episodes", "success", "95 % interval", "median steps"), lines)


def main() -> None:
    """Play what the table lacks, or write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--tasks", nargs="+", choices=list(TASKS), default=list(TASKS))
    parser.add_argument("--policies", nargs="+", choices=POLICIES, default=list(POLICIES))
    parser.add_argument("--table", action="store_true", help=f"only write {PAGE.name}")
    options = parser.parse_args()
    path = results_path("mine-players")
    known = {row["trial"] for row in read_rows(path)}
    for task in () if options.table else options.tasks:
        for policy in options.policies:
            for seed in range(options.seeds):
                trial = f"{task}-{policy}-{seed}"
                if trial not in known:
                    success, steps = play(task, seed, policy)
                    row = {"trial": trial, "task": task, "policy": policy, "seed": seed, "success": success, "steps": steps}
                    append_row(path, {**row, **row_provenance()})
            print(f"{task}, {policy}: done", flush=True)
    text = table(read_rows(path))
    replace_text(PAGE, text)
    print(text)


if __name__ == "__main__":
    main()

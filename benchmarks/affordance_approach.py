"""Does the small scorer's score rise on the way to a goal, and do walks that see no goal stay quiet?

    python benchmarks/affordance_approach.py                   # 40 approaches and 40 walks for each task
    python benchmarks/affordance_approach.py --record          # the same, rows to assets/results/affordance-approach.csv

An approach is the way of a scripted player (``papergym.envs.mine.players``) to its goal: from where it is last 12 blocks away,
or from where it starts, to where it first is within 2.5 blocks; ways of fewer than 20 steps are left out. The score of a step is
the logit of the last 16 frames, as the reward sees it; the number of an approach is its rank correlation with nearness, minus the
distance from the eyes to the nearest goal that touches air. A goal-free walk is 100 steps of a random player, less those whose
last 16 frames show the goal. Worlds are not those of the training.
"""

import argparse
from collections import deque
from collections.abc import Iterator

import numpy as np
import torch
from scipy.stats import spearmanr

from papergym.agents.checkpoint.provenance import row_provenance
from papergym.agents.reproduction.results import append_row, results_path
from papergym.envs.mine.tasks import FACTS
from papergym.envs.mine.voxel import blocks, mobs
from papergym.envs.mine.voxel.physics import EYE_HEIGHT, X, Y, Z
from papergym.envs.mine.voxel.terrain import SIZE
from papergym.envs.mine.voxel.world import World
from papergym.wrappers.vision.concepts import CONCEPTS, GOALS, NAMES
from papergym.wrappers.vision.scorer import FRAMES
from papergym.wrappers.vision.small import SmallScorer
from papergym.wrappers.vision.training.clips import walk

SEED, FAR, NEAR, SHORTEST, LONGEST, WALK, QUIET = 5_000_000, 12.0, 2.5, 20, 600, 100, 2.0
"""First seed; blocks where an approach begins and ends; its steps at least and at most; steps of a walk; logit of an alarm."""


class Distance:
    """Distance from the player's eyes to the nearest goal, in blocks.

    Args:
        task: names the goal.
        world: of the episode; blocks are looked up once, animals at every call.
    """

    def __init__(self, task: str, world: World) -> None:
        concept = CONCEPTS[NAMES.index(GOALS[task])]
        self._world, self._kinds = world, [mobs.KINDS.index(name) for name in concept.entities]
        self._cells = np.zeros((0, 3))
        if not self._kinds:
            grid = world.grid.blocks
            air = np.pad(grid == blocks.AIR, ((0, 0), (0, 0), (1, 1)))
            near = air[:, :, 2:] | air[:, :, :-2]
            for axis in (0, 1):
                near |= np.roll(air, 1, axis)[:, :, 1:-1] | np.roll(air, -1, axis)[:, :, 1:-1]
            wanted = [number for number, name in enumerate(blocks.NAME) if name in concept.blocks]
            self._cells = np.argwhere(np.isin(grid, wanted) & near)[:, [0, 2, 1]] + 0.5

    def __call__(self) -> float:
        """Blocks; infinity where there is no goal."""
        world, goals = self._world, self._cells
        if self._kinds:
            flock = world.mobs[: world.mob_count]
            goals = flock[np.isin(flock[:, mobs.KIND], self._kinds)][:, [X, Y, Z]] + np.array([0, 0.7, 0])
        away = goals - (world.body[[X, Y, Z]] + np.array([0, EYE_HEIGHT, 0]))
        away[:, [0, 2]] = (away[:, [0, 2]] + SIZE / 2) % SIZE - SIZE / 2  # the world wraps around
        return float(np.sqrt((away**2).sum(1)).min(initial=np.inf))


def scored(scorer: SmallScorer, task: str, seed: int, policy: str, limit: int) -> Iterator[tuple[float, bool, World]]:
    """For each step of an episode the logit, whether its last 16 frames show the goal, and the world."""
    texts = scorer.encode_texts([FACTS["lsimagine"][task]["prompt"]])
    window, shown = np.zeros((1, FRAMES, scorer.feature_size), np.float32), deque([False], FRAMES)
    for rgb, labels, world in walk(task, seed, policy, limit):
        window = np.concatenate([window[:, 1:], scorer.encode_frames(rgb[None])[None]], axis=1)
        shown.append(bool((labels == NAMES.index(GOALS[task])).any()))
        yield float(scorer.logits(window, texts)[0, 0]), any(shown), world


def approach(scorer: SmallScorer, task: str, seed: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Logits and distances of the steps of one approach; None where the episode has none that is long enough."""
    logits, distances, distance = [], [], None
    for logit, _, world in scored(scorer, task, seed, "script", LONGEST):
        distance = distance or Distance(task, world)
        logits.append(logit)
        distances.append(distance())
        if distances[-1] <= NEAR:
            break
    else:
        return None
    far = np.flatnonzero(np.array(distances) >= FAR)
    begin = int(far[-1]) if len(far) else 0
    return None if len(logits) - begin < SHORTEST else (np.array(logits[begin:]), np.array(distances[begin:]))


def measure(scorer: SmallScorer, task: str, count: int) -> dict[str, float | int]:
    """One row: rank correlations of ``count`` approaches, and how quiet as many walks are."""
    found: list[float] = []
    tried = 0
    while len(found) < count and tried < 20 * count:
        taken = approach(scorer, task, SEED + tried)
        tried += 1
        if taken is not None:
            found.append(float(spearmanr(taken[0], -taken[1]).statistic))
    walks = [scored(scorer, task, SEED + 100_000 + number, "random", WALK) for number in range(count)]
    quiet = np.array([logit for steps in walks for logit, shown, _ in steps if not shown])
    low, middle, high = np.quantile(found, [0.25, 0.5, 0.75])
    return {
        "approaches": len(found),
        "episodes": tried,
        "rank_correlation": round(float(middle), 3),
        "lower_quartile": round(float(low), 3),
        "upper_quartile": round(float(high), 3),
        "goal_free_steps": len(quiet),
        "below_2": round(float((quiet < QUIET).mean()), 4),
        "logit_95": round(float(np.quantile(quiet, 0.95)), 2),
    }


def main() -> None:
    """Measure, print, and with ``--record`` write the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=40, help="approaches, and walks, for each task")
    parser.add_argument("--tasks", nargs="+", choices=list(GOALS), default=list(GOALS))
    parser.add_argument("--scorer", help="weights of the scorer, in place of the shipped ones")
    parser.add_argument("--record", action="store_true", help="write the rows to assets/results/affordance-approach.csv")
    options = parser.parse_args()
    torch.set_num_threads(1)
    scorer = SmallScorer(options.scorer)
    for task in options.tasks:
        row = {"trial": task, **measure(scorer, task, options.count)}
        print(", ".join(f"{name} {value}" for name, value in row.items()), flush=True)
        if options.record:
            append_row(results_path("affordance-approach"), {**row, **row_provenance()}, replace=True)


if __name__ == "__main__":
    main()

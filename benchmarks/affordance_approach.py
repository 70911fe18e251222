"""Does the small scorer's score rise on the way to a goal, and do walks that see no goal stay quiet?

    python benchmarks/affordance_approach.py                   # 40 approaches and 40 walks for each task
    python benchmarks/affordance_approach.py --record          # the same, rows to assets/results/affordance-approach.csv

An approach is a straight way of the camera, at a player's pace and with an unsteady hand, to a goal that is in view from the
first step: from at most 14 blocks away to 2 blocks. The score of a step is the logit of the last 16 frames, as the reward sees
it; the number of an approach is its rank correlation with nearness. A goal-free walk is 100 steps of a random player, without
the steps of whose last 16 frames one shows the goal in more than 0.1 % of its pixels. No world of the training is used.
"""

import argparse

import numpy as np
import torch
from scipy.stats import spearmanr

from papergym.agents.checkpoint.provenance import row_provenance
from papergym.agents.reproduction.results import append_row, results_path
from papergym.envs.mine.tasks import FACTS
from papergym.envs.mine.voxel import blocks
from papergym.envs.mine.voxel.march import EYE, FORWARD, RIGHT, TAN, UP
from papergym.envs.mine.voxel.physics import EYE_HEIGHT
from papergym.wrappers.vision.concepts import GOALS, NAMES, concept_map
from papergym.wrappers.vision.scorer import FRAMES
from papergym.wrappers.vision.small import SmallScorer
from papergym.wrappers.vision.training.clips import walk
from papergym.wrappers.vision.training.pictures import Photographer

SEED, FAR, NEAR, PACE, SHORTEST, WALK, TRACE, QUIET = 5_000_000, 14.0, 2.0, 0.216, 20, 100, 1e-3, 2.0
"""First seed; blocks where an approach begins at most, and where it ends; blocks a step (a player's walk at 20 steps a second);
steps of an approach at least; steps of a walk; share of pixels that is no goal yet; the logit of an alarm."""


def start(photographer: Photographer, goal: str) -> tuple[np.ndarray, np.ndarray] | None:
    """(3,) position of the eyes (x, y, z) and of a goal before them; None where this world shows none."""
    if photographer.look_at(goal) is None:
        return None
    camera, painter = photographer.env.painter.camera, photographer.env.painter
    labels, depth = concept_map(painter.segmentation()), painter.depth()
    rows, columns = np.nonzero(labels == NAMES.index(goal))
    pick = int(np.argmin((rows - np.median(rows)) ** 2 + (columns - np.median(columns)) ** 2))  # nearest to their middle
    row, column, (height, width) = rows[pick], columns[pick], labels.shape
    eye, forward, right, up = (camera.array[i : i + 3].copy() for i in (EYE, FORWARD, RIGHT, UP))
    across = (2 * (column + 0.5) / width - 1) * camera.array[TAN]
    above = (1 - 2 * (row + 0.5) / height) * camera.array[TAN + 1]
    return eye, eye + float(depth[row, column]) * (forward + across * right + above * up)


def approach(photographer: Photographer, goal: str, scorer: SmallScorer) -> tuple[np.ndarray, np.ndarray] | None:
    """Logits and distances (blocks) of the steps of one approach; None where there is no way of 20 steps through air."""
    found = start(photographer, goal)
    if found is None:
        return None
    eyes, target = found
    far = float(np.linalg.norm(target - eyes))
    if not NEAR + SHORTEST * PACE < far <= FAR:
        return None
    distances = np.arange(far, NEAR, -PACE)
    grid, frames = photographer.env.world.grid, []
    for place, shake in zip(target + (eyes - target) * distances[:, None] / far, _shakes(len(distances), photographer.rng)):
        if grid[int(np.floor(place[0])), int(np.floor(place[1])), int(np.floor(place[2]))] != blocks.AIR:
            return None
        frames.append(_look(photographer, place, target, shake))
    return logits_of(scorer, goal, np.stack(frames)), distances


def _shakes(count: int, rng: np.random.Generator) -> np.ndarray:
    """(count, 2) degrees of yaw and pitch by which the camera is off, from step to step a little different."""
    off = np.zeros((count, 2))
    for step in range(1, count):
        off[step] = 0.9 * off[step - 1] + rng.normal(0, 2, 2)
    return off


def _look(photographer: Photographer, eyes: np.ndarray, target: np.ndarray, shake: np.ndarray) -> np.ndarray:
    """(3, H, W) uint8 frame from ``eyes`` towards ``target``."""
    world, (right, up, ahead), (x, y, z) = photographer.env.world, target - eyes, eyes.tolist()
    yaw, pitch = (
        np.degrees(np.arctan2(-right, ahead)) + shake[0],
        -np.degrees(np.arctan2(up, np.hypot(right, ahead))) + shake[1],
    )
    world.put_player(x, y - EYE_HEIGHT, z, float(yaw), float(np.clip(pitch, -70, 70)))
    return photographer.env.painter.paint(world).copy()


def logits_of(scorer: SmallScorer, goal: str, frames: np.ndarray) -> np.ndarray:
    """(n,) logits of the task's prompt for the windows of 16 frames that end with each of (n, 3, H, W) frames."""
    task = next(task for task, name in GOALS.items() if name == goal)
    features = np.concatenate([np.zeros((FRAMES - 1, scorer.feature_size), np.float32), scorer.encode_frames(frames)])
    windows = np.stack([features[i : i + FRAMES] for i in range(len(frames))])
    return scorer.logits(windows, scorer.encode_texts([FACTS["lsimagine"][task]["prompt"]]))[:, 0]


def quiet_logits(scorer: SmallScorer, task: str, seed: int) -> np.ndarray:
    """Logits of the steps of a random player's walk whose last 16 frames show next to nothing of the goal."""
    goal, frames, shown = GOALS[task], [], []
    for rgb, labels, _ in walk(task, seed, "random", WALK):
        frames.append(rgb)
        shown.append(float((labels == NAMES.index(goal)).mean()) > TRACE)
    seen = np.array([any(shown[max(0, i - FRAMES + 1) : i + 1]) for i in range(len(shown))])
    return logits_of(scorer, goal, np.stack(frames))[~seen]


def measure(scorer: SmallScorer, task: str, count: int) -> dict[str, float | int]:
    """One row: rank correlations of ``count`` approaches, and how quiet as many walks are."""
    photographer, found, tried = Photographer(SEED), [], 0
    while len(found) < count:
        taken = approach(photographer, GOALS[task], scorer)
        tried += 1
        if taken is not None:
            found.append(float(np.asarray(spearmanr(taken[0], -taken[1]))[0]))
        if taken is not None or tried % 10 == 0:
            photographer.new_world()
    quiet = np.concatenate([quiet_logits(scorer, task, SEED + number) for number in range(count)])
    low, middle, high = np.quantile(found, [0.25, 0.5, 0.75])
    return {
        "approaches": len(found),
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

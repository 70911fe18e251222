"""How well the small scorer and the U-Net name and find things in the voxel world, on worlds and phrasings not trained on.

    python benchmarks/affordance_quality.py                    # 200 pictures with and 200 without the goal for each task
    python benchmarks/affordance_quality.py --images 40 --record   # rows go to assets/results/affordance-quality.csv

Prints Markdown: the share of clips whose caption is picked among ten; for each task the AUC of maps against the world's own
segmentation, how often the map's peak lies on the goal or within 6 pixels of it, and how many goals and false alarms one
threshold gives. The threshold, one for all tasks, is the lowest with at most 8 per cent of false alarms on one half of the
pictures; goals found and false alarms are those of the other half.
"""

import argparse
from collections.abc import Callable

import cv2
import numpy as np
import torch
from scipy.stats import rankdata

from papergym.agents.checkpoint.provenance import row_provenance
from papergym.agents.reproduction.published import markdown_table
from papergym.agents.reproduction.results import append_row, results_path
from papergym.envs.mine.tasks import FACTS
from papergym.wrappers.vision.affordance import ZoomAffordance, boxes, crops
from papergym.wrappers.vision.concepts import GOALS, NAMES, unseen_caption
from papergym.wrappers.vision.small import SmallScorer
from papergym.wrappers.vision.training.pictures import Photographer
from papergym.wrappers.vision.unet import AffordanceUNet

SEED, NEAR, CAPTIONS, PER_WORLD, ALARMS = 7_700_101, 6, 10, 5, 0.08
COLUMNS = ("auc", "peak_on_goal", "found", "false_alarms")
Map = Callable[[np.ndarray, str], np.ndarray]


def gather(goal: str, count: int, seed: int) -> tuple[list, list]:
    """``count`` pictures with the goal in 0.4 to 50 per cent of the pixels, and as many without any of it."""
    photographer, index = Photographer(seed), NAMES.index(goal)
    with_goal: list = []
    without: list = []
    tries = 0
    while len(with_goal) < count or len(without) < count:
        taken = photographer.look_at(goal) if len(with_goal) < count else None
        if taken is not None:
            with_goal.append(taken)
        if len(without) < count:
            other = photographer.anywhere()
            if not (other[1] == index).any():
                without.append(other)
        tries += 1
        if tries % PER_WORLD == 0 or (taken is None and len(with_goal) < count):
            photographer.new_world()
    return with_goal, without


def auc(heat: np.ndarray, truth: np.ndarray) -> float:
    """Probability that a goal pixel is hotter than another."""
    ranks, positives = rankdata(heat.ravel()), int(truth.sum())
    return float((ranks[truth.ravel()].sum() - positives * (positives + 1) / 2) / (positives * (truth.size - positives)))


def peak_hits(heat: np.ndarray, truth: np.ndarray) -> bool:
    """Whether the highest pixel lies on the goal or within NEAR pixels."""
    far = cv2.distanceTransform((~truth).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return bool(far.ravel()[int(heat.argmax())] <= NEAR)


def _share(labels: np.ndarray, box: np.ndarray) -> np.ndarray:
    top, left, bottom, right = box
    return np.bincount(labels[top:bottom, left:right].ravel(), minlength=256)[: len(NAMES)] / ((bottom - top) * (right - left))


def captions(scorer: SmallScorer, pictures: list, rng: np.random.Generator, goal: str | None = None) -> dict[str, list[bool]]:
    """For each concept whether its caption, in an unseen phrasing, beats nine of things that the clip does not end on.

    A clip is one of the 81 zooms: the one that ends on most of ``goal``, or a random one; what fills most of its end, at least
    30 per cent for a goal and 40 for the rest, is the right answer.
    """
    hits: dict[str, list[bool]] = {name: [] for name in NAMES}
    for rgb, labels in pictures:
        rectangles = boxes(*labels.shape)
        shares = np.array([_share(labels, box[-1]) for box in rectangles])
        number = int(rng.integers(len(rectangles))) if goal is None else int(shares[:, NAMES.index(goal)].argmax())
        box, share = rectangles[number], shares[number]
        best = int(share.argmax()) if goal is None else NAMES.index(goal)
        if share[best] < (0.4 if goal is None else 0.3):
            continue
        absent = [i for i in range(len(NAMES)) if share[i] < 0.02]
        texts = [best, *rng.permutation(absent)[: CAPTIONS - 1]]
        features = scorer.encode_frames(crops(rgb, box, scorer.crop_size))[None]
        logits = scorer.logits(features, scorer.encode_texts([unseen_caption(int(i), rng) for i in texts]))
        hits[NAMES[best]].append(bool(logits[0].argmax() == 0))
    return hits


def measure(maps: Map, goal: str, prompt: str, with_goal: list, without: list) -> dict[str, np.ndarray]:
    """AUC and peak of each picture with the goal; highest value of each map, with and without it."""
    found = [(maps(rgb, prompt), labels == NAMES.index(goal)) for rgb, labels in with_goal]
    return {
        "auc": np.array([auc(heat, truth) for heat, truth in found]),
        "peak": np.array([peak_hits(heat, truth) for heat, truth in found]),
        "high": np.array([heat.max() for heat, _ in found]),
        "alarm": np.array([maps(rgb, prompt).max() for rgb, _ in without]),
    }


def threshold(results: list[dict[str, np.ndarray]], part: slice) -> float:
    """The lowest value at which no more than ALARMS of the pictures without a goal reach it, over all tasks."""
    alarm = np.concatenate([r["alarm"][part] for r in results])
    return float(np.quantile(alarm, 1 - ALARMS, method="higher"))


def rows_of(name: str, results: dict[str, dict[str, np.ndarray]]) -> list[dict[str, object]]:
    """One row for each task, and their mean, of one kind of map."""
    cut, rows = threshold(list(results.values()), np.s_[::2]), []
    for task, r in results.items():
        values = (r["auc"].mean(), r["peak"].mean(), (r["high"][1::2] >= cut).mean(), (r["alarm"][1::2] >= cut).mean())
        rows.append({"what": name, "task": task, "images": len(r["auc"]), **dict(zip(COLUMNS, values))})
    rows.append({**rows[0], "task": "mean", **{key: np.mean([row[key] for row in rows]) for key in COLUMNS}})
    return [{**row, **{key: round(float(row[key]), 4) for key in COLUMNS}, "threshold": round(cut, 4)} for row in rows]


def caption_rows(hits: dict[str, list[bool]]) -> list[dict[str, object]]:
    """One row for each concept, and one for all clips: how often the right caption was picked."""
    every = {**hits, "all": [hit for found in hits.values() for hit in found]}
    return [
        {
            "what": f"right caption among {CAPTIONS}",
            "task": name,
            "images": len(found),
            "share": round(float(np.mean(found)), 4),
        }
        for name, found in every.items()
        if found
    ]


def markdown(rows: list[dict[str, object]]) -> str:
    """The rows of one kind as a Markdown table."""
    keys = list(dict.fromkeys(key for row in rows for key in row))
    return markdown_table(keys, [[row[key] for key in keys] for row in rows])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--images", type=int, default=200, help="pictures with, and as many without, the goal of each task")
    parser.add_argument("--scorer", help="weights of the scorer, in place of the shipped ones")
    parser.add_argument("--unet", help="weights of the U-Net, in place of the shipped ones")
    parser.add_argument("--seed", type=int, default=SEED, help="of the worlds, the views and the phrasings")
    parser.add_argument("--record", action="store_true", help="write the rows to assets/results/affordance-quality.csv")
    parser.add_argument("--maps", nargs="+", default=["zoom", "unet"], choices=["zoom", "unet"])
    options = parser.parse_args()
    torch.set_num_threads(1)
    scorer, rng = SmallScorer(options.scorer), np.random.default_rng(options.seed)
    kinds: dict[str, Map] = {}
    if "zoom" in options.maps:
        zoom = ZoomAffordance(scorer, divide="count", frames="late")
        kinds["virtual exploration"] = lambda rgb, prompt: zoom(rgb[None], prompt)[0, 0]
    if "unet" in options.maps:
        unet = AffordanceUNet(scorer, options.unet)
        kinds["U-Net"] = lambda rgb, prompt: unet(rgb[None], prompt)[0, 0]
    results: dict[str, dict] = {kind: {} for kind in kinds}
    hits: dict[str, list[bool]] = {name: [] for name in NAMES}
    for number, (task, goal) in enumerate(GOALS.items()):
        with_goal, without = gather(goal, options.images, options.seed + number)
        for found in (captions(scorer, with_goal, rng, goal), captions(scorer, without, rng)):
            for name, values in found.items():
                hits[name] += values
        for kind, maps in kinds.items():
            results[kind][task] = measure(maps, goal, FACTS["lsimagine"][task]["prompt"], with_goal, without)
    tables = [caption_rows(hits), *(rows_of(kind, found) for kind, found in results.items())]
    print("\n".join(markdown(rows) for rows in tables))
    for row in (row for rows in tables for row in rows) if options.record else ():
        append_row(
            results_path("affordance-quality"),
            {"trial": f"{row['what']}, {row['task']}", **row, **row_provenance()},
            replace=True,
        )


if __name__ == "__main__":
    main()

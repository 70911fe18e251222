"""How much of an image has to be known to tell its closer view from nine others?

    python benchmarks/jump_views.py          # two minutes; rows go to assets/results/lsimagine-jump-views.csv
    python benchmarks/jump_views.py --dry    # print only

The test of jumps of `world_model_quality.py`, 500 views of 16x16 pixels, put to somebody who knows the box of the closer view
exactly, and the image at a coarser resolution only. A model with the result of a row knows no more than that row. Episodes,
players and views are those of that test, with a jump flag that begins without statistics.
"""

import argparse
from typing import Any

import cv2
import numpy as np
from rich.progress import track
from scipy.stats import binomtest
from world_model_quality import OTHERS, SIDE, nearest, play

from papergym.agents.checkpoint.provenance import row_provenance
from papergym.agents.reproduction.results import results_path, write_rows
from papergym.agents.runner.evaluation import make_env

NAME, ENV, ARGUMENTS = "lsimagine-jump-views", "LSImagine-HarvestLogInPlains-v0", {"affordance": True, "repeat": 4}
RESOLUTIONS = (64, 32, 16, 8, 4)


class Noted:
    """A jump flag whose boxes are kept, one for each step, as shares of the image's edges; None where there is none."""

    def __init__(self, flag: Any) -> None:
        self.flag, self.boxes = flag, []

    def __call__(self, frames: np.ndarray, *more: Any) -> Any:
        """See :class:`papergym.wrappers.vision.JumpFlag`."""
        steps, (height, width) = self.flag(frames, *more), frames.shape[-2:]
        box = steps[0].box
        self.boxes.append(None if box is None else np.array(box) / (height, width, height, width))
        return steps

    def __getattr__(self, name: str) -> Any:
        return getattr(self.flag, name)


def small(image: np.ndarray) -> np.ndarray:
    """(SIDE, SIDE, 3) of (H, W, 3) float32."""
    return cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def guess(image: np.ndarray, box: np.ndarray, resolution: int) -> np.ndarray:
    """The closer view (SIDE, SIDE, 3) of an image (64, 64, 3) that is known at a resolution; ``box`` as in :class:`Noted`."""
    known = cv2.resize(image, (resolution, resolution), interpolation=cv2.INTER_AREA)
    large = cv2.resize(known, (512, 512), interpolation=cv2.INTER_LINEAR)
    top, left, bottom, right = (512 * box).round().astype(int)
    return small(large[top:bottom, left:right])


def views(number: int, env: Any, flag: Noted) -> dict[str, np.ndarray]:
    """Views of an episode and what may be guessed of them, each ``(n, 3, SIDE, SIDE)`` float32 between 0 and 1; their boxes."""
    flag.boxes.clear()
    episode = play(env, number)
    rows: dict[str, list[np.ndarray]] = {name: [] for name in ("view", "image", "colour", *map(str, RESOLUTIONS), "box")}
    for step, closer in zip(episode["view"], episode["zoomed"]):
        image, view = (np.float32(picture.transpose(1, 2, 0)) / 255 for picture in (episode["image"][step], closer))
        box, known = flag.boxes[step], {str(side): guess(image, flag.boxes[step], side) for side in RESOLUTIONS}
        mean = np.broadcast_to(known["64"].mean((0, 1)), (SIDE, SIDE, 3))
        for name, value in {"view": small(view), "image": small(image), "colour": mean, **known}.items():
            rows[name].append(value.transpose(2, 0, 1))
        rows["box"].append(box)
    return {name: np.array(values, np.float32) for name, values in rows.items() if values}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=24)
    parser.add_argument("--dry", action="store_true", help="print only")
    options = parser.parse_args()
    env = make_env(ENV, ARGUMENTS)
    parts = env.get_wrapper_attr("parts")
    parts.flag = flag = Noted(parts.flag)
    found = [views(number, env, flag) for number in track(range(options.episodes), "episodes")]
    edges = np.concatenate([judged["box"][:, 2] - judged["box"][:, 0] for judged in found if judged])
    asked = {"image": "the image itself", "colour": "mean colour in the box"}
    asked |= {str(side): f"box, image of {side}x{side}" for side in RESOLUTIONS[::-1]}
    rows = []
    for name, hits in nearest(found, 500, asked).items():
        share = binomtest(int(hits.sum()), len(hits)).proportion_ci(method="wilson")
        row = {"known": asked[name], "of": OTHERS + 1, "views": len(hits), "median_edge": round(float(np.median(edges)), 3)}
        row |= dict(zip(("nearest", "nearest_low", "nearest_high"), (round(100 * x, 1) for x in (hits.mean(), *share))))
        print(f"{asked[name]:24} {row['nearest']:5} % ({row['nearest_low']} to {row['nearest_high']})")
        rows.append(row | row_provenance() | {"command": "python benchmarks/jump_views.py"})
    if not options.dry:
        write_rows(results_path(NAME), rows)


if __name__ == "__main__":
    main()

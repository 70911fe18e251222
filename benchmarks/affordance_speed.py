"""What the vision wrappers cost on one core: the chain of LS-Imagine, the maps, a MineCLIP step, weights in bfloat16.

    taskset -c 0 python benchmarks/affordance_speed.py                # without MineCLIP where the extra is not installed

MineCLIP has random weights, which cost what the released ones do. Medians of processor time, which other work on the machine
disturbs less than the clock does. Writes assets/results/affordance-speed.csv.
"""

import argparse
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch

from papergym.agents.checkpoint.provenance import row_provenance
from papergym.agents.reproduction.results import read_rows, results_path, write_rows
from papergym.envs.mine import make
from papergym.wrappers import vector
from papergym.wrappers.mine import ACTIONS, LSImagineActions
from papergym.wrappers.vision.affordance import ZoomAffordance, boxes, crops
from papergym.wrappers.vision.jump import JumpFlag
from papergym.wrappers.vision.lsimagine import LSImagine
from papergym.wrappers.vision.rewards import AffordanceReward, MineCLIPReward, MineCLIPScore
from papergym.wrappers.vision.small import SmallScorer
from papergym.wrappers.vision.unet import AffordanceUNet

TASK, PROMPT, ENVS = "harvest_log_in_plains", "Cut a tree", 8


def milliseconds(work: Callable[[], Any], times: int) -> float:
    """Median processor time of ``work``, after one run that is not counted."""
    work()
    taken = []
    for _ in range(times):
        begin = time.process_time()
        work()
        taken.append(time.process_time() - begin)
    return 1e3 * float(np.median(taken))


def chain_rate(steps: int) -> float:
    """Steps a second of one environment with the whole chain."""
    env = LSImagine(make(TASK, cam_interval=10), TASK)
    env.reset(seed=0)
    rng = np.random.default_rng(0)
    for _ in range(10):
        env.step(int(rng.integers(len(ACTIONS))))
    begin = time.process_time()
    for _ in range(steps):
        _, _, terminated, truncated, _ = env.step(int(rng.integers(len(ACTIONS))))
        if terminated or truncated:
            env.reset()
    return steps / (time.process_time() - begin)


def batched_rate(steps: int) -> float:
    """Steps a second of eight environments together, one pass of each network for all of them."""
    pictures = [lambda: Picture(LSImagineActions(make(TASK, cam_interval=10))) for _ in range(ENVS)]
    envs = gym.vector.SyncVectorEnv(pictures, copy=False)
    scorer, rng = SmallScorer(), np.random.default_rng(0)
    envs = vector.AffordanceObservation(envs, AffordanceUNet(scorer), PROMPT, JumpFlag())
    envs = AffordanceReward(MineCLIPReward(envs, PROMPT, scorer, "record"), "record")
    envs.reset(seed=0)
    for _ in range(5):
        envs.step(rng.integers(len(ACTIONS), size=ENVS))
    begin = time.process_time()
    for _ in range(steps // ENVS):
        envs.step(rng.integers(len(ACTIONS), size=ENVS))
    return steps / (time.process_time() - begin)


class Picture(gym.ObservationWrapper):
    """The picture alone, which is all that these rewards read."""

    def __init__(self, env: gym.Env) -> None:
        super().__init__(env)
        self.observation_space = env.observation_space["rgb"]  # type: ignore[index]

    def observation(self, observation: dict[str, Any]) -> np.ndarray:
        """(3, H, W) uint8."""
        return observation["rgb"]


def naive_exploration(scorer: SmallScorer, frame: np.ndarray) -> None:
    """Virtual exploration with one call of the scorer for each crop, as a plain loop does it."""
    zoom, texts = ZoomAffordance(scorer), scorer.encode_texts([PROMPT])
    logits = []
    for box in boxes(*frame.shape[1:]):
        features = [scorer.encode_frames(crops(frame, rectangle[None], scorer.crop_size))[0] for rectangle in box]
        logits.append(scorer.logits(np.stack(features)[None], texts)[0])
    zoom.paint(np.stack(logits), *frame.shape[1:])


def mineclip_rows(times: int, unet: float) -> list[tuple[str, str]]:
    """A step of MineCLIP against a frame, its virtual exploration from its frame time, and bfloat16 against float32."""
    from papergym.wrappers.vision.mineclip import MineCLIP

    frame = np.random.default_rng(0).integers(0, 256, (1, 3, 160, 256), np.uint8)
    scorer = MineCLIP("attn")
    exact = scorer.encode_frames(frame)[0]
    full = milliseconds(lambda: scorer.encode_frames(frame), times)
    bonus = MineCLIPScore(prompt=PROMPT, scorer=scorer, mode="record")
    step = milliseconds(lambda: bonus.reward(frame), times)
    scorer.convert(torch.bfloat16)
    half = milliseconds(lambda: scorer.encode_frames(frame), times)
    near = scorer.encode_frames(frame)[0]
    cosine = float(exact @ near / np.linalg.norm(exact) / np.linalg.norm(near))
    return [
        ("MineCLIP, one frame, float32", f"{full:.0f} ms"),
        ("MineCLIP, one step of the reward, in frames", f"{step / full:.2f}"),
        ("MineCLIP, one frame, bfloat16 weights", f"{half:.0f} ms, {full / half:.2f} times as fast, cosine {cosine:.6f}"),
        (
            "MineCLIP, virtual exploration (1,216 frames at that rate)",
            f"{1216 * half / 1e3:.0f} s, {1216 * half / unet:.0f} times the U-Net",
        ),
    ]


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--output", type=Path, default=results_path("affordance-speed"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    scorer = SmallScorer()
    unet, frame = AffordanceUNet(scorer), np.random.default_rng(0).integers(0, 256, (1, 3, 160, 256), np.uint8)
    zoom = ZoomAffordance(scorer)
    one = milliseconds(lambda: unet(frame, PROMPT), 30)
    explored = milliseconds(lambda: zoom(frame, PROMPT), options.times)
    naive = milliseconds(lambda: naive_exploration(scorer, frame[0]), 2)
    rows = [
        ("chain of LS-Imagine, one environment", f"{chain_rate(options.steps):.0f} steps/s"),
        (f"the same, {ENVS} environments batched", f"{batched_rate(options.steps):.0f} steps/s"),
        ("U-Net, one frame", f"{one:.1f} ms"),
        ("virtual exploration, small scorer, batched", f"{explored:.0f} ms, {explored / one:.0f} times the U-Net"),
        ("virtual exploration, crop by crop", f"{naive:.0f} ms, {naive / explored:.2f} times the batched one"),
    ]
    if find_spec("open_clip"):
        rows += mineclip_rows(options.times, one)
    else:
        print("MineCLIP is not measured: it needs papergym[vision]. Its rows of the table stay as they are.")
    print("\n".join(["| what | figure |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows)]))
    new = [{"what": name, "figure": value, **row_provenance()} for name, value in rows]
    names = {name for name, _ in rows}
    write_rows(options.output, [*new, *(row for row in read_rows(options.output) if row["what"] not in names)])


if __name__ == "__main__":
    main()

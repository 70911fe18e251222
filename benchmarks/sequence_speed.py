"""An update of both transformers, and a decision of the Decision Transformer, against plain PyTorch forms.

The plain forms are in ``sequence_plain.py``. They are given our weights, and must give the same numbers before anything is
timed. Both sides take turns in one process with one thread. A block is timed in CPU seconds; the table holds medians of
milliseconds over the blocks and of the ratios of neighbouring blocks.

Sizes are the papers' for MuJoCo, with Hopper's 11 observations and 3 actions. An update of the Trajectory Transformer has 16
windows of ten transitions in place of 256, for time. A decision is one of every environment of the batch, with a full context.

    python benchmarks/sequence_speed.py            # rows go to assets/results/sequence-speed.csv
    python benchmarks/sequence_speed.py --cases dt-act-1 --blocks 3
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import sequence_plain as plain
import torch

from papergym.agents.checkpoint.provenance import row_provenance
from papergym.agents.data.dataset import Dataset, Episode
from papergym.agents.dt.config import Config as DTConfig
from papergym.agents.dt.convert import huggingface_weights
from papergym.agents.dt.learner import DecisionTransformer
from papergym.agents.reproduction.results import read_rows, results_path, write_rows
from papergym.agents.runner.plan import draft
from papergym.agents.runner.registry import agent
from papergym.agents.tt.convert import to_official
from papergym.agents.tt.learner import TrajectoryTransformerLearner

OBS, ACT, STEPS, EPISODES = 11, 3, 1000, 100
Pair = tuple[Callable[[], Any], Callable[[], Any]]


class Spaces(gym.Env):
    """An environment of which only the spaces are asked for."""

    observation_space = gym.spaces.Box(-np.inf, np.inf, (OBS,), np.float32)
    action_space = gym.spaces.Box(-1, 1, (ACT,), np.float32)


def make_data() -> Dataset:
    """Episodes of random steps."""
    rng = np.random.default_rng(0)

    def episode() -> Episode:
        actions = rng.uniform(-1, 1, (STEPS, ACT)).astype(np.float32)
        return Episode(rng.normal(size=(STEPS + 1, OBS)).astype(np.float32), actions, rng.normal(size=STEPS), True)

    return Dataset.from_episodes([episode() for _ in range(EPISODES)], Spaces.observation_space, Spaces.action_space)


def decision_transformers(data: Dataset) -> tuple[DecisionTransformer, plain.PlainDecisionTransformer, float]:
    """Ours, the plain form with the same weights, and the scale of the returns."""
    config = DTConfig(max_timestep=STEPS)
    ours = DecisionTransformer(Spaces(), config, data, seed=0, device="cpu")
    ours.begin(data)
    shape = {"width": config.width, "layers": config.layers, "context": config.context, "dropout": config.dropout}
    other = plain.PlainDecisionTransformer(OBS, ACT, **shape, rows=STEPS)
    left_over = other.load_state_dict(huggingface_weights(ours.policy)[1], strict=False)
    assert not left_over.missing_keys, left_over
    return ours, other, ours.policy.return_scale.item()


def dt_train() -> Pair:
    """An update with 64 windows."""
    data = make_data()
    ours, other, scale = decision_transformers(data)
    policy, size = ours.policy.set_training_mode(False) or ours.policy, ours.config.batch_size
    states, actions, left, times, mask = plain.decision_batch(data, other.eval(), scale, size, np.random.default_rng(0))
    whole = mask.bool().all(1)
    seen = states[whole] * (policy.state_std + 1e-6) + policy.state_mean
    with torch.no_grad():
        found, _ = policy(seen, actions[whole], left[whole][..., 0] * scale, times[whole])
        torch.testing.assert_close(found, other(states, actions, left, times, mask)[whole], rtol=1e-3, atol=1e-5)
    return (lambda: ours.advance(data)), plain.decision_update(other.train(), data, scale, size)


def dt_act(count: int) -> Pair:
    """A decision of ``count`` environments."""
    data = make_data()
    ours, other, scale = decision_transformers(data)
    other.eval()
    mean, std = torch.as_tensor(data.observations.mean(0)), torch.as_tensor(data.observations.std(0)) + 1e-6
    stream = np.random.default_rng(1).normal(size=(STEPS, count, OBS)).astype(np.float32)
    context, shapes = other.context, (OBS, ACT, 1)
    history = [torch.zeros(count, context, size) for size in shapes] + [torch.zeros(count, context)] * 2
    memory: dict[str, Any] = {"ours": None, "plain": history, "step": [0, 0], "told": np.full(count, 50.0)}

    def decide() -> np.ndarray:
        step, memory["step"][0] = memory["step"][0], memory["step"][0] + 1
        first, paid = np.full(count, step == 0), np.full(count, float(step > 0))
        actions, memory["ours"] = ours.policy.act(stream[step % STEPS], first, paid, memory["told"], memory["ours"])
        if step + 1 == STEPS:
            memory["step"][0] = 0
        return actions

    def decide_plainly() -> np.ndarray:
        step, memory["step"][1] = memory["step"][1], (memory["step"][1] + 1) % STEPS
        memory["plain"] = history if step == 0 else memory["plain"]
        new = (torch.as_tensor(stream[step]), torch.zeros(count, ACT), torch.full((count, 1), (50.0 - step) / scale))
        new = (*new, torch.full((count,), float(step)), torch.ones(count))
        memory["plain"] = [torch.cat((old[:, 1:], one[:, None]), 1) for old, one in zip(memory["plain"], new)]
        states, actions, left, times, mask = memory["plain"]
        with torch.no_grad():
            inputs = ((states - mean) / std * mask[..., None], actions, left, times.long(), mask)
            chosen = other(*inputs)[:, -1]
        actions[:, -1] = chosen
        return chosen.numpy()

    for _ in range(2 * context):
        np.testing.assert_allclose(decide(), decide_plainly(), atol=1e-4)
    return decide, decide_plainly


def tt_train() -> Pair:
    """An update with 16 windows of ten transitions."""
    data = make_data()
    config = draft(agent("tt"), "repo", {"batch_size": 16}).config
    ours = TrajectoryTransformerLearner(Spaces(), config, data, seed=0, device="cpu")
    ours.begin(data)
    model = ours.policy.model
    shape = {"width": config.width, "layers": config.layers, "heads": config.heads, "dropout": config.dropout}
    other = plain.PlainTrajectoryTransformer(model.size, model.bins, len(model.position), **shape)
    other.load_state_dict(to_official(model))
    rng = np.random.default_rng(0)

    def windows() -> tuple[torch.Tensor, torch.Tensor]:
        batch = ours._windows.batch(rng.integers(len(ours._windows), size=config.batch_size))
        return batch.tokens, batch.mask

    tokens, _ = windows()
    with torch.no_grad():
        torch.testing.assert_close(model.eval()(tokens[:, :-1]), other.eval()(tokens[:, :-1]), rtol=1e-3, atol=1e-4)
    model.train()
    return (lambda: ours.advance(data)), plain.trajectory_update(other.train(), windows, ours._weights)


CASES: dict[str, tuple[Callable[[], Pair], int]] = {
    "dt-train": (dt_train, 4),
    "dt-act-1": (lambda: dt_act(1), 100),
    "dt-act-64": (lambda: dt_act(64), 10),
    "tt-train": (tt_train, 3),
}
"""What is timed, and how often in a block."""


def timed(call: Callable[[], Any], count: int) -> float:
    """CPU milliseconds per call."""
    begin = time.process_time()
    for _ in range(count):
        call()
    return (time.process_time() - begin) / count * 1e3


def measure(name: str, blocks: int) -> dict[str, Any]:
    """One row."""
    make, count = CASES[name]
    torch.manual_seed(0)
    sides = make()
    for side in sides:
        timed(side, max(count // 4, 1))
    pairs = []
    for block in range(blocks):
        order = (0, 1) if block % 2 == 0 else (1, 0)
        found = {side: timed(sides[side], count) for side in order}
        pairs.append((found[0], found[1]))
    mine, theirs = (statistics.median(column) for column in zip(*pairs))
    ratios = [right / left for left, right in pairs]
    numbers = {"ours_ms": f"{mine:.2f}", "plain_ms": f"{theirs:.2f}", "ratio": f"{statistics.median(ratios):.2f}"}
    more = {"least_ratio": f"{min(ratios):.2f}", "blocks": blocks}
    command = f"python benchmarks/sequence_speed.py --cases {name}"
    return {"case": name, **numbers, **more, **row_provenance(), "command": command}


def main() -> None:
    """Measure the cases and keep their rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="*", default=list(CASES), choices=list(CASES))
    parser.add_argument("--blocks", type=int, default=9)
    parser.add_argument("--dry", action="store_true", help="print only")
    given = parser.parse_args()
    torch.set_num_threads(1)
    path = results_path("sequence-speed")
    for name in given.cases:
        row = measure(name, given.blocks)
        print({column: row[column] for column in list(row)[:6]}, flush=True)
        if not given.dry:
            write_rows(path, [*[old for old in read_rows(path) if old["case"] != name], row])


if __name__ == "__main__":
    main()

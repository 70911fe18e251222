"""Seconds per decision of the Trajectory Transformer's planner: the official algorithm against the cached one.

The official algorithm computes every window anew for every token; ``papergym.agents.tt.reference`` is that search in its plain
form. Both searches are given the same network, past and uniform numbers, and must return the same plan. They run in turn in one
process with one thread; the table holds medians of CPU seconds, the median of the ratios of neighbouring runs, and the ratio of
the tokens that went through the network. Weights are random: a trained model has more beams in common and gains more.

A decision of Hopper's official setting takes the official code minutes. There only the first steps of the horizon are timed, as
the column ``measured_horizon`` says, and the seconds are multiplied by the tokens of the whole search over those of its first
steps: the window has its full length from the first step on, so every token costs the same. Ours is timed whole everywhere.

    python benchmarks/planning_speed.py                       # all cases; rows go to assets/results/planning-speed.csv
    python benchmarks/planning_speed.py --cases hopper --runs 3
    python benchmarks/planning_speed.py --official FOLDER     # a clone of jannerm/trajectory-transformer as well
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import importlib
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import torch

from papergym.agents.checkpoint.provenance import row_provenance
from papergym.agents.reproduction.results import read_rows, results_path, write_rows
from papergym.agents.tt import reference
from papergym.agents.tt.convert import to_official
from papergym.agents.tt.discretizer import Discretizer
from papergym.agents.tt.model import TrajectoryTransformer
from papergym.agents.tt.planning import Search, plan_reward
from papergym.agents.tt.sampling import Draw, uniform_draws

NAME = "planning-speed"
CASES = {  # observation and action dimensions; horizon and beam width of config/offline.py
    "hopper": (11, 3, 15, 128),
    "halfcheetah": (17, 6, 5, 32),
    "hopper-short": (11, 3, 5, 32),
}
MEASURED = {"hopper": 3}
"""Case -> steps of its horizon that the searches without a cache are timed on; the others on all."""


def make(observation_dim: int, action_dim: int, window: int = 10) -> tuple[TrajectoryTransformer, Discretizer]:
    """A network of the official size, of random weights that make its distributions neither flat nor sharp."""
    torch.manual_seed(0)
    model = TrajectoryTransformer(observation_dim, action_dim, window=window).eval()
    with torch.no_grad():
        for embedding in (model.token.weight, model.position, model.head):
            embedding.normal_(std=0.1)
    thresholds = np.sort(np.random.default_rng(0).normal(size=(model.bins + 1, model.size)), axis=0)
    return model, Discretizer(thresholds)


def repeated(seed: int) -> Draw:
    """Uniform numbers that begin anew for each planner."""
    return uniform_draws(torch.Generator().manual_seed(seed))


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    begun = time.process_time()
    result = call()
    return time.process_time() - begun, result


def measure(key: str, runs: int, official: Path | None) -> dict[str, Any]:
    """Row of the table for one planning case."""
    observation_dim, action_dim, horizon, width = CASES[key]
    model, bins = make(observation_dim, action_dim)
    search = Search(horizon=horizon, beam_width=width)
    part = replace(search, horizon=min(MEASURED.get(key, horizon), horizon))
    plain_passes = count_passes(model, search)
    factor = plain_passes / count_passes(model, part)
    seconds: dict[str, list[float]] = {"ours": [], "plain": [], "official": []}
    passes = 0
    for run in range(runs):
        generator = torch.Generator().manual_seed(run)
        past = torch.randint(0, model.bins, (4, model.size), generator=generator)
        past[:, -1] = model.bins - 1
        current = torch.randint(0, model.bins, (observation_dim,), generator=generator)
        arguments = (model, bins, past, current, part)
        ours = partial(plan_reward, model, bins, past[None], current[None])
        calls = {
            "ours": partial(ours, search, repeated(run)),
            "plain": partial(reference.plan_reward, *arguments, repeated(run)),
        }
        if official is not None:
            calls["official"] = partial(official_plan, official, *arguments, repeated(run))
        found = {}
        for name in list(calls) if run % 2 == 0 else reversed(list(calls)):
            spent, found[name] = timed(calls[name])
            seconds[name].append(spent if name == "ours" else factor * spent)
        passes = found["ours"].passes
        plan = (found["ours"] if part == search else ours(part, repeated(run))).tokens[0].tolist()
        assert plan == found["plain"][0].tolist(), "the plans differ"
        if official is not None:
            assert plan == found["official"].tolist(), "the official plan differs"
    median = {name: statistics.median(values) for name, values in seconds.items() if values}
    row = {
        "case": key,
        "ours_cpu_s": round(median["ours"], 4),
        "plain_cpu_s": round(median["plain"], 4),
        "official_cpu_s": round(median["official"], 4) if official else "",
        "ratio": round(ratio(seconds["plain"], seconds["ours"]), 2),
        "official_ratio": round(ratio(seconds["official"], seconds["ours"]), 2) if official else "",
        "token_ratio": round(plain_passes / passes, 2),
        "runs": runs,
        "measured_horizon": f"{part.horizon} of {horizon}",
    }
    return row


def count_passes(model: TrajectoryTransformer, search: Search) -> int:
    """Tokens that go through the network in the plain search: those of a network of the same layout and next to no width."""
    small = TrajectoryTransformer(model.observation_dim, model.action_dim, window=model.window, width=4, layers=1, heads=1)
    bins = Discretizer(np.sort(np.random.default_rng(0).normal(size=(small.bins + 1, small.size)), axis=0))
    past, current = torch.zeros(4, small.size, dtype=torch.int64), torch.zeros(small.observation_dim, dtype=torch.int64)
    return reference.plan_reward(small.eval(), bins, past, current, search, repeated(0))[1]


def ratio(slow: list[float], fast: list[float]) -> float:
    return statistics.median(one / other for one, other in zip(slow, fast))


@contextmanager
def _inverse_sampling(draw: Draw) -> Any:
    """Let the official code draw by inverse transform sampling from the same uniform numbers."""
    kept = torch.multinomial

    def sample(probabilities: torch.Tensor, num_samples: int) -> torch.Tensor:
        cumulative = probabilities.cumsum(-1)
        uniform = draw(1, len(probabilities)).T
        return (cumulative <= uniform * cumulative[:, -1:]).sum(-1, keepdim=True)

    torch.multinomial = sample
    try:
        yield
    finally:
        torch.multinomial = kept


_MODELS: dict[int, Any] = {}


def official_code(folder: Path) -> tuple[Any, Any]:
    """Network and search of the clone.

    Its utilities import gym, mujoco_py and others, of which the search uses a progress bar that it can do without.
    """
    if "trajectory.utils" not in sys.modules:
        utils, arrays = ModuleType("trajectory.utils"), ModuleType("trajectory.utils.arrays")
        vars(utils)["Silent"] = lambda: SimpleNamespace(update=lambda numbers: None, stamp=lambda: None)
        vars(arrays)["to_torch"] = torch.as_tensor
        sys.modules |= {"trajectory.utils": utils, "trajectory.utils.arrays": arrays}
        sys.path.insert(0, str(folder))
    network = importlib.import_module("trajectory.models.transformers")
    return network.GPT, importlib.import_module("trajectory.search.core").beam_plan


def official_plan(
    folder: Path, model: TrajectoryTransformer, bins: Discretizer, past: Any, current: Any, search: Search, draw: Draw
) -> torch.Tensor:
    """The plan of the official ``beam_plan`` with the official network of the same weights."""
    GPT, beam_plan = official_code(folder)
    if id(model) not in _MODELS:
        config = SimpleNamespace(
            vocab_size=model.bins, block_size=len(model.position), n_layer=len(model.gpt.blocks), n_head=4, n_embd=128,
            observation_dim=model.observation_dim, action_dim=model.action_dim, transition_dim=model.size,
            action_weight=5, reward_weight=1, value_weight=1, embd_pdrop=0.1, resid_pdrop=0.1, attn_pdrop=0.1,
        )  # fmt: skip
        _MODELS[id(model)] = GPT(config).eval()
        _MODELS[id(model)].load_state_dict(to_official(model))

    def value_fn(probabilities: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        expected = [bins.expectation(probabilities[:, index, :-1], model.size - 2 + index) for index in (0, 1)]
        return expected[0].float(), expected[1].float()

    prefix = torch.cat((past.flatten(), current))[None]
    with _inverse_sampling(draw):
        return beam_plan(
            _MODELS[id(model)], value_fn, prefix, search.horizon, search.beam_width, search.n_expand,
            model.observation_dim, model.action_dim, search.discount, search.context, verbose=False,
            k_obs=1, k_act=None, cdf_obs=None, cdf_act=0.6,
        ).flatten()  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--official", type=Path, help="clone of jannerm/trajectory-transformer, measured beside")
    parser.add_argument("--dry", action="store_true", help="print the rows, write nothing")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    path = results_path(NAME)
    for key in arguments.cases:
        official = arguments.official
        row = measure(key, arguments.runs, official)
        command = f"python benchmarks/planning_speed.py --cases {key} --runs {arguments.runs}"
        row |= {**row_provenance(), "command": command + (" --official FOLDER" if official else "")}
        print("  ".join(f"{name} {value}" for name, value in list(row.items())[:9]), flush=True)
        if not arguments.dry:
            write_rows(path, [*(old for old in read_rows(path) if old["case"] != key), row])


if __name__ == "__main__":
    main()

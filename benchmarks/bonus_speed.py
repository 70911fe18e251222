"""Cost of novelty per environment step beside other exact k-NN searches and rllte-core; CPU time, one thread.

Every round times all methods one after another on the same data; a figure is the median over rounds. Peers only search a
memory that is ready; ``papergym score`` does that and all its checks, ``papergym reward`` also stores the new states. Peers
that are not installed are left out and named. rllte computes the rewards of a rollout at its end; both are timed for all that
they do for one. Writes assets/results/bonus-speed.csv.
"""

import argparse
import csv
import importlib.metadata
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch

from papergym.wrappers.intrinsic import NGU, RE3, Bonus, KNNNovelty, Transitions

RESULTS = Path(__file__).parent.parent / "assets" / "results"
ENVS, MEMORIES, DIMS, K = (1, 8, 64), (2_048, 100_000), (64, 128), 3
Method = Callable[[], Any]


def faiss_methods(memory: np.ndarray, queries: np.ndarray) -> dict[str, Method]:
    import faiss

    faiss.omp_set_num_threads(1)
    index = faiss.IndexFlatL2(memory.shape[1])
    index.add(memory)

    def blas() -> Any:
        before, faiss.cvar.distance_compute_blas_threshold = faiss.cvar.distance_compute_blas_threshold, 1
        found = index.search(queries, K)
        faiss.cvar.distance_compute_blas_threshold = before
        return np.sqrt(found[0])

    return {"faiss IndexFlatL2": lambda: np.sqrt(index.search(queries, K)[0]), "faiss, always BLAS": blas}


def torch_methods(memory: np.ndarray, queries: np.ndarray) -> dict[str, Method]:
    rows, asked = torch.from_numpy(memory), torch.from_numpy(queries)
    return {"torch cdist + topk": lambda: torch.cdist(asked, rows).topk(K, largest=False).values.numpy()}


def sklearn_methods(memory: np.ndarray, queries: np.ndarray) -> dict[str, Method]:
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=K, algorithm="brute").fit(memory)
    return {"scikit-learn brute": lambda: search.kneighbors(queries)[0]}


def own_methods(memory: np.ndarray, queries: np.ndarray) -> dict[str, Method]:
    scored, paid = (KNNNovelty(k=K, size=len(memory)) for _ in range(2))
    scored.observe(memory)
    paid.observe(memory)
    return {"papergym score": lambda: scored.score(queries), "papergym reward": lambda: paid.reward(queries)}


def methods(memory: np.ndarray, queries: np.ndarray) -> dict[str, Method]:
    found = {}
    for make in (own_methods, faiss_methods, torch_methods, sklearn_methods):
        try:
            found.update(make(memory, queries))
        except ImportError as error:
            print(f"left out: {error}")
    expected = np.sqrt(np.sort(((queries[:2, None].astype(np.float64) - memory) ** 2).sum(-1), axis=1)[:, :K])
    for name, method in found.items():
        if not name.startswith("papergym"):
            np.testing.assert_allclose(method()[:2], expected, rtol=1e-3, err_msg=name)
    np.testing.assert_allclose(found["papergym score"]()[:2], expected[:, -1], rtol=1e-5)
    return found


def interleaved(found: dict[str, Method], seconds: float) -> dict[str, float]:
    """Median CPU seconds of a call."""
    for method in found.values():
        method()
    once = {}
    for name, method in found.items():
        start = time.process_time()
        method()
        once[name] = max(time.process_time() - start, 1e-6)
    calls = {name: max(1, int(0.01 / duration)) for name, duration in once.items()}
    times: dict[str, list[float]] = {name: [] for name in found}
    end = time.process_time() + seconds
    while time.process_time() < end or len(next(iter(times.values()))) < 5:
        for name, method in found.items():
            start = time.process_time()
            for _ in range(calls[name]):
                method()
            times[name].append((time.process_time() - start) / calls[name])
    return {name: float(np.median(values)) for name, values in times.items()}


def knn_rows(seconds: float) -> list[dict[str, Any]]:
    rng, rows = np.random.default_rng(0), []
    for size in MEMORIES:
        for dim in DIMS:
            memory = rng.standard_normal((size, dim)).astype(np.float32)
            for n in ENVS:
                queries = rng.standard_normal((n, dim)).astype(np.float32)
                times = interleaved(methods(memory, queries), seconds)
                best = min(value for name, value in times.items() if not name.startswith("papergym"))
                for name, value in times.items():
                    cell = {"what": "k-NN", "envs": n, "memory": size, "dim": dim, "method": name}
                    rows.append({**cell, "us_per_step": 1e6 * value / n, "ratio": value / best})
    return rows


class Silent(gym.vector.VectorEnv):
    """Eight environments that rllte's constructor may step as often as it likes: standard normal observations."""

    def __init__(self, dim: int):
        self.num_envs, self.rng = 8, np.random.default_rng(0)
        self.single_observation_space = gym.spaces.Box(-np.inf, np.inf, (dim,), np.float32)
        self.single_action_space = gym.spaces.Discrete(4)
        self.shape = (8, dim)

    def reset(self, **_: Any) -> Any:
        """Draw observations."""
        return self.rng.standard_normal(self.shape).astype(np.float32), {}

    def step(self, actions: Any) -> Any:
        """Draw observations; nothing ever ends."""
        zeros = np.zeros(8)
        return self.reset()[0], zeros, zeros.astype(bool), zeros.astype(bool), {}


def rllte_method(kind: str, dim: int, steps: int) -> Method:
    """One rollout of ``steps`` steps as rllte's readme has it: watch each step, then compute."""
    from rllte.xplore import reward as rewards

    bonus = getattr(rewards, kind)(Silent(dim), device="cpu")
    obs = torch.randn(steps, 8, dim)
    flags, actions = torch.zeros(steps, 8), torch.randint(4, (steps, 8))
    fields = {"observations": obs, "actions": actions, "rewards": flags, "terminateds": flags, "truncateds": flags}
    samples = {**fields, "next_observations": torch.randn(steps, 8, dim)}

    def rollout() -> Any:
        for t in range(steps):
            bonus.watch(*(samples[name][t] for name in samples))
        return bonus.compute(samples)

    return rollout


def own_method(bonus: Bonus, dim: int, steps: int) -> Method:
    """The same through ``reward`` at every step, on embeddings of the same length."""
    bonus.bind(gym.spaces.Box(-np.inf, np.inf, (dim,), np.float32), gym.spaces.Discrete(4))
    rng = np.random.default_rng(0)
    obs = rng.standard_normal((steps + 1, 8, dim)).astype(np.float32)
    actions, done = rng.integers(4, size=(steps, 8)), np.zeros(8, bool)

    def rollout() -> Any:
        for t in range(steps):
            ended = done if t < steps - 1 else ~done
            bonus.reward(Transitions(obs=obs[t], next_obs=obs[t + 1], action=actions[t], done=ended))

    return rollout


def rllte_rows(seconds: float, dim: int = 64, steps: int = 128) -> list[dict[str, Any]]:
    re3 = {"k": 5, "dim": 128, "scaling": "std"}  # rllte keeps 1,000 rows per environment and searches an environment's own
    own = {
        "RE3": {
            "papergym RE3, 1,000 candidates": RE3(size=1_000, **re3),
            "papergym RE3, 8,000 candidates": RE3(size=8_000, **re3),
        },
        "NGU": {"papergym NGU": NGU()},
    }
    rows = []
    for kind in own:
        found = {name: own_method(bonus, dim, steps) for name, bonus in own[kind].items()}
        try:
            peer = rllte_method(kind, dim, steps)
            peer()
            found[f"rllte {kind}, 1,000 candidates"] = peer
        except (ImportError, AttributeError) as error:  # NGU of rllte-core 1.0.1 reads an attribute that it never sets
            print(f"left out: {kind} of rllte-core, which fails with {error!r}")
        for _ in range(10):  # fills both memories
            for method in found.values():
                method()
        times = interleaved(found, seconds)
        reference = times.get(f"rllte {kind}, 1,000 candidates", float("nan"))
        for name, value in times.items():
            cell = {"what": f"{kind}, rollout of {steps}", "envs": 8, "memory": "", "dim": dim, "method": name}
            rows.append({**cell, "us_per_step": 1e6 * value / (8 * steps), "ratio": value / reference})
    return rows


def versions() -> dict[str, str]:
    root = Path(__file__).parent.parent
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=root, capture_output=True, text=True, check=False)
    names = {"numpy": "numpy", "numba": "numba", "torch": "torch", "faiss": "faiss-cpu", "sklearn": "scikit-learn"}
    found = {"python": platform.python_version()}
    for name, package in {**names, "rllte": "rllte-core"}.items():
        try:
            found[name] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[name] = ""
    return {**found, "commit": commit.stdout.strip()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0, help="CPU seconds for each size")
    parser.add_argument("--output", type=Path, default=RESULTS / "bonus-speed.csv")
    options = parser.parse_args()
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    if any(os.environ.get(name) != value for name, value in one.items()):  # numpy reads them when it is imported
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **one})
    torch.set_num_threads(1)
    rows = knn_rows(options.seconds) + rllte_rows(options.seconds)
    for row in rows:
        row["us_per_step"], row["ratio"] = f"{row['us_per_step']:.4g}", f"{row['ratio']:.3g}"
        print("  ".join(f"{value!s:<20}" for value in row.values()))
    with options.output.open("w", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0], *versions()])
        writer.writeheader()
        writer.writerows({**row, **versions()} for row in rows)


if __name__ == "__main__":
    main()

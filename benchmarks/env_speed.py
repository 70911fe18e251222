"""Agent steps per second and memory of pixel environments, side by side: ours, and what people use today.

Every stack lives in a process of its own and takes its turn for a fraction of a second, round after round, so that whatever
else the machine does hits all of them. Reported are medians over rounds of the CPU time of the whole process per agent step,
and of its ratio within a round to the Python peer that is fastest over all rounds.

    python benchmarks/env_speed.py                         # walker, cheetah, humanoid, quadruped, dog
    python benchmarks/env_speed.py --domains walker --rounds 5
"""

import argparse
import csv
import gc
import multiprocessing
import os
import platform
import statistics
import subprocess
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from env_peers import PEERS, STACKS

RESULTS = Path(__file__).parent.parent / "assets" / "results" / "env-speed.csv"
TASKS = {"walker": "walk", "cheetah": "run", "humanoid": "walk", "quadruped": "walk", "dog": "walk"}
COLUMNS = ("domain", "stack", "cpu_ms_per_step", "steps_per_s_per_core", "times_best_python_peer", "extra_env_mb")
PACKAGES = ("mujoco", "dm_control", "gymnasium", "shimmy", "stable_baselines3", "envpool")


def rss_mb() -> float:
    """Resident memory of this process in MB, without garbage that waits to be collected."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def serve(pipe: Any, name: str, domain: str) -> None:
    """Body of a stack's process: answers ("steps", n) with CPU seconds per agent step and "memory" with MB per extra env."""
    cls, number = STACKS[name]
    try:
        stack = cls(domain, TASKS[domain], number)
        stack.step()
        pipe.send("ready")
    except Exception as error:  # a peer that is not installed or does not run here is reported, not fatal
        pipe.send(f"{type(error).__name__}: {error}")
        return
    while (order := pipe.recv()) is not None:
        if order == "memory":
            pipe.send(extra_memory(stack))
            continue
        before = time.process_time()
        for _ in range(order):
            stack.step()
        pipe.send((time.process_time() - before) / (order * number))


def extra_memory(stack: Any, count: int = 4) -> float | None:
    """MB that another environment of the same model costs in the same process; None where the stack cannot grow.

    The first one to be added is not counted: its making leaves the allocator with room that the later ones use.
    """
    if not hasattr(stack, "add"):
        return None
    stack.add()
    stack.step()
    before = rss_mb()
    for _ in range(count):
        stack.add()
    stack.step()
    return (rss_mb() - before) / (count * getattr(stack, "adds", 1))


def start(body: Any, name: str, *args: Any, daemon: bool = True) -> Any:
    """Pipe of a process that runs ``body(pipe, name, *args)`` and is ready, or why it does not run."""
    context = multiprocessing.get_context("spawn")
    pipe, child = context.Pipe()
    if name.startswith("envpool"):
        os.environ["LD_PRELOAD"] = "libEGL.so.1"  # its wheel bundles a renamed libEGL that finds no driver
    process = context.Process(target=body, args=(child, name, *args), daemon=daemon)
    process.start()
    os.environ.pop("LD_PRELOAD", None)
    child.close()
    try:
        answer = pipe.recv()
    except EOFError:
        answer = f"the process died with exit code {process.exitcode}"
    return pipe if answer == "ready" else answer


def ask(pipe: Any, order: Any) -> Any:
    pipe.send(order)
    return pipe.recv()


def measure(domain: str, names: list[str], rounds: int, sample_s: float) -> list[dict[str, Any]]:
    """One row per stack for one domain."""
    stacks = {name: start(serve, name, domain) for name in names}
    running = {name: pipe for name, pipe in stacks.items() if not isinstance(pipe, str)}
    counts = {name: max(2, round(sample_s / (ask(pipe, 4) * STACKS[name][1]))) for name, pipe in running.items()}
    samples: dict[str, list[float]] = {name: [] for name in running}
    for _ in range(rounds):
        for name, pipe in running.items():
            samples[name].append(ask(pipe, counts[name]))
    memory = {name: ask(pipe, "memory") for name, pipe in running.items()}
    for pipe in running.values():
        pipe.send(None)
    medians = {name: statistics.median(values) for name, values in samples.items()}
    best = min((name for name in PEERS if name in medians), key=medians.__getitem__, default=None)
    rows = []
    for name, stack in stacks.items():
        row = {"domain": domain, "stack": name, "problem": stack.splitlines()[0][:120] if isinstance(stack, str) else ""}
        if name in medians:
            ms = 1e3 * medians[name]
            row |= {"cpu_ms_per_step": round(ms, 3), "steps_per_s_per_core": round(1e3 / ms, 1)}
            ratios = [peer / own for peer, own in zip(samples[best], samples[name], strict=True)] if best else [float("nan")]
            row |= {"times_best_python_peer": round(statistics.median(ratios), 2)}
            row |= {"extra_env_mb": "" if memory[name] is None else round(memory[name], 1), "rounds": rounds}
        rows.append(row)
    return rows


def provenance() -> dict[str, str]:
    """Versions and commit that every row carries."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=RESULTS.parent)
    found = {"python": platform.python_version(), "commit": commit.stdout.strip()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = ""
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--domains", nargs="+", default=list(TASKS), choices=list(TASKS))
    parser.add_argument("--stacks", nargs="+", default=list(STACKS), choices=list(STACKS))
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--sample-s", type=float, default=0.4, help="CPU seconds per turn")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    os.environ.setdefault("MUJOCO_GL", "egl")
    os.environ.update(LP_NUM_THREADS="0", OMP_NUM_THREADS="1")
    facts, rows = provenance(), []
    for domain in options.domains:
        rows += measure(domain, options.stacks, options.rounds, options.sample_s)
        write(options.out, rows, facts)  # a run that is cut keeps the domains it finished
    widths = dict(zip(COLUMNS, (10, 30, 9, 9, 7, 7), strict=False))
    for row in rows:
        print("  ".join(f"{row.get(column, '')!s:<{width}}" for column, width in widths.items()), row["problem"])


def write(path: Path, rows: list[dict[str, Any]], facts: dict[str, str]) -> None:
    """The table with its provenance."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [*COLUMNS, "rounds", "problem", *facts], restval="")
        writer.writeheader()
        writer.writerows({**row, **facts} for row in rows)


if __name__ == "__main__":
    main()

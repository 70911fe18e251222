"""What the measurements on a GPU share: turns, medians, and rows of assets/results/gpu.csv."""

import argparse
import csv
import platform
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "assets" / "results" / "gpu.csv"
COLUMNS = ("part", "measure", "variant", "value", "ratio", "gpu", "torch", "cuda", "python", "commit")
"""``ratio``: to the first variant of the measure."""
Calls = dict[str, Callable[[], Any]]


def options(description: str | None, **defaults: int) -> argparse.Namespace:
    """``--device`` and whole numbers, from the command line."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda", help="cpu checks that the script runs, and writes nothing")
    for name, value in defaults.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=value)
    return parser.parse_args()


def synchronize(device: str) -> None:
    """Wait for what the device has been told to do."""
    if device != "cpu":
        torch.cuda.synchronize()


def rates(calls: Calls, device: str, times: int, rounds: int) -> dict[str, float]:
    """Median calls per second of each entry, which take turns in every round; the first ``times`` calls of each warm it up."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(rounds + 1):
        for name, call in calls.items():
            synchronize(device)
            begun = time.perf_counter()
            for _ in range(times):
                call()
            synchronize(device)
            if turn:
                seconds[name].append(time.perf_counter() - begun)
    return {name: times / statistics.median(taken) for name, taken in seconds.items()}


def rows_of(measure: str, found: dict[str, float]) -> list[dict[str, Any]]:
    """Rows of a measure, with the ratio of each variant to the first."""
    first = next(iter(found.values()))
    return [
        {"measure": measure, "variant": name, "value": f"{value:.4g}", "ratio": f"{value / first:.3g}"}
        for name, value in found.items()
    ]


def write(part: str, device: str, rows: list[dict[str, Any]]) -> None:
    """Print the rows, and add them to the table unless they come from a CPU."""
    for row in rows:
        print("  ".join(str(row.get(column, "")) for column in COLUMNS[1:5]), flush=True)
    if device == "cpu":
        print("the device is the CPU: nothing is written")
        return
    new = not RESULTS.is_file()
    with RESULTS.open("a", newline="") as file:
        writer: csv.DictWriter[str] = csv.DictWriter(file, COLUMNS)
        if new:
            writer.writeheader()
        writer.writerows({"part": part, **row, **stamp(device)} for row in rows)


def stamp(device: str) -> dict[str, str]:
    """Where the figures come from."""
    told = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return {
        "gpu": torch.cuda.get_device_name(device),
        "torch": torch.__version__,
        "cuda": torch.version.cuda or "",
        "python": platform.python_version(),
        "commit": told.stdout.strip() or "unknown",
    }

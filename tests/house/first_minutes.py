"""Plays the first ten minutes of a new user: every command of the README's first screens, on a fresh clone or a fresh wheel.

    python tests/house/first_minutes.py            # clone, virtual environment, editable install
    python tests/house/first_minutes.py --wheel    # a wheel, installed elsewhere; no file of the clone is in reach
    python tests/house/first_minutes.py --keep DIR # leave everything in DIR to look at

Checks what the commands leave behind, not only that they end: SAC, PPO and DQN return more than before, and more than a random
policy, by a margin; ``reproduce`` runs all trials of a table; ``report`` sets the paper's numbers, ours and the user's side by
side. Downloads the dependencies.
"""

import argparse
import csv
import json
import re
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
MARGINS = {"sac": 600.0, "ppo": 100.0, "per": 60.0}
"""Agent of a README command -> by how much its return after training is above that before it."""
TABLE, TRIALS = "per-cliffwalk", 1500


class Newcomer:
    """A user with a folder and a virtual environment of their own."""

    def __init__(self, home: Path) -> None:
        self.home, self.bin = home / "work", home / "venv" / "bin"
        self.home.mkdir(parents=True)
        venv.create(home / "venv", with_pip=True)

    def run(self, *command: str | Path, cwd: Path | None = None) -> str:
        """Run a command; its output. Ends everything if it fails."""
        started = time.monotonic()
        words = [
            str(self.bin / command[0]) if (self.bin / str(command[0])).exists() else str(command[0]),
            *map(str, command[1:]),
        ]
        result = subprocess.run(words, cwd=cwd or self.home, capture_output=True, text=True)
        said = result.stdout + result.stderr
        print(f"{time.monotonic() - started:7.1f} s  {' '.join(map(str, command))[:110]}", flush=True)
        if result.returncode:
            sys.exit(f"{said}\nstatus {result.returncode}, expected 0")
        return said

    def install(self, wheel: bool) -> None:
        """What the README says, from a clone of this checkout's commit."""
        clone = self.home.parent / "papergym"
        self.run("git", "clone", "-q", REPO, clone)
        self.run("pip", "install", "-q", "-U", "pip", "setuptools")
        if wheel:
            self.run("pip", "wheel", "-q", "--no-deps", "-w", self.home.parent / "dist", clone)
            (built,) = (self.home.parent / "dist").glob("papergym-*.whl")
            self.run("pip", "install", "-q", "-c", clone / "constraints.txt", built)
            clone.rename(clone.with_name("out-of-reach"))
        else:
            self.run("pip", "install", "-q", "-c", "constraints.txt", "-e", ".", cwd=clone)


def require(fits: bool, message: str) -> None:
    """End with a message unless ``fits``."""
    if not fits:
        sys.exit(f"FAILED: {message}")


def blocks(language: str) -> list[str]:
    """Code blocks of the README, in their order."""
    return re.findall(rf"```{language}\n(.*?)```", (REPO / "README.md").read_text(encoding="utf-8"), re.DOTALL)


def train(user: Newcomer, command: str) -> None:
    """A training command of the README: it visibly learns."""
    said = user.run(*command.split())
    agent = command.split()[2]
    (folder,) = (user.home / "runs").glob(f"{agent}-*")
    summary = json.loads((folder / "summary.json").read_text())
    before, after = summary["return_before"], summary["return_after"]
    print(f"           return {before:.1f} before, {after:.1f} after")
    require(after - before >= MARGINS[agent], f"{agent}: {before} before and {after} after, expected {MARGINS[agent]} more")
    require("not the paper's settings" in said, f"{agent}: the run does not say that quick is not the paper's preset")
    again = user.run("papergym", "evaluate", folder)
    require("mean" in again, f"papergym evaluate {folder} prints no mean")


def reproduce(user: Newcomer) -> None:
    """A whole table, and its report."""
    user.run("papergym", "reproduce", TABLE, "--jobs", "2")
    rows = list(csv.DictReader((user.home / "runs" / "reproduce" / TABLE / "results.csv").open()))
    require(len(rows) == TRIALS, f"{TABLE} has {len(rows)} rows, expected {TRIALS}")
    said = user.run("papergym", "report", TABLE).lower()
    written = said + "".join(path.read_text().lower() for path in user.home.rglob("report.md"))
    for column in ("paper", "shipped", "yours"):
        require(column in written, f"the report has no column {column!r}")


def main() -> None:
    """Install, play, check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheel", action="store_true", help="install a wheel; the clone is moved away")
    parser.add_argument("--keep", type=Path, help="folder for everything; without: a temporary one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        user = Newcomer(options.keep or Path(temporary) / "newcomer")
        user.install(options.wheel)
        for code in blocks("python"):
            user.run("python", "-c", code)
        for verb in ("list", "doctor"):
            require(len(user.run("papergym", verb)) > 500, f"papergym {verb} says next to nothing")
        commands = [
            line.strip() for block in blocks("bash") for line in block.splitlines() if line.startswith("papergym train")
        ]
        require(len(commands) >= len(MARGINS), f"the README has {len(commands)} training commands")
        for command in commands:
            train(user, command.partition("#")[0].strip())
        reproduce(user)
    print("every line does what the README says")


if __name__ == "__main__":
    main()

"""Throw inputs at what takes foreign input, by class, for some minutes, and count what should not happen.

    make fuzz                                    # 20 minutes
    python tests/fuzz/campaign.py --minutes 1 --only state cells

Every input has a number, from which it is made again: ``--only CLASS --first NUMBER --minutes 0`` repeats one alone. A class
is a function of a random generator that returns ``refused`` or ``accepted``, and raises :class:`Fault` for

- a *crash*: any error but those that say what was expected;
- a *hang*: longer than a minute;
- a *silent* acceptance: bad input that was taken, or numbers that changed;
- a *changed* state: a refusal after which the object is another one.

Long because all classes of inputs stand side by side.
"""

import argparse
import contextlib
import copy
import io
import logging
import math
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
import torch
from faults import ODD, Fault, refused, same
from gymnasium import spaces
from rich.table import Table
from worlds import bonus_state, environment

from papergym.agents.checkpoint.cells import read_csv, to_csv
from papergym.agents.checkpoint.state import CheckpointError, load_state, save_state
from papergym.agents.console import console
from papergym.agents.errors import UsageError
from papergym.agents.replay.frames import FrameReplay
from papergym.agents.replay.prioritized import PrioritizedReplayBuffer
from papergym.agents.replay.uniform import PackedReplayBuffer
from papergym.agents.run import VERBS, main
from papergym.agents.runner.fields import tomllib
from papergym.agents.runner.folder import read_plan
from papergym.agents.runner.plan import digest
from papergym.agents.runner.ranges import check_ranges

HANG_SECONDS = 60
RUN = ["ppo", "--env", "Pendulum-v1", "--n-steps", "64", "--batch-size", "32", "--n-epochs", "1", "--eval-episodes", "1"]
RUN += ["--no-video", "--checkpoint-seconds", "0", "--eval-every", "128", "--steps", "256"]
TABLES = ("metrics.csv", "episodes.csv", "eval.csv")


class Hang(BaseException):
    """An input took too long."""


def call(argv: list[str]) -> tuple[int, str]:
    """Exit status and messages of the command line."""
    heard = io.StringIO()
    with contextlib.redirect_stderr(heard), contextlib.redirect_stdout(heard):
        try:
            status = main(argv)
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 2
    return status, heard.getvalue()


class Targets:
    """Things to throw inputs at, in a folder of their own.

    Args:
        folder: an empty one.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        status, message = call(["train", *RUN, "--run-folder", str(folder / "done")])
        assert status == 0, message
        shutil.copytree(folder / "done", folder / "cut")
        (folder / "cut" / "summary.json").unlink()
        self.tables = tomllib.loads((folder / "done" / "config.toml").read_text())
        arrays = {"array": np.arange(9.0), "net": {"w": torch.ones(2, 3)}}
        save_state(folder / "state", {"counters": {"steps": 1234, "rate": 0.5}, **arrays}, kind="fuzz", plan="p")
        self.state = (folder / "state").read_bytes()

    def options(self, rng: random.Random) -> str:
        """Words of a command line in any order, with odd values. Nothing is trained: the budget is below one update."""
        verb = rng.choice(["train", "evaluate", "list", "compare", "sweep", "reproduce", "report", "play"])
        assert verb in VERBS
        names = ["--env", "--seed", "--device", "--hidden", "--gamma", "--buffer-size", "--n-envs", "--threads", "--set"]
        names += [
            "--episodes",
            "--target",
            "--jobs",
            "--seeds",
            "--where",
            "--budget",
            "--fps",
            "--learning-rate",
            "--batch-size",
        ]
        first = {"train": [rng.choice(["sac", "ppo", "per", "sql", "nope"])], "sweep": ["--agents", "ppo", "--dry-run"]}
        words = first.get(verb, [str(rng.choice(ODD[12:]))])
        for name in rng.sample(names, rng.randrange(1, 4)):
            words += [name, str(rng.choice(ODD))]
        words += ["--steps", "1"] if verb in ("train", "sweep") else []
        status, message = call([verb, *words])
        if "Traceback" in message or status not in (0, 1, 2):
            raise Fault("crash", [verb, *words], message)
        if status == 0 and verb == "train":
            raise Fault("silent", [verb, *words])
        return "refused" if status else "accepted"

    def config(self, rng: random.Random) -> str:
        """A config.toml with odd values and a digest that fits."""
        tables = copy.deepcopy(self.tables)
        for _ in range(rng.randrange(1, 4)):
            table = tables[rng.choice(["run", "config"])]
            table[rng.choice([*table, "unset", "more"])] = rng.choice(ODD)
        tables["digest"] = digest(tables)
        path = self.folder / "config"
        path.mkdir(exist_ok=True)
        (path / "config.toml").write_text(tomli_w.dumps(tables))
        try:
            plan = read_plan(path)
            check_ranges(plan)
        except UsageError:
            return "refused"
        numbers = [value for owner in (plan.run, plan.config) for value in vars(owner).values() if isinstance(value, float)]
        if not all(map(math.isfinite, numbers)):
            raise Fault("silent", tables)
        return "accepted"

    def run_folder(self, rng: random.Random) -> str:
        """A run folder with damage anywhere: resumed with the numbers of the undamaged one, or refused."""
        kind, folder = rng.choice(["cut", "done"]), self.folder / "damaged"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.folder / kind, folder)
        files = sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size)
        path = rng.choice(files)
        how = spoil(path, rng, files)
        status, message = call(["train", str(folder), "--resume", "--no-video"])
        what = f"{kind}: {path.relative_to(folder)} {how}"
        if status not in (0, 2) or "Traceback" in message:
            raise Fault("crash", what, message)
        if status == 0 and kind == "cut":
            for name in TABLES:
                if (folder / name).read_bytes() != (self.folder / "done" / name).read_bytes():
                    raise Fault("silent", what)
        return "refused" if status else "accepted"

    def header(self, rng: random.Random) -> str:
        """A state file with some bytes changed: refused, or the same state (blanks that fill up the header mean nothing)."""
        data, changes = bytearray(self.state), []
        for _ in range(rng.randrange(1, 4)):
            place, value = rng.randrange(len(data)), rng.randrange(256)
            changes.append(
                (place, bytes(data[max(0, place - 9) : place + 1]), value)
            )  # the header's order is another each time
            data[place] = value
        path = self.folder / "header"
        path.write_bytes(data)
        try:
            found = load_state(path, kind="fuzz", plan="p")
        except CheckpointError:
            return "refused"
        if not same(load_state(self.folder / "state", kind="fuzz", plan="p"), found):
            raise Fault("silent", changes)
        return "accepted"

    def cells(self, rng: random.Random) -> str:
        """Tables of any text come back; files of any bytes are tables or refused."""
        path = self.folder / "t.csv"
        letters = "=+-@'\",;\t\n\r ab1.\u00e9\U0001f600"
        if rng.random() < 0.5:
            rows = [{"a": "".join(rng.choices(letters.replace("\r", ""), k=rng.randrange(8))), "b": "x"} for _ in range(3)]
            path.write_text(to_csv(["a", "b"], rows), encoding="utf-8", newline="")
            if read_csv(path)[1] != rows:
                raise Fault("silent", rows)
            return "accepted"
        path.write_bytes("".join(rng.choices(letters, k=rng.randrange(40))).encode() + bytes(rng.choices(range(256), k=2)))
        try:
            columns, rows = read_csv(path)
        except UsageError:
            return "refused"
        if any(list(row) != columns for row in rows):
            raise Fault("silent", path.read_bytes())
        return "accepted"

    def memory(self, rng: random.Random) -> str:
        """A transition with an odd value somewhere."""
        memory = filled(rng)
        arguments = transition(memory, 9)
        name = rng.choice(["obs", "next_obs", "action", "reward", "done"])
        bad = rng.choice([math.nan, math.inf, -math.inf, 1e300, "a", None, 1j, {}])
        array = np.array(arguments[name], dtype=object if not isinstance(bad, float) else np.float64)
        array.flat[rng.randrange(array.size)] = bad
        what = f"{type(memory).__name__} {name} {bad!r}"
        return refused_by(memory, lambda: memory.add(**{**arguments, name: array}), what)

    def memory_state(self, rng: random.Random) -> str:
        """A saved state with an odd value in the place of an entry."""
        memory = filled(rng)
        before = copy.deepcopy(memory.get_state())
        state, path = before, []
        while isinstance(state, dict) and state and (not path or path[-1] not in ("generator", "rng", "shape")):
            path.append(rng.choice(list(state)))
            state = state[path[-1]]
        odd: list[Any] = ["a", None, -1, math.nan, [], np.full(3, math.nan), np.zeros((1, 1, 1)), {"b": 1}]
        if isinstance(state, np.ndarray) and state.dtype.kind == "f" and state.size:
            odd.append(np.full_like(state, math.nan))
        bad = rng.choice(odd)
        changed = copy.deepcopy(before)
        place = changed
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = bad
        return refused_by(memory, lambda: memory.set_state(changed), f"{type(memory).__name__} {path} {bad!r}")


def spoil(path: Path, rng: random.Random, files: list[Path]) -> str:
    """Damage a file of a run; what was done."""
    how = rng.choice(["bit", "bit", "bytes", "short", "gone", "other", "link"])
    data = bytearray(path.read_bytes())
    if how == "bit":
        place = rng.randrange(8 * len(data))
        data[place // 8] ^= 1 << place % 8
        how = f"bit {place}"
    elif how == "bytes":
        start = rng.randrange(len(data))
        data[start : start + 8] = bytes(rng.choices(range(256), k=8))
    elif how == "short":
        del data[rng.randrange(len(data)) :]
    elif how == "other":
        data = bytearray(rng.choice(files).read_bytes())
    path.unlink()
    if how == "link":
        path.symlink_to(path.parent.parent / "done" / "config.toml")
    elif how != "gone":
        path.write_bytes(data)
    return how


BOX = spaces.Box(-np.inf, np.inf, (3,), np.float64)
MEMORIES: list[Callable[[], Any]] = [
    lambda: PackedReplayBuffer(8, BOX, spaces.Box(-1, 1, (2,)), "cpu", 2, seed=0),
    lambda: PrioritizedReplayBuffer(8, BOX, spaces.Box(-1, 1, (2,)), "cpu", 2, variant="proportional", seed=0),
    lambda: PrioritizedReplayBuffer(8, BOX, spaces.Box(-1, 1, (2,)), "cpu", 2, variant="rank", seed=0),
    lambda: FrameReplay(8, BOX, spaces.Box(-1, 1, (2,)), "cpu", 2, frame_stack=1, seed=0),
]


def filled(rng: random.Random) -> Any:
    memory = rng.choice(MEMORIES)()
    for step in range(rng.choice([3, 9])):
        memory.add(**transition(memory, step))
    return memory


def transition(memory: Any, step: int) -> dict[str, Any]:
    numbers = {"action": np.zeros((2, 2)), "reward": np.ones(2), "done": np.full(2, step % 4 == 3), "infos": [{}, {}]}
    return {"obs": np.full((2, 3), float(step)), "next_obs": np.full((2, 3), step + 1.0), **numbers}


def refused_by(memory: Any, act: Callable[[], None], what: str) -> str:
    if not refused(memory.get_state, act, what, (ValueError, IndexError)):
        raise Fault("silent", what)
    return "refused"


CLASSES: dict[str, Callable[[Targets, random.Random], str]] = {
    "options": Targets.options,
    "config": Targets.config,
    "run_folder": Targets.run_folder,
    "state": Targets.header,
    "cells": Targets.cells,
    "memory": Targets.memory,
    "memory_state": Targets.memory_state,
    "environment": lambda _, rng: environment(rng),
    "bonus_state": lambda _, rng: bonus_state(rng),
}
CHEAP = ("config", "state", "cells", "memory", "memory_state", "environment", "bonus_state")
"""Classes of which fifty inputs take as long as one of the others."""

FAULTS = ("crash", "hang", "silent", "changed")


def attempt(targets: Targets, name: str, number: int) -> str:
    """Throw one input; what came of it."""

    def late(*_: Any) -> None:
        raise Hang

    signal.signal(signal.SIGALRM, late)
    signal.alarm(HANG_SECONDS)
    try:
        return CLASSES[name](targets, random.Random(f"{name} {number}"))
    except Fault as fault:
        kind, *what = fault.args
        print(f"{kind}: {name} {number}: {str(what)[:400]}", flush=True)
        return kind
    except Hang:
        print(f"hang: {name} {number}", flush=True)
        return "hang"
    except Exception as error:
        print(f"crash: {name} {number}: {type(error).__name__}: {str(error)[:300]}", flush=True)
        return "crash"
    finally:
        signal.alarm(0)


def report(counts: dict[str, Counter[str]]) -> int:
    """Print the table; how many faults there were."""
    columns = ("refused", "accepted", *FAULTS)
    table = Table("class", "inputs", *columns)
    for name, counted in counts.items():
        table.add_row(name, str(counted.total()), *(str(counted[column]) for column in columns))
    console().print(table)
    return sum(counted[fault] for counted in counts.values() for fault in FAULTS)


def campaign() -> int:
    """Run the campaign; 1 if there were faults."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--only", nargs="*", choices=[*CLASSES], default=[*CLASSES])
    options = parser.parse_args()
    torch.set_num_threads(1)
    counts = {name: Counter[str]() for name in options.only}
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        targets = Targets(Path(folder))
        logging.disable(logging.CRITICAL)
        end, number = time.monotonic() + 60 * options.minutes, options.first
        while number == options.first or time.monotonic() < end:
            for name in options.only:
                counts[name][attempt(targets, name, number)] += 1
            for name in set(CHEAP) & set(options.only):
                for more in range(1, 50 if options.minutes else 1):  # numbers of their own, far from those above
                    counts[name][attempt(targets, name, 1_000_000 * more + number)] += 1
            number += 1
    return int(report(counts) > 0)


if __name__ == "__main__":
    sys.exit(campaign())

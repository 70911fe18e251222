"""Runs of the command line in processes of their own."""

import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from papergym.agents.checkpoint.state import load_state


class CommandLine:
    """``papergym ...`` in a folder."""

    def __init__(self, folder) -> None:
        self.folder = folder
        self.environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200"}

    def start(self, *arguments: str) -> subprocess.Popen:
        command = [sys.executable, "-m", "papergym.agents.run", *arguments]
        return subprocess.Popen(
            command, cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def run(self, *arguments: str, status: int = 0, timeout: float = 600) -> str:
        process = self.start(*arguments)
        output = process.communicate(timeout=timeout)[0]
        assert process.returncode == status, output
        return output

    def seconds_after_checkpoint(self, *arguments: str) -> float:
        """Run to the end; seconds from the first checkpoint to the end."""
        process, began = self._start_to_checkpoint(*arguments)
        output = process.communicate(timeout=600)[0]
        assert process.returncode == 0, output
        return time.perf_counter() - began

    def kill_at(self, delay: float, *arguments: str) -> bool:
        """Start, kill -9 ``delay`` seconds after its first checkpoint; True if it was still running."""
        process, _ = self._start_to_checkpoint(*arguments)
        time.sleep(delay)
        alive = process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return alive

    def _start_to_checkpoint(self, *arguments: str) -> tuple[subprocess.Popen, float]:
        folder = self.folder / arguments[arguments.index("--run-folder") + 1] / "checkpoints"
        before = set(folder.glob("*"))
        process = self.start(*arguments)
        while process.poll() is None and not set(folder.glob("*.safetensors")) - before:
            time.sleep(0.02)
        return process, time.perf_counter()


@pytest.fixture
def command_line(tmp_path) -> CommandLine:
    return CommandLine(tmp_path)


@pytest.fixture
def assert_same_run():
    def compare(one, other, kind: str) -> None:
        for name in ("metrics", "episodes", "eval"):
            assert (one / f"{name}.csv").read_bytes() == (other / f"{name}.csv").read_bytes(), name
        states = [load_state(folder / "policy.safetensors", kind=kind)["model"] for folder in (one, other)]
        left, right = (state.get("modules", state.get("parts", state))["policy"] for state in states)
        for name, value in left.items():
            np.testing.assert_array_equal(value.numpy(), right[name].numpy(), err_msg=name)

    return compare


@pytest.fixture
def delays():
    """Moments that differ at every run of the test; a failure prints them."""
    return random.Random()

"""The table of agents names what exists, and loads nothing before it is used."""

import dataclasses
import subprocess
import sys

import pytest

from papergym.agents.checkpoint.resume import ExactResume
from papergym.agents.runner.registry import AGENTS


@pytest.mark.parametrize("row", AGENTS, ids=lambda row: row.key)
def test_rows_name_what_exists(row):
    assert issubclass(row.load("algorithm"), ExactResume)
    assert dataclasses.is_dataclass(row.load("config")) and callable(row.load("build"))


def test_help_loads_no_torch():
    code = "import sys; from papergym.agents.run import main; main(['list', 'agents']); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=120)

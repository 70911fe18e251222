"""The table of agents names what exists, and loads nothing before it is used."""

import dataclasses
import subprocess
import sys

import pytest

from papergym.agents.checkpoint.resume import ExactResume
from papergym.agents.errors import UsageError
from papergym.agents.runner.registry import agent, agents


@pytest.mark.parametrize("row", agents(), ids=lambda row: row.key)
def test_rows_name_what_exists(row):
    assert not row.algorithm or issubclass(row.load(row.algorithm), ExactResume)
    assert dataclasses.is_dataclass(row.load(row.config)) and callable(row.load(row.build))
    others = [row.prepare, row.score, row.show, *row.studies.values(), *row.figures.values(), *row.tables.values()]
    assert all(callable(row.load(place)) for place in others if place)


@pytest.mark.parametrize(
    ("given", "meant"), [("SAC", "sac"), ("dqn", "per"), ("DQN", "per"), ("ppoo", "ppo"), ("Proto-RL", "protorl")]
)
def test_unknown_agents_get_a_suggestion(given, meant):
    with pytest.raises(UsageError, match=f"unknown agent '{given}'. Did you mean {meant}"):
        agent(given)


def test_agents_outside_the_package():
    assert agent("papergym.agents.sac.row:AGENT").name == "papergym.agents.sac.row:AGENT"
    for name, said in [
        ("nowhere:AGENT", "cannot be imported"),
        ("json:dumps", "expected an Agent"),
        ("json:nothing", "no attribute"),
    ]:
        with pytest.raises(UsageError, match=said):
            agent(name)


def test_help_loads_no_torch():
    code = "import sys; from papergym.agents.run import main; main(['list', 'agents']); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=120)

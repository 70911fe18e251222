"""The table of URLB's protocol, against numbers worked out by hand."""

from papergym.agents.protorl.states import from_rows
from papergym.agents.reproduction.report import reproduction_section
from papergym.agents.reproduction.trials import reproduction
from papergym.agents.runner.registry import agent


def row(setting, seed, value, task="DMC-WalkerRun-v0", ratio=""):
    numbers = {"eval_return": str(value), "coverage_ratio": str(ratio)}
    return {"domain": "walker", "setting": setting, "env_id": task, "seed": str(seed), **numbers}


ROWS = [row("pretraining", seed, 9, "DMC-WalkerStand-v0", 1.5 + seed) for seed in (0, 1)]
ROWS += [row("finetuned", 0, 300), row("from scratch", 0, 100), row("finetuned", 1, 200), row("from scratch", 1, 150)]
ROWS += [row("from scratch", 2, 140), row("finetuned", 0, 7, "DMC-WalkerFlip-v0")]


def test_gains_are_taken_seed_by_seed():
    lines = [line.strip("| ").split(" | ") for line in from_rows(ROWS).splitlines() if line.startswith("|")]
    assert ["DMC-WalkerRun-v0", "2", "250 [200, 300]", "130 [100, 150]", "125 [50, 200]"] in lines
    assert ["DMC-WalkerFlip-v0", "0", "7", "-", "-"] in lines
    assert ["walker, seed 0", "1.50"] in lines and ["walker, seed 1", "2.50"] in lines
    assert not any(line[0] == "DMC-WalkerStand-v0" for line in lines)  # the task of the pretraining alone is no line


def test_the_report_shows_the_returns(tmp_path):
    """However many other numbers a run of the agent has."""
    rows = [{**row, **dict.fromkeys(agent("protorl").labels, "1"), "score": "2"} for row in ROWS]
    section = "\n".join(reproduction_section(reproduction("protorl-states"), tmp_path, rows))
    header = next(line for line in section.splitlines() if line.startswith("| environment | setting |"))
    columns = header.strip("| ").split(" | ")[4:]
    assert columns[-2:] == ["score", "eval_return"] and "coverage_ratio" in columns, header
    assert "250 [200, 300]" in section and "gain of pretraining" in section

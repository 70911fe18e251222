"""Table 1 from rows, against numbers worked out by hand."""

import pytest

from papergym import assets
from papergym.agents.errors import UsageError
from papergym.agents.ppo.table1 import markdown, table1, zero_points
from papergym.agents.reproduction.trials import reproduction

PLAN = [
    {"setting": setting, "env_id": env, "seed": seed, "steps": 10}
    for setting in ("a", "b")
    for env in ("X-v4", "Y-v4")
    for seed in (0, 1)
]
SCORES = {("a", "X-v4"): (10, 30), ("a", "Y-v4"): (-4, -2), ("b", "X-v4"): (20, 24), ("b", "Y-v4"): (-8, -6)}
ZERO = {"X-v4": 10.0, "Y-v4": -10.0}
PAPER = {"b": 0.5, "a": 0.25}
PLAN_C, PAPER_C = [*PLAN, {"setting": "c", "env_id": "Y-v4", "seed": 0, "steps": 10}], {**PAPER, "c": 0.0}


def rows(cells=SCORES):
    return [
        {"setting": setting, "env_id": env, "seed": str(seed), "steps": "10", "score": str(score)}
        for (setting, env), scores in cells.items()
        for seed, score in enumerate(scores)
    ]


def test_best_run_by_hand():
    """X: zero 10, best 30; Y: zero -10, best -2. a = (0 + 1 + 6/8 + 1) / 4, b = (0.5 + 0.7 + 2/8 + 4/8) / 4."""
    table = table1(rows(), ZERO, PLAN, PAPER)
    assert table.best_run == {"X-v4": 30, "Y-v4": -2}
    assert table.normalised == pytest.approx({"a": 2.75 / 4, "b": 1.95 / 4})
    assert table.means["b", "X-v4"] == 22 and table.missing == () and table.runs == {"b": 4, "a": 4}
    assert table.settings == ("b", "a")


def test_best_mean_by_hand():
    """X: best mean 22 (b); Y: best mean -3 (a)."""
    table = table1(rows(), ZERO, PLAN, PAPER)
    assert table.best_mean == {"X-v4": 22, "Y-v4": -3}
    assert table.normalised_by_mean["a"] == pytest.approx((0 + 20 / 12 + 6 / 7 + 8 / 7) / 4)


def test_missing_runs_are_named_and_left_out():
    part = {key: values for key, values in SCORES.items() if key != ("b", "Y-v4")}
    table = table1(rows(part)[:-1], ZERO, PLAN, PAPER)
    assert table.missing == (("b", "X-v4", 1), ("b", "Y-v4", 0), ("b", "Y-v4", 1))
    assert table.runs == {"b": 1, "a": 4}
    text = markdown(table)
    assert "Missing: b: seed 1 of X and seeds 0, 1 of Y." in text and "5 of 8 runs" in text


def test_tasks_count_alike_whatever_the_seeds_present():
    """X: zero 10, best 30; Y: zero -10, best -2, as in the whole table. a has both seeds of X and one of Y:
    ((0 + 1) / 2 + 6/8) / 2, not (0 + 1 + 6/8) / 3."""
    table = table1([row for row in rows() if row["score"] != "-2"] + rows({("c", "Y-v4"): (-2,)}), ZERO, PLAN_C, PAPER_C)
    assert table.best_run == {"X-v4": 30, "Y-v4": -2}
    assert table.normalised["a"] == pytest.approx(0.625)


def test_a_score_over_fewer_tasks_says_so():
    table = table1(rows({("a", "X-v4"): (10, 30), ("b", "X-v4"): (20,), ("b", "Y-v4"): (-8,)}), ZERO, PLAN, PAPER)
    lines = markdown(table).splitlines()
    assert next(line for line in lines if line.startswith("| a ")).startswith("| a | 0.25 | 0.50 (1 of 2 tasks) |")
    assert next(line for line in lines if line.startswith("| b ")).startswith("| b | 0.50 | 0.75 |")
    assert "Missing: a: seeds 0, 1 of Y; b: seed 1 of every task." in lines


def test_no_score_where_nothing_beats_the_random_policy():
    """With zero 10 and a best of 4 the scale would be negative, and the worst run the best."""
    assert "| a | 0.25 | - | - | 1 | 4.0 | - |" in markdown(table1(rows({("a", "X-v4"): (4,)}), ZERO, PLAN, PAPER))


def test_nothing_there_yet():
    table = table1([], ZERO, PLAN, PAPER)
    assert "Missing: a: all 4 runs; b: all 4 runs." in markdown(table)
    assert len(table.missing) == 8 and "| b | 0.50 | - | - | 0 | - | - |" in markdown(table)


def test_rows_of_another_budget_do_not_count():
    table = table1([{**row, "steps": "5"} for row in rows()], ZERO, PLAN, PAPER)
    assert len(table.missing) == 8


def test_zero_points_are_means_over_seeds():
    found = zero_points([{"policy": policy, "env_id": "X-v4", "score": str(score)} for policy, score in
                         (("uniform", 1), ("uniform", 3), ("untrained", 50))])  # fmt: skip
    assert found == {"X-v4": 2.0}
    with pytest.raises(UsageError, match="no zero point for Y-v4"):
        table1(rows(), found, PLAN, PAPER)


def test_the_papers_table_is_whole():
    """Eleven settings of the TOML are the eleven of the paper's table, seven environments, three seeds, five settings first."""
    plan = reproduction("ppo-table1").trials
    paper = {s["setting"]: s["value"] for s in assets.paper("ppo")["scores"] if s["where"] == "Table 1"}
    assert len(plan) == 231 and {trial["setting"] for trial in plan} == set(paper) and len(paper) == 11
    assert all(trial["steps"] == 1_000_000 for trial in plan)
    first = {trial["setting"] for trial in plan[:105]}
    assert first == {"clip 0.1", "clip 0.2", "clip 0.3", "adaptive KL 0.01", "no clip, no penalty"}
    assert [trial["seed"] for trial in plan[:105]] == sorted(trial["seed"] for trial in plan[:105])

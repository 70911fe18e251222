"""Returns told against returns reached, with the agents that are told one."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from papergym.agents.offline.sweep import spearman
from papergym.agents.reproduction.results import read_rows
from papergym.agents.run import main
from papergym.agents.runner.evaluation import evaluate, make_env
from papergym.agents.runner.load import load_run

SMALL = {
    "dt": ["--context", "4", "--width", "16", "--layers", "1", "--sweep-targets", "0"],
    "rvs": ["--hidden", "16"],
    "iql": ["--hidden", "16"],
}


@pytest.fixture
def run(tmp_path, monkeypatch, make_dataset):
    """Trains an agent on swings of Pendulum-v1; its run is the folder ``run``."""
    monkeypatch.chdir(tmp_path)
    strength = iter(np.linspace(-2, 2, 800))
    folder = make_dataset("Pendulum-v1", lambda seen: np.float32([next(strength) * np.sign(seen[2])]), episodes=4)

    def make(key):
        words = ["--dataset", str(folder), "--updates", "60", "--batch-size", "16", "--eval-every", "0", "--eval-episodes", "1"]
        assert main(["train", key, *words, *SMALL[key], "--no-video", "--run-folder", "run"]) == 0
        return tmp_path / "run"

    return make


@pytest.mark.parametrize("key", ["dt", "rvs"])
def test_evaluate_with_targets(run, key, capsys):
    """All in one batch: the same returns as each target alone, and scipy's rank correlation."""
    folder = run(key)
    assert main(["evaluate", "run", "--targets", "3", "--episodes", "2"]) == 0
    plan, learner, _ = load_run(folder, device="cpu")
    rows, (low, high) = read_rows(folder / "targets-evaluated.csv"), learner.returns_range
    assert [float(row["target"]) for row in rows] == pytest.approx([low, (low + high) / 2, high], rel=1e-5)
    for row in rows:
        envs = [make_env(plan.run.env, {}) for _ in range(2)]
        alone = [episode.value for episode in evaluate(learner, envs, 2, plan.run.seed, target=float(row["target"]))]
        found = [float(row[name]) for name in ("return", "least", "most")]
        assert found == pytest.approx([np.mean(alone), min(alone), max(alone)], abs=1)  # rounding of the target in the table
    reached = [float(row["return"]) for row in rows]
    assert len(set(reached)) == 3 and f"(Spearman): {spearmanr([0, 1, 2], reached).statistic:.3f}" in capsys.readouterr().out
    assert (folder / "targets-evaluated.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("key", "words", "said"),
    [
        ("iql", ["--targets", "5"], "iql is told no return to reach"),
        ("rvs", ["--targets", "1"], "--targets is 1, expected at least 2"),
        ("rvs", ["--targets", "5", "--target", "-3"], "exclude each other"),
    ],
)
def test_targets_that_cannot_be_told(run, key, words, said, capsys):
    folder = run(key)
    assert main(["evaluate", "run", *words]) == 2
    assert said in capsys.readouterr().err and not list(folder.glob("targets*"))


def test_rank_correlation():
    rng = np.random.default_rng(0)
    targets, returns = rng.normal(size=9), rng.integers(5, size=(9, 2)).astype(float)
    assert spearman(targets.tolist(), returns) == pytest.approx(spearmanr(targets, returns.mean(1)).statistic)
    assert np.isnan(spearman([1.0, 2.0], np.ones((2, 3)))) and np.isnan(spearman([1.0, 1.0], np.eye(2)))

"""Numbers of a finished run."""

import math

import numpy as np
import pytest

from papergym.agents.lsimagine import score
from papergym.agents.lsimagine.score import jump_rate, success
from papergym.agents.runner.evaluation import evaluate
from papergym.agents.runner.plan import make_plan
from papergym.agents.runner.registry import agent
from papergym.agents.runner.train import build_learner, run_plan


@pytest.mark.parametrize(("won", "count"), [(0, 100), (7, 100), (50, 100), (3, 3)])
def test_success_has_wilsons_interval(won, count):
    got = success(np.arange(count) < won)
    share, z = won / count, 1.959963984540054
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    assert got["success"] == pytest.approx(100 * share)
    assert got["success_low"] == pytest.approx(100 * (middle - half), abs=1e-6)
    assert got["success_high"] == pytest.approx(100 * (middle + half), abs=1e-6)


REPEAT, STEPS = 100, 10
PAIRS = (f"repeat={REPEAT}", "image_size=[80, 128]", "affordance=true")
"""Ten steps an episode."""


def plan_of(**given):
    """A run in the embedded world with few and long steps."""
    small = {"env_kwargs": PAIRS, "steps": 36, "batch_size": 2, "batch_length": 8, "learning_starts": 30, "imagined_steps": 3}
    return make_plan(agent("lsimagine"), "quick", {**small, "video": False, "eval_every": 0, "eval_episodes": 2, **given})


def test_the_flags_statistics_are_those_of_training_or_none(monkeypatch):
    """At the beginning of the test; and the test counts on a copy."""
    begun = []

    def played(learner, env, episodes, seed):
        begun.append(env.get_wrapper_attr("parts").flag.probabilities.count.copy())
        return evaluate(learner, env, episodes=1, seed=seed)

    monkeypatch.setattr(score, "evaluate", played)
    learner = build_learner(plan_of())
    learner.model.env.reset()
    trained = learner.model.env.unwrapped.envs[0].get_wrapper_attr("parts").flag.probabilities
    trained.count[:] = 500.0
    for flag in ("kept", "lost"):
        assert 0 <= jump_rate(plan_of(test_flag=flag), learner) <= 1
    learner.close()
    assert [list(count) for count in begun] == [[500.0], []] and trained.count[0] == 500.0


@pytest.mark.parametrize("baseline", [False, True])
def test_a_run_ends_with_its_numbers(tmp_path, baseline):
    plan = plan_of(baseline=baseline, run_folder=str(tmp_path / "run"))
    summary = run_plan(plan, "a test", listen=False)
    scores = summary["scores"]
    assert 0 <= scores["success_low"] <= scores["success"] <= scores["success_high"] <= 100
    assert 1 <= scores["episode_steps"] <= STEPS
    assert ("jump_rate" in scores) is ("test_jump_rate" in scores) is not baseline
    metrics = (tmp_path / "run" / "metrics.csv").read_text(encoding="utf-8").splitlines()[0]
    logged = ("rollout/jump_rate", "rollout/jump_threshold", "train/loss/jump")
    assert all((name in metrics) is not baseline for name in logged)

"""Trials of Proto-RL's tables: what they ask the runner for. (`reproduce ... --budget` runs them whole, from pixels.)"""

import pytest

from papergym.agents.errors import UsageError
from papergym.agents.protorl import trial as module
from papergym.agents.reproduction.trials import reproduction, select


@pytest.fixture
def plan_of(monkeypatch, tmp_path):
    """The plan that a trial hands to the runner."""
    plans = []
    monkeypatch.setattr(module, "run_plan", lambda plan: plans.append(plan) or {"agent": "protorl", "env": "x", "seed": 0})

    def make(trial):
        assert module.run(trial, tmp_path, resume=True) == {}
        return plans[-1]

    return make


@pytest.mark.parametrize("key", ["protorl-suite", "protorl-quirks"])
def test_a_smaller_budget_keeps_the_share_without_reward(key, plan_of):
    trials = reproduction(key).trials
    for whole, part in zip(trials, select(trials, budget=240)):
        full, small = plan_of(whole), plan_of(part)
        assert (small.run.steps, small.config.steps) == (240, 240)
        assert small.config.switch_at == full.config.switch_at * 240 // full.config.steps
        assert small.run.env == whole["env_id"] and not small.run.resume


def test_quality_replaces_the_presets(plan_of):
    trial = {"preset": "quick", "env_id": "ProtoRL-Walker-v0", "seed": 3, "quality": "paper", "mask_self_matches": True}
    plan = plan_of(trial)
    assert sorted(plan.run.env_kwargs) == ["quality=paper", 'task="stand"']
    assert plan.run.seed == 3 and plan.config.mask_self_matches


def test_unknown_field():
    with pytest.raises(UsageError, match="'speed', which is no setting"):
        module.run({"preset": "quick", "env_id": "ProtoRL-Walker-v0", "speed": 1}, module.Path("."), resume=False)

"""Presets: an ablation differs from `cpu` in what it removes and in nothing else."""

import dataclasses

import pytest

from papergym.agents.reproduction.trial import trial_plan
from papergym.agents.reproduction.trials import reproduction
from papergym.agents.runner.plan import make_plan
from papergym.agents.runner.registry import agent


def settings_of(preset):
    """Every setting of the agent, of the run and of the environment."""
    plan = make_plan(agent("lsimagine"), preset)
    run = {name: value for name, value in dataclasses.asdict(plan.run).items() if name not in ("preset", "env_kwargs")}
    return {**dataclasses.asdict(plan.config), **run, **plan.env_kwargs}


def difference(one, other):
    return {name: value for name, value in settings_of(other).items() if settings_of(one).get(name) != value}


ABLATIONS = {
    "no-long-branch": {"pathways": "steps", "long_branch_weight": 0.0},
    "no-affordance-reward": {"affordance": {"affordance_weight": 0.0}},
    "no-scorer-reward": {"affordance": {"scorer_weight": 0.0}},
    "parallel": {"pathways": "parallel"},
}


@pytest.mark.parametrize("preset", ABLATIONS)
def test_an_ablation_removes_one_thing(preset):
    assert difference("cpu", preset) == ABLATIONS[preset]


def test_the_official_codes_choices():
    assert difference("paper", "official") == {
        "imagined_steps": 14,
        "rebranch": "drawn",
        "continuation": "left",
        "discount_jumps": False,
        "interval_heads": "next",
        "step_after_jump": True,
        "gathered": "mean",
        "one_term_at_least": True,
        "same_step": True,
        "normalize_returns": False,
        "test_flag": "lost",
        "affordance": {"observe_reward": True},
        "reward_scale": 2.0,
    }


def test_the_table_compares_three_agents_on_the_same_protocol():
    """400,000 frames: 100,000 steps of 4, an update of 16 sequences of 32 steps every 16 steps, 100 test episodes."""
    table = reproduction("lsimagine-cpu")
    plans = [trial_plan(table, trial) for trial in table.trials]
    assert len(plans) == 9 and {plan.run.seed for plan in plans} == {0, 1, 2}
    for plan in plans:
        config, kwargs = plan.config, plan.env_kwargs
        assert plan.run.steps * kwargs["repeat"] == 400_000 and kwargs["affordance"] is True
        assert (config.batch_size, config.batch_length, config.size) == (16, 32, "1M")
        assert config.batch_size * config.batch_length / config.train_ratio == 16 and plan.run.eval_episodes == 100
    kinds = [(plan.config.pathways, plan.config.long_branch_weight, plan.config.baseline) for plan in plans[:3]]
    assert kinds == [("sequential", 1.0, False), ("steps", 0.0, False), ("sequential", 1.0, True)]

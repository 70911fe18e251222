"""The presets of every agent."""

import gymnasium as gym
import pytest

import papergym  # noqa: F401  (registers the ids)
from papergym import assets
from papergym.agents.offline.config import DatasetConfig
from papergym.agents.runner.plan import draft, make_plan, presets
from papergym.agents.runner.registry import agent, agents

EVERY = [pytest.param(row, name, id=f"{row.key}-{name}") for row in agents() for name in presets(row) if row.default_env]


@pytest.mark.parametrize(("row", "name"), EVERY)
def test_a_preset_never_changes_what_an_id_means(row, name):
    """On every id of the same maker: the arguments that the id itself sets stay, and no preset names another environment."""
    assert "env" not in presets(row)[name]
    maker = gym.registry[row.default_env].entry_point
    for spec in [spec for spec in gym.registry.values() if spec.entry_point == maker]:
        plan = make_plan(row, name, {"env": spec.id})
        assert plan.run.env == spec.id and not set(plan.env_kwargs) & set(spec.kwargs)


@pytest.mark.parametrize("row", [row for row in agents() if "paper" in presets(row)], ids=lambda row: row.key)
def test_the_papers_numbers_live_in_its_toml(row):
    """The configuration without arguments is the preset ``paper``."""
    config = row.load(row.config)()
    make = draft if isinstance(config, DatasetConfig) else make_plan  # a whole plan needs a dataset
    assert config == make(row, "paper", {"steps": getattr(config, "steps", 20_000)}).config


def test_a_changed_preset_changes_reproductions(monkeypatch):
    from papergym.agents.reproduction.trial import trial_plan
    from papergym.agents.reproduction.trials import reproduction

    facts = assets.paper("sac")
    changed = {**facts, "presets": {**facts["presets"], "paper": {**facts["presets"]["paper"], "tau": 0.25}}}
    for key in ("sac-mujoco", "sac-mujoco-100k", "sac-sb3"):
        plan = reproduction(key)
        assert trial_plan(plan, plan.trials[0]).config.tau == 0.005
        with monkeypatch.context() as patch:
            patch.setattr(assets, "paper", lambda name: changed)
            assert trial_plan(plan, plan.trials[0]).config.tau == 0.25


def test_a_module_before_an_id_changes_no_setting():
    plans = [make_plan(agent("protorl"), "", {"env": env}) for env in ("ProtoRL-WalkerRun-v0", "papergym:ProtoRL-WalkerRun-v0")]
    assert plans[0].env_kwargs == plans[1].env_kwargs != {}

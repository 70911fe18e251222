"""Trials that train: evaluations on the way, resumed where they were cut, the same row through every agent."""

import tempfile

import gymnasium as gym
import numpy as np
import pytest

from papergym.agents.checkpoint.state import load_state
from papergym.agents.errors import BadNumbersError, UsageError
from papergym.agents.reproduction.figures import parse_curve
from papergym.agents.reproduction.trial import ReproductionTrial, trial_plan
from papergym.agents.reproduction.trials import Reproduction, expand, reproduction, reproductions, select, start_of, trial_id
from papergym.agents.reproduction.workers import answer, run_trials
from papergym.agents.runner.session import Session

PENDULUM = {"env_id": "Pendulum-v1", "seed": 2, "steps": 800, "learning_starts": 100, "hidden_units": 16, "batch_size": 16}
CARTPOLE = {"study": "dqn", "env_id": "CartPole-v1", "seed": 2, "steps": 800, "learning_starts": 100, "batch_size": 16}
INVERTED = {"setting": "clip", "env_id": "InvertedPendulum-v4", "seed": 1, "steps": 8192, "objective": "clip", "hidden": [8, 8]}
MEANS = {"hidden_units": ["hidden", "hidden"], "study": ""}


def body(agent: str, **more) -> ReproductionTrial:
    plan = Reproduction(key="test", paper=agent, agent=agent, summary="", cost="", trials=(), means=MEANS, **more)
    return ReproductionTrial(plan)


def run(agent, trial, folder, *, resume=False):
    preset = "quick" if agent in ("per", "sql") else "paper"
    return body(agent, preset=preset)(trial, folder, resume=resume, device="cpu")


def numbers(row):
    return {name: value for name, value in row.items() if name != "cpu_s"}


class CutError(Exception):
    pass


CUT = {
    "sac": ({**PENDULUM, "eval_every": 200}, 650),
    "per": ({**CARTPOLE, "replay": "rank"}, 650),
    "ppo": (INVERTED, 6144),
    "sql": ({"env_id": "SQL-MultiGoal-v0", "seed": 0, "steps": 900, "learning_starts": 300, "batch_size": 8}, 650),
}


@pytest.mark.parametrize("agent", CUT)
def test_cut_run_gives_the_same_row(agent, tmp_path, monkeypatch):
    """The process dies; the resumed trial gives the row of the uncut one, by way of a checkpoint at every safe point."""
    trial, moment = CUT[agent]
    trial = {**trial, "checkpoint_seconds": 0.0}
    monkeypatch.setattr("papergym.agents.runner.session.CHECKPOINT_SHARE", 0.0)
    whole = run(agent, trial, tmp_path / "whole")
    safe_point = Session.safe_point

    def cut(session):
        safe_point(session)
        if session.learner.done == moment:
            raise CutError

    with monkeypatch.context() as patch:
        patch.setattr(Session, "safe_point", cut)
        with pytest.raises(CutError):
            run(agent, trial, tmp_path / "cut", resume=True)
    assert list((tmp_path / "cut").glob("run/checkpoints/*.safetensors"))
    assert numbers(run(agent, trial, tmp_path / "cut", resume=True)) == numbers(whole)
    assert not list((tmp_path / "cut").glob("run/checkpoints/*.safetensors"))


class Room(gym.Env):
    """Shows a dict, whose part ``place`` is NaN at the end of the third episode of five steps."""

    observation_space = gym.spaces.Dict({"place": gym.spaces.Box(-1, 1, (2,)), "door": gym.spaces.Discrete(2)})
    action_space = gym.spaces.Discrete(2)
    steps = 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return {"place": np.zeros(2, np.float32), "door": 0}, {}

    def step(self, action):
        self.steps += 1
        place = np.full(2, np.nan if self.steps == 15 else 0.5, np.float32)
        return {"place": place, "door": 1}, 1.0, self.steps % 5 == 0, False, {}


def test_numbers_that_are_not_finite_end_the_trial(tmp_path, monkeypatch):
    monkeypatch.setitem(gym.registry, "NaNRoom-v0", gym.envs.registration.EnvSpec("NaNRoom-v0", entry_point=Room))
    trial = {**CARTPOLE, "env_id": "NaNRoom-v0", "steps": 200, "learning_starts": 5}
    expected = (
        r"step 15, environment 0 of NaNRoom-v0: last observation 'place' is not finite: \[nan nan\]; no checkpoint was due"
    )
    with pytest.raises(BadNumbersError, match=expected):
        run("per", trial, tmp_path)
    kind, row, message = answer(body("per", preset="quick"), trial, tmp_path / "worker", True, "cpu")
    assert kind == "failed" and not row and message.startswith("step 15") and "Traceback" not in message


@pytest.mark.parametrize("implementation", ["papergym", "sb3"])
def test_evaluations_do_not_disturb_training(implementation, tmp_path):
    trial = {**PENDULUM, "implementation": implementation}
    without = run("sac", trial, tmp_path)
    with_them = run("sac", {**trial, "eval_every": 250}, tmp_path)
    points = parse_curve(with_them.pop("eval_curve"))
    assert points[:, 0].tolist() == [250, 500, 750, 800]
    assert points[-1, 1] == pytest.approx(with_them["eval_return"], rel=1e-4)
    assert numbers(with_them) == numbers(without)


@pytest.mark.parametrize("implementation", ["papergym", "sb3"])
def test_budget_below_one_update(implementation, tmp_path):
    with pytest.raises(UsageError, match="100 steps is below one update: the first one comes after 101"):
        run("sac", {**PENDULUM, "implementation": implementation, "steps": 100}, tmp_path)


@pytest.mark.parametrize("implementation", ["papergym", "sb3", "trpo"])
def test_rollout_below_one_update(tmp_path, implementation):
    with pytest.raises(UsageError, match="a budget of 2000 steps is below one update"):
        run("ppo", {**INVERTED, "steps": 2000, "implementation": implementation}, tmp_path)


def test_no_folder_is_left_in_tmp(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    run("sac", {**PENDULUM, "implementation": "sb3", "steps": 150}, tmp_path / "run")
    assert not list(tmp_path.glob("SB3-*"))


def test_row_of_a_ppo_trial(tmp_path):
    row = run("ppo", INVERTED, tmp_path)
    steps = [int(point.split(":")[0]) for point in row["curve"].split()]
    scores = [float(point.split(":")[1]) for point in row["curve"].split()]
    assert row["steps_done"] == 8192 and steps == [2048, 4096, 6144, 8192]
    assert scores[-1] == pytest.approx(row["score"], rel=1e-4) and scores[-1] > scores[0]
    assert row["episodes"] > 100 and 0 < row["eval_return"] <= 1000
    assert not list(tmp_path.glob("run/checkpoints/*")), "the checkpoint of a finished trial is removed"


@pytest.mark.parametrize("agent", ["ppo", "protorl"])
def test_unknown_fields_are_refused(agent, tmp_path):
    with pytest.raises(UsageError, match=r"unknown setting of .* 'clip_rage'"):
        run(agent, {"seed": 0, "clip_rage": 0.3}, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("key", ["protorl-suite", "protorl-quirks"])
def test_a_smaller_budget_keeps_the_share_without_reward(key):
    plan = reproduction(key)
    for whole, part in zip(plan.trials, select(plan.trials, budget=240)):
        full, small = trial_plan(plan, whole), trial_plan(plan, part)
        assert (small.run.steps, small.config.steps) == (240, 240)
        assert small.config.switch_at == full.config.switch_at * 240 // full.config.steps
        assert small.run.env == whole["env_id"] and not small.run.resume


def test_quality_replaces_the_presets():
    trial = {"preset": "quick", "env_id": "ProtoRL-Walker-v0", "seed": 3, "quality": "paper", "mask_self_matches": True}
    plan = trial_plan(reproduction("protorl-quirks"), trial)
    assert plan.env_kwargs == {"quality": "paper"}
    assert plan.run.seed == 3 and plan.config.mask_self_matches


def test_every_trial_of_the_papers_is_a_plan(monkeypatch):
    """The datasets of offline agents are not there, so their plans are not settled."""
    from papergym.agents.reproduction import trial as trial_module
    from papergym.agents.reproduction.trials import reproductions
    from papergym.agents.runner.plan import draft, make_plan

    def without_data(row, preset, given, where):
        return (draft if row.prepare else make_plan)(row, preset, given, where=where)

    monkeypatch.setattr(trial_module, "make_plan", without_data)

    for plan in reproductions().values():
        if not plan.study:
            for trial in plan.trials:
                made = trial_plan(plan, trial)
                assert (made.run.env, made.run.seed) == (trial.get("env_id", made.agent.default_env), trial["seed"])


TINY = {"hidden": [8], "trunk_dim": 8, "projection_dim": 8, "predictor_dim": 8, "prototypes": 4, "queue_size": 8, "reward_k": 2}
TINY |= {"steps": 120, "learning_starts": 40, "batch_size": 4, "eval_episodes": 1, "record_visits": False}
ONCE = {
    "fixed": TINY,
    "vary": [
        {
            "domain": ["walker"],
            "seed": [0, 1],
            "run": [
                {"setting": "pretraining", "env_id": "DMC-WalkerStand-v0", "pretrain_steps": 120},
                {"setting": "finetuned", "env_id": "DMC-WalkerRun-v0", "start_from": "pretraining", "learning_rate": 1e-12},
                {"setting": "from scratch", "env_id": "DMC-WalkerRun-v0", "pretrain_steps": 0},
            ],
        }
    ],
}


def pretrained_once() -> Reproduction:
    trials = tuple(expand(ONCE))
    return Reproduction("once", "protorl", "protorl", "", "", trials, preset="states", means={"domain": ""})


def test_trials_begin_with_another_ones_networks(tmp_path):
    """Pretrained once per seed, whatever is asked for first, by however many processes; the others begin afresh."""
    plan = pretrained_once()
    names = [trial_id(trial) for trial in plan.trials]
    asked = [plan.trials[1], plan.trials[0], *plan.trials[3:]]  # seed 0: the finetuning comes before the pretraining
    found = {trial_id(outcome.trial): outcome for outcome in run_trials(ReproductionTrial(plan), asked, tmp_path, jobs=2)}
    assert {outcome.kind for outcome in found.values()} == {"done"}, [outcome.message for outcome in found.values()]
    alone = ReproductionTrial(plan)(plan.trials[0], tmp_path / "alone", resume=False, device="cpu")
    assert found[names[0]].row["eval_return"] == alone["eval_return"]
    actors = {}
    for name in found:
        state = load_state(tmp_path / name / "run" / "policy.safetensors", kind="protorl")["model"]["modules"]["policy"]
        parts = [np.ravel(state[part]) for part in sorted(state) if part.startswith("actor")]
        actors[names.index(name)] = np.concatenate(parts)
    for pretrained, finetuned in ((0, 1), (3, 4)):
        np.testing.assert_allclose(actors[finetuned], actors[pretrained], atol=1e-6)
    assert not np.allclose(actors[0], actors[3], atol=1e-2) and not np.allclose(actors[5], actors[3], atol=1e-2)


@pytest.mark.parametrize(
    ("change", "found"),
    [({"start_from": "absent"}, 0), ({"seed": 7}, 0), ({"domain": "hopper"}, 0), ({"start_from": "finetuned"}, 0)],
)
def test_networks_of_no_trial(change, found):
    plan = pretrained_once()
    with pytest.raises(UsageError, match=f"expected one trial that begins afresh, got {found}"):
        start_of(plan, plan.trials[1] | change)


def test_every_trial_of_the_papers_finds_its_networks():
    for plan in reproductions().values():
        for trial in plan.trials:
            start = start_of(plan, trial)
            assert (start is None) == ("start_from" not in trial)

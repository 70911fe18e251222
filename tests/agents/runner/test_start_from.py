"""A run that begins with another one's networks."""

import shutil

import numpy as np
import pytest

import papergym
from papergym.agents.errors import UsageError
from papergym.agents.run import main
from papergym.agents.runner.folder import RunFolder, eval_rounds, read_plan
from papergym.agents.runner.plan import make_plan
from papergym.agents.runner.registry import agent

QUICK = {"video": False, "eval_episodes": 2, "eval_every": 0}
PPO = {"steps": 256, "n_steps": 64, "batch_size": 64, **QUICK}
PROTO = {"learning_starts": 40, "batch_size": 16, "hidden": (16,), "trunk_dim": 16, "prototypes": 8, "queue_size": 16}
PROTO |= {"projection_dim": 8, "predictor_dim": 8, "reward_k": 2, "record_visits": False, **QUICK}
STATE = ("obs_type=state",)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def weights(model):
    return {name: value.detach().numpy().copy() for name, value in model.policy.named_parameters()}


def test_a_policy_goes_on_with_networks_and_statistics(here):
    papergym.train("ppo", "Pendulum-v1", run_folder="first", **PPO)
    papergym.train("ppo", "Pendulum-v1", run_folder="second", start_from="first", learning_rate=1e-12, seed=5, **PPO)
    (one, _), (other, _) = papergym.load("first"), papergym.load("second")
    for name, value in weights(one).items():
        np.testing.assert_allclose(weights(other)[name], value, atol=1e-6, err_msg=name)
    counts = [model.get_vec_normalize_env().obs_rms.count for model in (one, other)]
    assert counts[1] == pytest.approx(counts[0] + 256, abs=10)  # it went on from the first one's statistics
    assert other.num_timesteps == 256


def test_finetuning_on_another_task(here):
    """Pretrained once on one task, without its reward; finetuned on another one: networks are taken, the critic is fresh."""
    pre = papergym.train(
        "protorl",
        "ProtoRL-WalkerStand-v0",
        run_folder="pre",
        steps=80,
        pretrain_steps=80,
        env_kwargs=STATE,
        snapshots=2,
        **PROTO,
    )
    sources = (pre.folder, sorted((pre.folder / "snapshots").iterdir())[-1])
    for source, transfer in zip(sources, (False, True)):
        given = {**PROTO, "learning_rate": 1e-12, "env_kwargs": STATE, "transfer_critic": transfer, "tau": 0.0}
        run = papergym.train(
            "protorl", "ProtoRL-WalkerRun-v0", run_folder=f"fine-{transfer}", steps=60, start_from=str(source), **given
        )
        assert read_plan(run.folder).config.pretrain_steps == 0
        (one, _), (other, _) = pre.load(), run.load()
        before, after = weights(one), weights(other)
        for name, value in before.items():
            same = np.allclose(value, after[name], atol=1e-6)
            if name.startswith("actor") or transfer:
                assert same, name
        critic = [name for name in before if name.startswith("critic.") and name.endswith("weight")]
        assert critic and any(np.allclose(before[name], after[name], atol=1e-6) for name in critic) == transfer


def test_the_users_own_pretraining_wins():
    for row, given, wanted in (("protorl", {}, 0), ("protorl", {"pretrain_steps": 7}, 7)):
        assert make_plan(agent(row), "quick", {"start_from": "x", **given}).config.pretrain_steps == wanted


@pytest.mark.parametrize(
    ("agent_key", "env", "more", "said"),
    [
        ("ppo", "Pendulum-v1", {"start_from": "absent"}, "no such folder or file"),
        ("ppo", "Pendulum-v1", {"start_from": "."}, "has no checkpoint yet"),
        ("ppo", "MountainCarContinuous-v0", {"start_from": "first"}, "do not fit this run on MountainCarContinuous-v0"),
        ("ppo", "Pendulum-v1", {"start_from": "first", "hidden": (8,)}, "do not fit"),
        ("sac", "Pendulum-v1", {"start_from": "first", "n_steps": 1, "learning_starts": 50}, "do not fit"),
    ],
)
def test_what_does_not_fit_leaves_nothing(here, agent_key, env, more, said):
    papergym.train("ppo", "Pendulum-v1", run_folder="first", **PPO)
    before = sorted(here.rglob("*"))
    with pytest.raises(UsageError, match=said):
        papergym.train(agent_key, env, run_folder="second", **{**PPO, **more})
    assert sorted(here.rglob("*")) == before


def test_a_resumed_run_does_not_look_at_the_other(here):
    papergym.train("ppo", "Pendulum-v1", run_folder="first", **PPO)
    options = [
        "train",
        "ppo",
        "--env",
        "Pendulum-v1",
        "--steps",
        "512",
        "--n-steps",
        "64",
        "--no-video",
        "--run-folder",
        "second",
    ]
    assert main([*options, "--from", "first", "--checkpoint-seconds", "0"]) == 0
    for name in ("summary.json", "policy.safetensors"):
        (here / "second" / name).unlink()
    expected = (here / "second" / "metrics.csv").read_bytes()
    max((here / "second" / "checkpoints").iterdir()).unlink()
    (here / "first" / "policy.safetensors").write_bytes(b"changed")
    assert main(["train", "second", "--resume"]) == 0
    assert (here / "second" / "metrics.csv").read_bytes() == expected


def test_a_run_that_was_cut_before_its_first_checkpoint_begins_with_the_networks_again(here):
    first = papergym.train("ppo", "Pendulum-v1", run_folder="first", **PPO)
    given = {"start_from": "first", "seed": 5, **PPO}
    whole = papergym.train("ppo", "Pendulum-v1", run_folder="whole", **given)
    RunFolder.create(make_plan(agent("ppo"), "", {"env": "Pendulum-v1", "run_folder": "cut", **given}), "").close()
    cut = papergym.train("ppo", "Pendulum-v1", run_folder="cut", resume=True, **given)
    assert eval_rounds(cut.folder) == eval_rounds(whole.folder) != eval_rounds(first.folder)


def test_a_source_is_needed_at_the_start_only(here):
    papergym.train("ppo", "Pendulum-v1", run_folder="first", **PPO)
    given = {"start_from": "first", "checkpoint_seconds": 0.0, **PPO}
    whole = papergym.train("ppo", "Pendulum-v1", run_folder="second", **given)
    shutil.rmtree("first")
    assert papergym.train("ppo", run_folder="second", resume=True).summary == whole.summary
    expected = eval_rounds(whole.folder)
    (whole.folder / "summary.json").unlink()
    papergym.train("ppo", run_folder="second", resume=True)
    assert eval_rounds(whole.folder) == expected
    RunFolder.create(make_plan(agent("ppo"), "", {"env": "Pendulum-v1", "run_folder": "cut", **given}), "").close()
    with pytest.raises(UsageError, match="no such folder or file"):
        papergym.train("ppo", run_folder="cut", resume=True)


@pytest.mark.parametrize("norm_obs", [False, True])
def test_normalizers_with_and_without_statistics_of_observations(here, norm_obs):
    papergym.train("ppo", "Pendulum-v1", run_folder="first", norm_obs=norm_obs, **PPO)
    run = papergym.train("ppo", "Pendulum-v1", run_folder="second", start_from="first", norm_obs=norm_obs, **PPO)
    assert run.load()[0].get_vec_normalize_env().norm_obs == norm_obs
    assert main(["push", "first", "pushed", "--episodes", "1"]) == 0
    assert main(["evaluate", "pushed", "--episodes", "1"]) == 0

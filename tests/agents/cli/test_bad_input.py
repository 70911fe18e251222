"""Bad input ends in one message that names the remedy, and nothing that was there is lost."""

import hashlib
import subprocess
import sys
import textwrap

import gymnasium as gym
import numpy as np
import pytest

from papergym.agents.run import main

TINY = [
    "ppo",
    "--env",
    "Pendulum-v1",
    "--n-steps",
    "64",
    "--batch-size",
    "32",
    "--n-epochs",
    "1",
    "--eval-episodes",
    "1",
    "--no-video",
]
TINY += ["--checkpoint-seconds", "0", "--eval-every", "128"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def fails(capsys, *arguments: str) -> str:
    assert main(list(arguments)) == 2
    return capsys.readouterr().err


def contents(folder) -> dict[str, str]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture
def finished(here):
    assert main(["train", *TINY, "--steps", "256", "--run-folder", "done"]) == 0
    return here / "done"


@pytest.fixture
def cut(finished):
    """A run whose last part is missing."""
    (finished / "summary.json").unlink()
    (finished / "policy.safetensors").unlink()
    return finished


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trian"], "Did you mean train"),
        (["train", "ppoo"], "unknown agent 'ppoo'. Did you mean ppo"),
        (["train", "--env", "Pendulum-v1"], "expected an agent or a run folder first"),
        (["train", "ppo", "--preset", "papper"], "unknown preset 'papper'. Did you mean paper"),
        (["train", *TINY[:1], "--env", "Pendulim-v1"], "Pendulim-v1' cannot be made"),
        (["train", *TINY, "--env-kwargs", "gravity=1"], "unexpected keyword argument 'gravity'"),
        (["train", *TINY, "--env-kwargs", "g"], "expects KEY=VALUE, got 'g'"),
        (["train", *TINY, "--steps", "10"], "below one update: the first one comes after 64 steps"),
        (["train", *TINY, "--steps", "0"], "--steps is 0, expected at least 1"),
        (["train", *TINY, "--gamma", "7"], "--gamma is 7.0, expected between 0 and 1"),
        (["train", *TINY, "--learning-rate", "nan"], "--learning-rate is nan, expected a positive number"),
        (["train", "sql", "--batch-size", "0"], "--batch-size is 0, expected at least 1"),
        (["train", *TINY, "--seed", "1", "--seed", "2"], "conflicting values for --seed: 1 and 2"),
        (["train", *TINY, "--video"], "conflicting values for --video: no and yes"),
        (["train", *TINY, "--objective", "clop"], "ppo refuses these settings"),
        (["train", *TINY, "--resume"], "no run at"),
        (
            ["reproduce", "per-dqn", "--where", "seed=0", "--where", "setting=rank"],
            "for --where: seed=0 and setting=rank. Give it",
        ),
        (
            ["sweep", "--agents", "ppo", "--set", "gamma=0.9,0.8", "--set", "n_steps=64"],
            "for --set: gamma=0.9,0.8 and n_steps=64",
        ),
        (["evaluate", "nowhere"], "no run at nowhere"),
        (["list", "nosuchthing"], "unknown family or part of an id"),
        (["list", "walkr"], "Did you mean walker"),
        (["protorl", "train"], "unknown verb 'protorl'"),
    ],
)
def test_message_names_the_remedy(here, capsys, arguments, message):
    assert message in fails(capsys, *arguments)
    assert not list(here.rglob("*.csv"))


def test_unknown_field(here, capsys):
    with pytest.raises(SystemExit) as status:
        main(["train", *TINY, "--learnin-rate", "1"])
    assert status.value.code == 2
    assert "--learning-rate" in capsys.readouterr().err
    assert not (here / "runs").exists()


@pytest.mark.parametrize(("agent", "env"), [("sac", "CartPole-v1"), ("per", "Pendulum-v1"), ("protorl", "CartPole-v1")])
def test_actions_that_the_agent_cannot_take(here, capsys, agent, env):
    message = fails(capsys, "train", agent, "--env", env)
    assert f"{env} has" in message and "Use" in message
    assert not (here / "runs").exists()


def test_existing_run_is_not_touched(finished, capsys):
    before = contents(finished)
    message = fails(capsys, "train", *TINY, "--steps", "256", "--run-folder", "done")
    assert "already holds a run" in message and "--resume" in message
    assert contents(finished) == before


def test_folder_of_something_else_is_not_touched(here, capsys):
    (here / "thesis").mkdir()
    (here / "thesis" / "chapter.txt").write_text("words")
    assert "exists and is not an empty folder" in fails(capsys, "train", *TINY, "--run-folder", "thesis")
    assert [path.name for path in (here / "thesis").iterdir()] == ["chapter.txt"]


def test_resume_of_a_finished_run_changes_nothing(finished, capsys):
    before = contents(finished)
    assert main(["train", "done", "--resume"]) == 0
    after = contents(finished)
    assert {name: after[name] for name in before if name != ".lock"} == {
        name: before[name] for name in before if name != ".lock"
    }


def test_resume_with_other_settings(cut, capsys):
    message = fails(capsys, "train", *TINY, "--steps", "256", "--run-folder", "done", "--resume", "--gamma", "0.5")
    assert "gamma: the run has 0.99, given 0.5" in message


def test_checkpoint_of_another_agent(cut, capsys):
    config = cut / "config.toml"
    newest = max((cut / "checkpoints").iterdir())
    data = newest.read_bytes()
    newest.write_bytes(data.replace(b'"kind":"ppo"', b'"kind":"sac"'))
    assert newest.read_bytes() != data
    before = config.read_bytes()
    assert "belongs to 'sac', not to 'ppo'" in fails(capsys, "train", "done", "--resume")
    assert config.read_bytes() == before and newest.exists()


@pytest.mark.parametrize("name", ["best.safetensors", "policy.safetensors"])
def test_a_policy_in_a_checkpoints_place(finished, capsys, name):
    """A sound file of the same run that lacks the counters."""
    newest = max((finished / "checkpoints").iterdir())
    newest.write_bytes((finished / name).read_bytes())
    (finished / "summary.json").unlink()
    before = contents(finished)
    assert "is no checkpoint: it has no rows, runner, timing_rows" in fails(capsys, "train", "done", "--resume")
    assert contents(finished) == before


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty"])
def test_damaged_checkpoint(cut, capsys, damage):
    tables = {name: digest for name, digest in contents(cut).items() if name.endswith(".csv")}
    old, newest = sorted((cut / "checkpoints").iterdir())
    data = newest.read_bytes()
    flipped = data[:-200] + bytes([data[-200] ^ 1]) + data[-199:]
    newest.write_bytes({"truncated": data[: len(data) // 2], "flipped": flipped, "empty": b""}[damage])
    message = fails(capsys, "train", "done", "--resume")
    assert "corrupted" in message and f"Remove it to go on from {old.name}" in message
    assert {name: digest for name, digest in contents(cut).items() if name.endswith(".csv")} == tables
    newest.unlink()  # the remedy works
    assert main(["train", "done", "--resume"]) == 0


def test_resume_before_the_first_checkpoint(cut):
    for path in (cut / "checkpoints").iterdir():
        path.unlink()
    expected = (cut / "metrics.csv").read_bytes()
    assert main(["train", "done", "--resume"]) == 0
    assert (cut / "metrics.csv").read_bytes() == expected


class Broken(gym.Env):
    """Pays NaN, or shows infinity, at its 100th step."""

    observation_space = gym.spaces.Box(-np.inf, np.inf, (2,))
    action_space = gym.spaces.Box(-1, 1, (1,))

    def __init__(self, what: str = "reward"):
        self.what, self.steps = what, 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(2, np.float32), {}

    def step(self, action):
        self.steps += 1
        bad = self.steps == 100
        observation = np.full(2, np.inf if bad and self.what == "observation" else self.steps % 7, np.float32)
        return observation, float("nan") if bad and self.what == "reward" else 1.0, False, self.steps % 10 == 0, {}

    def get_state(self):
        return {"steps": self.steps}

    def set_state(self, state):
        self.steps = state["steps"]


@pytest.mark.parametrize("what", ["reward", "observation"])
@pytest.mark.parametrize("fast", ["--use-fast", "--no-use-fast"])
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")
def test_numbers_that_are_not_finite(here, capsys, what, fast):
    gym.register("Broken-v0", Broken)
    options = [
        *TINY,
        "--env-kwargs",
        f"what={what}",
        "--steps",
        "256",
        "--run-folder",
        "broken",
        fast,
        "--no-norm-obs",
        "--no-norm-reward",
    ]
    options[options.index("Pendulum-v1")] = "Broken-v0"
    message = fails(capsys, "train", *options)
    assert "step 100" in message and "environment 0 of Broken-v0" in message and what in message
    kept = sorted((here / "broken" / "checkpoints").iterdir())
    assert kept and f"{kept[-1].name} is kept" in message


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_policy_that_diverges(here, capsys, monkeypatch):
    """The second update leaves NaN behind: no table and no checkpoint holds it."""
    from papergym.agents.ppo.algorithm import PPO

    train = PPO.train

    def diverges(model):
        train(model)
        if model.num_timesteps == 128:
            next(model.policy.parameters()).data.fill_(float("nan"))

    monkeypatch.setattr(PPO, "train", diverges)
    message = fails(capsys, "train", *TINY, "--steps", "256", "--run-folder", "diverged")
    assert "step 128: the policy has diverged, its log_std is not finite" in message and "smaller learning rate" in message
    assert ".safetensors is kept in diverged" in message
    assert "nan" not in "".join(path.read_text() for path in (here / "diverged").glob("*.csv"))


def test_full_disk(here):
    """A limit on file size stands in for a full disk: the write fails in the same place."""
    code = f"""
        import resource, sys
        from papergym.agents.run import main
        arguments = {TINY!r} + ["--run-folder", "full", "--steps", "2048"]
        from papergym.agents.runner import session
        original = session.Session._checkpoint
        def checkpoint(self):
            if self.learner.done == 640:
                resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
            original(self)
        session.Session._checkpoint = checkpoint
        session.CHECKPOINT_SHARE = 0
        sys.exit(main(["train", *arguments]))
    """
    result = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=300)
    assert result.returncode == 2, result.stderr
    assert "cannot write" in result.stderr or "The last checkpoint is kept" in result.stderr
    assert "Traceback" not in result.stderr
    names = sorted(path.name for path in (here / "full" / "checkpoints").iterdir())
    assert names[-1] == f"{576:012d}.safetensors"
    assert main(["train", "full", "--resume"]) == 0  # once there is room again


def test_one_process_per_folder(cut, capsys):
    from papergym.agents.runner.folder import RunFolder, read_plan

    held = RunFolder.resume(read_plan(cut))
    assert "another process is using" in fails(capsys, "train", "done", "--resume")
    held.close()
    assert main(["train", "done", "--resume"]) == 0

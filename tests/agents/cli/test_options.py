"""Every option of every agent and verb, with values that are none: one message, in the user's words."""

import dataclasses
import random
import typing
from types import NoneType

import pytest

from papergym.agents.errors import UsageError
from papergym.agents.run import VERBS, main
from papergym.agents.runner.plan import RunSettings, draft, settle
from papergym.agents.runner.registry import agents
from papergym.agents.runner.train import build_learner

NO_NUMBERS = ("banana", "", "nan", "inf", "-inf", "1e400", "1.5.2", "0x1g", "[1]", "None of them", "\u0663x")
LIBRARY_WORDS = ("ufunc", "object of type", "not supported between", "unsupported operand", "NoneType", "Traceback")


def settings_of(row) -> list[tuple[str, typing.Any]]:
    """Names and types of an agent's settings and the runner's; a budget that the agent fixes is none."""
    owners = (row.load(row.config), RunSettings)
    hints = [(item.name, typing.get_type_hints(owner)[item.name]) for owner in owners for item in dataclasses.fields(owner)]
    return [(name, hint) for name, hint in hints if name not in ("preset", "resume", "run_folder", "env", "env_kwargs")]


def is_numeric(hint) -> bool:
    parts = set(typing.get_args(hint)) or {hint}
    return bool(parts & {int, float}) and not parts - {int, float, NoneType, Ellipsis}


def offered(row, name: str, value) -> str:
    """What an agent says to a value: its message, or "" where it builds with it."""
    try:
        plan = settle(draft(row, "", {name: value, "video": False, "device": "cpu"} | {name: value}))
        learner = build_learner(plan)
    except UsageError as error:
        return str(error)
    learner.close()
    return ""


@pytest.fixture(params=[row.key for row in agents() if row.default_env])  # others need a dataset before anything else
def row(request):
    return next(row for row in agents() if row.key == request.param)


def test_a_setting_is_no_text_nor_nan(row):
    tried = 0
    for name, hint in settings_of(row):
        if is_numeric(hint):
            several = typing.get_origin(hint) is tuple or tuple in map(typing.get_origin, typing.get_args(hint))
            for value in NO_NUMBERS:
                if several and not value:
                    continue  # none of them
                message = offered(row, name, value)
                assert name in message.replace("-", "_"), f"{name}={value!r}: {message!r}"
                assert not any(word in message for word in LIBRARY_WORDS), message
                tried += 1
    assert tried > 100


def test_no_value_ends_in_a_traceback(row):
    """Values that some settings take and others do not: a sample, the same at every run."""
    rng = random.Random(row.key)
    values = ["-1", "0", "1", "-0.5", "1e9", "3000000000", "true", "banana", "64,64", "-3,2", "0.5", "1e-30", "auto"]
    for name, _ in rng.sample(settings_of(row), 12):
        value = rng.choice(values)
        message = offered(row, name, value)  # anything but a UsageError fails the test
        assert not any(word in message for word in LIBRARY_WORDS), f"{name}={value}: {message}"


@pytest.mark.slow
def test_no_value_of_any_setting_ends_in_a_traceback(row):
    for name, _ in settings_of(row):
        for value in ("-1", "0", "1", "-0.5", "1e9", "3000000000", "true", "banana", "64,64", "-3,2", "0.5", "1e-30", "auto"):
            message = offered(row, name, value)
            assert not any(word in message for word in LIBRARY_WORDS), f"{name}={value}: {message}"


def test_sizes_rates_and_weights_are_not_negative(row):
    for name, hint in settings_of(row):
        owner = RunSettings if name in {item.name for item in dataclasses.fields(RunSettings)} else row.load(row.config)
        default = next(item.default for item in dataclasses.fields(owner) if item.name == name)
        if hint in (int, float) and default >= 0:
            message = offered(row, name, "-1")
            assert name.replace("_", "-") in message or name in message, f"{name}: {message!r}"


CALLS = [
    ["train", "sac", "--env", "::"],
    ["train", "sac", "--env", ":Pendulum-v1"],
    ["train", "sac", "--env", "no.such.module:Id-v0"],
    ["train", "sac", "--env", "Pendulum-v1", "--device", "banana"],
    ["train", "sac", "--env", "Pendulum-v1", "--device", "cuda:99"],
    ["train", "sac", "--env", "Pendulum-v1", "--n-envs", "100000000"],
    ["train", "sac", "--env", "Pendulum-v1", "--buffer-size", "10000000000000"],
    ["train", "sac", "--env", "Pendulum-v1", "--buffer-size", "2000000000"],
    ["train", "sac", "--env", "Pendulum-v1", "--temperature", "nan"],
    ["train", "ppo", "--env", "Pendulum-v1", "--run-folder", "/proc/papergym/run"],
    ["train", "ppo", "--env", "Pendulum-v1", "--run-folder", "file.txt/run"],
    ["train", "ppo", "--env", "Pendulum-v1", "--run-folder", "x" * 300],
    ["train", "ppo", "--env", "Pendulum-v1", "--checkpoint-seconds", "nan"],
    ["train", "ppo", "--env", "Pendulum-v1", "--seed", "-1"],
    ["train", "ppo", "--env", "Pendulum-v1", "--seed", str(2**64)],
    ["train", "file.txt", "--resume"],
    ["evaluate", "file.txt"],
    ["evaluate", "nowhere", "--episodes", "0"],
    ["evaluate", "nowhere", "--target", "nan"],
    ["play", "Pendulum-v1", "--fps", "nan"],
    ["play", "Pendulum-v1", "--video", "x.txt"],
    ["report", "ppo", "--folder", "/proc/papergym"],
    ["report", "ppo", "--folder", "file.txt"],
    ["report", "per-dqn", "--results", "binary.csv"],
    ["reproduce", "file.toml"],
    ["reproduce", "binary.toml"],
    ["reproduce", "wrong.toml:fixed"],
    ["reproduce", "wrong.toml:vary"],
    ["reproduce", "wrong.toml:axis"],
    ["reproduce", "wrong.toml:agent"],
    ["reproduce", "nowhere.toml"],
    ["reproduce", "ppo-table1", "--jobs", "0"],
    ["reproduce", "ppo-table1", "--budget", "-5"],
    ["reproduce", "ppo-table1", "--device", "banana"],
    ["reproduce", "ppo-table1", "--results", "binary.csv"],
    ["sweep", "--agents", "ppo", "--envs", "Pendulum-v1", "--set", "=3"],
    ["sweep", "--agents", "ppo", "--envs", "Pendulum-v1", "--set", "gamma=banana"],
    ["sweep", "--agents", "ppo", "--envs", "Pendulum-v1", "--jobs", "-1"],
    ["compare", "file.txt", "nowhere"],
    ["list", "["],
]


@pytest.mark.parametrize("call", CALLS, ids=lambda call: " ".join(call)[:60])
def test_bad_requests_end_in_one_message(tmp_path, monkeypatch, capsys, call):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.txt").write_text("words")
    (tmp_path / "file.toml").write_text("[reproduce]\nx = 3\n")
    wrong = {"fixed": "fixed = 3", "vary": "vary = [3]", "axis": "vary = [{ seed = 3 }]", "agent": "agent = 3"}
    tables = [f"[reproduce.{key}]\n{line}\n" + ("" if key == "agent" else 'agent = "ppo"\n') for key, line in wrong.items()]
    (tmp_path / "wrong.toml").write_text("".join(tables))
    (tmp_path / "binary.toml").write_bytes(b"\xff\x00")
    (tmp_path / "binary.csv").write_bytes(b"\xff\x00\xfe,\n")
    assert call[0] in VERBS
    try:
        status = main(call)
    except SystemExit as end:  # an option's own syntax, said by its parser
        status = end.code
    message = capsys.readouterr().err
    assert status == 2 and len(message.strip()) > 20
    assert not any(word in message for word in LIBRARY_WORDS), message
    assert sorted(path.name for path in tmp_path.rglob("*.csv")) == ["binary.csv"]

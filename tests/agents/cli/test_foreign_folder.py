"""A run folder may come from anybody: nothing in it is started, followed out of it, or believed when it has changed."""

import os
import random
import shutil
import sys
import textwrap

import pytest
import tomli_w

from papergym.agents.errors import UsageError
from papergym.agents.run import main
from papergym.agents.runner.fields import tomllib
from papergym.agents.runner.folder import read_plan
from papergym.agents.runner.plan import digest
from papergym.agents.runner.ranges import check_ranges

TINY = ["ppo", "--env", "Pendulum-v1", "--n-steps", "64", "--batch-size", "32", "--n-epochs", "1", "--eval-episodes", "1"]
TINY += ["--no-video", "--checkpoint-seconds", "0", "--eval-every", "128", "--steps", "256"]
TABLES = ("metrics.csv", "episodes.csv", "eval.csv")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A finished run, and the same one cut before its last file."""
    folder = tmp_path_factory.mktemp("foreign")
    assert main(["train", *TINY, "--run-folder", str(folder / "done")]) == 0
    shutil.copytree(folder / "done", folder / "cut")
    (folder / "cut" / "summary.json").unlink()
    (folder / "cut" / "policy.safetensors").unlink()
    return folder


@pytest.fixture
def run(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("done", "cut"):
        shutil.copytree(trained / name, tmp_path / name)
    return tmp_path


def refuses(capsys, *arguments: str) -> str:
    capsys.readouterr()
    assert main(list(arguments)) == 2
    message = capsys.readouterr().err
    assert "Traceback" not in message
    return message


def flip(path, rng: random.Random) -> str:
    """Change one bit; half of the time in a checkpoint's header, which is the smallest part of it."""
    data = bytearray(path.read_bytes())
    end = len(data)
    if path.suffix == ".safetensors" and rng.random() < 0.5:
        end = min(end, 8 + int.from_bytes(data[:8], "little"))
    place = rng.randrange(8 * end)
    data[place // 8] ^= 1 << place % 8
    path.write_bytes(data)
    return f"{path.name}, bit {place}"


def damage(trained, folder, rng: random.Random, capsys) -> None:
    """Flip one bit anywhere in a run, resume: refused, or the numbers of the undamaged run."""
    kind = rng.choice(["cut", "done"])
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(trained / kind, folder)
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size)
    where = f"{kind}: {flip(rng.choice(files), rng)}"
    status = main(["train", str(folder), "--resume", "--no-video"])
    message = capsys.readouterr().err
    assert status in (0, 2) and "Traceback" not in message, f"{where}: {message}"
    if status == 2:
        assert len(message.strip()) > 20, where
    elif kind == "cut":
        for name in TABLES:
            assert (folder / name).read_bytes() == (trained / "done" / name).read_bytes(), f"{where}: {name}"


def test_flipped_bits_are_refused_or_change_no_number(trained, tmp_path, capsys):
    rng = random.Random(0)
    for _ in range(40):
        damage(trained, tmp_path / "run", rng, capsys)


@pytest.mark.slow
def test_two_thousand_flipped_bits(trained, tmp_path, capsys):
    rng = random.Random(1)
    for _ in range(2000):
        damage(trained, tmp_path / "run", rng, capsys)


def test_the_checkpoint_of_another_seed_is_refused(run, capsys):
    assert main(["train", *TINY, "--seed", "1", "--run-folder", "other"]) == 0
    newest = max((run / "cut" / "checkpoints").iterdir())
    shutil.copy(run / "other" / "checkpoints" / newest.name, newest)
    assert "other settings or another seed" in refuses(capsys, "train", "cut", "--resume")
    shutil.copy(run / "other" / "policy.safetensors", run / "done" / "policy.safetensors")
    assert "other settings or another seed" in refuses(capsys, "evaluate", "done")


@pytest.mark.parametrize(
    "change", [("gamma = 0.99", "gamma = 0.5"), ("seed = 0", "seed = 7"), ("norm_obs = true", "norm_obs = false")]
)
def test_edited_settings_are_refused(run, capsys, change):
    config = (run / "cut" / "config.toml").read_text()
    assert change[0] in config
    (run / "cut" / "config.toml").write_text(config.replace(*change))
    assert "config.toml has changed" in refuses(capsys, "train", "cut", "--resume")
    (run / "cut" / "config.toml").write_text(config.replace("threads = 1", "threads = 2"))  # decides no number
    assert main(["train", "cut", "--resume", "--threads", "1"]) == 0


def test_edited_tables_are_refused(run, capsys):
    for name in (*TABLES, "timing.csv"):
        whole = (run / "cut" / name).read_text()
        first = whole.splitlines()[1]
        (run / "cut" / name).write_text(whole.replace(first, "9" + first[1:], 1))
        assert f"{name} has changed since the checkpoint" in refuses(capsys, "train", "cut", "--resume")
        (run / "cut" / name).write_text(whole)
    assert main(["train", "cut", "--resume"]) == 0


def set_in_config(folder, table: str, name: str, value) -> None:
    """Edit config.toml as somebody would who wants to be believed: with a fresh digest."""
    tables = tomllib.loads((folder / "config.toml").read_text())
    tables[table][name] = value
    tables["digest"] = digest(tables)
    (folder / "config.toml").write_text(tomli_w.dumps(tables))


VERBS = {
    "train": ["train", "done", "--resume"],
    "resume": ["train", "cut", "--resume"],
    "evaluate": ["evaluate", "done", "--episodes", "1"],
    "show": ["show", "done"],
    "play": ["play", "Pendulum-v1", "--policy", "done", "--steps", "2", "--video", "out.mp4"],
}


@pytest.mark.parametrize("verb", ["resume", "evaluate", "show", "play"])
def test_a_folder_makes_no_module_be_imported(run, capsys, monkeypatch, verb):
    (run / "evil_module.py").write_text(f"open({str(run / 'marker')!r}, 'w').close()\n")
    monkeypatch.syspath_prepend(run)
    for name in ("done", "cut"):
        set_in_config(run / name, "run", "env", "evil_module:Pendulum-v1")
    assert "is a module outside papergym" in refuses(capsys, *VERBS[verb])
    assert "evil_module" not in sys.modules and not (run / "marker").exists()


@pytest.mark.parametrize(
    "pair", ["python=./evil", "game_dir=evil", "xml_file=/tmp/x.xml", 'nested={a = ["os:system"]}', "env_id=evil:Id-v0"]
)
@pytest.mark.parametrize("verb", ["resume", "evaluate", "show", "play"])
def test_a_folder_starts_no_program_and_names_no_file(run, capsys, verb, pair):
    for name in ("done", "cut"):
        set_in_config(run / name, "run", "env_kwargs", [pair])
    message = refuses(capsys, *VERBS[verb])
    assert "names a program, a module or a path" in message and "--env-kwargs" in message


def test_what_the_user_names_is_used(run, capsys, monkeypatch):
    """The module of an environment of one's own: named in the command, as the message says."""
    (run / "my_worlds.py").write_text(
        textwrap.dedent("""
        import gymnasium as gym
        gym.register("MyPendulum-v0", "gymnasium.envs.classic_control.pendulum:PendulumEnv", max_episode_steps=50)
        """)
    )
    monkeypatch.syspath_prepend(run)
    options = [word if word != "Pendulum-v1" else "my_worlds:MyPendulum-v0" for word in TINY]
    assert main(["train", *options, "--run-folder", "mine"]) == 0
    assert "--env my_worlds:MyPendulum-v0" in refuses(capsys, "evaluate", "mine")
    assert main(["evaluate", "mine", "--episodes", "1", "--env", "my_worlds:MyPendulum-v0"]) == 0
    (run / "mine" / "summary.json").unlink()
    assert main(["train", "ppo", "--run-folder", "mine", "--resume", "--env", "my_worlds:MyPendulum-v0"]) == 0


def test_the_run_stays_in_its_folder(run):
    """config.toml names another run folder: the run goes on where the user said."""
    (run / "runs").mkdir()
    (run / "cut").rename(run / "runs" / "ppo-Pendulum-v1-s0")
    set_in_config(run / "runs" / "ppo-Pendulum-v1-s0", "run", "run_folder", str(run / "elsewhere"))
    assert main(["train", *TINY, "--resume"]) == 0
    assert not (run / "elsewhere").exists() and (run / "runs" / "ppo-Pendulum-v1-s0" / "summary.json").is_file()


LINKS = [".lock", "config.toml", "metrics.csv", "summary.json", "plot.png", "policy.safetensors", ".metrics.1.tmp.csv"]
LINKS += ["checkpoints", "tensorboard", "snapshots", "checkpoints/000000000999.safetensors"]


@pytest.mark.parametrize("verb", sorted(VERBS))
@pytest.mark.parametrize("name", LINKS)
def test_no_link_leads_out_of_a_folder(run, capsys, verb, name):
    outside = run / "outside"
    outside.mkdir()
    (outside / "precious.txt").write_text("words")
    for folder in (run / "done", run / "cut"):
        target = folder / name
        if target.is_dir():
            shutil.rmtree(target)
        target.unlink(missing_ok=True)
        target.symlink_to(outside if name in ("checkpoints", "tensorboard", "snapshots") else outside / "precious.txt")
    assert "is a symbolic link" in refuses(capsys, *VERBS[verb])
    assert (outside / "precious.txt").read_text() == "words" and len(list(outside.iterdir())) == 1


def test_a_pipe_in_a_folder_is_refused(run, capsys):
    (run / "done" / "config.toml").unlink()
    os.mkfifo(run / "done" / "config.toml")
    assert "neither a file nor a folder" in refuses(capsys, "evaluate", "done")


WRONG = [None, -1, 0, 10**30, 1.5, float("nan"), float("inf"), True, "", "text", "[", "\x00", [], [1], ["a"], {"a": 1}]


def test_settings_of_wrong_types_are_refused_with_their_name(run):
    """Every setting of a config.toml, with every kind of value in its place."""
    tables = tomllib.loads((run / "done" / "config.toml").read_text())
    tried = 0
    for table in ("run", "config"):
        for name in tables[table]:
            for value in WRONG:
                changed = {**tables, table: {**tables[table], name: value}}
                if value is None:
                    changed[table] = {**{key: old for key, old in tables[table].items() if key != name}, "unset": [name]}
                changed["digest"] = digest(changed)
                (run / "done" / "config.toml").write_text(tomli_w.dumps(changed))
                try:
                    check_ranges(read_plan(run / "done"))
                except UsageError as error:
                    assert len(str(error)) > 20
                tried += 1
    assert tried > 400


@pytest.mark.parametrize(
    "text",
    [b"", b"\xff\xfe", b"agent = 1", b"[run]", b"x = " + b"[" * 5000, b'agent = "ppo"\nrun = 3\nconfig = []', b"\x00" * 100],
)
@pytest.mark.parametrize("verb", ["evaluate", "train"])
def test_a_config_that_is_none(run, capsys, verb, text):
    (run / "done" / "config.toml").write_bytes(text)
    assert "config.toml" in refuses(capsys, *VERBS[verb])


@pytest.mark.parametrize("text", [b"", b"[]", b"3", b'"x"', b"{", b"\xff", b"[" * 100_000, b"null"])
def test_a_summary_that_is_none(run, capsys, text):
    (run / "done" / "summary.json").write_bytes(text)
    assert "summary.json" in refuses(capsys, "train", "done", "--resume")


@pytest.mark.parametrize("text", [b"", b"a,b\n1,2\n", b"step,episode,return,length\n1,0,x,2\n", b"\xff\n", b'"\n'])
@pytest.mark.parametrize("name", ["eval.csv", "episodes.csv"])
def test_tables_that_are_none(run, capsys, name, text):
    (run / "done" / name).write_bytes(text)
    if text or name == "eval.csv":  # a run may have no finished episode
        message = refuses(capsys, "compare", "done", "cut")
        assert name in message or "no evaluation yet" in message


def test_old_folders_go_on(run, trained):
    """Folders of versions without digests: they resume and are evaluated; only the comparisons are left out."""
    tables = tomllib.loads((run / "cut" / "config.toml").read_text())
    del tables["digest"]
    (run / "cut" / "config.toml").write_text(tomli_w.dumps(tables))
    assert main(["train", "cut", "--resume"]) == 0
    for name in TABLES:
        assert (run / "cut" / name).read_bytes() == (trained / "done" / name).read_bytes()
    assert main(["evaluate", "cut", "--episodes", "1"]) == 0


def test_a_folder_with_brackets_in_its_name(run, capsys):
    (run / "r[").mkdir()
    (run / "done").rename(run / "r[/i]")
    assert main(["compare", "r[/i]", "cut"]) == 0
    assert main(["train", "r[/i]", "--resume"]) == 0
    assert "r[/i]" in capsys.readouterr().out

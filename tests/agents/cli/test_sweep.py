"""Sweeps: the matrix, local processes, and Ray with a node that dies."""

import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import pytest

from papergym.agents.cli.sweep import Options, matrix
from papergym.agents.errors import UsageError
from papergym.agents.reproduction.results import read_rows
from papergym.agents.reproduction.trial import sweep_plan
from papergym.agents.run import main

RUN = ["--set", "n_steps=64", "batch_size=32", "eval_episodes=1", "eval_every=128", "video=false", "checkpoint_seconds=0.2"]


def test_matrix_is_the_product_of_its_axes():
    options = Options(
        agents=("sac", "ppo"), envs=("A-v0", "B-v0"), seeds=(3, 4), set=("learning-rate=1,2", "hidden=8 8"), steps=9
    )
    trials = matrix(options)
    assert len(trials) == len({json.dumps(trial) for trial in trials}) == 16
    assert trials[0] == {"agent": "sac", "env": "A-v0", "seed": 3, "steps": 9, "learning_rate": "1", "hidden": "8 8"}
    plan = sweep_plan({**trials[0], "env": "Pendulum-v1"})
    assert (plan.run.env, plan.run.seed, plan.run.steps) == ("Pendulum-v1", 3, 9)
    assert (plan.config.learning_rate, plan.config.hidden, plan.run.video) == (1.0, (8, 8), False)
    assert sweep_plan({"agent": "ppo", "video": "true", "norm_obs": "False"}).config.norm_obs is False


def test_a_combination_named_twice_runs_once():
    assert len(matrix(Options(agents=("ppo", "ppo"), seeds=(0, 1, 0), set=("gamma=0.9,0.9",)))) == 2


@pytest.mark.parametrize("pairs", [("rate",), ("rate=",), ("seed=1,2",), ("rate=1", "rate=2")])
def test_bad_axes(pairs):
    with pytest.raises(UsageError):
        matrix(Options(agents=("ppo",), set=pairs))


def test_mistakes_show_before_anything_runs(tmp_path, capsys):
    folder = tmp_path / "sweep"
    assert main(["sweep", "--agents", "ppo", "--envs", "Pendulum-v1", "--set", "n_stepz=1", "--folder", str(folder)]) == 2
    assert main(["sweep", "--agents", "ppo", "--envs", "Pendulum-v1", "--set", "n_steps=many", "--folder", str(folder)]) == 2
    assert main(["sweep", "--agents", "ppo", "nope", "--folder", str(folder)]) == 2
    assert not folder.exists()


def test_local_sweep_runs_each_once_and_resumes(tmp_path, capsys):
    arguments = ["sweep", "--agents", "ppo", "--envs", "Pendulum-v1", "--seeds", "0", "1", "--steps", "256", *RUN]
    arguments += ["--folder", str(tmp_path / "sweep")]
    assert main([*arguments, "--dry-run"]) == 0
    assert capsys.readouterr().out.count("agent=ppo") == 2 and not (tmp_path / "sweep" / "results.csv").exists()
    assert main(arguments) == 0
    table = tmp_path / "sweep" / "results.csv"
    rows = read_rows(table)
    assert sorted(row["seed"] for row in rows) == ["0", "1"] and all(row["steps"] == "256" for row in rows)
    before = table.read_bytes()
    assert main(arguments) == 0  # nothing is left to do
    assert table.read_bytes() == before


def test_what_one_agent_cannot_do_stops_no_other(tmp_path):
    arguments = ["sweep", "--agents", "sac", "ppo", "--envs", "CartPole-v1", "--seeds", "0", "--steps", "1024"]
    arguments += ["--set", "eval_episodes=1", "video=false", "--folder", str(tmp_path / "sweep")]
    assert main(arguments) == 1
    assert [row["agent"] for row in read_rows(tmp_path / "sweep" / "results.csv")] == ["ppo"]


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs papergym[sweep]")
def test_no_cluster_at_the_address(tmp_path, capsys):
    arguments = ["sweep", "--agents", "ppo", "--envs", "Pendulum-v1", "--folder", str(tmp_path / "sweep")]
    assert main([*arguments, "--ray", f"127.0.0.1:{_free_port()}"]) == 2
    assert "no Ray cluster" in capsys.readouterr().err and not (tmp_path / "sweep" / "results.csv").exists()


OPEN = {**os.environ, "RAY_AUTH_MODE": "disabled"}
"""Variables of a cluster without a token; unset, Ray wants one wherever the user ever had a local cluster."""


class Node:
    """One Ray node in a process group of its own."""

    def __init__(self, *arguments: str, **variables: str) -> None:
        environment = {**OPEN, "RAY_DISABLE_IMPORT_WARNING": "1", "RAY_USAGE_STATS_ENABLED": "0", **variables}
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--num-cpus=1", *arguments]
        self.process = subprocess.Popen(
            command, env=environment, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def kill(self) -> None:
        """Lose the node at once, with everything that runs on it."""
        for pid in _session(self.process.pid):
            os.kill(pid, signal.SIGKILL)
        self.process.wait()


def _session(leader: int) -> list[int]:
    """Processes of the session that ``leader`` started."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.getsid(int(name)) == leader:
                found.append(int(name))
        except (ProcessLookupError, PermissionError):
            continue
    return found


def _free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


def _wait_for_nodes(port: int, count: int) -> None:
    code = f"import ray; ray.init(address='127.0.0.1:{port}', log_to_driver=False); print(sum(n['Alive'] for n in ray.nodes()))"
    give_up = time.monotonic() + 120
    while time.monotonic() < give_up:
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=90, env=OPEN)
        if result.stdout.strip() == str(count):
            return
        time.sleep(1)
    raise TimeoutError(f"no {count} Ray nodes: {result.stderr}")


@pytest.fixture
def head():
    """A cluster's first node: (node, port), made by a call with its variables."""
    started = []

    def start(**variables: str) -> tuple[Node, int]:
        port, short = _free_port(), tempfile.mkdtemp(prefix="ray")  # Ray's sockets lie under it: their paths must stay short
        started.append(
            (Node("--head", f"--port={port}", "--include-dashboard=false", f"--temp-dir={short}", **variables), short)
        )
        return started[-1][0], port

    yield start
    for node, short in started:
        if node.process.poll() is None:
            node.kill()
        shutil.rmtree(short, ignore_errors=True)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs papergym[sweep]")
def test_ray_loses_a_node(tmp_path, command_line, head):
    _, port = head()
    _wait_for_nodes(port, 1)
    second, sweep = Node(f"--address=127.0.0.1:{port}"), None
    command_line.environment["RAY_AUTH_MODE"] = "disabled"
    try:
        _wait_for_nodes(port, 2)
        arguments = ["sweep", "--agents", "ppo", "--envs", "Pendulum-v1", "--seeds", *"012345", "--steps", "40000", *RUN]
        sweep = command_line.start(*arguments, "--folder", "sweep", "--ray", f"127.0.0.1:{port}")
        table, give_up = tmp_path / "sweep" / "results.csv", time.monotonic() + 240
        while not read_rows(table) and sweep.poll() is None and time.monotonic() < give_up:
            time.sleep(0.2)
        begun = {path.parent.parent for path in tmp_path.glob("sweep/*/run/config.toml")}
        second.kill()
        output = sweep.communicate(timeout=400)[0]
        assert sweep.returncode == 0, output
        rows = read_rows(table)
        assert sorted(row["seed"] for row in rows) == list("012345"), output
        assert output.count("finished ppo") == 6
        assert 1 <= len(begun) < 6, "the node should die in the middle"
        for row in rows:
            steps = [int(line["step"]) for line in read_rows(tmp_path / "sweep" / row["trial"] / "run" / "metrics.csv")]
            assert steps == sorted(set(steps)) and steps[-1] == 40000 // 64 * 64 + (64 if 40000 % 64 else 0)
    finally:
        if sweep is not None:
            sweep.kill()
        if second.process.poll() is None:
            second.kill()


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs papergym[sweep]")
def test_ray_cluster_with_a_token(command_line, head):
    _, port = head(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN="a" * 64)
    give_up = time.monotonic() + 120
    while time.monotonic() < give_up and not _listens(port):
        time.sleep(0.5)
    command_line.environment["RAY_AUTH_MODE"] = "disabled"
    arguments = ["sweep", "--agents", "ppo", "--envs", "Pendulum-v1", "--steps", "128", *RUN, "--folder", "sweep"]
    output = command_line.run(*arguments, "--ray", f"127.0.0.1:{port}", status=2)
    assert "wants its token" in output and "RAY_AUTH_MODE=token" in output
    command_line.environment |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "a" * 64}
    assert "finished ppo" in command_line.run(*arguments, "--ray", f"127.0.0.1:{port}")


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
    except OSError:
        return False
    return True

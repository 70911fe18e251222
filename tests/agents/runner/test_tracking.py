"""What follows a run: callbacks, trackers, the best policy."""

import json

import numpy as np
import pytest

import papergym
from papergym.agents.errors import UsageError
from papergym.agents.run import main
from papergym.agents.runner import tracking
from papergym.agents.runner.api import Stopped
from papergym.agents.runner.folder import eval_rounds
from papergym.agents.runner.tables import read_table

SMALL = {"steps": 512, "n_steps": 64, "batch_size": 32, "n_epochs": 2, "eval_every": 128, "eval_episodes": 2, "video": False}
SMALL |= {"checkpoint_seconds": 0.0, "run_folder": "run"}


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def train(**more):
    return papergym.train("ppo", "CartPole-v1", **{**SMALL, **more})


class Service:
    """Keeps what it is sent."""

    made: list = []

    def __init__(self, name, settings, run_id=""):
        self.name, self.settings, self.id, self.rows, self.finished = name, settings, run_id or "abc-1", [], None
        Service.made.append(self)

    def record(self, values, step):
        self.rows.append((step, dict(values)))

    def close(self, finished):
        self.finished = finished


class Failing(Service):
    """Loses its connection."""

    def record(self, values, step):
        raise ConnectionError("no route to host")


@pytest.fixture
def service(monkeypatch):
    monkeypatch.setattr(Service, "made", [])
    monkeypatch.setitem(tracking.TRACKERS, "service", ("json", Service))
    monkeypatch.setitem(tracking.TRACKERS, "failing", ("json", Failing))
    return Service.made


def test_a_callback_and_a_service_see_every_row(here, service):
    seen = []
    run = train(track=("service",), callback=lambda numbers, step: seen.append((step, dict(numbers))))
    assert service[0].rows == seen and service[0].finished is True
    assert service[0].settings["learning_rate"] == "0.0003" and service[0].settings["agent"] == "ppo"
    rounds = eval_rounds(run.folder)
    assert {s: n["eval/mean_reward"] for s, n in seen if "eval/mean_reward" in n} == pytest.approx(
        {s: np.mean(values) for s, values in rounds.items()}
    )
    logged = [(step, numbers) for step, numbers in seen if "time/fps" in numbers]
    rows = read_table(run.folder / "metrics.csv")
    assert [step for step, _ in logged] == [int(row["step"]) for row in rows]
    assert logged[-1][1]["rollout/ep_rew_mean"] == float(rows[-1]["rollout/return"])
    assert json.loads((run.folder / "tracking.json").read_text()) == {"service": "abc-1"}


def test_a_callback_stops_the_run_and_the_run_goes_on(here, service):
    with pytest.raises(Stopped):
        train(track=("service",), callback=lambda numbers, step: step < 256)
    assert service[0].finished is False
    train(track=("service",), resume=True)
    assert service[1].id == "abc-1" and service[1].finished is True
    stopped = {name: (here / "run" / f"{name}.csv").read_bytes() for name in ("metrics", "eval", "episodes")}
    whole = train(run_folder="whole")
    assert {name: (whole.folder / f"{name}.csv").read_bytes() for name in stopped} == stopped


def test_a_service_that_fails_does_not_end_the_run(here, service, caplog):
    train(track=("failing", "service"))
    assert "failing failed, the run goes on without it: ConnectionError: no route to host" in caplog.text
    assert caplog.text.count("no route to host") == 1 and service[1].finished is True


def test_what_cannot_be_tracked_leaves_nothing(here, monkeypatch):
    with pytest.raises(UsageError, match=r"unknown tracker 'wandbb'\. Did you mean wandb"):
        train(track=("wandbb",))
    monkeypatch.setitem(tracking.TRACKERS, "absent", ("no_such_package", Service))
    with pytest.raises(UsageError, match=r"papergym\[tracking\]"):
        train(track=("absent",))
    assert not list(here.iterdir())


@pytest.mark.parametrize("text", ["[]", "{", '{"service": 3}', '{"service": "../x"}', "[" * 100_000])
def test_ids_that_somebody_else_wrote(here, service, text):
    with pytest.raises(Stopped):
        train(callback=lambda numbers, step: step < 256)
    (here / "run" / "tracking.json").write_text(text)
    with pytest.raises(UsageError, match=r"tracking\.json cannot be read"):
        train(track=("service",), resume=True)


def test_the_best_policy_is_that_of_the_best_evaluation(here, capsys):
    run = train(steps=1024)
    rounds = {step: float(np.mean(values)) for step, values in eval_rounds(run.folder).items()}
    best = max(rounds.values())
    model, _ = run.load(best=True)
    assert model.num_timesteps == next(step for step, value in rounds.items() if value == best)
    assert main(["evaluate", "run", "--best", "--episodes", "2"]) == 0
    assert f"{best:.2f}" in capsys.readouterr().out
    assert main(["evaluate", "run", "--best", "--checkpoint", "run/policy.safetensors"]) == 2
    (run.folder / "best.safetensors").unlink()
    with pytest.raises(UsageError, match="has no best"):
        run.load(best=True)


@pytest.mark.slow
def test_mlflow_and_wandb_hold_the_run(here, monkeypatch):
    """The real packages: MLflow's file store and Weights & Biases' offline folder."""
    client = pytest.importorskip("mlflow.tracking").MlflowClient
    pytest.importorskip("wandb")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (here / "mlruns").as_uri())
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("WANDB_MODE", "offline")
    with pytest.raises(Stopped):
        train(track=("mlflow", "wandb"), callback=lambda numbers, step: step < 256)
    run = train(track=("mlflow", "wandb"), resume=True)
    ids = json.loads((run.folder / "tracking.json").read_text())
    held = client().get_run(ids["mlflow"])
    assert held.info.status == "FINISHED" and held.data.params["learning_rate"] == "0.0003"
    history = {metric.step: metric.value for metric in client().get_metric_history(ids["mlflow"], "eval/mean_reward")}
    assert history == {step: np.mean(values) for step, values in eval_rounds(run.folder).items()}
    assert [path.name.rpartition("-")[2] for path in sorted((here / "wandb").glob("offline-run-*"))] == [ids["wandb"]] * 2

"""An agent of a user's: one folder with a row, no line anywhere else."""

import importlib
import textwrap

import gymnasium as gym
import numpy as np
import pytest
import tomli_w

from papergym.agents.cli import play
from papergym.agents.errors import UsageError
from papergym.agents.reproduction.results import read_rows
from papergym.agents.run import main
from papergym.agents.runner import registry
from papergym.agents.runner.folder import eval_rounds, read_plan
from papergym.agents.runner.learner import Learner

LEARNER = """
    from dataclasses import dataclass
    import numpy as np
    import torch
    from papergym.agents.runner.evaluation import make_env
    from papergym.agents.runner.registry import Agent

    @dataclass
    class Config:
        scale: float = 1.0
        \"\"\"Size of the actions.\"\"\"

    class Drawing:  # "learns" by drawing a new bias at every update
        def __init__(self, config, env_id, *, seed, device, env_kwargs, n_envs):
            self.scale, self.space = config.scale, make_env(env_id, env_kwargs).action_space
            self.rng, self.bias, self.done = np.random.default_rng(seed), 0.0, 0
        def least_budget(self): return 1, "nothing"
        def learn(self, budget, hooks):
            while self.done < budget:
                hooks.safe_point()
                self.bias, self.done = float(self.rng.normal()), self.done + 1
                hooks.progress()
        def act(self, observation, first, reward, target, state=None, *, deterministic=True):
            return np.full((len(first), *self.space.shape), np.tanh(self.bias) * self.scale, np.float32), state
        def generators(self): return [self.rng]
        def get_state(self, *, memory=True):
            return {"bias": self.bias, "done": self.done, "rng": str(self.rng.bit_generator.state)}
        def set_state(self, state):
            self.bias, self.done, self.rng.bit_generator.state = state["bias"], state["done"], eval(state["rng"])
        def metrics(self): return {"bias": self.bias}
        def parameters(self): return [("bias", torch.tensor(self.bias))]
        def save(self, folder): (folder / "bias.txt").write_text(repr(self.bias))
        def close(self): pass

    AGENT = Agent(key="drawing", config=f"{__name__}:Config", build=f"{__name__}:Drawing", unit="updates",
                  summary="Draws a bias.", default_env="Pendulum-v1")
"""
RUN = ["--updates", "60", "--eval-every", "20", "--eval-episodes", "1", "--no-video", "--checkpoint-seconds", "0"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    folder = tmp_path / "agents" / "drawing"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "row.py").write_text(textwrap.dedent(LEARNER).replace('\\"', '"'))
    package = importlib.import_module("papergym.agents")
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path / "agents")])
    monkeypatch.syspath_prepend(tmp_path / "agents")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_train_list_evaluate_resume(here, capsys):
    assert "drawing" in [row.key for row in registry.agents()]
    assert main(["list", "agents"]) == 0 and "Draws a bias." in capsys.readouterr().out
    assert main(["train", "drawing", *RUN, "--run-folder", "run"]) == 0
    assert list(eval_rounds(here / "run")) == [0, 20, 40, 60] and (here / "run" / "bias.txt").is_file()
    assert main(["evaluate", "run", "--episodes", "1"]) == 0
    assert f"{eval_rounds(here / 'run')[60][0]:.2f}" in capsys.readouterr().out
    before = {path.name: path.read_bytes() for path in (here / "run").glob("*.csv") if path.name != "timing.csv"}
    (here / "run" / "summary.json").unlink()
    max((here / "run" / "checkpoints").iterdir()).unlink()
    assert main(["train", "run", "--resume"]) == 0
    assert {name: (here / "run" / name).read_bytes() for name in before} == before
    plan = read_plan(here / "run")
    assert isinstance(plan.agent.make(plan.config, "Pendulum-v1", seed=0, device="cpu", env_kwargs={}, n_envs=1), Learner)


def test_reproduce_in_worker_processes(here):
    """Workers find it as module:ATTRIBUTE on the path."""
    table = {"agent": "drawing.row:AGENT", "fixed": {"updates": 30}, "vary": [{"seed": [0, 1], "scale": [0.5, 1.0]}]}
    (here / "mine.toml").write_text(tomli_w.dumps({"reproduce": {"biases": table}}))
    assert main(["reproduce", "mine.toml", "--jobs", "2"]) == 0
    rows = read_rows(here / "runs" / "reproduce" / "biases" / "results.csv")
    assert len(rows) == 4 and {row["steps_done"] for row in rows} == {"30"}


def test_a_run_folder_alone_imports_nothing(here, capsys):
    assert main(["train", "drawing.row:AGENT", *RUN, "--run-folder", "run"]) == 0
    assert main(["evaluate", "run"]) == 2
    assert "module outside papergym" in capsys.readouterr().err
    assert main(["evaluate", "run", "--agent", "drawing.row:AGENT", "--episodes", "1"]) == 0


def test_its_run_goes_on_and_is_shared_once_it_is_named(here, capsys):
    named = ["--agent", "drawing.row:AGENT"]
    assert main(["train", "drawing.row:AGENT", *RUN, "--run-folder", "run"]) == 0
    (here / "run" / "summary.json").unlink()
    assert main(["train", "run", "--resume"]) == 2
    assert "--agent drawing.row:AGENT" in capsys.readouterr().err
    assert main(["train", "run", "--resume", *named]) == 0
    assert main(["push", "run", "pushed"]) == 2
    assert "--agent drawing.row:AGENT" in capsys.readouterr().err
    assert main(["push", "run", "pushed", *named]) == 2
    assert "cannot be exported" in capsys.readouterr().err
    options = play.Options("Pendulum-v1", policy="run")
    with pytest.raises(UsageError, match=r"--agent drawing\.row:AGENT"):
        play._policy(options, gym.make("Pendulum-v1"))
    options.agent = "drawing.row:AGENT"
    assert play._policy(options, gym.make("Pendulum-v1"))(np.zeros(3, np.float32), True, 0.0).shape == (1,)
    assert main(["train", "drawing.row:AGENT", *RUN, "--seed", "1", "--run-folder", "other"]) == 0
    assert main(["compare", "run", "other"]) == 0
    assert main(["compare", "run", "other", "--picture", "noext"]) == 2

"""Agents that are shared: the same returns after the way out and back, and nothing but their own files."""

import inspect
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import papergym
from papergym import assets
from papergym.agents.errors import UsageError
from papergym.agents.run import main
from papergym.agents.runner import trained
from papergym.agents.runner.fields import tomllib
from papergym.agents.runner.folder import eval_rounds

QUICK = {"video": False, "eval_episodes": 3, "eval_every": 0}
PPO = {"steps": 512, "n_steps": 64, "batch_size": 64, "env": "Pendulum-v1", **QUICK}
AGENTS = {
    "ppo": PPO,
    "sac": {"steps": 120, "learning_starts": 50, "batch_size": 16, "env": "Pendulum-v1", **QUICK},
    "per": {"steps": 120, "learning_starts": 50, "batch_size": 16, "env": "CartPole-v1", **QUICK},
}


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("key", AGENTS)
def test_the_way_out_and_back(here, capsys, key):
    run = papergym.train(key, run_folder="run", **AGENTS[key])
    expected = np.mean(list(eval_rounds(run.folder).values())[-1])
    assert main(["push", "run", "shared", "--episodes", "3"]) == 0
    shutil.rmtree("run")
    assert sorted(path.name for path in Path("shared").iterdir()) == sorted(trained.FILES)
    assert str(here) not in Path("shared/config.toml").read_text()
    assert main(["pull", "shared", "mine"]) == 0
    facts = tomllib.loads(Path("mine/agent.toml").read_text())
    assert facts["return"] == pytest.approx(expected, abs=0.01) and facts["steps"] == AGENTS[key]["steps"]
    capsys.readouterr()
    assert main(["evaluate", "mine", "--episodes", "3"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"{expected:.2f}" in said and f"after {AGENTS[key]['steps']} steps" in said
    model, env = papergym.load("mine")
    assert model.predict(env.reset(seed=0)[0])[0] in env.action_space
    papergym.train(key, run_folder="more", start_from="mine", **AGENTS[key])


def test_what_cannot_be_shared_leaves_nothing(here, capsys):

    (here / "taken").mkdir()
    papergym.train("ppo", run_folder="run", **PPO)
    for arguments, said in (
        (["push", "run", "taken"], "is there already"),
        (["push", "absent", "new"], "no run at absent"),
        (["push", "run", "new", "--episodes", "0"], "--episodes is 0"),
        (["pull", "run", "new"], "is no trained agent: it has no networks.safetensors, agent.toml"),
        (["pull", "run", "taken"], "is there already"),
    ):
        assert main(arguments) == 2 and said in capsys.readouterr().err, arguments
    assert sorted(path.name for path in here.iterdir()) == ["run", "taken"]


def test_a_changed_agent_is_refused(here, capsys):
    papergym.train("ppo", run_folder="run", **PPO)
    assert main(["push", "run", "shared", "--episodes", "1"]) == 0
    file = Path("shared/networks.safetensors")
    content = bytearray(file.read_bytes())
    content[-5] ^= 1
    file.write_bytes(content)
    assert main(["evaluate", "shared", "--episodes", "1"]) == 2
    config = Path("shared/config.toml")
    config.write_text(config.read_text().replace("gamma = 0.9", "gamma = 0.8"))
    assert main(["pull", "shared", "mine"]) == 2 and not Path("mine").exists()


class Hub:
    """A hub whose repositories are folders."""

    def __init__(self, root):
        self.root = root
        self.errors = SimpleNamespace(
            HfHubHTTPError=OSError, HFValidationError=ValueError, LocalEntryNotFoundError=FileNotFoundError
        )

    def HfApi(self):
        return self

    def create_repo(self, repo_id, *, private, exist_ok):
        if repo_id.count("/") != 1:
            raise ValueError("Repo id must be in the form namespace/name")
        (self.root / repo_id).mkdir(parents=True, exist_ok=exist_ok)

    def upload_folder(self, *, repo_id, folder_path):
        shutil.copytree(folder_path, self.root / repo_id, dirs_exist_ok=True)

    def snapshot_download(self, repo_id, *, allow_patterns):
        if not (self.root / repo_id).is_dir():
            raise OSError("404: repository not found")
        target = self.root / "cache"
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        for name in allow_patterns:
            shutil.copy(self.root / repo_id / name, target)
        return str(target)


def test_the_hub(here, monkeypatch, capsys):
    hub = Hub(here / "hub")
    monkeypatch.setattr(trained, "_hub", lambda: hub)
    papergym.train("ppo", run_folder="run", **PPO)
    assert main(["push", "run", "hf://me/agent", "--episodes", "2", "--private"]) == 0
    (here / "hub" / "me" / "agent" / "evil.py").write_text("raise SystemExit")
    assert main(["pull", "hf://me/agent", "mine"]) == 0
    assert sorted(path.name for path in Path("mine").iterdir()) == sorted(trained.FILES)
    assert main(["pull", "hf://me/absent", "other"]) == 2 and "repository not found" in capsys.readouterr().err
    assert main(["push", "run", "hf://noname", "--episodes", "1"]) == 2


def test_the_hubs_own_functions_take_what_they_are_given():
    real = pytest.importorskip("huggingface_hub")
    inspect.signature(real.HfApi().create_repo).bind("me/agent", private=True, exist_ok=True)
    inspect.signature(real.HfApi().upload_folder).bind(repo_id="me/agent", folder_path=".")
    inspect.signature(real.snapshot_download).bind("me/agent", allow_patterns=["a"])
    assert issubclass(real.errors.HfHubHTTPError, Exception) and issubclass(real.errors.HFValidationError, ValueError)


def test_without_the_hubs_package(here, monkeypatch):
    import builtins

    real = builtins.__import__

    def fake(name, *arguments, **more):
        if name.startswith("huggingface_hub"):
            raise ImportError("No module named 'huggingface_hub'")
        return real(name, *arguments, **more)

    monkeypatch.setattr(builtins, "__import__", fake)
    with pytest.raises(UsageError, match=r"papergym\[hub\]"):
        trained.pull("hf://me/agent", here / "mine")


@pytest.mark.parametrize("name", assets.trained())
def test_shipped_agents_reach_what_their_files_say(name, capsys):
    facts = trained.about(assets.trained()[name])
    assert main(["evaluate", "--trained", name, "--episodes", "5"]) == 0
    mean = float(capsys.readouterr().out.split("mean")[1].split("±")[0].strip(" │┃"))
    assert abs(mean - facts["return"]) <= 3 * facts["return_std"] + 0.02 * abs(facts["return"])


def test_names_of_trained_agents(capsys):
    assert assets.trained()
    assert main(["evaluate", "--trained", "sac/NoSuch-v0"]) == 2 and "unknown trained agent" in capsys.readouterr().err
    assert main(["evaluate"]) == 2 and "or --trained" in capsys.readouterr().err
    assert main(["list", "trained"]) == 0

"""Trained agents: a run's networks without what only training needs, to ship, to share and to load.

A folder of three files: ``config.toml``, the run's settings; ``networks.safetensors``; ``agent.toml``, what it reached and the
command that it came from. Nothing in it is code.
"""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from papergym import assets
from papergym.agents.checkpoint.files import replace_text
from papergym.agents.checkpoint.state import State, save_state
from papergym.agents.errors import UsageError, unknown
from papergym.agents.runner.evaluation import evaluate
from papergym.agents.runner.fields import tomllib
from papergym.agents.runner.folder import NETWORKS, read_tables
from papergym.agents.runner.load import load_run
from papergym.agents.runner.plan import digest
from papergym.agents.runner.train import eval_envs

ABOUT = "agent.toml"
FILES = ("config.toml", NETWORKS, ABOUT, "README.md")
"""All that a trained agent consists of; of a hub's repository nothing else is read."""

HUB = "hf://"


def find(name: str) -> Path:
    """Folder of a trained agent of this package.

    Raises:
        UsageError: no such one.
    """
    known = assets.trained()
    if name not in known:
        raise unknown("trained agent", name, known, "`papergym list trained` prints them.")
    return known[name]


def about(folder: Path) -> dict[str, Any]:
    """Contents of ``agent.toml``: agent, env, steps, return, episodes, command, versions."""
    return tomllib.loads((folder / ABOUT).read_text(encoding="utf-8"))


def export(
    run: Path, target: Path, *, episodes: int = 100, best: Path | None = None, device: str = "cpu", **known: Any
) -> dict[str, Any]:
    """Write a run's networks to a folder, with the return that they reach there.

    Args:
        run: folder of a run.
        target: new folder.
        episodes: of the evaluation.
        best: file to take instead of the run's last policy.
        device: of the evaluation.
        known: ``trusted``, ``env`` and ``env_kwargs`` of :func:`papergym.agents.runner.load.load_run`.

    Returns:
        The contents of ``agent.toml``.

    Raises:
        UsageError: no run, one of an agent that cannot begin with networks, or a target that is there.
    """
    if target.exists():
        raise UsageError(f"{target} is there already. Give another folder, or remove it.")
    tables = read_tables(run)
    plan, learner, _ = load_run(run, best, device=device, **known)
    networks = _networks(learner.get_state(memory=False))
    if not hasattr(learner, "start_from") or not networks:
        raise UsageError(f"{plan.agent.key} cannot be exported: it cannot begin with the networks of another run.")
    with eval_envs(plan, episodes) as envs:
        returns = [episode.value for episode in evaluate(learner, envs, episodes, plan.run.seed, target=plan.run.target)]
    tables["run"]["run_folder"] = ""
    facts = {
        "agent": plan.agent.key,
        "env": plan.run.env,
        "steps": learner.done,
        "return": round(float(np.mean(returns)), 2),
        "return_std": round(float(np.std(returns)), 2),
        "episodes": episodes,
        "command": tables.get("command", ""),
        "versions": tables.get("versions", {}),
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as place:
        made = Path(place) / "agent"
        save_state(made / NETWORKS, {"model": networks}, kind=plan.agent.key, plan=digest(tables))
        replace_text(made / "config.toml", tomli_w.dumps({**tables, "digest": digest(tables)}))
        replace_text(made / ABOUT, tomli_w.dumps(facts))
        replace_text(made / "README.md", _card(facts))
        made.rename(target)
    return facts


def _networks(model: State) -> State:
    """What :meth:`start_from` of the learners reads."""
    if "parts" in model:
        return {"parts": {name: part for name, part in model["parts"].items() if "param_groups" not in part}}
    if "modules" not in model:
        return {}
    wrappers = {depth: {"obs_rms": layer["obs_rms"]} for depth, layer in model["env"]["wrappers"].items() if "obs_rms" in layer}
    return {"modules": {"policy": model["modules"]["policy"]}, "env": {"wrappers": wrappers}}


def _card(facts: dict[str, Any]) -> str:
    return (
        f"---\nlibrary_name: papergym\ntags: [reinforcement-learning, {facts['env']}]\n---\n\n"
        f"# {facts['agent']} on {facts['env']}\n\n"
        f"Return {facts['return']} ± {facts['return_std']} over {facts['episodes']} episodes after {facts['steps']} steps.\n\n"
        f"Trained by `{facts['command']}`. Fetched by `papergym pull`, played by `papergym evaluate`.\n"
    )


def push(run: Path, to: str, *, episodes: int, best: Path | None, private: bool, **known: Any) -> dict[str, Any]:
    """Export a run to a folder, or to the Hugging Face hub (``hf://owner/name``); ``known``: see :func:`export`.

    Raises:
        UsageError: see :func:`export`; or the hub's package is missing or it refuses.
    """
    if not to.startswith(HUB):
        return export(run, Path(to), episodes=episodes, best=best, **known)
    hub = _hub()
    with tempfile.TemporaryDirectory() as place:
        facts = export(run, Path(place) / "agent", episodes=episodes, best=best, **known)
        try:
            hub.HfApi().create_repo(to.removeprefix(HUB), private=private, exist_ok=True)
            hub.HfApi().upload_folder(repo_id=to.removeprefix(HUB), folder_path=str(Path(place) / "agent"))
        except (hub.errors.HfHubHTTPError, hub.errors.HFValidationError, OSError, ValueError) as error:
            raise UsageError(f"{to}: {error}. Log in with `hf auth login`, and give hf://owner/name.") from error
    return facts


def pull(source: str, folder: Path) -> dict[str, Any]:
    """Fetch a trained agent from a folder or from the Hugging Face hub.

    Only the files of :data:`FILES` are read; the networks are in a format that holds no code.

    Raises:
        UsageError: no trained agent there, a folder that is there, or the hub's package is missing or it refuses.
    """
    if folder.exists():
        raise UsageError(f"{folder} is there already. Give another folder, or remove it.")
    place = Path(source)
    if source.startswith(HUB):
        hub = _hub()
        try:
            place = Path(hub.snapshot_download(source.removeprefix(HUB), allow_patterns=list(FILES)))
        except (hub.errors.HfHubHTTPError, hub.errors.HFValidationError, hub.errors.LocalEntryNotFoundError, OSError) as error:
            raise UsageError(f"{source}: {error}. Give hf://owner/name of a repository that you may read.") from error
    missing = [name for name in FILES[:3] if not (place / name).is_file()]
    if missing:
        raise UsageError(f"{source} is no trained agent: it has no {', '.join(missing)}. `papergym push` writes one.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as made:
        agent = Path(made) / "agent"
        agent.mkdir()
        for name in FILES:
            if (place / name).is_file():
                shutil.copyfile(place / name, agent / name)
        read_tables(agent)
        facts = about(agent)
        agent.rename(folder)  # at once: a kill leaves no half agent
    return facts


def _hub() -> Any:
    try:
        import huggingface_hub
    except ImportError as error:
        raise UsageError(f'the hub needs a package: {error}. Run pip install "papergym[hub]".') from error
    import huggingface_hub.errors

    return huggingface_hub

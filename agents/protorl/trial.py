"""One run of Proto-RL for a table or figure: the runner's ``papergym train`` in the trial's folder."""

import dataclasses
from pathlib import Path
from typing import Any

from papergym.agents.errors import UsageError
from papergym.agents.protorl.config import Config
from papergym.agents.runner.registry import agent
from papergym.agents.runner.settings import RunSettings, defaults, settle
from papergym.agents.runner.train import run_plan

_LABELS = ("setting", "env_id", "preset", "quality")


def run(trial: dict[str, Any], folder: Path, *, resume: bool) -> dict[str, Any]:
    """Run a trial of ``assets/papers/protorl.toml``.

    Args:
        trial: ``env_id``, ``seed``, ``preset`` and overrides of :class:`Config` or of the runner's settings; ``quality``
            of the rendering. Other ``steps`` than the preset's keep the preset's share without reward.
        folder: a run folder is made in it.
        resume: continue a run that was cut.

    Returns:
        The run's summary: returns before and after, intrinsic reward, coverage, cost.

    Raises:
        UsageError: a field that is no setting.
    """
    plan = defaults(agent("protorl"), trial["preset"])
    settings, own = ({item.name for item in dataclasses.fields(kind)} for kind in (RunSettings, Config))
    if plan.config.pretrain_steps is not None:
        plan.config.pretrain_steps = plan.config.pretrain_steps * trial.get("steps", plan.run.steps) // plan.run.steps
    for key, value in trial.items():
        if key in settings:
            setattr(plan.run, key, value)
        elif key in own:
            setattr(plan.config, key, value)
        elif key not in _LABELS:
            raise UsageError(f"the trial names {key!r}, which is no setting of protorl.")
    quality = (f"quality={trial['quality']}",) if "quality" in trial else ()
    kept = tuple(pair for pair in plan.run.env_kwargs if not (quality and pair.startswith("quality=")))
    plan.run.env, plan.run.env_kwargs, plan.run.video = trial["env_id"], kept + quality, False
    plan.run.run_folder = str(folder / "run")
    plan.run.resume = resume and (folder / "run" / "config.toml").is_file()
    summary = run_plan(settle(plan))
    return {key: value for key, value in summary.items() if key not in ("agent", "env", "seed")}

"""From settings to the plan of a run, a new one or one that goes on."""

from pathlib import Path
from typing import Any

from papergym.agents.errors import UsageError
from papergym.agents.runner.fields import fit, key_values, names
from papergym.agents.runner.folder import read_plan
from papergym.agents.runner.plan import Plan, RunSettings, draft, settle
from papergym.agents.runner.ranges import BUDGET
from papergym.agents.runner.registry import Agent
from papergym.agents.runner.strangers import confirm


def planned(row: Agent, given: dict[str, Any], *, where: str = "") -> Plan:
    """The settled plan of a new run, or with ``resume`` that of the run in its folder.

    Args:
        row: the agent that the user has named.
        given: name of a setting of the runner or of the agent -> value, see :func:`papergym.agents.runner.plan.draft`; the
            preset among them. A run that goes on has settings: those given that decide its numbers can only confirm them.
        where: place of ``given``, for messages.

    Raises:
        UsageError: see :func:`papergym.agents.runner.plan.draft`; no run there, one of another agent, or other arguments of
            its environment. Other settings are refused where the run goes on, by RunFolder.resume.
    """
    plan = draft(row, given.get("preset", ""), {name: value for name, value in given.items() if name != "preset"}, where=where)
    if not plan.run.resume:
        return settle(plan)
    known = plan if plan.run.run_folder or plan.run.env else settle(plan)  # the environment may be that of a dataset
    return _resumed(row, known.run.folder(row.key), given, where)


def _resumed(row: Agent, folder: Path, given: dict[str, Any], where: str) -> Plan:
    plan = read_plan(folder, trusted=row.name)
    if plan.agent.name != row.name:
        raise UsageError(f"{folder} is a run of {plan.agent.name}, not of {row.name}.")
    given = {"steps" if name in BUDGET else name: value for name, value in given.items()}
    env_kwargs = key_values(fit(RunSettings, "env_kwargs", given.pop("env_kwargs", ()), where), "env_kwargs")
    confirm(plan, given.get("env", ""), env_kwargs)
    for name, value in given.items():
        owner = plan.config if name in names(type(plan.config)) - names(RunSettings) else plan.run
        setattr(owner, name, fit(type(owner), name, value, where))
    plan.run.run_folder = str(folder)  # not what the file in it says
    return settle(Plan(row, plan.run, plan.config))

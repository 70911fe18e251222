"""A search for hyper-parameters with Optuna: each trial is a run, stopped early where its evaluations fall behind."""

import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import tomli_w
from optuna.trial import TrialState

from papergym.agents.checkpoint.files import replace_text
from papergym.agents.errors import BadNumbersError, UsageError
from papergym.agents.runner.fields import fit, names, to_table
from papergym.agents.runner.plan import Plan, make_plan
from papergym.agents.runner.ranges import BUDGET
from papergym.agents.runner.registry import Agent
from papergym.agents.runner.session import Stopped
from papergym.agents.runner.tracking import EVALUATION
from papergym.agents.runner.train import run_plan

log = logging.getLogger(__name__)

USUAL = {
    "learning_rate": "log:1e-5:1e-2",
    "batch_size": "32,64,128,256",
    "gamma": "0.9,0.95,0.98,0.99,0.995",
    "tau": "0.001,0.005,0.01,0.02",
    "gae_lambda": "0.9,0.95,0.98,1.0",
    "n_epochs": "4,10,20",
    "clip": "0.1,0.2,0.3",
    "train_freq": "1,2,4",
    "target_update_interval": "100,500,1000",
    "weight_decay": "0,1e-4,1e-3",
    "dropout": "0,0.1,0.2",
}
"""Where nothing else is asked for, those of these settings are searched that the agent has."""

WARM_UP = 5
"""Trials before the first is stopped early."""

ENDED = (TrialState.COMPLETE, TrialState.PRUNED)
"""Of trials that ran to their end or were stopped early."""


@dataclass(frozen=True)
class Space:
    """Values of one setting.

    Attributes:
        name: of the setting.
        low, high: bounds, where it is a range.
        log: the range is searched by its logarithm.
        choices: the values, where it is no range.
    """

    name: str
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    choices: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "Space":
        """From ``NAME=A,B,C``, ``NAME=LOW:HIGH`` or ``NAME=log:LOW:HIGH``.

        Raises:
            UsageError: none of these.
        """
        name, _, values = text.partition("=")
        name, parts = name.strip("-").replace("-", "_"), values.split(":")
        log_scale = parts[0] == "log" and len(parts) == 3
        try:
            if name and len(parts) == 1 and values:
                return cls(name, choices=tuple(dict.fromkeys(values.split(","))))
            low, high = map(float, parts[1:] if log_scale else parts)
            if not name or not low < high < np.inf or low == -np.inf or (log_scale and low <= 0):
                raise ValueError
        except ValueError:
            raise UsageError(
                f"--space is {text!r}, expected NAME=A,B,C or NAME=LOW:HIGH or NAME=log:LOW:HIGH with LOW below HIGH."
            ) from None
        return cls(name, low, high, log_scale)

    def suggest(self, trial: optuna.Trial, whole: bool) -> Any:
        """A value for a trial; ``whole``: the setting takes whole numbers."""
        if self.choices:
            return trial.suggest_categorical(self.name, self.choices)
        if whole:
            return trial.suggest_int(self.name, int(self.low), int(self.high), log=self.log)
        return trial.suggest_float(self.name, self.low, self.high, log=self.log)


@dataclass(frozen=True)
class Search:
    """What is searched.

    Attributes:
        row: the agent.
        preset: that the values stand over.
        given: settings that are the same in every trial.
        spaces: those that differ.
        seed: of the sampler; trial ``i`` runs with the seed ``1000 * seed + i``.
        evaluations: of each trial.
        prune: stop trials that fall behind the median.
        folder: of the trials.
    """

    row: Agent
    preset: str
    given: Mapping[str, Any]
    spaces: tuple[Space, ...]
    seed: int
    evaluations: int
    prune: bool
    folder: Path

    def plan(self, values: Mapping[str, Any], name: str, seed: int) -> Plan:
        """The plan of a trial."""
        run = {"seed": seed, "run_folder": str(self.folder / name), "video": False, "keep_checkpoints": False}
        plan = make_plan(self.row, self.preset, {**self.given, **values, **run}, where="papergym tune")
        plan.run.eval_every = max(plan.run.steps // self.evaluations, 1)
        return plan

    def whole(self, space: Space) -> bool:
        """Whether a setting takes whole numbers only."""
        try:
            fit(self.row.load(self.row.config), space.name, 0.5)
        except UsageError:
            return True
        return False

    def defaults(self) -> dict[str, Any]:
        """The preset's own values of the searched settings, where they lie within their spaces: the first trial."""
        config, found = self.plan({}, "defaults", self.seed).config, {}
        for space in self.spaces:
            value = getattr(config, space.name)
            if space.choices:
                same = [text for text in space.choices if fit(type(config), space.name, text) == value]
                found.update(zip([space.name], same))
            elif isinstance(value, (int, float)) and space.low <= value <= space.high:
                found[space.name] = value
        return found

    def about(self) -> dict[str, Any]:
        """What decides the results of a trial, as JSON keeps it; trials of one study agree in it."""
        spaces = {space.name: list(space.choices) or [space.low, space.high, space.log] for space in self.spaces}
        given = {name: str(value) for name, value in self.given.items()}
        return {"preset": self.preset, "given": given, "spaces": spaces, "evaluations": self.evaluations}


def spaces_of(row: Agent, asked: tuple[str, ...]) -> tuple[Space, ...]:
    """The spaces that the user asked for, else the usual ones.

    Raises:
        UsageError: one that cannot be read, of a setting that the agent lacks, with a value that it does not take, or twice.
    """
    config = row.load(row.config)
    usual = [f"{name}={text}" for name, text in USUAL.items() if name in names(config)]
    found = tuple(map(Space.parse, asked or usual))
    for space in found:
        for value in space.choices or (space.high,):
            fit(config, space.name, float(int(value)) if not space.choices else value, "--space")
        if sum(other.name == space.name for other in found) > 1:
            raise UsageError(f"--space gives {space.name} twice. Join the values.")
    if not found:
        raise UsageError(f"{row.key} has none of the settings that are usually searched. Give --space NAME=VALUES.")
    return found


def open_study(search: Search, storage: str) -> optuna.Study:
    """The study in a storage; one that is there goes on.

    Args:
        search: what is searched.
        storage: URL of a database; "" is a journal in the folder, which processes on a shared file system may use together.

    Raises:
        UsageError: a storage that cannot be used, or a study of another search.
    """
    held: Any = storage
    if not storage:
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        search.folder.mkdir(parents=True, exist_ok=True)
        held = JournalStorage(JournalFileBackend(str(search.folder / "study.journal")))
    try:
        study = optuna.create_study(
            study_name=f"{search.row.key}-{search.given.get('env') or search.row.default_env}",
            storage=held,
            pruner=optuna.pruners.MedianPruner(WARM_UP) if search.prune else optuna.pruners.NopPruner(),
            direction="maximize",
            load_if_exists=True,
        )
    except Exception as error:  # each database raises its own
        if not storage:
            raise
        raise UsageError(f"--storage {storage} cannot be used: {error}. Give a URL such as sqlite:///study.db.") from error
    begun = study.user_attrs.get("search")
    if begun is None:
        study.set_user_attr("search", search.about())
    elif begun != search.about():
        raise UsageError(
            f"the study was begun with another search: {begun}; now {search.about()}. Give the same options, or --folder "
            "another one."
        )
    # the sampler's generator is not stored: a study that goes on draws other values than it began with
    study.sampler = optuna.samplers.TPESampler(seed=100_003 * len(study.trials) + search.seed)
    if not study.get_trials(deepcopy=False, states=(*ENDED, TrialState.RUNNING, TrialState.WAITING)):
        study.enqueue_trial(search.defaults())
    return study


def objective(search: Search, trial: optuna.Trial) -> float:
    """One trial: the mean return of the evaluations in the second half of the budget.

    Raises:
        TrialPruned: it fell behind, its numbers were not finite, or the agent refused its settings.
    """
    values = {space.name: space.suggest(trial, search.whole(space)) for space in search.spaces}
    seen: list[float] = []

    def watch(numbers: Mapping[str, float], step: int) -> bool:
        if EVALUATION[0] not in numbers:
            return True
        seen.append(numbers[EVALUATION[0]])
        if step == 0:  # nothing is learned yet
            return True
        trial.report(seen[-1], len(seen) - 1)  # by the number of the evaluation: the steps differ where settings do
        return not trial.should_prune()

    name = f"trial-{trial.number:04d}-{trial._trial_id}"
    try:
        run_plan(search.plan(values, name, 1000 * search.seed + trial.number), f"papergym tune, {name}", callback=watch)
    except (Stopped, BadNumbersError, UsageError) as error:
        if not isinstance(error, Stopped):
            log.warning("trial %d: %s", trial.number, error)
        raise optuna.TrialPruned from error
    finally:  # nobody goes on with a trial
        shutil.rmtree(search.folder / name / "checkpoints", ignore_errors=True)
    found = score(seen)
    if not np.isfinite(found):
        log.warning("trial %d: its evaluations are not finite", trial.number)
        raise optuna.TrialPruned
    return found


def score(evaluations: Sequence[float]) -> float:
    """Mean return of the evaluations in the second half of the budget."""
    return float(np.mean(evaluations[len(evaluations) // 2 :]))


def finished(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """Trials that ran to their end or were stopped early."""
    return study.get_trials(deepcopy=False, states=ENDED)


def write_preset(search: Search, study: optuna.Study, command: str) -> Path:
    """``preset.toml``, which ``papergym train AGENT --preset FILE`` takes: the best trial's values over those of the preset.

    It holds what ``--set`` gave, too, but for the environment and its arguments, which belong to a command.
    """
    plan = search.plan(study.best_params, "best", search.seed)
    chosen = (study.best_params.keys() | search.given.keys()) - {"env", "env_kwargs", "seed", *BUDGET}
    values = {name: value for name, value in {**to_table(plan.run), **to_table(plan.config)}.items() if name in chosen}
    table = {
        "agent": search.row.key,
        "env": plan.run.env,
        "base": plan.run.preset,
        "preset": {**values, "steps": plan.run.steps},
        "found": {"command": command, "return": study.best_value, "trial": study.best_trial.number},
    }
    file = search.folder / "preset.toml"
    replace_text(file, tomli_w.dumps(table))
    return file

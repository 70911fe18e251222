"""``papergym tune AGENT``: a search for hyper-parameters, which writes a preset."""

import dataclasses
import logging
import shlex
from pathlib import Path
from typing import Any

import tyro
from rich.table import Table

from papergym.agents.cli.options import parse
from papergym.agents.console import console
from papergym.agents.errors import UsageError

log = logging.getLogger(__name__)


@dataclasses.dataclass
class Options:
    """Search for hyper-parameters with Optuna. The same command goes on; several processes may share one study.

    Example: papergym tune ppo --env Pendulum-v1 --trials 30 --space learning_rate=log:1e-4:3e-3 gamma=0.9,0.95,0.99
    """

    agent: tyro.conf.Positional[str]
    """Agent, see `papergym list agents`."""
    env: str = ""
    """Environment id; empty: the agent's default."""
    trials: int = 20
    """Trials of the study in all; the first one has the preset's own values."""
    space: tuple[str, ...] = ()
    """NAME=A,B,C or NAME=LOW:HIGH or NAME=log:LOW:HIGH; empty: the usual settings of the agent."""
    set: tuple[str, ...] = ()
    """NAME=VALUE: an option of `papergym train` that is the same in every trial."""
    steps: int = 0
    """Budget of each trial in steps or updates; 0: the preset's."""
    preset: str = ""
    """Preset that the values stand over."""
    seed: int = 0
    """Of the search; give each of several processes its own."""
    evaluations: int = 10
    """Evaluations of each trial; a trial's score is the mean of those in the second half."""
    prune: bool = True
    """Stop a trial whose evaluation is below the median of the earlier trials."""
    confirm: int = 0
    """At the end, train with the found preset and with the base preset on this many new seeds, and compare them."""
    folder: str = ""
    """Study, trials and preset.toml; empty: runs/tune/<agent>-<env>."""
    storage: str = ""
    """URL of a database for the study, for example sqlite:///study.db; empty: a journal file in the folder."""


def main(argv: list[str]) -> int:
    """Search; 0 when the trials are done."""
    options = parse(Options, "tune", argv)
    for name, least in {"trials": 1, "steps": 0, "evaluations": 2, "confirm": 0, "seed": 0}.items():
        if getattr(options, name) < least:
            raise UsageError(f"--{name} is {getattr(options, name)}, expected at least {least}.")
    if options.confirm == 1:
        raise UsageError("--confirm is 1, expected 0 or at least 2 seeds.")
    try:
        import optuna
    except ImportError as error:
        raise UsageError(f'papergym tune needs Optuna: {error}. Run pip install "papergym[tune]".') from error
    from papergym.agents.runner import tuning

    search = _search(options)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = tuning.open_study(search, options.storage)
    command = shlex.join(["papergym", "tune", *argv])

    def report(_: Any, trial: Any) -> None:
        done = len(tuning.finished(study))
        value = f"{trial.value:.4g}" if trial.state is optuna.trial.TrialState.COMPLETE else "stopped early"
        log.info("[%d/%d] trial %d %s: %s", done, options.trials, trial.number, trial.params, value)

    limit = optuna.study.MaxTrialsCallback(options.trials, tuning.ENDED)
    if len(tuning.finished(study)) < options.trials:
        study.optimize(lambda trial: tuning.objective(search, trial), callbacks=[report, limit])
    _print(study)
    file = tuning.write_preset(search, study, command)
    plan = search.plan({}, "", 0)
    kwargs = ["--env-kwargs", *plan.run.env_kwargs] if plan.run.env_kwargs else []
    words = ["papergym", "train", options.agent, "--env", plan.run.env, *kwargs, "--preset", str(file)]
    console().print(f"{file}; {shlex.join(words)}", soft_wrap=True, markup=False)
    if options.confirm:
        _confirm(search, study, options.confirm)
    return 0


def _search(options: Options) -> Any:
    from papergym.agents.runner.registry import agent
    from papergym.agents.runner.train import check_env
    from papergym.agents.runner.tuning import Search, spaces_of

    row = agent(options.agent)
    given: dict[str, Any] = {}
    for pair in options.set:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"--set expects NAME=VALUE, got {pair!r}.")
        given[name.strip("-").replace("-", "_")] = value
    given |= {name: value for name, value in {"env": options.env, "steps": options.steps}.items() if value}
    spaces = spaces_of(row, options.space)
    folder = Path(options.folder or f"runs/tune/{row.key}-{(options.env or row.default_env).replace('/', '_')}")
    search = Search(row, options.preset, given, spaces, options.seed, options.evaluations, options.prune, folder)
    check_env(search.plan({}, "check", options.seed)).close()  # every mistake shows before anything runs
    return search


def _print(study: Any) -> None:
    from papergym.agents.runner.tuning import finished

    whole = [trial for trial in finished(study) if trial.state.name == "COMPLETE"]  # a stopped one has its last evaluation
    best = sorted(whole, key=lambda trial: trial.value or 0.0, reverse=True)
    if not best:
        raise UsageError("no trial ran to its end. Look at the warnings above, or give --no-prune.")
    table = Table("trial", "return", "settings", title=f"{len(finished(study))} trials, the best five", title_justify="left")
    for trial in best[:5]:
        table.add_row(str(trial.number), f"{trial.value:.4g}", ", ".join(f"{k}={v}" for k, v in trial.params.items()))
    console().print(table)


def _confirm(search: Any, study: Any, seeds: int) -> None:
    """Returns on seeds that the search has not seen."""
    import numpy as np
    from scipy.stats import mannwhitneyu

    from papergym.agents.reproduction.trials import trial_id
    from papergym.agents.runner.folder import eval_rounds
    from papergym.agents.runner.train import run_plan
    from papergym.agents.runner.tuning import score

    returns: dict[str, list[float]] = {"base preset": [], "found preset": []}
    for seed in range(seeds):
        for name, values in zip(returns, ({}, study.best_params)):
            place = f"confirm-{name.partition(' ')[0]}-{trial_id(values)}-{seed}"
            plan = search.plan(values, place, 1_000_000 + 1000 * search.seed + seed)
            plan.run.resume = (Path(plan.run.run_folder) / "config.toml").is_file()
            run_plan(plan, f"papergym tune --confirm, {name}")
            rounds = eval_rounds(Path(plan.run.run_folder))
            returns[name].append(score([float(np.mean(played)) for played in rounds.values()]))
            log.info("seed %d, %s: %.4g", seed, name, returns[name][-1])
    table = Table("preset", "seeds", "mean return", "median", title="on new seeds", title_justify="left")
    for name, values in returns.items():
        table.add_row(name, str(seeds), f"{np.mean(values):.4g} ± {np.std(values, ddof=1):.2g}", f"{np.median(values):.4g}")
    console().print(table)
    p = mannwhitneyu(returns["found preset"], returns["base preset"], alternative="greater").pvalue
    console().print(f"The found preset is better: p = {p:.2g} (Mann-Whitney, one-sided).")

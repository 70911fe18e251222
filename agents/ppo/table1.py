"""Table 1 of the PPO paper from result rows: a pure function, no files.

Per environment, scores are shifted and scaled so that the random policy has 0 and the best result 1; a setting's score is the
mean over its runs (section 6.1).
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from papergym.agents.errors import UsageError

Rows = Iterable[Mapping[str, Any]]
Cell = tuple[str, str, int]


@dataclass(frozen=True)
class Table1:
    """Our table beside the paper's. The paper does not say over what its best result was taken, so both ways are here.

    Attributes:
        settings: names of the surrogate objectives, in the paper's order.
        envs: environment ids.
        zero: environment -> score of the random policy.
        best_run: environment -> the best score of a single run.
        best_mean: environment -> the best mean of a setting over its seeds.
        means: (setting, environment) -> mean raw score over the seeds present.
        normalised: setting -> normalised score where the best run has 1: mean over the environments present of the mean over
            their seeds, which for a whole table is the mean over its runs.
        normalised_by_mean: the same where the best mean has 1.
        paper: setting -> the paper's value.
        runs: setting -> number of runs present.
        missing: (setting, environment, seed) of the runs that are not there.
    """

    settings: tuple[str, ...]
    envs: tuple[str, ...]
    zero: dict[str, float]
    best_run: dict[str, float]
    best_mean: dict[str, float]
    means: dict[tuple[str, str], float]
    normalised: dict[str, float]
    normalised_by_mean: dict[str, float]
    paper: dict[str, float]
    runs: dict[str, int]
    missing: tuple[Cell, ...]


def zero_points(rows: Rows, policy: str = "uniform") -> dict[str, float]:
    """Environment -> mean return of a policy that does not learn, from the rows of ``ppo-random``."""
    scores: dict[str, list[float]] = {}
    for row in rows:
        if row["policy"] == policy:
            scores.setdefault(str(row["env_id"]), []).append(float(row["score"]))
    return {env: sum(values) / len(values) for env, values in scores.items()}


def table1(rows: Rows, zero: Mapping[str, float], plan: Iterable[Mapping[str, Any]], paper: Mapping[str, float]) -> Table1:
    """Compute the table from whatever rows are there.

    Args:
        rows: result rows of ``ppo-table1``: setting, env_id, seed, steps, score; numbers may be text, as a CSV gives them.
        zero: environment -> score of the random policy.
        plan: the trials that the whole table consists of.
        paper: setting -> published score.

    Raises:
        UsageError: an environment of the plan without a zero point.
    """
    cells = {_cell(trial): int(trial["steps"]) for trial in plan}
    present = {_cell(row): float(row["score"]) for row in rows if cells.get(_cell(row)) == int(row["steps"])}
    envs = tuple(dict.fromkeys(env for _, env, _ in cells))
    if lacking := [env for env in envs if env not in zero]:
        raise UsageError(f"no zero point for {', '.join(lacking)}. Run `papergym reproduce ppo-random` first.")
    means = _means(present)
    best_run, best_mean = _best(present, envs), _best(means, envs)
    settings = tuple(setting for setting in paper if any(setting == cell[0] for cell in cells))
    return Table1(
        settings=settings,
        envs=envs,
        zero={env: zero[env] for env in envs},
        best_run=best_run,
        best_mean=best_mean,
        means=means,
        normalised=_normalised(means, zero, best_run),
        normalised_by_mean=_normalised(means, zero, best_mean),
        paper=dict(paper),
        runs={setting: sum(cell[0] == setting for cell in present) for setting in settings},
        missing=tuple(cell for cell in cells if cell not in present),
    )


def _cell(row: Mapping[str, Any]) -> Cell:
    return str(row["setting"]), str(row["env_id"]), int(row["seed"])


def _means(present: Mapping[Cell, float]) -> dict[tuple[str, str], float]:
    groups: dict[tuple[str, str], list[float]] = {}
    for (setting, env, _), score in present.items():
        groups.setdefault((setting, env), []).append(score)
    return {key: sum(values) / len(values) for key, values in groups.items()}


def _normalised(
    means: Mapping[tuple[str, str], float], zero: Mapping[str, float], best: Mapping[str, float]
) -> dict[str, float]:
    groups: dict[str, list[float]] = {}
    for (setting, env), mean in means.items():
        scale = best[env] - zero[env]
        groups.setdefault(setting, []).append((mean - zero[env]) / scale if scale > 0 else math.nan)
    return {setting: sum(values) / len(values) for setting, values in groups.items()}


def _best(scores: Mapping[Any, float], envs: tuple[str, ...]) -> dict[str, float]:
    return {env: max((score for key, score in scores.items() if key[1] == env), default=math.nan) for env in envs}


def markdown(table: Table1) -> str:
    """The table as Markdown: ours beside the paper's, raw means, zero points and best results, and what is missing."""
    short = [env.split("-")[0] for env in table.envs]
    lines = [
        f"| setting | paper | ours, best run 1 | ours, best mean 1 | runs | {' | '.join(short)} |",
        f"|---|---|---|---|---|{'---|' * len(short)}",
    ]
    for setting in table.settings:
        ours = [_score(table, found.get(setting, math.nan), setting) for found in (table.normalised, table.normalised_by_mean)]
        raw = [_number(table.means.get((setting, env), math.nan), 1) for env in table.envs]
        columns = [setting, f"{table.paper[setting]:.2f}", *ours, str(table.runs[setting]), *raw]
        lines.append(f"| {' | '.join(columns)} |")
    for name, values in {"random policy": table.zero, "best run": table.best_run, "best mean": table.best_mean}.items():
        lines.append(f"| {name} | | | | | {' | '.join(_number(values[env], 1) for env in table.envs)} |")
    total = sum(table.runs.values()) + len(table.missing)
    lines += ["", f"{total - len(table.missing)} of {total} runs are there; best results are the best of those."]
    if table.missing:
        text = "Scores are means over tasks; one that lacks tasks is not comparable with the others."
        lines += ["", text, "", "Missing: " + "; ".join(_gaps(table)) + "."]
    return "\n".join(lines) + "\n"


def _number(value: float, digits: int) -> str:
    return "-" if math.isnan(value) else f"{value:.{digits}f}"


def _score(table: Table1, value: float, setting: str) -> str:
    """A setting's score, with the number of its environments where some are missing."""
    count = sum((setting, env) in table.means for env in table.envs)
    part = count < len(table.envs) and not math.isnan(value)
    return _number(value, 2) + (f" ({count} of {len(table.envs)} tasks)" if part else "")


def _gaps(table: Table1) -> list[str]:
    """Missing runs, one entry per setting: the environments that lack the same seeds together."""
    groups: dict[str, dict[str, list[str]]] = {}
    for setting, env, seed in table.missing:
        groups.setdefault(setting, {}).setdefault(env.split("-")[0], []).append(str(seed))
    return [f"{setting}: {_gap(table, setting, by_env)}" for setting, by_env in groups.items()]


def _gap(table: Table1, setting: str, by_env: Mapping[str, list[str]]) -> str:
    if not table.runs[setting]:
        return f"all {sum(map(len, by_env.values()))} runs"
    by_seeds: dict[str, list[str]] = {}
    for env, seeds in by_env.items():
        by_seeds.setdefault(f"seed{'s' if len(seeds) > 1 else ''} {', '.join(seeds)}", []).append(env)
    everywhere = len(table.envs)
    return " and ".join(
        f"{seeds} of {'every task' if len(envs) == everywhere else ', '.join(envs)}" for seeds, envs in by_seeds.items()
    )


def from_rows(rows: Rows) -> str:
    """The table of result rows of ``ppo-table1`` as Markdown; zero points are those of the shipped ``ppo-random``."""
    from papergym import assets
    from papergym.agents.reproduction.results import read_rows, results_path
    from papergym.agents.reproduction.trials import reproduction

    scores = assets.paper("ppo")["scores"]
    paper = {score["setting"]: float(score["value"]) for score in scores if score["where"] == "Table 1"}
    zero = zero_points(read_rows(results_path("ppo-random")))
    return markdown(table1(rows, zero, reproduction("ppo-table1").trials, paper))

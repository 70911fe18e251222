"""The table of URLB's protocol (arXiv 2110.15191): what finetuning reaches, beside training from scratch."""

from collections.abc import Mapping, Sequence

from papergym.agents.reproduction.published import markdown_table
from papergym.agents.reproduction.statistics import estimate

Row = Mapping[str, str]


def from_rows(rows: Sequence[Row]) -> str:
    """Returns per task, and the gain of pretraining seed by seed, as Markdown.

    Args:
        rows: of ``papergym reproduce protorl-states``.
    """
    lines = []
    for task in dict.fromkeys(row["env_id"] for row in rows if row["setting"] != "pretraining"):
        finetuned, scratch = (_returns(rows, task, setting) for setting in ("finetuned", "from scratch"))
        gains = [finetuned[seed] - scratch[seed] for seed in finetuned if seed in scratch]
        cells = [str(estimate(list(values))) if values else "-" for values in (finetuned.values(), scratch.values(), gains)]
        lines.append([task, len(gains), *cells])
    covered = [
        [f"{row['domain']}, seed {row['seed']}", f"{float(row['coverage_ratio']):.2f}"]
        for row in rows
        if row["setting"] == "pretraining"
    ]
    text = "Return of deterministic episodes; the gain is taken seed by seed. Intervals as above."
    tables = [markdown_table(["environment", "seeds in both", "finetuned", "from scratch", "gain of pretraining"], lines)]
    tables += [markdown_table(["pretraining", "states covered, ratio to a random policy's"], covered)] if covered else []
    return "\n".join([text + "\n", *tables])


def _returns(rows: Sequence[Row], task: str, setting: str) -> dict[str, float]:
    """Seed -> return after training."""
    return {row["seed"]: float(row["eval_return"]) for row in rows if (row["env_id"], row["setting"]) == (task, setting)}

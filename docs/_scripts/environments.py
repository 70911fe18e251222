"""Pages of the environments: a page per family, one per dm_control domain and one per MuJoCo v4 task."""

from pathlib import Path

import gymnasium as gym
import meanings
import numpy as np
import tables
from appendices import ALIKE
from cards import clip, figure
from families import family_page, gallery, index, slug, thumbnail, words
from PIL import Image

from papergym.envs.table import Row
from papergym.wrappers.rows import rows

ALIKE_LOOKS = 2.0
"""Mean difference, of 255, below which two thumbnails show nothing different."""


def _images_of(row: Row) -> str:
    """What a pixel row's observation is."""
    side, stack = row.kwargs["size_px"], row.kwargs["frame_stack"]
    camera = row.kwargs["camera"]
    where = "a free camera" if isinstance(camera, dict) else f"camera {camera!r}"
    return (
        f"`Box(0, 255, ({3 * stack}, {side}, {side}), uint8)`: the last {stack} RGB images of {side}x{side} pixels from "
        f"{where}, oldest first; each action is repeated for {row.kwargs['action_repeat']} frames"
    )


def _ends(row: Row, step_s: float, end: str) -> str:
    frames = row.limit_frames or 0
    ends = "Never terminated." if end == "never" else f"Terminated when {end}."
    return f"{ends} Truncated after {frames} frames of {step_s:g} s ({frames * step_s:g} s)."


def _size(parts: list[tables.Part]) -> int:
    return sum(entry.count for part in parts for entry in part.entries)


def _by_task(found: dict[str, tuple[int, str]], bounds: str) -> list[str]:
    """A table of ``size`` numbers per task, shown once for the tasks that share it."""
    alike: dict[tuple[int, str], list[str]] = {}
    for task, content in found.items():
        alike.setdefault(content, []).append(task)
    parts = []
    for (size, text), tasks in alike.items():
        heading = [f"### {', '.join(tasks)}", ""] if len(alike) > 1 else []
        parts += [*heading, f"`Box({bounds}, ({size},), float32)`", "", text, ""]
    return parts


def _task(still: str, found: list[Row], reward: str) -> list[str]:
    """A section for one task of a domain: ids, thumbnail, what it asks and pays."""
    row = found[-1]
    ids = ", ".join(f"`{row.id}`" for row in reversed(found))
    alone = [figure(still, row.id)] if still else []
    lines = [row.summary, "", f"Reward per frame: {reward}", "", f"Ids: {ids}. Source: {row.source}.", ""]
    return [f"### `{row.id}`", "", *alone, *lines]


def _distinct(docs: Path, stills: dict[str, str]) -> dict[str, str]:
    """Thumbnails by task, "" for those that look like one before."""
    found, shown = dict.fromkeys(stills, ""), []
    for task, still in stills.items():
        look = np.asarray(Image.open(docs / "_static" / "envs" / Path(still).name), float) if still else None
        if look is not None and not any(
            look.shape == other.shape and np.abs(look - other).mean() < ALIKE_LOOKS for other in shown
        ):
            found[task] = still
            shown.append(look)
    return found


def domain_page(docs: Path, domain: str, members: list[Row]) -> str:
    """One domain of dm_control: its tasks, the actions of its body, what each task observes."""
    by_task = {
        task: [row for row in members if row.kwargs["task"] == task]
        for task in dict.fromkeys(r.kwargs["task"] for r in members)
    }
    rewards = meanings.dmc_rewards()
    stills = _distinct(docs, {task: thumbnail(docs, found[-1], "../..") for task, found in by_task.items()})
    sections = [line for task, found in by_task.items() for line in _task(stills[task], found, rewards[domain][task])]
    moving = clip(docs, f"dmc/{slug(domain)}", "../..")
    described = {task: tables.dmc(domain, task) for task in by_task}
    pixel_row = next(row for row in members if row.family == "protorl")
    parts = [
        f"# {words(domain)}: {len(by_task)} task{'s' * (len(by_task) > 1)} of dm_control",
        "",
        figure(moving, f"{words(domain)} moving", f"Slowly changing random actions in `{next(iter(by_task.values()))[-1].id}`.")
        if moving
        else "",
        *("## Tasks", "", *sections),
        *("## Action space", "", ALIKE, ""),
        *_by_task({task: (len(drives), tables.actions(drives)) for task, (drives, _, _) in described.items()}, "-1, 1"),
        *("## Observation space", "", f"`ProtoRL-…` ids: {_images_of(pixel_row)}.", ""),
        '`DMC-…` ids, and the others with `obs_type="state"`: dm_control\'s observations, flattened and joined.',
        "",
        *_by_task({task: (_size(entries), tables.state(entries)) for task, (_, entries, _) in described.items()}, "-inf, inf"),
    ]
    step_s = next(iter(described.values()))[2]
    lqr = domain == "lqr"
    end = "the norm of the state falls below 1e-6" if lqr else "never"
    scale = "" if lqr else "between 0 and 1, "
    notes = dict.fromkeys(row.version_note for row in members)
    return "\n".join([
        *parts,
        *("## Reward", "", f"Per frame, {scale}as above; a step pays the sum over its frames.", ""),
        *("## Episode end", "", _ends(members[0], step_s, end), ""),
        *("## Arguments", "", "Those of [the state ids](../dmc.md) and of [the pixel ids](../protorl.md).", ""),
        *("## Version history", "", *(f"- {note}" for note in notes), ""),
    ])  # fmt: skip


def v4_page(docs: Path, row: Row) -> str:
    """One of Gymnasium's MuJoCo v4 tasks."""
    task = row.kwargs["task"]
    drives, parts, step_s = tables.v4(task)
    reward, end = meanings.v4_sentences()[task]
    size = _size(parts)
    moving = clip(docs, f"mujoco/{slug(task)}", "../..")
    return "\n".join([
        f"# `{row.id}`",
        "",
        figure(moving, row.id, "Slowly changing random actions.") if moving else figure(thumbnail(docs, row, "../.."), row.id),
        "",
        row.summary,
        "",
        *("## Action space", "", f"`Box(-1, 1, ({len(drives)},), float32)`. {ALIKE}", "", tables.actions(drives), ""),
        *("## Observation space", "", _images_of(row) + ".", ""),
        f'With `obs_type="state"`: `Box(-inf, inf, ({size},), float32)`.',
        "",
        tables.state(parts),
        "",
        *("## Reward", "", f"Per frame: {reward} A step pays the sum over its repeated frames. The squared action is "
          "the sum of squares in the task's own range.", ""),
        *("## Episode end", "", _ends(row, step_s, end), ""),
        *("## Arguments", "", "See [the family's page](../mujoco.md).", ""),
        *("## Version history", "", f"- {row.version_note}", ""),
        *("## Source", "", row.source + ".", ""),
    ])  # fmt: skip


def environments(docs: Path) -> None:
    """Every page below docs/environments."""
    gym.logger.min_level = gym.logger.ERROR
    folder = docs / "environments"
    all_rows = rows()
    families = list(dict.fromkeys(row.family for row in all_rows))
    for family in families:
        members = [row for row in all_rows if row.family == family]
        write(folder / f"{slug(family)}.md", family_page(docs, family, members))
    in_dmc = [row for row in all_rows if row.family in ("dmc", "protorl")]
    for domain in dict.fromkeys(row.kwargs["domain"] for row in in_dmc):
        found = [row for row in in_dmc if row.kwargs["domain"] == domain]
        write(folder / "dmc" / f"{slug(domain)}.md", domain_page(docs, domain, found))
    for row in all_rows:
        if row.family == "mujoco" and not row.unavailable:
            write(folder / "mujoco" / f"{slug(row.kwargs['task'])}.md", v4_page(docs, row))
    write(folder / "index.md", index(docs, all_rows, families))
    write(folder / "gallery.inc", gallery(docs, all_rows, ".", "environments/"))  # for the front page


def write(path: Path, text: str) -> None:
    """Write a page, leaving an equal file alone, so that sphinx does not read it again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")

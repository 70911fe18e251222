"""Pages of the environments: a page per family, one per dm_control domain and one per MuJoCo v4 task."""

from itertools import groupby
from pathlib import Path

import gymnasium as gym
import meanings
import tables
from images import image_name
from tables import demote, docstring, markdown, table

from papergym.envs.table import Row
from papergym.wrappers.rows import rows

ALIKE = "-1 and 1 are the ends of the actuator's range; numbers between scale linearly."


def slug(name: str) -> str:
    """A file name for a family or domain."""
    return name.lower().replace(" ", "-").replace("/", "-").replace("_", "-")


def image(docs: Path, env_id: str, up: str = "..") -> str:
    """The image of an id, if there is one."""
    for ending in ("gif", "png", "jpg"):
        name = f"{image_name(env_id)}.{ending}"
        if (docs / "_static" / "envs" / name).is_file():
            return f"![{env_id}]({up}/_static/envs/{name})"
    return ""


def limit(row: Row) -> str:
    """The episode limit in words."""
    if row.limit_frames:
        return f"{row.limit_frames} frames"
    return f"{row.max_episode_steps} steps" if row.max_episode_steps else "none"


def page_of(row: Row) -> str:
    """The page of an id with its tables, as a link from its family's page; "" where the family's page has them."""
    if row.family in ("dmc", "protorl"):
        return f"dmc/{slug(row.kwargs['domain'])}.md"
    return f"mujoco/{slug(row.kwargs['task'])}.md" if row.family == "mujoco" and not row.unavailable else ""


def family_page(docs: Path, family: str, members: list[Row]) -> str:
    """Every id of a family with its task, then the docstring of each entry point."""
    parts = [f"# {family}", "", f"{len(members)} environments. `papergym list {family}` prints them in a terminal.", ""]
    pages = sorted({page_of(row) for row in members} - {""})
    if pages and family != "protorl":
        parts += ["```{toctree}", ":maxdepth: 1", "", *(page.removesuffix(".md") for page in pages), "```", ""]
    for entry_point, group in groupby(sorted(members, key=lambda row: row.entry_point), key=lambda row: row.entry_point):
        group_rows = list(group)
        lines = [
            [
                image(docs, row.id),
                f"[`{row.id}`]({page_of(row)})" if page_of(row) else f"`{row.id}`",
                row.summary + (f" **Cannot run:** {row.unavailable}" if row.unavailable else ""),
                limit(row),
                row.source,
                row.version_note,
            ]
            for row in group_rows
        ]
        parts += [table(["", "id", "task", "limit", "source", "version history"], lines), ""]
        extra = sorted({row.extra for row in group_rows} - {""})
        if extra:
            parts += [f'Needs `pip install "papergym[{",".join(extra)}]"`.', ""]
        if not group_rows[0].unavailable:
            parts += [demote(markdown(docstring(entry_point))), ""]
    return "\n".join([*parts, *APPENDICES.get(family, lambda: [])()])


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


def domain_page(docs: Path, domain: str, members: list[Row]) -> str:
    """One domain of dm_control: its tasks, the actions of its body, what each task observes."""
    by_task = {
        task: [row for row in members if row.kwargs["task"] == task]
        for task in dict.fromkeys(r.kwargs["task"] for r in members)
    }
    rewards = meanings.dmc_rewards()
    lines = [
        [
            image(docs, found[-1].id, "../.."),
            task,
            "<br>".join(f"`{row.id}`" for row in reversed(found)),
            found[-1].summary,
            rewards[domain][task],
            found[-1].source,
        ]
        for task, found in by_task.items()
    ]
    described = {task: tables.dmc(domain, task) for task in by_task}
    pixel_row = next(row for row in members if row.family == "protorl")
    parts = [
        f"# {domain}",
        "",
        table(["", "Task", "Ids", "What it asks", "Reward per frame", "Source"], lines),
        "",
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
        *("## Reward", "", f"Per frame, {scale}as in the first table; a step pays the sum over its frames.", ""),
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
    return "\n".join([
        f"# {row.id}",
        "",
        image(docs, row.id, "../.."),
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


def football_appendix() -> list[str]:
    """What the sections of the ids leave to tables: actuators and observations of the bodies, and PettingZoo's id."""
    parts = ["## The match for several agents: `papergym/football-v0`", ""]
    parts += [demote(markdown(docstring("papergym.envs.football.parallel:FootballEnv"))), ""]
    for walker in ("humanoid", "ant", "boxhead"):
        parts += [f"## Actions of a player: {walker}", "", ALIKE, "", tables.football_body(walker), ""]
    views = {
        "in `Football-2v2-v0`, humanoid": ("Football-2v2-v0", {}),
        "in `Football-Follow-v0`, humanoid": ("Football-Follow-v0", {}),
    }
    for title, (env_id, kwargs) in views.items():
        text = tables.football_view(env_id, **kwargs)
        parts += [f"## Observations of a player {title}", "", "Vectors are in the player's frame.", "", text, ""]
    return parts


def mine_appendix() -> list[str]:
    """Action and observation of MineDojo's contract, with the keys that arguments add."""
    from papergym.envs.mine import spaces

    everything = spaces.observation_space(voxel_size=spaces.VOXEL_SIZE, lidar_rays=spaces.LIDAR_RAYS)
    return [
        *("## Action space", "", f"`{spaces.action_space()}`, eight parts.", ""),
        *(tables.mine_action(spaces.action_space()), ""),
        *("## Observation space", "", _CONDITIONAL, ""),
        *(tables.mine_view(everything), ""),
        *("## Reward and end", "", demote(markdown(docstring("papergym.envs.mine.voxel.goals:Goals"))), ""),
        *("## The embedded world", "", demote(markdown(docstring("papergym.envs.mine.voxel.env:VoxelMineEnv"))), ""),
    ]


def lsimagine_appendix() -> list[str]:
    """The paper's twelve actions and its image."""
    from papergym.wrappers.mine import ACTIONS

    lines = [[number, f"`{name}`"] for number, name in enumerate(ACTIONS)]
    view = table(["Observation", "Shape", "Type", "Min", "Max", "Unit"], [["image", "64×64×3", "uint8", 0, 255, "0 to 255"]])
    return [
        *("## Action space", "", f"`Discrete({len(ACTIONS)})`", "", table(["Num", "Action"], lines), ""),
        *(demote(markdown(docstring("papergym.wrappers.mine:LSImagineActions"))), ""),
        *("## Observation space", "", view, ""),
        *("## Reward and end", "", "Those of [the task with MineDojo's spaces](mine.md).", ""),
    ]


_CONDITIONAL = (
    "A `Dict`; `voxels` in the tasks with MineDojo's own ids (`harvest_…`, `combat_…`, `techtree_…`, `survival`) and with "
    "`use_voxel=True`, `rays` with `use_lidar=True`."
)


APPENDICES = {"football": football_appendix, "Mine": mine_appendix, "LS-Imagine": lsimagine_appendix}
"""Family -> sections after its ids."""


def environments(docs: Path) -> None:
    """Every page below docs/environments."""
    gym.logger.min_level = gym.logger.ERROR
    folder = docs / "environments"
    all_rows = rows()
    gallery, families = [], list(dict.fromkeys(row.family for row in all_rows))
    for family in families:
        members = [row for row in all_rows if row.family == family]
        write(folder / f"{slug(family)}.md", family_page(docs, family, members))
        shown = dict.fromkeys(found for row in members if (found := image(docs, row.id)))
        gallery += [f"## [{family}]({slug(family)}.md)", "", f"{len(members)} ids", "", " ".join(shown), ""]
    in_dmc = [row for row in all_rows if row.family in ("dmc", "protorl")]
    for domain in dict.fromkeys(row.kwargs["domain"] for row in in_dmc):
        found = [row for row in in_dmc if row.kwargs["domain"] == domain]
        write(folder / "dmc" / f"{slug(domain)}.md", domain_page(docs, domain, found))
    for row in all_rows:
        if row.family == "mujoco" and not row.unavailable:
            write(folder / "mujoco" / f"{slug(row.kwargs['task'])}.md", v4_page(docs, row))
    toc = "\n".join(slug(family) for family in families)
    index = f"# Environments\n\n```{{toctree}}\n:maxdepth: 1\n\n{toc}\n```\n\n" + "\n".join(gallery)
    write(folder / "index.md", index)


def write(path: Path, text: str) -> None:
    """Write a page, leaving an equal file alone, so that sphinx does not read it again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")

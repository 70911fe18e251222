"""The pages of the families of environments, and the gallery of all of them."""

from collections import Counter
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from appendices import APPENDICES
from cards import card, cards, clip, figure, still
from images import image_name
from tables import demote, docstring, markdown

from papergym.envs.table import Row


def slug(name: str) -> str:
    """A file name for a family or domain."""
    return name.lower().replace(" ", "-").replace("/", "-").replace("_", "-")


TITLES = {
    "protorl": ("dm_control from pixels, as in Proto-RL", "Three stacked 84x84 images, each action repeated, in every task."),
    "dmc": ("dm_control from states", "The DeepMind Control Suite and the URL benchmark's tasks, observed as vectors."),
    "mujoco": ("MuJoCo v4 from pixels", "Gymnasium's MuJoCo v4 tasks with Proto-RL's images."),
    "toys": (
        "Small environments of the papers",
        "Each shows one effect within seconds: memory, credit, planning, several goals.",
    ),
    "LS-Imagine": ("LS-Imagine's five tasks", "A voxel world with twelve actions and 64x64 images."),
    "Mine": ("MineDojo's tasks", "The same voxel world with MineDojo's own actions and observations."),
    "football": ("Humanoid football", "Drills and matches with 56 joints, also for several agents."),
}
"""Family -> its name in words, and a sentence."""


CAPTIONS = {
    "protorl": "Walker, quadruped, cheetah, hopper, cart-pole and Jaco with slowly changing random actions.",
    "dmc": "Dog, humanoid, fish, finger, stacker and swimmer with slowly changing random actions.",
    "mujoco": "Ant, half-cheetah, hopper, humanoid, swimmer and walker with slowly changing random actions.",
    "toys": "Four rooms, key to door, shortest path, cliff walk and four goals with random actions, on the cliff most right.",
    "LS-Imagine": "The last seconds of a scripted player who cuts a tree, obtains water, mines iron ore and shears a sheep.",
    "Mine": "A player who walks on and turns: harvest of sand, combat with a zombie and with a sheep, harvest of water.",
    "football": "Two against two, and a shot at the goal, with slowly changing random actions.",
}
"""Family -> what its moving image shows."""


def title_of(family: str) -> str:
    """A family's name in words."""
    return TITLES.get(family, (family, ""))[0]


def thumbnail(docs: Path, row: Row, up: str = "..") -> str:
    """The path of an id's thumbnail, or ""."""
    return still(docs, image_name(row.id), up)


def words(name: str) -> str:
    """A domain as a title: "ball_in_cup" -> "Ball in cup"."""
    text = name.replace("_", " ")
    return {"lqr": "LQR", "humanoid CMU": "Humanoid CMU"}.get(text, text[0].upper() + text[1:])


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
    """A moving image, a card for each id or domain, then the docstring of each entry point, under the ids that it makes."""
    name, about = TITLES.get(family, (family, ""))
    parts = [f"# {name}", "", f"{about} {len(members)} ids; `papergym list {family}` prints them in a terminal.".strip(), ""]
    if moving := clip(docs, slug(family), ".."):
        parts += [figure(moving, name, CAPTIONS.get(family, "Random actions.")), ""]
    pages = sorted({page_of(row) for row in members} - {""})
    if pages and family != "protorl":
        names = {page_of(row): words(str(row.kwargs.get("domain", row.id))) for row in members if page_of(row)}
        parts += ["```{toctree}", ":hidden:", "", *(f"{names[page]} <{page.removesuffix('.md')}>" for page in pages), "```", ""]
    ordered = sorted(members, key=lambda row: row.entry_point)
    groups = [list(group) for _, group in groupby(ordered, key=lambda row: row.entry_point)]
    for group in groups:
        parts += _group(docs, group)
    return "\n".join([*parts, *APPENDICES.get(family, lambda: [])()])


def _group(docs: Path, group: list[Row]) -> list[str]:
    """The ids of one entry point and its docstring."""
    if len(group) == 1 and not page_of(group[0]) and not group[0].unavailable:
        row = group[0]
        alone = figure(thumbnail(docs, row), row.id) if thumbnail(docs, row) else ""
        parts = [f"## `{row.id}`", "", alone, row.summary, "", f"Limit: {limit(row)}. {_origin(group)}".strip(), ""]
    else:
        by_domain = group[0].family in ("dmc", "protorl")
        shown = _domain_cards(docs, group) if by_domain else [_id_card(docs, row) for row in group if not row.unavailable]
        parts = ["## Domains" if by_domain else "## Ids", "", cards(shown), ""]
        parts += [f"`{row.id}` cannot run: {row.unavailable}\n" for row in group if row.unavailable]
        parts += ["## What they share", "", _origin(group), ""]
    extra = sorted({row.extra for row in group} - {""})
    if extra:
        parts += [f'Needs `pip install "papergym[{",".join(extra)}]"`.', ""]
    return [*parts, demote(markdown(docstring(next(row for row in group if not row.unavailable).entry_point))), ""]


def _id_card(docs: Path, row: Row) -> str:
    return card(thumbnail(docs, row), row.id, page_of(row), f"`{row.id}`", f"{row.summary} Limit: {limit(row)}.")


def _domain_cards(docs: Path, group: list[Row]) -> list[str]:
    """A card for each domain with all its ids; what the tasks ask is on the domain's page."""
    found = []
    for domain in dict.fromkeys(row.kwargs["domain"] for row in group):
        members = [row for row in group if row.kwargs["domain"] == domain]
        ids = "<br>".join(f"`{row.id}`" for row in members)
        found.append(card(thumbnail(docs, members[0]), words(domain), page_of(members[0]), words(domain), ids))
    return found


def _origin(group: list[Row]) -> str:
    """Sources and version notes, where the docstring has none; where ids differ, the rarer ones by name."""
    if "# Source" in docstring(group[0].entry_point):
        return ""
    return f"{_by_value('Source', {row.id: row.source for row in group})} " + _by_value(
        "Version history", {row.id: row.version_note for row in group}
    )


def _by_value(title: str, found: dict[str, str]) -> str:
    alike: dict[str, list[str]] = {}
    for env_id, text in found.items():
        alike.setdefault(text.rstrip("."), []).append(env_id)
    first, *rest = sorted(alike, key=lambda text: -len(alike[text]))
    others = "".join(f" {', '.join(f'`{env_id}`' for env_id in alike[text])}: {text}." for text in rest)
    return f"{title}: {first}.{others}"


def gallery(docs: Path, all_rows: Iterable[Row], up: str, pages: str = "") -> str:
    """A card with a moving image for each family; ``pages`` is the way to their pages."""
    counts = Counter(row.family for row in all_rows)
    shown = cards(
        card(
            clip(docs, slug(family), up),
            title_of(family),
            f"{pages}{slug(family)}.md",
            title_of(family),
            f"{count} ids. {TITLES.get(family, ('', ''))[1]}",
        )
        for family, count in counts.items()
    )
    return f":::::{{container}} gallery\n{shown}:::::\n"


def index(docs: Path, all_rows: list[Row], families: list[str]) -> str:
    """All families, and how to ask for one id."""
    toc = "\n".join(slug(family) for family in families)
    return "\n".join([
        "# Environments",
        "",
        f"{len(all_rows)} ids in {len(families)} families. Every page lists actions, observations, rewards, ends and sources, "
        "with units. `papergym list WORD` finds ids in a terminal.",
        "",
        gallery(docs, all_rows, ".."),
        "```{toctree}\n:hidden:\n\n" + toc + "\n```\n",
    ])  # fmt: skip

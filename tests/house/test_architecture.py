"""Which part of papergym may use which. The walker reads imports, and strings that name a module.

``python tests/house/test_architecture.py [ROOT]`` prints what it finds in a checkout.
"""

import ast
import re
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

REPO = Path(__file__).resolve().parents[2]

AGENT_ROOMS = "agents/*"
FLOORS = (
    *("version", "assets", "envs", "wrappers", "papergym", "agents"),
    *("agents/errors", "agents/console", "agents/jit", "agents/checkpoint", "agents/replay", "agents/data", "agents/nets"),
    *("agents/fast", "agents/sequence", "agents/runner", "agents/offline", "agents/reproduction", AGENT_ROOMS),
    *("agents/cli", "agents/run", "__main__"),
)
"""Every part of the package, lowest first. A part may use itself and what stands before it.

``papergym`` is ``src/papergym/__init__.py``, ``agents`` is ``agents/__init__.py``. ``AGENT_ROOMS`` stands for the folders of
the agents: each holds a ``config.py``, and none may use another one, unless ``STANDS_ON`` says so.
"""

STANDS_ON: dict[str, tuple[str, ...]] = {"lsimagine": ("dreamerv3",)}
"""Agent -> the agents whose code it extends."""

LEVEL = {floor: number for number, floor in enumerate(FLOORS)}


class Arrow(NamedTuple):
    """``source`` uses ``target``; both are names of modules."""

    source: str
    target: str
    file: str
    line: int
    kind: str  # "import", "type-checking" or "string"


def modules(root: Path) -> dict[str, Path]:
    """Name -> file of every module of the product."""
    files = {path: path.relative_to(root / "src") for path in (root / "src" / "papergym").glob("*.py")}
    for room in ("assets", "envs", "wrappers", "agents"):
        files |= {path: Path("papergym") / path.relative_to(root) for path in sorted((root / room).rglob("*.py"))}
    return {".".join(name.with_suffix("").parts).removesuffix(".__init__"): path for path, name in files.items()}


def floor(module: str) -> str:
    """The part that a module belongs to."""
    parts = module.split(".")[1:]
    if not parts:
        return "papergym"
    return "/".join(parts[:2]) if parts[0] == "agents" else parts[0]


def _known(name: str, known: dict[str, Path]) -> str:
    """The longest beginning of a dotted name that is a module, "" if there is none."""
    while name and name not in known:
        name = name.rpartition(".")[0]
    return name


def _text(node: ast.AST) -> str:
    """What is certain of a string expression; ``{}`` stands for the rest."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(map(_text, node.values))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _text(node.left) + _text(node.right)
    return "{}"


def _named(text: str) -> list[str]:
    """Modules that a string names: an entry point, or code and commands with blanks. Prose names none."""
    before = r"(?:\bfrom|\bimport|-m)\s+" if re.search(r"\s", text) else ""
    return re.findall(rf"{before}(papergym(?:\.\w+)+)", text)


def _imported(node: ast.AST, module: str, is_package: bool) -> list[str]:
    """Dotted names that an import statement, or an attribute of the package, asks for."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        base = module.split(".")[: len(module.split(".")) - node.level + is_package] if node.level else []
        home = ".".join([*base, *([node.module] if node.module else [])])
        return [f"{home}.{alias.name}" for alias in node.names]
    if isinstance(node, ast.Attribute):
        name = ast.unparse(node)
        return [name] if re.fullmatch(r"papergym(\.\w+)+", name) else []
    return []


def arrows(root: Path) -> list[Arrow]:
    """Every use of one module by another, in functions and under ``TYPE_CHECKING`` too. Docstrings are prose."""
    known, found = modules(root), {}
    for module, path in known.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        nodes = list(ast.walk(tree))
        prose = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        guarded = {
            id(inner)
            for node in nodes
            if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
            for statement in node.body
            for inner in ast.walk(statement)
        }
        for node in nodes:
            names = [(name, "import") for name in _imported(node, module, path.name == "__init__.py")]
            if not names and id(node) not in prose:
                names = [(name, "string") for name in _named(_text(node))]
            for name, kind in names:
                target = _known(name, known)
                if not target or target == module or (target == "papergym" and kind == "string"):
                    continue
                arrow = Arrow(module, target, str(path.relative_to(root)), getattr(node, "lineno", 0), kind)
                found[arrow._replace(kind="type-checking") if id(node) in guarded else arrow] = None
    return sorted([*found, *_data_arrows(root, known)])


def _data_arrows(root: Path, known: dict[str, Path]) -> list[Arrow]:
    """Entry points in data files; an example of code in a paper's file is no entry point."""
    return [
        Arrow("papergym.assets", _known(match[1], known), str(path.relative_to(root)), number, "string")
        for path in sorted((root / "assets").rglob("*.toml"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        for match in re.finditer(r"""["'](papergym(?:\.\w+)+)(?::\w+)?["']""", line)
    ]


def agent_rooms(root: Path) -> set[str]:
    """Folders of the agents, such as ``agents/sac``."""
    return {f"agents/{path.parent.name}" for path in (root / "agents").glob("*/config.py")} - set(FLOORS)


def wrong(arrow: Arrow, rooms: set[str]) -> str:
    """Why an arrow must not be, "" if it may."""
    source, target = floor(arrow.source), floor(arrow.target)
    if source in (target, "papergym"):  # the front of the package may name everything, lazily
        return ""
    where = f"{arrow.file}:{arrow.line}: {source} -> {target} ({arrow.kind}: {arrow.target})"
    if source in rooms and target in rooms:
        stands = target.removeprefix("agents/") in STANDS_ON.get(source.removeprefix("agents/"), ())
        return "" if stands else f"{where}: an agent uses no other agent, unless STANDS_ON says so"
    levels = [LEVEL.get(AGENT_ROOMS if place in rooms else place) for place in (source, target)]
    if None in levels:
        unknown = [place for place, level in zip((source, target), levels) if level is None]
        return f"{where}: {', '.join(unknown)}: no floor of FLOORS, and no agent's room with a config.py"
    return "" if levels[1] < levels[0] else f"{where}: a part uses only those before it in FLOORS"


def cycles(pairs: set[tuple[str, str]]) -> list[list[str]]:
    """Sets of names that reach one another."""
    names = sorted({name for pair in pairs for name in pair})
    number = {name: index for index, name in enumerate(names)}
    ends = np.array([[number[source], number[target]] for source, target in pairs if source != target]).reshape(-1, 2)
    graph = csr_matrix((np.ones(len(ends)), ends.T), shape=(len(names), len(names)))
    _, labels = connected_components(graph, directed=True, connection="strong")
    groups = [[name for name, label in zip(names, labels) if label == group] for group in dict.fromkeys(labels)]
    return [group for group in groups if len(group) > 1]


def module_cycles(found: list[Arrow]) -> list[list[str]]:
    """Modules that import each other; an import under ``TYPE_CHECKING`` never runs."""
    return cycles({(arrow.source, arrow.target) for arrow in found if arrow.kind == "import"})


def mutual(found: list[Arrow]) -> list[str]:
    """Pairs of parts that use each other, each with one place per direction."""
    first = {(floor(arrow.source), floor(arrow.target)): f"{arrow.file}:{arrow.line}" for arrow in reversed(found)}
    pairs = [(a, b) for a, b in sorted(first) if a < b and (b, a) in first and "papergym" not in (a, b)]
    return [f"{a} <-> {b} ({first[a, b]}, {first[b, a]})" for a, b in pairs]


def parts(root: Path) -> list[str]:
    """The parts of a checkout, in the order of ``FLOORS``."""
    found, last = {floor(module) for module in modules(root)}, LEVEL[AGENT_ROOMS]
    return sorted(found, key=lambda name: (LEVEL.get(name, last), name))


FOUND = arrows(REPO)
ROOMS = agent_rooms(REPO)


@pytest.mark.parametrize("name", parts(REPO))
def test_a_part_uses_only_those_below_it(name):
    assert name in FLOORS or name in ROOMS, f"{name} is no floor of FLOORS, and no agent's room with a config.py"
    reasons = [reason for arrow in FOUND if floor(arrow.source) == name and (reason := wrong(arrow, ROOMS))]
    assert not reasons, "\n" + "\n".join(reasons)


def test_no_two_parts_use_each_other():
    assert not mutual(FOUND), "\n" + "\n".join(mutual(FOUND))
    groups = cycles({(floor(arrow.source), floor(arrow.target)) for arrow in FOUND if floor(arrow.source) != "papergym"})
    assert not groups


def test_no_modules_import_each_other():
    lines = [
        f"{arrow.file}:{arrow.line}: {arrow.source} -> {arrow.target}"
        for group in module_cycles(FOUND)
        for arrow in FOUND
        if arrow.kind == "import" and {arrow.source, arrow.target} <= set(group)
    ]
    assert not lines, "\n" + "\n".join(lines)


def test_agents_stand_on_what_they_use():
    used = {(floor(arrow.source), floor(arrow.target)) for arrow in FOUND}
    named = {(f"agents/{key}", f"agents/{base}") for key, bases in STANDS_ON.items() for base in bases}
    assert named <= used


PLANTED = {
    "import": ("envs/a.py", "import papergym.wrappers.b"),
    "from the package": ("envs/a.py", "from papergym import wrappers"),
    "relative": ("envs/a.py", "from ..wrappers import b"),
    "in a function": ("envs/a.py", "def f():\n    from papergym.wrappers import b"),
    "for type checkers": ("envs/a.py", "if typing.TYPE_CHECKING:\n    from papergym.wrappers.b import B"),
    "attribute": ("envs/a.py", "def f(papergym):\n    return papergym.wrappers.b.B"),
    "front": ("envs/a.py", "import papergym"),
    "entry point": ("envs/a.py", "ENTRY = 'papergym.wrappers.b:B'"),
    "f-string": ("envs/a.py", "ENTRY = f'papergym.wrappers.{name}:B'"),
    "sum of strings": ("envs/a.py", "ENTRY = 'papergym.' + 'wrappers.b:B'"),
    "command": ("envs/a.py", "COMMAND = 'python -m papergym.wrappers.b'"),
    "data file": ("assets/a.toml", "score = 'papergym.envs:score'"),
    "floor to agent": ("agents/replay/a.py", "import papergym.agents.sac.config"),
    "floor to floor": ("agents/replay/a.py", "import papergym.agents.runner.b"),
    "agent to agent": ("agents/ppo/config.py", "MODULE = 'papergym.agents.sac.config'"),
    "no floor": ("agents/attic/a.py", "import papergym.agents.errors"),
}


def _plant(root: Path, files: dict[str, str]) -> None:
    product = (
        "src/papergym/__init__.py",
        "assets/__init__.py",
        "envs/__init__.py",
        "wrappers/b.py",
        "agents/errors.py",
        "agents/runner/b.py",
        "agents/sac/config.py",
    )
    for name, text in {**dict.fromkeys(product, ""), **files}.items():
        for path in (root / name, (root / name).parent / "__init__.py"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text if path == root / name else "", encoding="utf-8")


@pytest.mark.parametrize("kind", PLANTED)
def test_the_walker_sees(kind, tmp_path):
    name, text = PLANTED[kind]
    _plant(tmp_path, {name: text})
    reasons = [wrong(arrow, agent_rooms(tmp_path)) for arrow in arrows(tmp_path)]
    assert any(f"{name}:{len(text.splitlines())}: " in reason for reason in reasons), reasons


def test_the_walker_sees_cycles_and_leaves_prose_alone(tmp_path):
    _plant(tmp_path, {"envs/a.py": "import papergym.envs.c", "envs/c.py": "def f():\n    import papergym.envs.a"})
    assert module_cycles(arrows(tmp_path)) == [["papergym.envs.a", "papergym.envs.c"]]
    _plant(tmp_path, {"envs/a.py": '"""See papergym.wrappers.b."""', "envs/c.py": "raise E('use papergym.wrappers.b instead')"})
    assert not arrows(tmp_path)


if __name__ == "__main__":
    place = Path(sys.argv[1] if len(sys.argv) > 1 else REPO).resolve()
    found, rooms = arrows(place), agent_rooms(place)
    print("parts:", ", ".join(parts(place)))
    sizes = Counter()
    for module, path in modules(place).items():
        if floor(module).startswith("agents"):
            sizes[floor(module)] += len(path.read_text(encoding="utf-8").splitlines())
    largest, lines = sizes.most_common(1)[0]
    print(f"largest part of agents: {largest}, {lines} of {sizes.total()} lines, {lines / sizes.total():.0%}")
    print("modules that import each other:", module_cycles(found) or "none")
    print("parts that use each other:", "".join(f"\n  {pair}" for pair in mutual(found)) or "none")
    reasons = [reason for arrow in found if (reason := wrong(arrow, rooms))]
    print(f"arrows back: {len(reasons)}", *reasons, sep="\n  ")

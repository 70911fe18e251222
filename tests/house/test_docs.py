"""Python blocks of the README and of the guides run as they stand; pages load nothing from another host."""

import ast
import importlib
import importlib.util
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import gymnasium as gym
import pytest

import papergym  # noqa: F401
from papergym.agents.runner.registry import agents

ROOMS = ("intrinsic", "sb3", "vector", "vision")
REPO = Path(__file__).resolve().parents[2]
PAGES = [REPO / "README.md", *sorted((REPO / "docs" / "guides").glob("*.md"))]
GENERATED = {"api", "environments", "papers", "_build"}  # and wrappers/index.md
WRITTEN = [
    path
    for path in (REPO / "docs").rglob("*.md")
    if path.relative_to(REPO / "docs").parts[0] not in GENERATED and path != REPO / "docs" / "wrappers" / "index.md"
]
BLOCKS = [
    pytest.param(block, id=f"{page.stem}-{index}")
    for page in PAGES
    if page.is_file()
    for index, block in enumerate(re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL))
]


@pytest.mark.parametrize("block", BLOCKS)
def test_python_blocks_run(block, tmp_path):
    result = subprocess.run([sys.executable, "-c", block], capture_output=True, text=True, cwd=tmp_path, timeout=300)
    assert result.returncode == 0, result.stderr


INTEROP = (REPO / "docs" / "guides" / "interop.md").read_text(encoding="utf-8")
FOREIGN = re.findall(r"^## (.+?)\n(?:(?!^## ).*\n)*?```py\n((?:.*\n)*?)```", INTEROP, re.MULTILINE)


@pytest.mark.slow
@pytest.mark.parametrize(("library", "block"), FOREIGN, ids=[library for library, _ in FOREIGN])
def test_blocks_of_other_libraries_run(library, block, tmp_path):
    imports = [node for node in ast.walk(ast.parse(block)) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {getattr(node, "module", None) or node.names[0].name for node in imports}
    missing = sorted(name for name in names if importlib.util.find_spec(name.split(".")[0]) is None)
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}; docs/guides/interop.md says how to get it")
    settings = {**os.environ, "MINARI_DATASETS_PATH": str(tmp_path)}
    command = [sys.executable, "-c", block]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=300, env=settings)
    assert result.returncode == 0, result.stderr


def test_the_guide_names_registered_ids():
    named = set(re.findall(r"\b(?:DMC|ProtoRL|TT)-[A-Za-z0-9]+-v\d+", INTEROP))
    assert named and named <= set(gym.registry)
    assert len(FOREIGN) == 7


def _script(name):
    spec = importlib.util.spec_from_file_location(f"docs_{name}", REPO / "docs" / "_scripts" / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_api_reference_has_every_public_name(tmp_path):
    api = _script("api")
    api.api(tmp_path)
    pages = {path.stem: path.read_text(encoding="utf-8") for path in (tmp_path / "api").glob("*.md")}
    for module in ("papergym", "papergym.wrappers", *(f"papergym.wrappers.{room}" for room in ROOMS)):
        for name in importlib.import_module(module).__all__:
            value = getattr(importlib.import_module(module), name)
            if inspect.isclass(value) or inspect.isfunction(value):
                assert re.search(rf":: {re.escape(module)}\.{name}\n", pages[module]), f"{module}.{name}"
    for row in agents():
        assert not row.algorithm or row.algorithm.replace(":", ".") in pages["algorithms"]
    assert set(re.findall(r"^(?:papergym[\w.]*|algorithms)$", pages["index"], re.MULTILINE)) == pages.keys() - {"index"}


def test_every_formula_becomes_mathml():
    pytest.importorskip("sphinx", reason="not installed: pip install 'papergym[docs]'")
    mathml = _script("formulas").mathml
    pages = [re.sub(r"```.*?```|`[^`\n]*`", "", path.read_text(encoding="utf-8"), flags=re.DOTALL) for path in WRITTEN]
    formulas = [tex for page in pages for tex in re.findall(r"\$\$?([^$]+)\$\$?", page)]
    assert formulas
    for tex in formulas:
        assert mathml(tex).startswith("<math ")


@pytest.mark.parametrize(
    ("name", "text", "count"),
    [
        ("a.html", '<a href="https://example.org">a link</a><img src="../x.png"><link href="b.css">', 0),
        ("a.html", '<script src="https://example.org/x.js"></script>', 1),
        ("a.html", '<img src="//example.org/x.png"><link rel="stylesheet" href="http://example.org/x.css">', 2),
        ("a.html", "<style>@import 'https://example.org/x.css';</style>", 1),
        ("a.css", "a { background: url(https://example.org/x.png) } b { background: url(x.png) }", 1),
    ],
)
def test_pages_that_load_from_another_host_are_found(name, text, count, tmp_path):
    pytest.importorskip("sphinx", reason="not installed: pip install 'papergym[docs]'")
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert len(_script("offline").foreign(tmp_path)) == count


OLD_WORDS = r"(?i)\bpictures?\b|\bconductors?\b|\bknobs?\b|\btwins?\b|\bdoors? (of|for)\b|normalis|prioritis|optimis"
"""The project writes image, callback, argument, wrapper, and the spelling of the field's libraries."""


@pytest.mark.parametrize(
    "path", [*REPO.glob("*.md"), *WRITTEN, *(REPO / "docs" / "_scripts").glob("*.py")], ids=lambda path: path.name
)
def test_docs_use_the_terms_of_the_field(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    wrong = [f"{number}: {line}" for number, line in enumerate(lines, 1) if re.search(OLD_WORDS, line)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ("$\\lVert z \\rVert_2$\n\n$$x^2$$", ""),
        ("$\\nosuchcommand$", "cannot translate the formula"),
        ('```{raw} html\n<img src="https://example.org/x.png">\n```', "load nothing from another host"),
    ],
)
def test_a_build_has_mathml_and_refuses_other_hosts(page, message, tmp_path):
    pytest.importorskip("myst_parser", reason="not installed: pip install 'papergym[docs]'")
    settings = (REPO / "docs" / "conf.py").read_text(encoding="utf-8")
    kept = [line for line in settings.splitlines() if re.match(r"extensions|html_math|myst_(enable|update)", line)]
    scripts = REPO / "docs" / "_scripts"
    (tmp_path / "conf.py").write_text(
        "\n".join(["import sys", f"sys.path.insert(0, {str(scripts)!r})", *kept]), encoding="utf-8"
    )
    (tmp_path / "index.md").write_text(f"# Title\n\n{page}\n", encoding="utf-8")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", str(tmp_path), str(tmp_path / "out")]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (result.returncode == 0) == (not message), result.stderr
    assert message in result.stderr
    if not message:
        html = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
        assert html.count("<math ") == 2 and 'display="block"' in html and "mathjax" not in html.lower()

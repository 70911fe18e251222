"""Python blocks of the README and of the guides run as they stand; pages load nothing from another host."""

import ast
import importlib
import importlib.util
import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import gymnasium as gym
import pytest
from PIL import Image

from papergym import wrappers
from papergym.agents.runner.registry import agents
from papergym.assets import tomllib
from papergym.wrappers.rows import rows

ROOMS = ("intrinsic", "sb3", "vector", "vision")
REPO = Path(__file__).resolve().parents[2]
PAGES = [REPO / "README.md", REPO / "docs" / "index.md", *sorted((REPO / "docs" / "guides").glob("*.md"))]
GENERATED = {"api", "environments", "papers", "_build"}  # and wrappers/index.md, wrappers/reference
WRITTEN = [
    path
    for path in (REPO / "docs").rglob("*.md")
    if path.relative_to(REPO / "docs").parts[0] not in GENERATED
    and path != REPO / "docs" / "wrappers" / "index.md"
    and path.parent != REPO / "docs" / "wrappers" / "reference"
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


@pytest.fixture
def script(monkeypatch):
    """Imports a module of docs/_scripts that imports its neighbours."""
    monkeypatch.syspath_prepend(REPO / "docs" / "_scripts")
    return importlib.import_module


WITH_CODE = tomllib.loads((REPO / "docs" / "_scripts" / "wrappers.toml").read_text(encoding="utf-8"))
REWARDS = [name for name in wrappers.__all__ if name.endswith("Reward")]


@pytest.mark.parametrize("name", sorted({*WITH_CODE, *REWARDS}))
def test_code_of_a_wrappers_page_runs(name, script):
    exec(compile(script("wrapper_pages").entries()[name]["code"], name, "exec"), {})


def test_every_wrapper_has_a_page_with_its_arguments(script, tmp_path):
    (tmp_path / "wrappers").mkdir()
    script("wrapper_pages").wrapper_pages(tmp_path)
    index = (tmp_path / "wrappers" / "index.md").read_text(encoding="utf-8")
    for room in ("papergym.wrappers", "papergym.wrappers.vector", "papergym.wrappers.sb3"):
        module = importlib.import_module(room)
        for name in module.__all__:
            value = getattr(module, name)
            if not inspect.ismodule(value):
                page = (tmp_path / "wrappers" / "reference" / f"{name}.md").read_text(encoding="utf-8")
                assert f"reference/{name}.md" in index
                called = page.split(f"{room}.{name}(\n")[1].split("\n)")[0]
                assert all(
                    re.search(rf"^    \**{part}\b", called, re.MULTILINE) for part in inspect.signature(value).parameters
                )


def test_every_family_is_shown_once_in_words_and_moves(script):
    families, clips = script("families"), script("clips")
    index = families.index(REPO / "docs", rows(), list(dict.fromkeys(row.family for row in rows())))
    for family in {row.family for row in rows()}:
        assert len(families.title_of(family).split()) > 1 and families.CAPTIONS[family]
        assert index.count(f"]({families.slug(family)}.md)**") == 1
        page = families.family_page(REPO / "docs", family, [row for row in rows() if row.family == family])
        assert page.startswith(f"# {families.title_of(family)}\n")
        assert f"_static/clips/{families.slug(family)}.webp" in page
    drawn = {str(path.relative_to(clips.FOLDER).with_suffix("")) for path in clips.FOLDER.rglob("*.webp")}
    assert drawn == {*clips.FAMILIES, *clips.pages()}
    assert sum(path.stat().st_size for path in clips.FOLDER.rglob("*.webp")) < 6e6


def test_every_id_stands_in_a_heading_or_on_a_card(script):
    families = script("families")
    for family in {row.family for row in rows()}:
        members = [row for row in rows() if row.family == family]
        page = families.family_page(REPO / "docs", family, members)
        for row in members:
            assert re.search(rf"^(#+ |\*\*\[?|.*<br>|)`{row.id}`", page, re.MULTILINE), row.id


def test_results_have_one_title_and_images_that_scroll(script, tmp_path):
    generate = script("generate")
    generate._report(tmp_path, "per", "Prioritized Experience Replay")
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert re.findall(r"^# .*", text, re.MULTILINE) == ["# Results: Prioritized Experience Replay"]
    boxed, plain = re.findall(r":::\{container\} wide\n```\{image\} (.*)\n", text), re.findall(r"!\[.*\]\((.*)\)", text)
    assert boxed and all(Image.open(tmp_path / name).width >= generate.WIDE for name in boxed)
    assert all(Image.open(tmp_path / name).width < generate.WIDE for name in plain)


def test_the_notebook_runs(tmp_path):
    cells = json.loads((REPO / "examples" / "first_steps.ipynb").read_text(encoding="utf-8"))["cells"]
    code, count = re.subn(
        "STEPS = .*", "STEPS = 2_048", "\n".join(_source(cell) for cell in cells if cell["cell_type"] == "code")
    )
    assert count == 1
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=300,
        env={**os.environ, "MPLBACKEND": "agg"},
    )
    assert result.returncode == 0, result.stderr


def _source(cell):
    return "".join(cell["source"])


def test_every_formula_becomes_mathml():
    pytest.importorskip("sphinx", reason="not installed: pip install 'papergym[docs]'")
    mathml = _script("formulas").mathml
    pages = [re.sub(r"```.*?```|`[^`\n]*`", "", path.read_text(encoding="utf-8"), flags=re.DOTALL) for path in WRITTEN]
    formulas = [tex for page in pages for tex in re.findall(r"\$\$?([^$]+)\$\$?", page)]
    assert formulas
    for tex in formulas:
        assert mathml(tex).startswith("<math ")


@pytest.mark.parametrize(
    ("short", "long"), [(r"\frac12 x", r"\frac{1}{2} x"), (r"\frac1k", r"\frac{1}{k}"), ("x^12", "x^{1}2")]
)
def test_an_argument_without_braces_is_one_digit_as_in_tex(short, long):
    pytest.importorskip("sphinx", reason="not installed: pip install 'papergym[docs]'")
    mathml = _script("formulas").mathml
    assert mathml(short) == mathml(long)


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

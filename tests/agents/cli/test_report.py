"""Reports and comparisons, on small tables made here."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest

from papergym import assets
from papergym.agents.cli.report import main as report
from papergym.agents.cli.report import to_html
from papergym.agents.reproduction.figures import overlap
from papergym.agents.reproduction.report import Group, _overlap_line, groups
from papergym.agents.reproduction.results import append_row
from papergym.agents.reproduction.trials import trial_id
from papergym.agents.run import main

FACTS = {
    "paper": {"title": "A paper", "authors": ["A. Author"], "year": 2020, "arxiv": "0000.00000"},
    "scores": [
        {
            "where": "Table 9",
            "env": "Walk-v1",
            "setting": "b",
            "value": 12.5,
            "std": 2.0,
            "certainty": "printed",
            "unit": "return",
        },
        {"where": "Table 9", "env": "Walk-v1", "setting": "a", "value": 777, "certainty": "memory"},
        {"where": "Table 9", "env": "Run-v1", "setting": "b", "value": 888, "certainty": "printed"},
    ],
    "anchors": [{"source": "Somebody", "env": "Walk-v4", "value": 55.0, "std": 5.0}],
    "reproduce": {
        "tiny": {
            "summary": "Tiny",
            "agent": "sac",
            "cost": "none",
            "note": "Read with care.",
            "compare": ["a", "b"],
            "vary": [{"seed": [0, 1, 2], "setting": ["a", "b"], "env_id": ["Walk-v4"]}],
        },
        "later": {"agent": "sac", "summary": "Not run", "vary": [{"seed": [0]}]},
    },
}
ROWS = """trial,seed,setting,env_id,score,loss,curve,python,commit,command
1,0,a,Walk-v4,1.0,0.5,1:0 2:1,3.11,abc,papergym reproduce tiny
2,1,a,Walk-v4,2.0,0.5,1:1 2:2,3.11,abc,papergym reproduce tiny
3,2,a,Walk-v4,6.0,0.5,1:2 2:3,3.11,abc,papergym reproduce tiny
4,0,b,Walk-v4,10.0,nan,1:5 2:6,3.11,abd,papergym reproduce tiny
"""
SPEED = "case,ratio,commit\nfast,2.5,abc\n"


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "assets" / "results").mkdir(parents=True)
    (tmp_path / "assets" / "results" / "tiny.csv").write_text(ROWS)
    (tmp_path / "assets" / "results" / "some-speed.csv").write_text(SPEED)
    monkeypatch.setattr(assets, "ROOT", tmp_path / "assets")
    monkeypatch.setattr(assets, "paper_keys", lambda: ["small"])
    monkeypatch.setattr(assets, "paper", lambda key: FACTS)
    return tmp_path


def test_ours_beside_the_papers(here):
    assert report([]) == 0
    text = (here / "reports" / "all" / "report.md").read_text()
    row_a = next(line for line in text.splitlines() if line.startswith("| Walk-v4 | a"))
    row_b = next(line for line in text.splitlines() if line.startswith("| Walk-v4 | b"))
    assert re.match(r"\| Walk-v4 \| a \| 3 \| 3 \[1(\.\d+)?, 6\] \| 0.5 \| - \|", row_a), row_a
    assert row_b == "| Walk-v4 | b | 1 | 10 | - | 12.5 ± 2 (Table 9, Walk-v1, return, printed) |"
    assert "777" not in text  # remembered numbers are not quoted
    assert "| Run-v1 | b | 888 | Table 9, Run-v1, printed |" in text
    assert "| Walk-v4 | 55 ± 5 |" in text and "| environment | Somebody |" in text
    assert "`assets/results/tiny.csv`, 4 of 6 runs; commit abc, abd; python 3.11" in text
    assert "No results yet (1 runs in the list)." in text
    assert "Read with care." in text
    assert "of a and b (3 and 1 runs) overlap at 0 of 2 points" in text  # 0 ... 3 against 5 ... 6
    assert "## some-speed" in text and "| fast | 2.5 |" in text


def test_the_only_setting_of_a_table(here, monkeypatch):
    """Its name is left out of the table, and the paper's number for it stands there all the same; so do the gaps."""
    plan = {
        "agent": "sac",
        "summary": "One",
        "fixed": {"setting": "b"},
        "vary": [{"seed": [0, 1], "env_id": ["Walk-v4", "Run-v4"]}],
    }
    monkeypatch.setitem(FACTS["reproduce"], "one", plan)
    first = trial_id({"setting": "b", "seed": 0, "env_id": "Walk-v4"})
    (here / "assets" / "results" / "one.csv").write_text(f"trial,setting,seed,env_id,score\n{first},b,0,Walk-v4,10\n")
    assert report(["one"]) == 0
    text = (here / "reports" / "one" / "report.md").read_text()
    assert "| Walk-v4 | 1 | 10 | 12.5 ± 2 (Table 9, Walk-v1, return, printed) |" in text
    assert "Missing: b Run-v4 (seed 0, 1); b Walk-v4 (seed 1)." in text


def test_runs_that_did_not_solve_it_are_not_averaged(here):
    """Updates of a run that got stuck are no updates until solved; a number over fewer runs says so."""
    lines = [
        f"{n},{n},a,Walk-v4,{u},{mse},{solved}\n"
        for n, u, mse, solved in [(0, 10, 1, True), (1, 3, 5, False), (2, 30, 3, True)]
    ]
    lines += [f"{n},{n},b,Walk-v4,2,nan,False\n" for n in range(3)]
    (here / "assets" / "results" / "tiny.csv").write_text("trial,seed,setting,env_id,updates,mse,solved\n" + "".join(lines))
    assert report(["tiny"]) == 0
    text = (here / "reports" / "tiny" / "report.md").read_text()
    assert "| Walk-v4 | a | 3 | 20 [10, 30] (2 of 3 runs) | 3 [1, 5] |" in text
    assert "| Walk-v4 | b | 3 | - | - |" in text


def test_overlap_of_curves():
    """Constant curves: means of resampled runs lie within the runs' range, so the intervals meet where the ranges do."""
    flat = lambda *heights: [np.array([[0.0, height], [10.0, height]]) for height in heights]  # noqa: E731
    assert overlap(flat(0, 0, 0), flat(1, 1)) == (0, 2)
    assert overlap(flat(0, 1, 2), flat(1, 1)) == (2, 2)
    rising = [np.array([[0.0, 0.0], [10.0, 10.0]])]
    assert overlap(rising, flat(0)) == (1, 2)


def test_long_tables_are_folded(here):
    line = "{0},0,{0},Walk-v4,1.0,0.5,1:0 2:1,3.11,abc,c\n"
    (here / "assets" / "results" / "tiny.csv").write_text(ROWS + "".join(line.format(number) for number in range(10, 60)))
    assert report(["tiny"]) == 0
    page = (here / "reports" / "tiny" / "report.html").read_text()
    assert page.index("<img") < page.index("<details>") < page.index("<table>") < page.index("</details>")


def test_page_is_self_contained(here):
    assert report(["tiny"]) == 0
    page = (here / "reports" / "tiny" / "report.html").read_text()
    assert page.count("<table>") >= 2 and page.count("data:image/png;base64,") == 1
    assert not re.findall(r'(?:src|href)="(?!data:|https://arxiv\.org)[^"]*"', page)
    assert "<td>12.5 ± 2 (Table 9, Walk-v1, return, printed)</td>" in page


def test_unknown_key(here, capsys):
    assert main(["report", "tinny"]) == 2
    assert "Did you mean tiny" in capsys.readouterr().err
    assert not (here / "reports").exists()


RUN = ["ppo", "--env", "Pendulum-v1", "--steps", "128", "--n-steps", "64", "--batch-size", "32", "--eval-episodes", "1"]
RUN += ["--n-epochs", "1", "--no-video", "--eval-every", "64"]


def test_compare(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    for name, options in {"one": [], "same": [], "other": ["--gamma", "0.5", "--seed", "4"]}.items():
        assert main(["train", *RUN, *options, "--run-folder", name]) == 0
    capsys.readouterr()
    assert main(["compare", "one", "same", "other"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"config.gamma\s+│ 0.99\s+│ 0.99\s+│ 0.5", printed) and re.search(r"run.seed\s+│ 0 +│ 0 +│ 4", printed)
    assert "config.clip_range" not in printed
    assert "one and same have the same numbers to the last digit" in printed and "other have" not in printed
    assert (tmp_path / "compare.png").stat().st_size > 1000
    assert main(["compare", "one"]) == 2
    assert main(["compare", "one", "nowhere"]) == 2


class Tags(HTMLParser):
    """Tags and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


HOSTILE = ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "![x](http://evil/x.png)", "![x](../secret.png)"]
HOSTILE += ["[x](javascript:alert(1))", "[x](http://evil)", "a|b", "</td></table><script>", "<details open ontoggle=alert(1)>"]
HOSTILE += [
    "\n\n<script>alert(1)</script>\n\n",
    "`</code><script>`",
    "&lt;script&gt;",
    '" onmouseover="alert(1)',
    "=cmd|'/c'!A1",
]


def page_of(here, column, *texts) -> tuple[str, list[tuple[str, dict[str, str | None]]]]:
    columns = {"seed": "0", "setting": "b", "env_id": "Walk-v4", "score": "1.0", "loss": "2.0", "curve": "", "python": "3.11"}
    for number, text in enumerate(texts):
        append_row(here / "mine.csv", {"trial": str(number), **columns, "commit": "abc", column: text})
    assert report(["tiny", "--results", str(here / "mine.csv")]) == 0
    page = (here / "reports" / "tiny" / "report.html").read_text()
    tags = Tags()
    tags.feed(page)
    return page, tags.found


@pytest.mark.parametrize("column", ["setting", "env_id", "python", "commit", "trial"])
def test_cells_of_a_table_are_shown_and_nothing_else(here, column):
    (here / "reports").mkdir()
    (here / "reports" / "secret.png").write_bytes(b"secret")
    page, tags = page_of(here, column, *HOSTILE)
    assert not {"script", "iframe", "object", "embed", "link", "base", "form", "svg"} & {tag for tag, _ in tags}
    for tag, attributes in tags:
        assert not any(name.startswith("on") for name in attributes), (tag, attributes)
        assert tag != "a" or str(attributes["href"]).startswith("https://arxiv.org/")
        assert tag != "img" or str(attributes["src"]).startswith("data:image/png;base64,")
        assert tag != "details" or attributes == {}
    assert base64.b64encode(b"secret").decode() not in page


def test_a_browser_is_told_to_load_nothing(here):
    page, tags = page_of(here, "setting", "b")
    policies = [attributes["content"] for tag, attributes in tags if attributes.get("http-equiv") == "Content-Security-Policy"]
    assert len(policies) == 1 and str(policies[0]).startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style.group(1).encode()).digest()).decode()
    assert f"sha256-{digest}" in str(policies[0])


@pytest.mark.parametrize("link", ["../secret.png", "/etc/passwd", "http://evil/x.png", "linked.png"])
def test_images_from_outside_the_folder_are_left_out(tmp_path, link):
    (tmp_path / "secret.png").write_bytes(b"secret")
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "linked.png").symlink_to(tmp_path / "secret.png")
    page = to_html(f"# Title <b>\n\n![x]({link})\n", tmp_path / "page")
    assert '<img src="" alt="x"' in page and "data:image" not in page and "<title>papergym: Title &lt;b&gt;</title>" in page


def test_runs_of_another_budget_are_a_group_of_their_own():
    rows = [{"setting": name, "env_id": "W", "steps": "100", "rate": name, "score": "3"} for name in "ab"]
    yours = [{"setting": "a", "env_id": "W", "steps": "10", "rate": "a", "score": "1"}]
    fields = ["setting", "steps", "rate", "seed"]
    assert [(group.setting, group.source, group.cell("score")) for group in groups(rows, fields, yours)] == [
        ("a, steps 100", "shipped", "3"),
        ("b, steps 100", "shipped", "3"),
        ("a, steps 10", "yours", "1"),
    ]
    assert [group.setting for group in groups(rows, fields)] == ["a", "b"]


def test_each_environment_and_source_is_compared_with_itself():
    def curve(value):
        return {"curve": " ".join(f"{step}:{value}" for step in range(4))}

    members = [
        Group("W", "a", (curve(0), curve(0.1)), "shipped"), Group("W", "a", (curve(9),), "yours"),
        Group("W", "b", (curve(5), curve(5.1)), "shipped"), Group("X", "a", (curve(1), curve(2)), "shipped"),
        Group("X", "b", (curve(1), curve(2)), "shipped"),
    ]  # fmt: skip
    line = _overlap_line(SimpleNamespace(compare=("a", "b")), members)
    assert "(2 and 2 runs, W, shipped) overlap at 0 of" in line and "(2 and 2 runs, X, shipped)" in line
    assert "yours" not in line

"""CSV cells: any text comes back, no spreadsheet takes one for a formula, no cut line counts."""

import csv

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from papergym.agents.checkpoint.cells import LONGEST_CELL, from_cell, read_csv, to_cell, to_csv
from papergym.agents.errors import UsageError

TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0\r"), max_size=12)
FORMULAS = st.builds(lambda start, rest: start + rest, st.sampled_from(["=", "+", "-", "@", "\t", "'=", "''@"]), TEXT)
CELLS = st.one_of(TEXT, FORMULAS, st.just("=HYPERLINK(1)"), st.just("-1.5"), st.just("+5"), st.just("'-3"))


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=4))
def test_text_comes_back_and_is_no_formula(tmp_path_factory, pairs):
    path = tmp_path_factory.mktemp("cells") / "t.csv"
    rows = [{"=a": one, "b": other} for one, other in pairs]
    path.write_text(to_csv(["=a", "b"], rows), encoding="utf-8", newline="")
    columns, found = read_csv(path)
    assert columns == ["=a", "b"]
    assert found == [{name: cell for name, cell in row.items()} for row in rows]
    with path.open(newline="", encoding="utf-8") as file:
        for cell in (cell for line in csv.reader(file) for cell in line):
            assert is_number(cell) or not cell.startswith(("=", "+", "-", "@", "\t")), cell


@pytest.mark.parametrize("value", [None, 1, -2, True, 1 / 3, -0.5, float("nan"), "", "-7"])
def test_values_are_written_in_full(value):
    text = to_cell(value)
    assert text == from_cell(text) == ("" if value is None else repr(value) if isinstance(value, float) else str(value))


@settings(max_examples=100, derandomize=True, deadline=None)
@given(cut=st.integers(0, 10_000), rows=st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=5))
def test_a_cut_table_loses_its_last_line_only_or_is_refused(tmp_path_factory, cut, rows):
    path = tmp_path_factory.mktemp("cut") / "t.csv"
    whole = [{"a": f"x{one}", "b": other} for one, other in rows]
    data = to_csv(["a", "b"], whole).encode()
    path.write_bytes(data[: cut % (len(data) + 1)])
    try:
        found = read_csv(path)[1]
    except UsageError as error:
        assert "cannot be read" in str(error)  # cut within a cell of several lines
        return
    assert found == whole[: len(found)] and len(found) <= data[: cut % (len(data) + 1)].count(b"\n")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a,b\n1,2\n3\n4,5\n", "row 2: 1 cells, expected 2"),
        (b"a,a\n1,2\n", "names a column twice"),
        (b"a,b\n\xff\xfe,2\n", "cannot be read as a table"),
        (b'a,b\n"1,2\n3,4\n', "cannot be read as a table"),
        (b"a\n" + b"x" * (LONGEST_CELL + 1) + b"\n", "cannot be read as a table"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, data, message):
    (tmp_path / "t.csv").write_bytes(data)
    with pytest.raises(UsageError, match=message):
        read_csv(tmp_path / "t.csv")


@pytest.mark.parametrize("text", ["x" * (LONGEST_CELL + 1), "a\0b"])
def test_what_could_not_be_read_is_not_written(text):
    with pytest.raises(UsageError, match="the column 'note'"):
        to_csv(["note"], [{"note": text}])


def test_arguments_that_are_no_text_are_written_as_escapes():
    assert to_cell("r\udc80") == "r\\udc80" and to_cell("a\r\nb\rc") == "a\nb\nc"

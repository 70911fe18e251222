"""Figures: every line can be told from the others, and the legend fits."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from papergym.agents.reproduction.figures import draw


@pytest.mark.parametrize(("count", "length", "panels"), [(1, 300, 1), (3, 40, 1), (11, 3, 1), (25, 300, 1), (11, 40, 5)])
def test_lines_differ_and_the_legend_fits(tmp_path, monkeypatch, panels, length, count):
    labels = [f"{i:02d} " + "word " * (length // 5) for i in range(count)]
    curve = np.stack([np.arange(4.0), np.arange(4.0)], axis=1)
    drawn = []
    save = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *a, **k: (drawn.append(self), save(self, *a, **k)))
    assert draw({f"env {i}": [(label, [curve]) for label in labels] for i in range(panels)}, tmp_path / "a.png").is_file()
    (figure,) = drawn
    for axis in figure.axes:
        assert axis.get_window_extent().height > 200
        assert len({(line.get_color(), line.get_linestyle()) for line in axis.lines}) == count
    legend = figure.legends[0].get_window_extent()
    assert legend.x0 >= 0 and legend.x1 <= figure.bbox.x1
    shown = [text.get_text().replace("\n", " ").split() for text in figure.legends[0].get_texts()]
    assert shown == [label.split() for label in labels]

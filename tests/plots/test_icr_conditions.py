"""The figure of conditions shows the means of its table, by panel and by language."""

import pandas as pd
import pytest

from sp3f_lib.audits.icr import OTHERS
from sp3f_lib.audits.icr_starts import ITSELF, REFERENCE
from sp3f_lib.plots.icr_conditions import PANELS, plot_conditions


def test_every_condition_is_a_line_and_english_is_filled():
    lines = [
        {"start": "dpo", "answers": answers, "temperature": t, "pairs": pairs, "truth": truth, "lang": lang}
        | {"mean": (k + 1) / 10 + shift, "low": (k + 1) / 10, "high": 0.9, "seeds": 2, "n": 20, "by_seed": "40.0 50.0"}
        for k, (pairs, truth, _) in enumerate(PANELS)
        for answers, t in ((ITSELF, 0.7), (REFERENCE, 1.2))
        for lang, shift in (("en", 0.1), (OTHERS, 0.05), ("sw", 0.5))
    ]
    figure = plot_conditions(pd.DataFrame(lines))
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [
        "dpo, own answers, 0.7",
        "dpo, SFT answers, 1.2",
    ]
    for k, axis in enumerate(figure.axes):
        drawn = [(bar.lines[0].get_xdata()[0], bar.lines[0].get_markerfacecolor()) for bar in axis.containers]
        assert [x for x, _ in drawn] == pytest.approx([10 * (k + 1) + 10, 10 * (k + 1) + 5] * 2)
        assert [colour == "white" for _, colour in drawn] == [False, True] * 2
        seeds = [line for line in axis.lines if list(line.get_xdata()) == [40.0, 50.0]]
        assert len(seeds) == 4

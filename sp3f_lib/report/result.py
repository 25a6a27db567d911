"""The result of `sp3f reproduce`, printed: the table, what is significant, and how it compares with the committed seeds."""

from pathlib import Path

import pandas as pd

from sp3f_lib.machine import processor
from sp3f_lib.plots.pareto import MEAN
from sp3f_lib.plots.theme import METHOD_NAMES
from sp3f_lib.report.claims import COMMITTED, beside_committed, sentences


def print_result(folder: Path) -> None:
    """Prints what `folder` holds of the main job; nothing if its picture is not there."""
    table, figure = folder / "pareto.csv", folder / "pareto.png"
    if not table.is_file():
        return
    points, gaps = pd.read_csv(table), pd.read_csv(folder / "differences.csv")
    print("\nAccuracy and language fidelity in %, means over languages and seeds, 95 % intervals over problems and seeds:\n")
    print(f"{'regime':<9}{'method':<36}{'accuracy':>20}{'fidelity':>22}{'seeds':>7}{'problems':>10}{'answers':>9}")
    for row in points[points.seed == MEAN].itertuples():
        accuracy = f"{row.accuracy:6.1f} [{row.accuracy_low:5.1f}, {row.accuracy_high:5.1f}]"
        fidelity = f"{row.fidelity:6.1f} [{row.fidelity_low:5.1f}, {row.fidelity_high:5.1f}]"
        name = METHOD_NAMES[row.method]
        print(f"{row.regime:<9}{name:<36}{accuracy:>20}{fidelity:>22}{row.seeds:>7}{row.problems:>10}{row.answers:>9}")
    print("", *sentences(gaps[gaps.value == "accuracy"]), sep="\n")
    if folder == Path("figures") and COMMITTED.is_file():
        committed = pd.read_csv(COMMITTED)
        print("\nBeside the committed seeds (" + committed.processor.iloc[0] + "; here: " + processor() + "):")
        lines = beside_committed(gaps, committed)
        print(*lines, sep="\n")
        if len(lines) > 1:
            print(by_chance(len(lines)))
    print(f"\nFigure: {figure}  (and .pdf; the table: {table})")


def by_chance(lines: int) -> str:
    """What to make of a line outside its 95 % interval, where there are several.

    >>> by_chance(8)
    'Each interval misses 1 run in 20: with 8 of them one or more is missed in about 34 of 100 runs by chance alone.'
    """
    often = round(100 * (1 - 0.95**lines))
    missed = f"with {lines} of them one or more is missed in about {often} of 100 runs by chance alone"
    return f"Each interval misses 1 run in 20: {missed}."

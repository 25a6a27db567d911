"""The three pictures: accuracy against language fidelity, learning curves, and scores by language."""

import pandas as pd
from markupsafe import Markup

from sp3f_lib.languages import LANGUAGES
from sp3f_lib.report.page.svg import Axis, Look, add, drawing, mark, markup, percent_range

_PLACES = [(11, 4, "start"), (-11, 4, "end"), (0, -14, "middle"), (0, 24, "middle"),
           (11, -12, "start"), (11, 20, "start"), (-11, -12, "end"), (-11, 20, "end")]  # fmt: skip


def pareto(table: pd.DataFrame, looks: dict[str, Look], origins: dict[str, str], regime: str) -> Markup:
    """One regime of `results.estimates`: the mean of each method with its interval, each seed small beside it.

    An arrow leads from a method's `origins` to it. Values are in percent.
    """
    width, height, left, right, top, bottom = 600, 470, 62, 18, 14, 54
    means = {metric: rows.set_index("method") for metric, rows in table.groupby("metric")}
    methods = list(table.method.unique())
    axes = {}
    for metric, start, end in (("fidelity", left, width - right), ("accuracy", height - bottom, top)):
        low, high = percent_range([*means[metric].low, *means[metric].high, *_of_seeds(means[metric])])
        pad = (high - low) * 0.04
        axes[metric] = Axis(low - pad, high + pad, start, end)
    x, y = axes["fidelity"], axes["accuracy"]
    picture = drawing(width, height, f"Accuracy against language fidelity, regime {regime}")
    _frame(picture, x, y, "language fidelity (%)", "accuracy (%)")
    at = {m: (x(means["fidelity"].loc[m, "mean"]), y(means["accuracy"].loc[m, "mean"])) for m in methods}
    for method, before in origins.items():
        if method in at and before in at:
            _arrow(picture, at[before], at[method], looks[method].colour)
    taken = [(px - 9, py - 9, px + 9, py + 9) for px, py in at.values()]
    for method in methods:
        look, (px, py) = looks[method], at[method]
        across, up = means["fidelity"].loc[method], means["accuracy"].loc[method]
        line = {"stroke": look.colour, "class_": "interval"}
        add(picture, "line", x1=x(across.low), x2=x(across.high), y1=py, y2=py, **line)
        add(picture, "line", x1=px, x2=px, y1=y(up.low), y2=y(up.high), **line)
    for method in methods:
        look = looks[method]
        across, up = means["fidelity"].loc[method], means["accuracy"].loc[method]
        if up.seeds > 1:
            for seed, value in up.by_seed.items():
                tip = f"{look.name}, seed {seed}: accuracy {value:.1f}, fidelity {across.by_seed[seed]:.1f}"
                mark(picture, look, x(across.by_seed[seed]), y(value), 4, tip, class_="mark seed")
    for method in methods:
        look, (px, py) = looks[method], at[method]
        tip = f"{look.name}: " + ", ".join(f"{m} {_interval(means[m].loc[method])}" for m in ("accuracy", "fidelity"))
        mark(picture, look, px, py, 8, tip, class_="mark mean", data_method=method)
    distances = (1, 2.6, 4.4, 6.5) if len(methods) <= 8 else (1, 2.6)  # of many, the table beside names the others
    for method in methods:
        _label(picture, looks[method].name, at[method], taken, (left, top, width - right, height - bottom), distances)
    return markup(picture)


def curve(table: pd.DataFrame, looks: dict[str, Look], title: str, what: str) -> Markup:
    """One metric of one regime (rows of `results.curves`): each seed faint, the mean over seeds strong."""
    width, height, left, right, top, bottom = 400, 236, 50, 12, 30, 46
    low, high = float(table.value.min()), float(table.value.max())
    # Noise is not to look like a trend: a tenth of a share, or of the value itself, is at least half the height.
    share = low >= 0 and high <= 1
    least = 0.2 if share else 0.1 * max(abs(low), abs(high), 0.1)
    pad = max((high - low) * 0.06, (least - (high - low)) / 2)
    low, high = low - pad, high + pad
    if share:  # inside what a share can be
        shift = max(-0.01 - low, 0) or min(1.01 - high, 0)
        low, high = low + shift, high + shift
    x = Axis(0, max(float(table.step.max()), 1), left, width - right)
    y = Axis(low, high, height - bottom, top)
    picture = drawing(width, height, f"{title}: {what}")
    _frame(picture, x, y, "step", "", count=4)
    add(picture, "text", title, x=left, y=18, class_="title")
    strong = []
    for method, rows in table.groupby("method", sort=False):
        look, seeds = looks[method], rows.seed.nunique()
        if seeds > 1:
            for _, one in rows.groupby("seed"):
                _line(picture, x, y, one, look, class_="faint")
        strong.append((look, rows.groupby("step", as_index=False).value.mean() if seeds > 1 else rows, seeds))
    for look, mean, seeds in strong:
        made = _line(picture, x, y, mean.sort_values("step"), look, class_="strong")
        add(made, "title", f"{look.name}, {seeds} seed{'s' if seeds > 1 else ''}: last value {mean.value.iloc[-1]:.3g}")
    return markup(picture)


def by_language(table: pd.DataFrame, looks: dict[str, Look], metric: str) -> Markup:
    """One regime and metric of `results.estimates` by method and language: a band a language, a dot with interval a method."""
    rows = table[table.metric == metric]
    bands = [
        (LANGUAGES[lang].name if lang in LANGUAGES else lang, list(part.itertuples()))
        for lang, part in rows.groupby("lang", sort=False)
    ]
    return _bands(bands, looks, metric, max(26, 9 * rows.method.nunique() + 10), f"{metric} by language")


def by_method(table: pd.DataFrame, looks: dict[str, Look], metric: str) -> Markup:
    """One regime and metric of `results.estimates`: a band a method, below the mean its seeds; none hides another."""
    rows = table[table.metric == metric]
    bands = [(looks[row.method].name, [row]) for row in rows.itertuples()]
    return _bands(bands, looks, metric, 36 if rows.seeds.max() > 1 else 26, f"{metric} by method, seed by seed", seeds=True)


def _bands(bands: list, looks: dict[str, Look], metric: str, band: float, title: str, seeds: bool = False) -> Markup:
    """Bands from top to bottom, (label, rows of `results.estimates`) each, against percent."""
    methods = list(dict.fromkeys(row.method for _, rows in bands for row in rows))  # one place each, the same in every band
    left = 24 + 8 * max(len(label) for label, _ in bands)
    width, right, top = 600, 16, 8
    picture = drawing(width, top + band * len(bands) + 46, title)
    ends = [value for _, rows in bands for row in rows for value in (row.low, row.high)]
    low, high = percent_range([*ends, 100])
    pad = 0.03 * (high - low)
    x, y = Axis(low - pad, high + pad, left, width - right), Axis(0, len(bands), top, top + band * len(bands))
    for tick in x.ticks():
        add(picture, "line", x1=x(tick), x2=x(tick), y1=y.start, y2=y.end, class_="grid")
        add(picture, "text", f"{tick:g}", x=x(tick), y=y.end + 18, class_="tick", text_anchor="middle")
    add(picture, "text", f"{metric} (%)", x=(left + width - right) / 2, y=y.end + 39, class_="axis", text_anchor="middle")
    for number, (label, rows) in enumerate(bands):
        if number:
            add(picture, "line", x1=0, x2=width - right, y1=y(number), y2=y(number), class_="between")
        add(picture, "text", label, x=left - 12, y=y(number + 0.5) + 5, class_="label", text_anchor="end")
        for row in rows:
            look = looks[row.method]
            place = (methods.index(row.method) + 0.5) / len(methods) if not seeds else 0.36 if row.seeds > 1 else 0.5
            py = y(number) + 5 + place * (band - 10)
            add(picture, "line", x1=x(row.low), x2=x(row.high), y1=py, y2=py, stroke=look.colour, class_="interval")
            tip = f"{look.name}, {label}: {metric} {_interval(row._asdict())}, {row.problems} problems"
            for seed, value in row.by_seed.items() if seeds and row.seeds > 1 else ():
                mark(picture, look, x(value), py + 11, 3.4, f"{look.name}, seed {seed}: {value:.1f}", class_="mark seed")
            mark(picture, look, x(row.mean), py, 6 if seeds else 4.5, tip, class_="mark mean")
    return markup(picture)


def _frame(picture, x: Axis, y: Axis, across: str, up: str, count: int = 5) -> None:
    """Grid, ticks and names of two axes."""
    for tick in x.ticks(count):
        if across == "step" and tick != int(tick):
            continue
        add(picture, "line", x1=x(tick), x2=x(tick), y1=y.start, y2=y.end, class_="grid")
        add(picture, "text", f"{tick:g}", x=x(tick), y=y.start + 19, class_="tick", text_anchor="middle")
    for tick in y.ticks(count):
        add(picture, "line", x1=x.start, x2=x.end, y1=y(tick), y2=y(tick), class_="grid")
        add(picture, "text", f"{tick:.4g}", x=x.start - 8, y=y(tick) + 5, class_="tick", text_anchor="end")
    add(picture, "text", across, x=(x.start + x.end) / 2, y=y.start + 42, class_="axis", text_anchor="middle")
    if up:
        middle = (y.start + y.end) / 2
        turn = f"rotate(-90 16 {middle:.0f})"
        add(picture, "text", up, x=16, y=middle, class_="axis", text_anchor="middle", transform=turn)


def _line(picture, x: Axis, y: Axis, rows: pd.DataFrame, look: Look, **attributes):
    points = " ".join(f"{x(step):.1f},{y(value):.1f}" for step, value in zip(rows.step, rows.value, strict=True))
    return add(picture, "polyline", points=points, stroke=look.colour, stroke_dasharray=look.dash or None, **attributes)


def _arrow(picture, start, end, colour: str) -> None:
    """A line that ends short of both marks, with a head."""
    (x1, y1), (x2, y2) = start, end
    length = ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5
    if length < 34:
        return
    dx, dy = (x2 - x1) / length, (y2 - y1) / length
    tip = (x2 - 12 * dx, y2 - 12 * dy)
    back = (tip[0] - 8 * dx, tip[1] - 8 * dy)
    add(picture, "line", x1=x1 + 11 * dx, y1=y1 + 11 * dy, x2=back[0], y2=back[1], stroke=colour, class_="arrow")
    corners = [tip, (back[0] - 4 * dy, back[1] + 4 * dx), (back[0] + 4 * dy, back[1] - 4 * dx)]
    add(picture, "polygon", points=" ".join(f"{a:.1f},{b:.1f}" for a, b in corners), fill=colour, class_="head")


def _label(picture, name: str, at: tuple[float, float], taken: list, frame: tuple, distances: tuple) -> None:
    """The name beside the mark, where it hides nothing; where no place is free, further away and with a line to the mark."""
    wide, high = 7.6 * len(name), 17
    for far in distances:
        for dx, dy, anchor in _PLACES:
            px, py = at[0] + dx * far, at[1] + 5 + (dy - 5) * far if far > 1 else at[1] + dy
            start = {"start": px, "end": px - wide, "middle": px - wide / 2}[anchor]
            box = (start, py - high + 3, start + wide, py + 4)
            inside = box[0] >= frame[0] and box[2] <= frame[2] + 14 and box[1] >= frame[1] - 8 and box[3] <= frame[3]
            if inside and not any(a < box[2] and c > box[0] and b < box[3] and d > box[1] for a, b, c, d in taken):
                taken.append(box)
                if far > 1:
                    add(picture, "line", x1=at[0], y1=at[1], x2=(box[0] + box[2]) / 2, y2=py - 5, class_="leader")
                add(picture, "text", name, x=px, y=py, class_="label halo", text_anchor=anchor)
                return


def _of_seeds(rows: pd.DataFrame) -> list[float]:
    return [value for seeds in rows.by_seed for value in seeds.values()]


def _interval(row) -> str:
    return f"{row['mean']:.1f} [{row['low']:.1f}, {row['high']:.1f}]"

"""What the pictures are made of: an axis, the marks of the methods, and elements that need no `style` attribute.

The page forbids inline styles, so everything is said by attributes (`fill`, `stroke`) and classes of `page.css`. Text goes through
ElementTree, which escapes it.
"""

import math
import xml.etree.ElementTree as ET
from dataclasses import dataclass

from markupsafe import Markup

from sp3f_lib.plots.theme import METHOD_COLOURS, METHOD_MARKERS, METHOD_NAMES
from sp3f_lib.report.page.folder import method_order

# Corners of each mark around (0, 0), for a radius of 1; a circle has none.
_CORNERS = {
    "o": None,
    "s": [(-0.88, -0.88), (0.88, -0.88), (0.88, 0.88), (-0.88, 0.88)],
    "D": [(0, -1.25), (1.25, 0), (0, 1.25), (-1.25, 0)],
    "^": [(0, -1.2), (1.15, 0.9), (-1.15, 0.9)],
    "v": [(0, 1.2), (1.15, -0.9), (-1.15, -0.9)],
    "<": [(-1.2, 0), (0.9, -1.15), (0.9, 1.15)],
    ">": [(1.2, 0), (-0.9, -1.15), (-0.9, 1.15)],
    "p": [(math.sin(k * 0.4 * math.pi) * 1.15, -math.cos(k * 0.4 * math.pi) * 1.15) for k in range(5)],
    "h": [(math.sin(k * math.pi / 3) * 1.1, -math.cos(k * math.pi / 3) * 1.1) for k in range(6)],
    "P": [(-0.4, -1.15), (0.4, -1.15), (0.4, -0.4), (1.15, -0.4), (1.15, 0.4), (0.4, 0.4),
          (0.4, 1.15), (-0.4, 1.15), (-0.4, 0.4), (-1.15, 0.4), (-1.15, -0.4), (-0.4, -0.4)],
}  # fmt: skip
_OTHER_MARKS = ("o", "s", "D", "^", "v", "p", "h", "P", "<", ">")
_DASHES = ("", "7 3", "2 3", "9 3 2 3")


@dataclass(frozen=True)
class Look:
    """How a method looks wherever it is shown; `dash` tells lines of one colour apart."""

    name: str
    colour: str
    mark: str
    dash: str


def looks(methods) -> dict[str, Look]:
    """The look of each method; those of one family share a colour and differ in mark and dash."""
    found, seen = {}, {}
    for method in sorted(set(methods), key=method_order):
        colour = METHOD_COLOURS[method]
        number = seen[colour] = seen.get(colour, -1) + 1
        mark = METHOD_MARKERS.get(method) or _OTHER_MARKS[number % len(_OTHER_MARKS)]
        found[method] = Look(METHOD_NAMES[method], colour, mark, _DASHES[number % len(_DASHES)])
    return found


@dataclass(frozen=True)
class Axis:
    """From values in [`low`, `high`] to pixels in [`start`, `end`]."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self, count: int = 5) -> list[float]:
        """Round numbers inside the axis, about `count` of them."""
        raw = (self.high - self.low) / count
        size = 10 ** math.floor(math.log10(raw))
        step = next(size * k for k in (1, 2, 2.5, 5, 10) if size * k >= raw * 0.999)
        first = math.ceil(self.low / step - 1e-9)
        return [k * step for k in range(first, math.floor(self.high / step + 1e-9) + 1)]


def percent_range(values) -> tuple[float, float]:
    """Tens around shares in percent, at least 20 apart and within [0, 100].

    >>> percent_range([63, 71.5, 99])
    (60, 100)
    """
    low, high = math.floor(min(values) / 10) * 10, math.ceil(max(values) / 10) * 10
    while high - low < 20:
        low, high = max(0, low - 10), min(100, high + 10)
    return max(0, low), min(100, high)


def drawing(width: float, height: float, title: str) -> ET.Element:
    """An empty picture; `title` is read to those who cannot see it."""
    box = f"0 0 {width:g} {height:g}"
    return ET.Element(
        "svg", {"viewBox": box, "role": "img", "aria-label": title, "width": f"{width:g}", "height": f"{height:g}"}
    )


def add(parent: ET.Element, tag: str, text: str | None = None, **attributes) -> ET.Element:
    """An element with `text`; numbers are shortened, `stroke_width` is written `stroke-width` and `class_` `class`."""
    values = {name.rstrip("_").replace("_", "-"): _short(value) for name, value in attributes.items() if value is not None}
    made = ET.SubElement(parent, tag, values)
    made.text = text
    return made


def mark(parent: ET.Element, look: Look, x: float, y: float, radius: float, tip: str = "", **attributes) -> ET.Element:
    """The mark of a method, with what is said when the pointer rests on it."""
    given = {"fill": look.colour, "class_": "mark"} | attributes
    corners = _CORNERS[look.mark]
    if corners is None:
        made = add(parent, "circle", cx=x, cy=y, r=radius, **given)
    else:
        points = " ".join(f"{x + radius * dx:.1f},{y + radius * dy:.1f}" for dx, dy in corners)
        made = add(parent, "polygon", points=points, **given)
    if tip:
        add(made, "title", tip)
    return made


def markup(element: ET.Element) -> Markup:
    """The picture as HTML."""
    return Markup(ET.tostring(element, encoding="unicode", method="html"))


def key(look: Look) -> Markup:
    """The mark alone, for tables and legends."""
    small = drawing(16, 16, look.name)
    mark(small, look, 8, 8, 5.5)
    return markup(small)


def stroke(look: Look) -> Markup:
    """A piece of the method's line, for the legend of curves."""
    small = drawing(30, 12, look.name)
    add(small, "line", x1=1, x2=29, y1=6, y2=6, stroke=look.colour, stroke_width=3, stroke_dasharray=look.dash or None)
    return markup(small)


def _short(value) -> str:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)

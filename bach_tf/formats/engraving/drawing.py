"""Convert a page of Verovio's SVG to a Matplotlib figure.

Only the subset of SVG that Verovio emits is supported: translated and scaled groups, reused
outlines, a few shapes, and text with spans. Everything is black.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import matplotlib
import numpy as np
from fontTools.pens.recordingPen import RecordingPen
from fontTools.svgLib.path import parse_path
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, fontManager
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline
from matplotlib.textpath import text_to_path
from matplotlib.transforms import Affine2D

SVG, LINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}href"
POINTS_PER_INCH = 72
FONTS = ["STIXGeneral", "DejaVu Sans"]  # shipped with Matplotlib; the second covers more characters
FONT_FILES = ("STIXGeneral*.ttf", "DejaVuSans*.ttf")
# Classes of the style sheet in Verovio's pages.
BOLD, ITALIC = {"ending", "fing", "reh", "tempo"}, {"dir", "dynam", "mNum"}
HIDDEN = "placeholder"
WIDEST_TEXT = 0.9  # of the page width
ALIGNED = {"start": "left", "middle": "center", "end": "right"}
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
CODES = {
    "moveTo": (Outline.MOVETO,),
    "lineTo": (Outline.LINETO,),
    "qCurveTo": (Outline.CURVE3,) * 2,
    "curveTo": (Outline.CURVE4,) * 3,
}


@dataclass(frozen=True)
class Look:
    """The style of an element and its texts, inherited from its parents.

    Args:
        size: font size in units of the page.
        weight: "normal" or "bold".
        style: "normal" or "italic".
        align: one of `ALIGNED`.
        colour: as in "#0072B2".
    """

    size: float = 0.0
    weight: str = "normal"
    style: str = "normal"
    align: str = "start"
    colour: str = "black"

    def within(self, element: Element) -> Look:
        """Return the text style within an element."""
        kinds = set(element.get("class", "").split())
        changed: dict[str, Any] = {"align": element.get("text-anchor", self.align)}
        if COLOUR.fullmatch(colour := element.get("fill", "")):
            changed["colour"] = colour
        if size := element.get("font-size"):
            changed["size"] = float(size.removesuffix("px"))
        if kinds & BOLD:
            changed["weight"] = "bold"
        if kinds & ITALIC:
            changed["style"] = "italic"
        return replace(self, **changed)

    def font(self, points: float = 1.0) -> FontProperties:
        """Return the font, given the points per unit of the page."""
        list_own_fonts()
        return FontProperties(
            family=FONTS, size=self.size * points, weight=self.weight, style=self.style
        )


@cache
def list_own_fonts() -> None:
    """Register the fonts that ship with Matplotlib.

    Its font list is cached per user, across installations. A list that was built while files were
    missing is incomplete, and text would be drawn in fonts of other widths.
    """
    listed = {Path(font.fname) for font in fontManager.ttflist}
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    for pattern in FONT_FILES:
        for path in sorted(folder.glob(pattern)):
            if path not in listed:
                fontManager.addfont(path)


def draw_page(svg: str, width_inches: float) -> Figure:
    """Convert a page of Verovio to a figure of the given width.

    Args:
        svg: of the page.
        width_inches: of the figure; its height follows.

    Example:
        >>> draw_page(page, width_inches=8.27).savefig("page.pdf")  # doctest: +SKIP
    """
    page = fromstring(svg)
    music = page.find(f"{SVG}svg[@viewBox]")
    _, _, width, height = (float(number) for number in music.get("viewBox").split())
    figure = Figure(figsize=(width_inches, width_inches * height / width))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    outlines = {group.get("id"): group for group in page.iterfind(f"{SVG}defs/{SVG}g")}
    _Pen(axes, outlines, width, width_inches * POINTS_PER_INCH / width).draw(
        music, Affine2D(), Look()
    )
    return figure


@dataclass(frozen=True)
class _Pen:
    """Draws elements of a page.

    Args:
        axes: to draw in, in the units of the page.
        outlines: reusable ones, by id.
        width: of the page.
        points: of a unit of the page.
    """

    axes: Axes
    outlines: dict[str, Element]
    width: float
    points: float

    def draw(self, element: Element, to_page: Affine2D, look: Look) -> None:
        """Draw an element and its children."""
        if HIDDEN in element.get("class", "").split():
            return
        to_page = _transform(element.get("transform", "")) + to_page
        tag = element.tag.removeprefix(SVG)
        if tag == "text":
            self._draw_text(element, to_page, look)
        elif tag == "use":
            self.draw(self.outlines[element.get(LINK).removeprefix("#")], to_page, look)
        elif tag in SHAPES:
            self._draw_outline(element, SHAPES[tag](element).transformed(to_page), look)
        else:
            for child in element:
                self.draw(child, to_page, look.within(element))

    def _draw_outline(self, element: Element, outline: Outline, look: Look) -> None:
        self.axes.add_artist(
            PathPatch(
                outline,
                fill=element.get("fill") != "none",
                facecolor=look.colour,
                edgecolor=look.colour,
                linewidth=float(element.get("stroke-width", 0)) * self.points,
                capstyle=element.get("stroke-linecap", "butt"),
                joinstyle=element.get("stroke-linejoin", "miter"),
            )
        )

    def _draw_text(self, element: Element, to_page: Affine2D, look: Look) -> None:
        """Draw the lines of a text, whose spans may differ in size."""
        for (x, y), pieces in _lines(element, look):
            widths = [_width(text, piece) for text, piece in pieces]
            smaller = min(1.0, WIDEST_TEXT * self.width / max(sum(widths), 1))
            before = {"left": 0.0, "center": 0.5, "right": 1.0}[ALIGNED[pieces[0][1].align]]
            x -= before * sum(widths) * smaller
            for (text, piece), width in zip(pieces, widths):
                place = to_page.transform((x, y))
                font = piece.font(self.points * smaller)
                self.axes.text(
                    *place,
                    text,
                    fontproperties=font,
                    color=piece.colour,
                    va="baseline",
                    parse_math=False,
                )
                x += width * smaller


def _lines(text: Element, look: Look) -> list[tuple[tuple[float, float], list[tuple[str, Look]]]]:
    """Return the lines of a text: the origin, and the spans with their styles."""
    lines = []
    for element, piece_look in _with_looks(text, look):
        if element is text or "x" in element.attrib:
            lines.append(((float(element.get("x", 0)), float(element.get("y", 0))), []))
        if element.tag != f"{SVG}title" and element.text and not element.text.isspace():
            lines[-1][1].append((element.text, piece_look))
    return [line for line in lines if line[1]]


def _with_looks(element: Element, look: Look) -> Iterator[tuple[Element, Look]]:
    look = look.within(element)
    yield element, look
    for child in element:
        yield from _with_looks(child, look)


def _width(text: str, look: Look) -> float:
    return text_to_path.get_text_width_height_descent(text, look.font(), ismath=False)[0]


def _transform(text: str) -> Affine2D:
    """Parse a transform attribute such as `translate(10, 20) scale(2, 2)`."""
    transform = Affine2D()
    for name, numbers in reversed(re.findall(r"(\w+)\(([^)]*)\)", text)):
        values = [float(number) for number in NUMBER.findall(numbers)]
        transform = getattr(transform, name)(*values)  # Matplotlib has the names of SVG here
    return transform


def _path(element: Element) -> Outline:
    return _outline(element.get("d"))


@lru_cache(256)
def _outline(text: str) -> Outline:
    pen = RecordingPen()
    parse_path(text, pen)
    points, codes = [], []
    for name, ends in pen.value:
        if name == "closePath":
            points.append(points[-1])
            codes.append(Outline.CLOSEPOLY)
        points.extend(ends)
        codes.extend(CODES.get(name, ()))
    return Outline(points, codes)


def _rectangle(element: Element) -> Outline:
    x, y, width, height = (float(element.get(name)) for name in ("x", "y", "width", "height"))
    return Outline.unit_rectangle().transformed(Affine2D().scale(width, height).translate(x, y))


def _ellipse(element: Element) -> Outline:
    cx, cy, rx, ry = (float(element.get(name)) for name in ("cx", "cy", "rx", "ry"))
    return Outline.unit_circle().transformed(Affine2D().scale(rx, ry).translate(cx, cy))


def _polygon(element: Element) -> Outline:
    return Outline([*_points(element), (0, 0)], closed=True)


def _polyline(element: Element) -> Outline:
    return Outline(_points(element))


def _points(element: Element) -> np.ndarray:
    numbers = [float(number) for number in NUMBER.findall(element.get("points"))]
    return np.reshape(numbers, (-1, 2))


SHAPES = {
    "path": _path,
    "rect": _rectangle,
    "ellipse": _ellipse,
    "polygon": _polygon,
    "polyline": _polyline,
}

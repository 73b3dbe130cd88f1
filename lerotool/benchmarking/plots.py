"""Bar plots as SVG that can stand in a page: text stays text, ink is the page's own colour."""

from __future__ import annotations

import io
import re
from typing import Any

from lerotool.benchmarking import views
from lerotool.benchmarking.figures import Basis, Found
from lerotool.benchmarking.views import View

_BLUE = "#4477aa"
_INK = "#010203"
"""A colour that nothing else has; the page's own takes its place."""
_WIDTH_INCHES = 4.4
_BAR_INCHES = 0.36
_SVG: Any = {"svg.fonttype": "none", "svg.hashsalt": "lerotool", "font.family": "sans-serif", "font.size": 10}


def draw(view: View, found: Found) -> str:
    """Return a group's bars as an ``<svg>`` element; whiskers are the range of the repeats.

    Args:
        view: a group that has bars.
        found: with its figures.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure as Canvas

    entries = list(views.bars(view, found))
    # Ours alone: the settings of whoever imports this stay as they are, and no screen is needed.
    with mpl.rc_context(_SVG):
        canvas = Canvas(figsize=(_WIDTH_INCHES, 0.7 + _BAR_INCHES * len(entries)), layout="constrained")
        axis: Any = canvas.subplots()
        for place, (_, figure, _) in enumerate(entries):
            is_estimated = figure.basis is Basis.ESTIMATED
            fill = {"facecolor": "none", "hatch": "///"} if is_estimated else {"facecolor": _BLUE}
            axis.barh(place, figure.typical, height=0.6, edgecolor=_BLUE, **fill)
            if len(figure.values) > 1:
                axis.plot([min(figure.values), max(figure.values)], [place, place], color=_INK, linewidth=1)
            end = (max(figure.values), place)
            axis.annotate(views.value(figure), end, (4, 0), textcoords="offset points", va="center", color=_INK)
        _dress(axis, [case for case, _, _ in entries], views.label(view, view.bars or "", found))
        stream = io.StringIO()
        canvas.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
    return _element(stream.getvalue())


def _dress(axis: Any, labels: list[str], title: str) -> None:
    axis.set_yticks(range(len(labels)), [_broken(label) for label in labels])
    axis.invert_yaxis()
    axis.margins(x=0.18)
    axis.set_xlim(left=0)
    axis.set_xlabel(title, color=_INK)
    axis.tick_params(colors=_INK)
    for side, spine in axis.spines.items():
        spine.set_visible(side == "left")
        spine.set_color(_INK)


def _broken(label: str, width: int = 26) -> str:
    """Break a long label into two lines."""
    if len(label) <= width:
        return label
    cut = label.rfind(" ", 0, width)
    return label if cut < 0 else f"{label[:cut]}\n{label[cut + 1 :]}"


def _element(svg: str) -> str:
    element = svg[svg.index("<svg") :]
    element = re.sub(r'(<svg[^>]*?) width="[^"]*" height="[^"]*"', r"\1", element, count=1)
    element = re.sub(r'(<svg[^>]*?) height="[^"]*"([^>]*?) width="[^"]*"', r"\1\2", element, count=1)
    # Names of other places, which browsers would not need: the page must not mention any.
    element = re.sub(r"<metadata>.*?</metadata>", "", element, flags=re.DOTALL)
    return element.replace(_INK, "currentColor").strip()

"""A run as one HTML page: plots inlined as SVG, no scripts, nothing fetched; fits a phone and follows its dark mode."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from html import escape
from typing import Any

from lerotool.benchmarking import views
from lerotool.benchmarking.figures import Basis, Found, Report
from lerotool.benchmarking.views import View

_BLUE = "#4477aa"
_INK = "#010203"
"""A colour that nothing else has; the page's own takes its place."""
_WIDTH_INCHES = 4.4
_BAR_INCHES = 0.36
_SVG: Any = {"svg.fonttype": "none", "svg.hashsalt": "lerotool", "font.family": "sans-serif", "font.size": 10}
_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #5c6570; --paper: #ffffff; --line: #d9dee4; --card: #f5f7f9;
  --wrong: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ec; --soft: #9aa4ae; --paper: #14171a; --line: #333a41;
  --card: #1c2024; --wrong: #ff8a80; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 60rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; overflow-wrap: break-word; }
h1 { font-size: 1.5rem; margin: .5rem 0; } h2 { font-size: 1.15rem; margin: 2rem 0 .25rem; }
p, ul { margin: .4rem 0; } ul { padding-left: 1.2rem; }
.soft { color: var(--soft); font-size: .9rem; }
.advice, .failures { background: var(--card); border-left: 4px solid #4477aa; padding: .6rem 1rem; margin: 1rem 0; }
.failures { border-color: var(--wrong); }
.plot svg { display: block; width: 100%; height: auto; max-width: 34rem; color: var(--ink); }
.table { overflow-x: auto; }
table { border-collapse: separate; border-spacing: 0; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { white-space: nowrap; padding: .3rem .6rem; border-bottom: 1px solid var(--line); text-align: right; }
th { font-weight: 600; } th:first-child { text-align: left; position: sticky; left: 0; background: var(--paper); }
@media (max-width: 30rem) { th:first-child { white-space: normal; max-width: 8rem; } }
code { white-space: nowrap; }
.wrong { color: var(--wrong); font-weight: 700; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; font-size: .9rem; margin: .4rem 0; }
dt { color: var(--soft); } dd { margin: 0; min-width: 0; }
"""
_TITLE = "lerotool benchmark"
_FLAG = re.compile(r"--[a-z]+(?: \w*\d\w*)?")
"""A flag, and its value if there is a digit in it: no line may end there."""


def draw(view: View, found: Found) -> str:
    """Return a group's bars as an ``<svg>`` element; whiskers are the range of the repeats."""
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


def page_of(report: Report) -> str:
    """Return the page of a run."""
    return "\n".join(_parts(report)) + "\n"


def _parts(report: Report) -> Iterator[str]:
    yield "<!doctype html>"
    yield '<html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{_TITLE}</title><style>{_STYLE}</style></head><body>"
    yield f"<h1>{_TITLE}</h1>"
    yield f'<p class="soft">{escape(_subtitle(report))}</p>'
    if report.advice:
        lines = "".join(f"<li>{_marked(line)}</li>" for line in report.advice)
        yield f'<ul class="advice" style="padding-left:2rem">{lines}</ul>'
    if report.found.failures:
        lines = "".join(f"<p>{escape(f'{f.case} failed: {f.reason}')}</p>" for f in report.found.failures)
        yield f'<div class="failures">{lines}</div>'
    for view in views.views(report):
        yield from _section(view, report)
    yield "<h2>Measured on</h2>"
    yield _list({**report.machine, **report.settings, **report.versions})
    yield (
        f'<p class="soft">{views.ESTIMATED} marks what was calculated from other figures of this run; everything else '
        "was measured. A range in brackets is the smallest and the largest of several repeats.</p>"
    )
    yield "</body></html>"


def _marked(line: str) -> str:
    return _FLAG.sub(lambda found: f"<code>{found[0]}</code>", escape(line))


def _subtitle(report: Report) -> str:
    machine = report.machine
    cores = f"{machine['cores']} cores"
    return f"{report.created} · {machine['processor']}, {cores} · {report.settings['cameras']} · {report.effort} run"


def _section(view: View, report: Report) -> Iterator[str]:
    yield f"<h2>{escape(view.title)}</h2>"
    if view.note:
        yield f'<p class="soft">{escape(view.note)}</p>'
    if view.bars is not None and len(view.cases) > 1:
        yield f'<div class="plot">{draw(view, report.found)}</div>'
    yield f'<div class="table">{_table(view, report)}</div>'


def _table(view: View, report: Report) -> str:
    across, down = (view.cases, view.names) if view.is_upright else (view.names, view.cases)
    named = {name: views.label(view, name, report.found) for name in view.names}
    head = "".join(f"<th>{escape(named.get(name, name))}</th>" for name in across)
    rows = []
    for line in down:
        figures = [
            report.found.get(view.group, *((column, line) if view.is_upright else (line, column))) for column in across
        ]
        cells = "".join(
            f"<td{' class=wrong' if views.is_wrong(figure) else ''}>{escape(views.cell(figure))}</td>"
            for figure in figures
        )
        rows.append(f"<tr><th>{escape(named.get(line, line))}</th>{cells}</tr>")
    return f"<table><thead><tr><th></th>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _list(entries: dict[str, str]) -> str:
    return "<dl>" + "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in entries.items()) + "</dl>"

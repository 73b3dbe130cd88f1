"""A run as one HTML page: plots inlined as SVG, no scripts, nothing fetched; fits a phone and follows its dark mode."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

from lerotool.benchmarking import views
from lerotool.benchmarking.plots import draw
from lerotool.benchmarking.report import Report
from lerotool.benchmarking.views import View

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

"""``lerotool check --undo`` and ``--forget``: what changes have kept comes back, or goes."""

from __future__ import annotations

from lerotool.cli.each import Answer, answer_each
from lerotool.cli.output import Output
from lerotool.wording import counted, one_line, sized
from lerotool.workspace import dataset_root


def undo_all(datasets: list[str], output: Output, *, is_dry: bool) -> int:
    """Take back the last change of each dataset; return the exit code."""
    documents, code = answer_each(datasets, output, lambda dataset: _undo(dataset, is_dry=is_dry))
    output.document({"dry_run": is_dry, "datasets": documents})
    return code


def _undo(dataset: str, *, is_dry: bool) -> Answer:
    import lerotool

    root = str(dataset_root(dataset))
    undone = lerotool.plan_undo(dataset) if is_dry else lerotool.undo(dataset)
    if undone is None:
        text = f"{one_line(root)}: there is nothing to take back"
        return Answer({"root": root, "command": None, "restored": [], "removed": []}, text)
    would = "would be " if is_dry else ""
    lines = [
        f"{one_line(root)}: {would}taken back: {one_line(undone.command)}",
        f"  {counted(len(undone.restored), 'file')} {would}as before: {_listed(undone.restored)}",
    ]
    if undone.removed:
        lines.append(f"  {counted(len(undone.removed), 'file')} {would}removed: {_listed(undone.removed)}")
    return Answer(undone.to_json(), "\n".join(lines))


def forget_all(datasets: list[str], output: Output, *, edits: bool = False) -> int:
    """Remove what changes have kept, with ``edits`` also what edits have left out; return the exit code."""
    documents, code = answer_each(datasets, output, lambda dataset: _forget(dataset, edits=edits))
    output.document({"datasets": documents})
    return code


def _forget(dataset: str, *, edits: bool) -> Answer:
    import lerotool

    root = str(dataset_root(dataset))
    found = lerotool.forget(dataset, edits=edits)
    names, waiting = [str(path) for path in found.only_here], [str(path) for path in found.waiting]
    nothing = not (found.size or names or waiting)
    lines = [f"{one_line(root)}: " + ("nothing was kept" if nothing else f"{sized(found.size)} of old files removed")]
    lines += [f"stays, because its rows or pictures are nowhere else: {one_line(name)}" for name in names]
    lines += [f"stays, because rescued episodes are not in the dataset yet: {one_line(name)}" for name in waiting]
    return Answer({"root": root, "bytes": found.size, "only_here": names, "waiting": waiting}, "\n".join(lines))


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return one_line(", ".join(names[:3]) + more)

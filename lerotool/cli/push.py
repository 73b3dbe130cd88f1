"""``lerotool push``: a dataset to the Hugging Face Hub."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lerotool.cli.help import Examples
from lerotool.cli.options import DryRunOption
from lerotool.cli.output import Output, shortened
from lerotool.errors import UsageError
from lerotool.wording import counted, one_line, sized

if TYPE_CHECKING:
    from lerotool.sharing.push import PushReport
    from lerotool.sharing.push_plan import PushPlan, PushRequest, TagPlan

EXAMPLES: Examples = {
    "What would be sent, changed and deleted": "lerotool push me/pick-cube --dry-run",
    "Push it; a new dataset there is private": "lerotool push me/pick-cube",
    "From a folder, for all to see": "lerotool push ~/recordings/pick-cube --repo-id me/pick-cube --public",
    "With a licence; none is stated unless you say one": "lerotool push me/pick-cube --license cc-by-4.0",
    "LeRobot does not find it, or finds an old state: only move the tag": "lerotool push me/pick-cube --tag-only",
}
_PATHS_SHOWN = 8
_COMMIT_SHOWN = 8


def push(
    dataset: Annotated[
        str, typer.Argument(metavar="DATASET", help="A dataset's folder, or user/name in the LeRobot home.")
    ],
    repo_id: Annotated[
        str | None,
        typer.Option(metavar="USER/NAME", help="Where to.", show_default="where it was last, else its own name"),
    ] = None,
    private: Annotated[
        bool | None, typer.Option("--private/--public", help="Who sees it, if it is new there.", show_default="private")
    ] = None,
    license_id: Annotated[
        str | None,
        typer.Option(
            "--license", metavar="ID", help="The licence that the card states.", show_default="as it is, or none"
        ),
    ] = None,
    branch: Annotated[str, typer.Option(metavar="NAME", help="The branch that it goes to.")] = "main",
    tag: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Put this tag on it, too; can be repeated.")
    ] = None,
    tag_only: Annotated[
        bool, typer.Option("--tag-only", help="Only put the tag that LeRobot looks for on the newest commit.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Also where the Hub has commits that are not known here.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Also with errors, which whoever loads it will meet.")] = False,
    dry_run: DryRunOption = False,
    *,
    output: Output,
) -> None:
    """Push a dataset to the Hugging Face Hub, checked, in one commit.

    Only what has changed is sent, and what is gone here is deleted there. Pending episodes, the history of edits and
    pictures that wait to be encoded stay here. Interrupted, the Hub has the dataset as it was, and the same command
    goes on where it was.
    """
    from lerotool.sharing.push_plan import PushRequest, Visibility

    if tag_only:
        if tag or force or replace or license_id or private is not None or branch != "main":
            raise UsageError("--tag-only goes with --repo-id and --dry-run only")
        _move_tag(dataset, repo_id, output, dry_run=dry_run)
        return
    visibility = None if private is None else Visibility.PRIVATE if private else Visibility.PUBLIC
    request = PushRequest(dataset, repo_id, visibility, license_id, branch, tuple(tag or ()), force, replace)
    _push(request, output, dry_run=dry_run)


def _push(request: PushRequest, output: Output, *, dry_run: bool) -> None:
    from lerotool.cli.tallies import sharing_shown
    from lerotool.sharing.push import execute_push
    from lerotool.sharing.push_plan import plan_push

    with sharing_shown(output) as (listen, checked):
        plan, hub = plan_push(request, listen, checked)
        report = None if dry_run else execute_push(plan, hub, listen)
    if report is None:
        output.document({"dry_run": True, **_plan_document(plan)})
        output.result(_plan_text(plan))
        return
    done = {"page": report.page, "commit": report.commit, "commits": report.commits, "wall_s": report.wall_s}
    output.document({**_plan_document(plan), **done})
    output.result(_report_text(plan, report))


def _move_tag(dataset: str, repo_id: str | None, output: Output, *, dry_run: bool) -> None:
    from lerotool.cli.tallies import sharing_shown
    from lerotool.sharing.last_sync import repository_of_argument
    from lerotool.sharing.push_plan import plan_tag

    with sharing_shown(output) as (listen, _):
        plan, hub = plan_tag(repository_of_argument(dataset, repo_id), listen)
        if not dry_run:
            hub.move_tag(plan.tag, plan.after)
    document = {"repository": plan.repository, "tag": plan.tag, "before": plan.before, "after": plan.after}
    output.document({"dry_run": True, **document} if dry_run else document)
    output.result(_tag_text(plan, is_dry=dry_run))


def _tag_text(plan: TagPlan, *, is_dry: bool) -> str:
    where = f"{plan.tag} on {plan.after[:_COMMIT_SHOWN]}"
    if plan.before == plan.after:
        return f"{plan.page}: {where}, where it was"
    before = f"it was on {plan.before[:_COMMIT_SHOWN]}" if plan.before else "there was none"
    return f"{plan.page}: {'would put ' if is_dry else ''}{where} ({before})"


def _plan_text(plan: PushPlan) -> str:
    new = " (new, " + ("public" if plan.request.visibility == "public" else "private") + ")" if plan.is_new else ""
    lines = [f"{plan.root} -> {plan.repository}{new}, branch {plan.request.branch}"]
    for verb, files in (("add", plan.added), ("change", plan.changed), ("delete", plan.deleted)):
        if files:
            lines.append(f"{verb:<8}{counted(len(files), 'file')}, {sized(sum(each.size for each in files))}")
            paths = shortened([one_line(each.path) for each in files], _PATHS_SHOWN)
            lines += [f"          {path}" for path in paths]
    lines.append(f"{'keep':<8}{counted(plan.unchanged, 'file')}")
    if plan.moved_tags:
        lines.append(f"{'tag':<8}{', '.join(plan.moved_tags)}")
    lines.append(f"{'licence':<8}{plan.license_id or 'none stated (--license ID)'}")
    return "\n".join(lines)


def _report_text(plan: PushPlan, report: PushReport) -> str:
    tags = f", {', '.join(report.tags)}" if report.tags else ""
    if not report.commits:
        return f"{report.page}: up to date, {counted(plan.episodes, 'episode')}{tags}"
    rate = report.bytes / 1e6 / max(report.wall_s, 1e-9)
    sent = (
        f"{counted(report.files_sent, 'file')} sent ({sized(report.bytes)} in {report.wall_s:.1f} s, {rate:.1f} MB/s)"
    )
    gone = f", {report.files_deleted} deleted" if report.files_deleted else ""
    return f"{report.page}: {counted(plan.episodes, 'episode')}, {sent}{gone}{tags}"


def _plan_document(plan: PushPlan) -> dict[str, Any]:
    from lerotool.findings import Severity

    return {
        "root": str(plan.root),
        "repository": plan.repository,
        "branch": plan.request.branch,
        "is_new": plan.is_new,
        "parent": plan.parent,
        **{
            name: [{"path": each.path, "bytes": each.size} for each in files]
            for name, files in (("added", plan.added), ("changed", plan.changed), ("deleted", plan.deleted))
        },
        "unchanged": plan.unchanged,
        "bytes": plan.bytes,
        "tags": list(plan.wanted_tags),
        "license": plan.license_id,
        "check": {"errors": plan.report.count(Severity.ERROR), "loading": plan.report.loading.value},
    }

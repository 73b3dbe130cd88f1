"""The Python API of sharing."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from lerotool.arguments import as_choice, as_instance, as_path, as_text, as_texts, parse_numbers
from lerotool.errors import UsageError
from lerotool.sharing.events import Listener, ignore_event
from lerotool.sharing.pull import PullReport, execute_pull
from lerotool.sharing.pull_plan import ALL, METADATA, PullRequest, Scope
from lerotool.sharing.push import PushReport, execute_push
from lerotool.sharing.push_plan import MAIN, PushRequest, Visibility, plan_push


def push(
    dataset: str | Path,
    repository: str | None = None,
    *,
    visibility: str | None = None,
    license: str | None = None,  # noqa: A002 - the field's own word
    branch: str = MAIN,
    tags: Iterable[str] = (),
    force: bool = False,
    replace: bool = False,
    listen: Listener = ignore_event,
) -> PushReport:
    """Push a dataset to the Hugging Face Hub: checked, in one commit, under the tag that LeRobot looks for.

    Only what has changed is sent, and what is gone here is deleted there. Interrupted at any time, the Hub has the
    dataset as it was or as it is now; the same call goes on where it was.

    Args:
        dataset: folder, or ``user/name`` in the LeRobot home.
        repository: ``user/name`` on the Hub; None is where it was last pushed to or pulled from, else its own name.
        visibility: ``private`` or ``public``, of a new repository; None is private, and leaves one that is there.
        license: that the card states, such as ``cc-by-4.0``; None leaves it as it is, which may be none.
        branch: that the commit goes to; the tag of the format is moved on ``main`` only.
        tags: further tags to put on it.
        force: push although checking finds errors.
        replace: push although the Hub has commits that this machine does not know.
        listen: hears how far it is.

    Raises:
        UsageError: values that do not go together, or nothing tells which repository is meant.
        DatasetError: no dataset was found, it has errors, or only a part of it is here.
        HubError: the Hub refuses, has commits that this machine does not know, or does not answer.
    """
    request = PushRequest(
        str(as_path("dataset", dataset)),
        None if repository is None else as_text("repository", repository),
        None if visibility is None else as_choice("visibility", visibility, Visibility),
        None if license is None else as_text("license", license),
        as_text("branch", branch),
        as_texts("tags", tags),
        force=force,
        replace=replace,
    )
    _check_listener(listen)
    plan, hub = plan_push(request, listen)
    return execute_push(plan, hub, listen)


def pull(
    repository: str,
    root: str | Path | None = None,
    *,
    revision: str | None = None,
    episodes: str | Iterable[int] | None = None,
    listen: Listener = ignore_event,
) -> PullReport:
    """Pull a dataset from the Hugging Face Hub, or a part of it.

    Only what is missing is fetched, and put in place in one step; what was changed here is never replaced.

    Args:
        repository: ``user/name`` on the Hub.
        root: the folder that it goes to; None is ``user/name`` in the LeRobot home.
        revision: branch, tag or commit; None is what LeRobot loads: the tag of the newest format, else ``main``.
        episodes: their numbers, as in ``"0-9,15"`` or ``[0, 1]``; none of them is the metadata only, None is all.
        listen: hears how far it is.

    Raises:
        UsageError: there can be no such repository, or it has no such episodes.
        TargetExistsError: what is here was changed since it was last pulled or pushed, or is something else.
        DatasetError: what is there is not a dataset.
        HubError: the repository or revision does not exist, or the Hub refuses or does not answer.
    """
    request = PullRequest(
        as_text("repository", repository),
        None if revision is None else as_text("revision", revision),
        _scope(episodes),
        None if root is None else as_path("root", root),
    )
    _check_listener(listen)
    return execute_pull(request, listen)


def _scope(episodes: str | Iterable[int] | None) -> Scope:
    if episodes is None:
        return ALL
    if isinstance(episodes, str):
        return Scope(parse_numbers(episodes)) if episodes else METADATA
    numbers = list(as_instance("episodes", episodes, Iterable, "numbers of episodes"))
    if any(isinstance(number, bool) or not isinstance(number, int) or number < 0 for number in numbers):
        raise UsageError(f"episodes are {numbers[:10]}, expected numbers from 0")
    return Scope(frozenset(numbers))


def _check_listener(listen: object) -> None:
    if not callable(listen):
        raise UsageError(f"listen is {listen!r}, expected a function")

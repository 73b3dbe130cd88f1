"""The tag by which LeRobot finds a dataset, for what was pushed without it, or whose tag is on an old commit."""

from __future__ import annotations

from dataclasses import dataclass

from lerotool.dataset.documents import parse_object
from lerotool.dataset.info import INFO, parse_info
from lerotool.errors import DatasetNotFoundError
from lerotool.sharing.events import Listener, Step
from lerotool.sharing.hub import Hub
from lerotool.sharing.inventory import tag_of
from lerotool.sharing.push_plan import MAIN


@dataclass(frozen=True, slots=True)
class TagPlan:
    """Where a tag is, and where it will be."""

    repository: str  # ``user/name``
    page: str  # its address
    tag: str  # of the format of what is there
    before: str | None  # the commit that it is on; None if the tag does not exist
    after: str  # the newest commit


def plan_tag(repository: str, listen: Listener) -> tuple[TagPlan, Hub]:
    """Find out which tag the newest commit of a dataset needs; also return the Hub, to move it."""
    hub = Hub(repository, listen)
    listen(Step("asking the Hub"))
    hub.check_login()
    head = hub.commit_of(MAIN)
    refs = hub.refs()
    name = INFO.as_posix()
    if name not in hub.tree(head):
        raise DatasetNotFoundError(f"{hub.page} is not a LeRobot dataset: it has no {name}", hint="push it as a whole")
    info = parse_info(parse_object(hub.read(name, head), f"{name} of {repository}"), f"{name} of {repository}")
    tag = tag_of(info.codebase_version)
    return TagPlan(repository, hub.page, tag, refs.tags.get(tag) if refs else None, head), hub


def move_tag(plan: TagPlan, hub: Hub) -> None:
    """Put the tag on the newest commit, and read it back; raises like `Hub.move_tag`."""
    hub.move_tag(plan.tag, plan.after)

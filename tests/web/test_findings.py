"""What `check` and `check --quality` found is shown, with its time; nothing is looked at unasked."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

import lerotool
from lerotool.checking.kept import Look, found
from lerotool.dataset.marks import save_mark
from lerotool.editing.changes import DeleteEpisodes
from lerotool.merging.options import SourceArgument
from lerotool.merging.planning import merge_datasets
from lerotool.storage import tree_fingerprint
from lerotool.workspace import user_cache
from tests.web.conftest import LENGTHS
from tests.web.serving import PATIENCE_MS, Server, serving

expect.set_options(timeout=PATIENCE_MS)
COPIED = [len(LENGTHS) + number for number, length in enumerate(LENGTHS) if length >= 10]
"""Episodes of the dataset that are recognised as copies: shorter ones are not compared."""


@pytest.fixture
def root(numbered: dict[str, Path], tmp_path: Path) -> Path:
    source = SourceArgument.parse(numbered["v30"])
    merge_datasets((source, source), tmp_path / "set")
    return tmp_path / "set"


@pytest.fixture
def server(root: Path) -> Iterator[Server]:
    with serving(root) as started:
        yield started


def last_kept() -> Path:
    """Return the newest file of a check in the cache."""
    return max((user_cache() / "found").glob("*-check.json"), key=lambda path: path.stat().st_mtime_ns)


def open_dataset(page: Page, server: Server) -> None:
    page.goto(f"{server.address}/d/{server.key('set')}")
    expect(page.locator(".card").first).to_be_visible()


@pytest.mark.slow
def test_the_list_says_what_the_last_check_found_and_whether_it_still_holds(
    page: Page, root: Path, server: Server
) -> None:
    page.goto(server.address)
    card = page.locator(".dataset")
    expect(card).to_contain_text("12 episodes")
    expect(card).to_contain_text(re.compile(r"LeRobot v3\.0[\d.]+ [kM]B"))
    expect(card.locator(".checked")).to_have_count(0)

    report = lerotool.check(root)
    warnings = len([finding for finding in report.findings if finding.severity == "warning"])
    page.reload()
    expect(card.locator(".checked")).to_have_text(f"checked just now: {warnings} warning{'s' * (warnings != 1)}")
    save_mark(root, 0, {"flagged": True})
    page.reload()
    expect(card.locator(".checked")).not_to_contain_text("changed")

    lerotool.edit(root, DeleteEpisodes("0"))
    page.reload()
    expect(card.locator(".checked")).to_contain_text("changed since")
    next(root.glob("videos/**/*.mp4")).unlink()
    assert not lerotool.check(root).is_sound
    page.reload()
    expect(card.locator(".checked")).to_contain_text(re.compile(r"checked just now: \d+ error"))


@pytest.mark.slow
def test_quality_is_looked_at_when_asked_and_leads_to_its_episodes(page: Page, root: Path, server: Server) -> None:
    open_dataset(page, server)
    findings = page.get_by_role("region", name="Findings")
    expect(findings).to_contain_text("Not checked on this machine.")
    expect(findings).to_contain_text("The recording was not looked at.")
    assert found(root, Look.QUALITY) is None
    before = tree_fingerprint(root, root / "nothing")

    findings.get_by_role("button", name="Quality now").click()
    repeated = findings.locator("[data-code='episode-repeated']")
    expect(repeated.locator("code")).to_have_text(f"lerotool edit delete {root} {','.join(map(str, COPIED))}")
    expect(repeated.get_by_role("link", name=str(COPIED[0]), exact=True)).to_have_attribute(
        "href", re.compile(rf"/episodes/{COPIED[0]}$")
    )
    repeated.get_by_role("button", name="Show").click()
    expect(page.locator(".card")).to_have_count(len(COPIED))
    assert tree_fingerprint(root, root / "nothing") == before

    page.reload()
    expect(page.locator(".card")).to_have_count(len(COPIED))
    expect(repeated).to_be_visible()
    page.get_by_role("button", name="episode-repeated ×").click()
    expect(page.locator(".card")).to_have_count(2 * len(LENGTHS))
    findings.get_by_role("button", name="Check now").click()
    expect(findings).not_to_contain_text("Not checked on this machine.")

    lerotool.edit(root, DeleteEpisodes("0"))
    page.reload()
    expect(findings).to_contain_text("the dataset has changed since")
    expect(repeated.get_by_role("link")).to_have_count(0)


def test_a_look_is_asked_for_by_a_page_only(root: Path, server: Server) -> None:
    address = f"/api/{server.key('set')}/quality"
    assert server.ask(address)[0] == 405
    assert server.ask(address, method="POST")[0] == 403
    assert server.ask(address, method="POST", body=[])[0] == 400
    assert found(root, Look.QUALITY) is None
    assert server.ask(address, method="POST", body={})[0] == 200


def test_what_was_kept_and_is_damaged_counts_for_nothing(root: Path) -> None:
    lerotool.check(root)
    kept = found(root, Look.CHECK)
    assert kept is not None
    assert kept.document["episodes"] == 2 * len(LENGTHS)
    (path,) = (
        path for path in (user_cache() / "found").iterdir() if json.loads(path.read_bytes())["root"] == str(root)
    )
    for damaged in (b"", b"{}", b"[]", b'{"made": 1, "edition": "x", "found": {}}', b"\xff" * 9):
        path.write_bytes(damaged)
        assert found(root, Look.CHECK) is None


def test_what_a_killed_check_has_left_in_the_cache_goes_with_the_next_one(root: Path) -> None:
    lerotool.check(root)
    kept = last_kept()
    code = """
import sys
from pathlib import Path
from lerotool.storage import partial_path
partial_path(Path(sys.argv[1])).write_text("half")
"""
    subprocess.run([sys.executable, "-c", code, kept], check=True)
    assert len(list(kept.parent.glob(f"{kept.name}*"))) == 2
    lerotool.check(root)
    assert list(kept.parent.glob(f"{kept.name}*")) == [kept]


def test_a_check_needs_no_cache(root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert lerotool.check(root).episodes == 2 * len(LENGTHS)
    assert found(root, Look.CHECK) is None

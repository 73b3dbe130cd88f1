"""``lerotool pull``: the dataset of the Hub, or a part of it, here; nothing that was made here is lost."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import lerotool
from harness.hub import FakeHub
from lerotool.cli.app import run
from lerotool.dataset.dataset import Dataset
from lerotool.dataset.journal_file import Commit
from lerotool.dataset.partial import load_partial
from lerotool.workspace import Workspace
from tests.dataset.faults import Killed
from tests.dataset.reading import OLD_SET, read_everything
from tests.encoding.recordings import record
from tests.sharing.sets import contents, keep_episodes, put_set, without_card

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
CUBE = "me/pick-cube"
SMALL = "v30_lerobot061_small_files"


@pytest.fixture
def theirs(hub: FakeHub, home: Path, tmp_path: Path) -> Path:
    """A dataset that somebody else has pushed, in several files; it is not in the LeRobot home any more."""
    root = put_set(home, golden=SMALL)
    assert run(["push", CUBE]) == 0
    hub.forget_requests()
    return Path(shutil.move(root, tmp_path / "theirs"))


def downloaded(hub: FakeHub) -> set[str]:
    return {
        seen.path.split("/resolve/")[1].split("/", 1)[1]
        for seen in hub.requests
        if seen.method == "GET" and "/resolve/" in seen.path
    }


def test_the_dataset_is_in_the_home_as_it_was_pushed(hub: FakeHub, home: Path, theirs: Path) -> None:
    assert run(["pull", CUBE]) == 0

    assert without_card(contents(home / CUBE)) == contents(theirs)
    assert load_partial(home / CUBE) is None
    read_everything(home / CUBE)
    assert sorted(path.name for path in (home / CUBE / ".lerotool").iterdir()) == [
        "hub.json",
        "staging",
        "writing.lock",
    ]


def test_the_second_pull_fetches_only_what_has_changed(hub: FakeHub, home: Path, theirs: Path, tmp_path: Path) -> None:
    run(["pull", CUBE])
    hub.forget_requests()
    assert run(["pull", CUBE]) == 0
    assert downloaded(hub) == set()

    keep_episodes(theirs, "0-3", tmp_path / "fewer")
    assert run(["push", str(theirs), "--repo-id", CUBE]) == 0
    hub.forget_requests()
    assert run(["pull", CUBE]) == 0

    assert without_card(contents(home / CUBE)) == contents(theirs)
    unchanged = {name for name, data in contents(home / CUBE).items() if data == contents(theirs).get(name)}
    assert downloaded(hub) <= contents(home / CUBE).keys()
    assert unchanged


def test_a_pulled_dataset_can_be_changed_and_pushed_back(
    hub: FakeHub, home: Path, theirs: Path, tmp_path: Path
) -> None:
    run(["pull", CUBE])
    keep_episodes(home / CUBE, "1,2", tmp_path / "kept")

    assert run(["push", CUBE]) == 0

    assert without_card(hub.store.files(CUBE, "v3.0")) == without_card(contents(home / CUBE))


def test_metadata_alone_say_that_they_are_alone(
    hub: FakeHub, home: Path, theirs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["pull", CUBE, "--meta"]) == 0

    assert {name.split("/")[0] for name in downloaded(hub)} == {"meta", "README.md"}
    assert len(Dataset.open(CUBE).episodes) == 7
    for command in (["info", CUBE], ["check", CUBE], ["list"]):
        capsys.readouterr()
        assert run(command) == 0, command
        said = capsys.readouterr().out
        assert "metadata only" in said, command
        assert "missing" not in said, command


def test_some_episodes_know_which_they_are(
    hub: FakeHub, home: Path, theirs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["pull", CUBE, "--episodes", "0-1"]) == 0

    partial = load_partial(home / CUBE)
    assert partial is not None
    assert {0, 1} <= set(partial.episodes)
    assert len(partial.episodes) < partial.total == 7
    dataset, whole = Dataset.open(CUBE), Dataset.open(theirs)
    for number in partial.episodes:
        assert dataset.episode_rows(number) == whole.episode_rows(number)
        assert all(span.path.is_file() for span in dataset.episodes[number].videos.values())
    for command in (["info", CUBE], ["check", CUBE], ["list"]):
        capsys.readouterr()
        assert run(command) == 0, command
        assert str(partial) in capsys.readouterr().out, command


def test_more_of_a_part_can_be_fetched_until_it_is_whole(hub: FakeHub, home: Path, theirs: Path) -> None:
    run(["pull", CUBE, "--meta"])
    run(["pull", CUBE, "--episodes", "0"])
    first = load_partial(home / CUBE)
    hub.forget_requests()
    run(["pull", CUBE, "--episodes", "6"])
    second = load_partial(home / CUBE)
    assert first is not None
    assert second is not None
    assert {*first.episodes, 6} <= set(second.episodes)
    assert not any(name.startswith("meta") for name in downloaded(hub))

    assert run(["pull", CUBE]) == 0

    assert load_partial(home / CUBE) is None
    assert without_card(contents(home / CUBE)) == contents(theirs)


def test_all_episodes_one_by_one_are_the_whole(hub: FakeHub, home: Path, theirs: Path) -> None:
    assert run(["pull", CUBE, "--episodes", "0-6"]) == 0

    assert load_partial(home / CUBE) is None
    assert run(["check", CUBE]) == 0


def test_a_part_follows_the_hub(hub: FakeHub, home: Path, theirs: Path, tmp_path: Path) -> None:
    run(["pull", CUBE, "--episodes", "4-6"])
    keep_episodes(theirs, "0-4", tmp_path / "fewer")
    run(["push", str(theirs), "--repo-id", CUBE])

    assert run(["pull", CUBE, "--episodes", "0"]) == 0

    partial = load_partial(home / CUBE)
    assert partial is None or partial.total == 5
    assert run(["check", CUBE]) == 0
    whole = contents(theirs)
    assert {k: v for k, v in without_card(contents(home / CUBE)).items() if whole.get(k) != v} == {}


def test_episodes_that_are_not_here_are_not_merged(
    hub: FakeHub, home: Path, theirs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["pull", CUBE, "--episodes", "0"])
    partial = load_partial(home / CUBE)
    assert partial is not None

    assert run(["merge", CUBE, "-o", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert str(partial) in said
    assert f"lerotool pull {CUBE}" in said

    assert run(["merge", f"{CUBE}:0", "-o", str(tmp_path / "out")]) == 0
    assert Dataset.open(tmp_path / "out").num_episodes == 1


def test_a_part_is_neither_repaired_nor_pushed(
    hub: FakeHub, home: Path, theirs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["pull", CUBE, "--episodes", "0"])
    before = contents(home / CUBE)

    assert run(["push", CUBE]) == 4
    assert "delete the rest" in capsys.readouterr().err
    next((home / CUBE / "videos").rglob("*.mp4")).unlink()
    run(["check", CUBE, "--repair", "--drop-episodes"])
    assert {name: data for name, data in before.items() if contents(home / CUBE).get(name, data) != data} == {}
    assert len(hub.store.repositories[CUBE].history()) == 2


def test_what_was_recorded_here_is_never_replaced(
    hub: FakeHub, home: Path, theirs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["pull", CUBE])
    keep_episodes(home / CUBE, "0-2", tmp_path / "kept")
    mine = contents(home / CUBE)
    hub.store.write(CUBE, {"meta/notes.txt": b"theirs"})
    run(["push", str(theirs), "--repo-id", CUBE, "--tag-only"])

    assert run(["pull", CUBE]) == 5

    assert "has changed since" in capsys.readouterr().err
    assert contents(home / CUBE) == mine
    assert run(["pull", CUBE, "--root", str(tmp_path / "beside")]) == 0
    assert contents(tmp_path / "beside")["meta/notes.txt"] == b"theirs"


def test_a_dataset_that_does_not_come_from_there_is_not_replaced(
    hub: FakeHub, home: Path, theirs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = put_set(home)
    before = contents(root)

    assert run(["pull", CUBE]) == 5

    assert "not known to come from there" in capsys.readouterr().err
    assert contents(root) == before


def test_a_copy_that_is_the_same_is_taken_as_it_is(hub: FakeHub, home: Path, theirs: Path) -> None:
    shutil.copytree(theirs, home / CUBE, ignore=shutil.ignore_patterns(".lerotool"))

    assert run(["pull", CUBE]) == 0

    assert downloaded(hub) == {"README.md"}
    assert run(["push", CUBE]) == 0


def test_pending_episodes_stay_where_they_are(hub: FakeHub, home: Path, theirs: Path) -> None:
    record(home / CUBE, 0, range(3))

    assert run(["pull", CUBE]) == 0

    assert [path.name for path in (home / CUBE / ".lerotool" / "pending").iterdir()]


def test_a_revision_is_what_is_asked_for(
    hub: FakeHub, home: Path, theirs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tagged = hub.store.repositories[CUBE].tags["v3.0"]
    newest = hub.store.write(CUBE, {"meta/notes.txt": b"new"})

    assert run(["pull", CUBE, "--json"]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["commit"] == tagged
    assert "--revision main" in shown.err
    for revision in ("main", newest, tagged, "v3.0"):
        assert run(["pull", CUBE, "--root", str(tmp_path / revision), "--revision", revision, "--json"]) == 0
        wanted = newest if revision in ("main", newest) else tagged
        assert json.loads(capsys.readouterr().out)["commit"] == wanted
    assert run(["pull", CUBE, "--root", str(tmp_path / "x"), "--revision", "no-such"]) == 9


def test_a_dataset_without_a_tag_is_pulled_with_a_word_about_it(
    hub: FakeHub, home: Path, theirs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.store.repositories[CUBE].tags.clear()

    assert run(["pull", CUBE]) == 0

    assert f"lerotool push {CUBE} --tag-only" in capsys.readouterr().err


def test_a_dry_run_fetches_no_rows_and_leaves_nothing(
    hub: FakeHub, home: Path, theirs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["pull", CUBE, "--dry-run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["files_fetched"] == len(contents(theirs)) + 1
    assert downloaded(hub) == set()
    assert run(["pull", CUBE, "--episodes", "0", "--dry-run"]) == 0
    assert not [name for name in downloaded(hub) if name.startswith(("data", "videos"))]
    assert not (home / CUBE).exists()


def test_old_formats_are_pulled_too(hub: FakeHub, home: Path, tmp_path: Path) -> None:
    root = put_set(home, golden=OLD_SET)
    run(["push", CUBE])
    theirs = Path(shutil.move(root, tmp_path / "theirs"))

    assert run(["pull", CUBE, "--episodes", "1"]) == 0
    assert str(load_partial(home / CUBE)) == "episodes 1 of 4"
    assert len(list((home / CUBE / "data").rglob("*.parquet"))) == 1
    assert run(["pull", CUBE]) == 0
    assert without_card(contents(home / CUBE)) == contents(theirs)


def test_pages_of_a_long_list_are_all_read(hub: FakeHub, home: Path, theirs: Path) -> None:
    hub.page = 3

    assert run(["pull", CUBE]) == 0

    assert without_card(contents(home / CUBE)) == contents(theirs)


def test_other_files_in_the_target_are_left_alone(
    hub: FakeHub, theirs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "desk").mkdir()
    (tmp_path / "desk" / "thesis.txt").write_text("mine")

    assert run(["pull", CUBE, "--root", str(tmp_path / "desk")]) == 5
    assert "is not a dataset" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "desk").iterdir()] == ["thesis.txt"]


def test_paths_of_a_repository_that_lead_out_of_the_folder_are_refused(
    hub: FakeHub, home: Path, theirs: Path, tmp_path: Path
) -> None:
    hub.store.write(CUBE, {"meta/../../../evil.txt": b"x"})

    assert run(["pull", CUBE, "--revision", "main"]) == 3

    assert not list(tmp_path.rglob("evil.txt"))


def test_a_repository_that_is_no_dataset_is_not_pulled(
    hub: FakeHub, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.store.create("me/books", is_private=False)

    assert run(["pull", "me/books"]) == 3
    assert "is not a LeRobot dataset" in capsys.readouterr().err
    assert not (home / "me/books").exists()


def test_python_has_the_same(hub: FakeHub, home: Path, theirs: Path, tmp_path: Path) -> None:
    report = lerotool.pull(CUBE, tmp_path / "some", episodes=[0])
    assert report.partial is not None
    assert lerotool.pull(CUBE, tmp_path / "meta", episodes=[]).partial is not None
    assert lerotool.pull(CUBE, tmp_path / "all").partial is None
    pushed = lerotool.push(tmp_path / "all", "me/copy", visibility="public", license="mit", tags=["first"])
    assert pushed.tags == ("first", "v3.0")
    assert not hub.store.repositories["me/copy"].is_private
    with pytest.raises(lerotool.UsageError):
        lerotool.push(tmp_path / "all", visibility="secret")
    with pytest.raises(lerotool.UsageError):
        lerotool.pull(CUBE, episodes=[99])
    with pytest.raises(lerotool.HubError):
        lerotool.pull("me/nothing")


def test_a_pull_that_was_killed_while_it_put_files_in_place_is_finished_by_the_next(
    hub: FakeHub, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = put_set(home)
    run(["push", CUBE])
    shutil.rmtree(root)

    def carry_out_half(workspace: Workspace, change: Commit) -> None:
        for rename in change.renames[: len(change.renames) // 2]:
            (root / rename.target).parent.mkdir(parents=True, exist_ok=True)
            (root / rename.source).replace(root / rename.target)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("lerotool.dataset.writing.journal._carry_out", carry_out_half)
        with pytest.raises(Killed):
            run(["pull", CUBE])

    assert run(["pull", CUBE]) == 0

    assert contents(root) == hub.store.files(CUBE)
    assert not (root / ".lerotool" / "pull").exists()

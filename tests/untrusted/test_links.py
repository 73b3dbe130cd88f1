"""Symbolic links inside a dataset: nothing that they lead to is written or removed, whatever is done with it."""

from __future__ import annotations

import contextlib
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.faults.recordings import FEATURES, FPS, Inline, append, open_recording, read_dataset, record
from lerotool import merge
from lerotool.checking import Code, check
from lerotool.cli.app import run
from lerotool.dataset.dataset import Dataset
from lerotool.dataset.writing.appender import DatasetAppender
from lerotool.dataset.writing.staging import Staging
from lerotool.encoding.plan import EncodeOptions
from lerotool.encoding.run import encode_pending
from lerotool.errors import CorruptDatasetError, LerotoolError
from lerotool.mending.forgetting import forget
from lerotool.mending.repair import repair
from lerotool.mending.undoing import undo
from lerotool.recording.session_plan import take_stock
from lerotool.spool.pending import pending_folders
from lerotool.spool.recovery import examine_all, salvage
from lerotool.statistics.rewrite import rewrite
from lerotool.storage import ProcessLock
from lerotool.workspace import Workspace
from lerotool.writer import DatasetWriter
from tests.dataset.reading import VIDEO_SET, copy_set, edit_json, tree_hash


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of one episode, with one that waits and one that was cut off."""
    root = tmp_path_factory.mktemp("made") / "set"
    record(root, 0)
    encode_pending(root, EncodeOptions(jobs=1, pack=False), executor=Inline())
    edit_json(root / "meta/info.json", lambda document: document.update(splits={"train": "0:7"}))
    record(root, 1)
    writer = open_recording(root, 2)
    append(writer, 0)
    writer.close()
    for name in ("staging", "encoding", "history", "rescuing", "repaired"):
        (root / ".lerotool" / name).mkdir(exist_ok=True)
    (root / "images").mkdir()
    return root


def record_more(root: Path) -> None:
    """As `lerotool record` begins, and one take."""
    with ProcessLock(Workspace(root).recording_lock, "recording"):
        take_stock(root)
        record(root, 7)


def add_by_api(root: Path) -> None:
    with DatasetWriter.resume(root) as writer:
        assert writer.features.keys() >= FEATURES.keys()


def encode(root: Path) -> None:
    encode_pending(root, EncodeOptions(jobs=1, salvage=True, rescue=True), executor=Inline())


def encode_and_keep(root: Path) -> None:
    encode_pending(root, EncodeOptions(jobs=1, salvage=True, keep_pending=True, pack=False), executor=Inline())


def salvage_all(root: Path) -> None:
    for verdict in examine_all(root):
        salvage(verdict.path)


def discard_all(root: Path) -> None:
    from lerotool.spool.pending import list_pending

    for episode in list_pending(root):
        episode.discard()


OPERATIONS: dict[str, Callable[[Path], object]] = {
    "check": check,
    "open": Dataset.open,
    "record": record_more,
    "add by the API": add_by_api,
    "encode": encode,
    "encode and keep": encode_and_keep,
    "salvage": salvage_all,
    "discard": discard_all,
    "merge it": lambda root: merge([root], root.parent / "merged", files="keep"),
    "write statistics": lambda root: rewrite(Dataset.open(root)),
    "repair": lambda root: repair(root, drops=True),
    "forget": forget,
    "undo": undo,
}
FOLDERS = [
    ".lerotool",
    ".lerotool/pending",
    ".lerotool/staging",
    ".lerotool/encoding",
    ".lerotool/history",
    ".lerotool/repaired",
    "EPISODE",
    "CUT OFF",
    "EPISODE/encoded",
    "meta",
    "meta/lerotool",
    "meta/episodes",
    "meta/episodes/chunk-000",
    "data",
    "data/chunk-000",
    "videos",
    "videos/observation.images.front",
    "images",
]
FILES = [".lerotool/writing.lock", ".lerotool/recording.lock", "EPISODE/recording.lock", "EPISODE/saved.json"]
FILES += ["CUT OFF/recording.lock", "CUT OFF/rows.log", ".lerotool/journal.json", "meta/stats.json", "meta/info.json"]


def resolved(root: Path, place: str) -> Path:
    """Return the path of a place in `FOLDERS` or `FILES`."""
    whole, cut = pending_folders(root)
    return root / place.replace("EPISODE", whole.relative_to(root).as_posix()).replace(
        "CUT OFF", cut.relative_to(root).as_posix()
    )


@pytest.mark.sampled(times=3)
@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS.keys())
@pytest.mark.parametrize("place", [*FOLDERS, *FILES])
def test_nothing_behind_a_link_is_changed(
    made: Path, tmp_path: Path, place: str, operation: Callable[[Path], object]
) -> None:
    root = Path(shutil.copytree(made, tmp_path / "set"))
    path = resolved(root, place)
    outside = tmp_path / "outside"
    outside.mkdir()
    away = outside / "linked"
    if path.exists():
        path.rename(away)
    elif place in FILES:
        away.write_text("precious")
    else:
        away.mkdir()
        (away / "000.mp4").write_text("precious")
    path.symlink_to(away)
    before = tree_hash(outside)

    with contextlib.suppress(LerotoolError):
        operation(root)

    assert tree_hash(outside) == before


@pytest.mark.parametrize("name", sorted(OPERATIONS.keys() - {"check"}))
def test_who_writes_refuses_a_dataset_whose_own_folder_is_a_link(made: Path, tmp_path: Path, name: str) -> None:
    root = Path(shutil.copytree(made, tmp_path / "set"))
    (root / ".lerotool").rename(tmp_path / "elsewhere")
    (root / ".lerotool").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(CorruptDatasetError, match="expected a folder, found a symbolic link"):
        OPERATIONS[name](root)


@pytest.mark.parametrize("place", [".lerotool", ".lerotool/pending", ".lerotool/staging", "EPISODE"])
def test_check_tells_of_links_in_lerotools_own_folder(made: Path, tmp_path: Path, place: str) -> None:
    root = Path(shutil.copytree(made, tmp_path / "set"))
    path = resolved(root, place)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")

    report = check(root)

    found = [finding for finding in report.findings if finding.code is Code.LINK_OUTSIDE]
    assert [finding.place.file for finding in found] == [path.relative_to(root).as_posix()]
    assert report.frames == read_frames(made)


def read_frames(root: Path) -> int:
    return Dataset.open(root).num_frames


@pytest.mark.parametrize("name", ["record", "encode", "write statistics", "repair", "add by the API"])
def test_a_dataset_that_is_a_link_itself_is_fine(made: Path, tmp_path: Path, name: str) -> None:
    real = Path(shutil.copytree(made, tmp_path / "real"))
    (tmp_path / "set").symlink_to(real)
    whole = read_dataset(made)

    OPERATIONS[name](tmp_path / "set")

    assert (tmp_path / "set").is_symlink()
    assert read_dataset(real)[0] == whole[0]
    assert Dataset.open(tmp_path / "set").fps == FPS


def test_a_linked_folder_that_the_user_allows_is_read_and_never_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    away = tmp_path / "other disk" / "videos"
    away.parent.mkdir()
    (root / "videos").rename(away)
    (root / "videos").symlink_to(away)
    before = tree_hash(tmp_path)
    assert run(["info", str(root)]) == 3
    name, _, value = capsys.readouterr().err.rpartition("export ")[2].strip().partition("=")
    monkeypatch.setenv(name, shlex.split(value)[0])

    assert run(["check", str(root)]) == 0
    assert run(["merge", str(root), "-o", str(tmp_path / "merged")]) == 0
    shutil.rmtree(tmp_path / "merged")
    assert tree_hash(tmp_path) == before
    video = root / "videos/observation.images.front/chunk-000/file-000.mp4"
    with DatasetAppender.open(root), pytest.raises(CorruptDatasetError, match="nothing is written there"):
        Staging(Workspace(root)).commit(removals=[video])
    assert video.is_file()


def test_statistics_behind_a_link_that_leads_outside_are_not_read(made: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(made, tmp_path / "set"))
    shutil.move(root / "meta/stats.json", tmp_path / "stats.json")
    (root / "meta/stats.json").symlink_to(tmp_path / "stats.json")

    with pytest.raises(CorruptDatasetError, match="a symbolic link leads out of the dataset"):
        dict(Dataset.open(root).stats)

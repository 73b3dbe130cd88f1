"""Symbolic links inside a dataset: nothing that they lead to is written or removed, whatever is done with it."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lerotool.checking import Code, check
from lerotool.checking.repair.kept import forget
from lerotool.checking.repair.run import repair
from lerotool.dataset.dataset import Dataset
from lerotool.encoding.plan import EncodeOptions
from lerotool.encoding.run import encode_pending
from lerotool.errors import CorruptDatasetError, LerotoolError
from lerotool.merging.api import merge
from lerotool.recording.stock import take_stock
from lerotool.spool.pending import pending_folders
from lerotool.spool.recovery import examine_all, salvage
from lerotool.statistics.rewrite import rewrite
from lerotool.storage import ProcessLock
from lerotool.testing.faults.recordings import FEATURES, FPS, Inline, append, open_recording, read_dataset, record
from lerotool.workspace import Workspace
from lerotool.writer import DatasetWriter
from tests.dataset.reading import edit_json, tree_hash


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
    for name in ("staging", "encoding", "rescued", "rescuing", "repaired"):
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
}
FOLDERS = [
    ".lerotool",
    ".lerotool/pending",
    ".lerotool/staging",
    ".lerotool/encoding",
    ".lerotool/rescued",
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

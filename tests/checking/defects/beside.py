"""What lies beside a dataset: interrupted changes, pending episodes, links, measured times."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lerotool.checking import Code
from lerotool.media.encode import encode_png
from tests.checking.defects.defect import FRONT, RIGHT, WRONG, Defect, defect
from tests.dataset.reading import DATA, VIDEO_SET
from tests.spool.episodes import record


def journal(root: Path) -> None:
    folder = root / ".lerotool/staging/aa"
    folder.mkdir(parents=True)
    shutil.copyfile(root / "meta/stats.json", folder / "stats.json")
    renames = [{"source": ".lerotool/staging/aa/stats.json", "target": "meta/stats.json"}]
    document = {"schema": 1, "renames": renames, "removals": [], "consumed": [], "staging": ".lerotool/staging/aa"}
    (root / ".lerotool/journal.json").write_text(json.dumps(document))


def lost_journal(root: Path) -> None:
    journal(root)
    (root / ".lerotool/staging/aa/stats.json").unlink()
    text = (root / ".lerotool/journal.json").read_text().replace("meta/stats.json", "meta/other.json")
    (root / ".lerotool/journal.json").write_text(text)


def link_outside(root: Path) -> None:
    outside = root.parent / "outside.parquet"
    shutil.move(root / DATA, outside)
    (root / DATA).symlink_to(outside)


def short_times(root: Path) -> None:
    path = root / "meta/lerotool/timing/chunk-000/file-000.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(pa.table({"tick_ns": pa.array(range(60))}), path)


def cut_off_take(root: Path) -> None:
    record(root, 3, save=False)


def damaged_take(root: Path) -> None:
    path = record(root, 3).path / "rows.log"
    path.write_bytes(path.read_bytes()[:-5])


def leftovers(root: Path) -> None:
    (root / "meta/info.json.partial-12-ab").write_bytes(b"{")


def pictures_left(root: Path) -> None:
    folder = root / "images" / FRONT / "episode-000004"
    folder.mkdir(parents=True)
    (folder / "frame-000000.png").write_bytes(encode_png(np.zeros((48, 64, 3), np.uint8)))


DEFECTS: dict[str, Defect] = {
    "commit interrupted": defect(VIDEO_SET, journal, Code.UNFINISHED_COMMIT, loading=WRONG, repaired=True),
    "commit lost": defect(VIDEO_SET, lost_journal, Code.JOURNAL, loading=RIGHT, repaired=True),
    "link out of the dataset": defect(VIDEO_SET, link_outside, Code.LINK_OUTSIDE, loading=RIGHT),
    "take cut off": defect(VIDEO_SET, cut_off_take, Code.PENDING_BROKEN, loading=RIGHT),
    "saved take damaged": defect(VIDEO_SET, damaged_take, Code.PENDING_BROKEN, loading=RIGHT),
    "measured times are short": defect(VIDEO_SET, short_times, Code.SIDECAR, loading=RIGHT),
}

NOTES: dict[str, Defect] = {
    "take waits": defect(VIDEO_SET, lambda r: record(r, 3), Code.PENDING, loading=RIGHT),
    "half a file": defect(VIDEO_SET, leftovers, Code.LEFTOVERS, loading=RIGHT),
    "pictures of LeRobot": defect(VIDEO_SET, pictures_left, Code.PICTURES_LEFT, loading=RIGHT),
}

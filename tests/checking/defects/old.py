"""Defects of datasets in v2.1."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lerotool.checking import Code
from tests.checking.defects.defect import OLD_DATA, OLD_VIDEO, REFUSED, RIGHT, Defect, defect
from tests.checking.defects.edits import add, copied, remove
from tests.dataset.edits import info, lines
from tests.dataset.reading import OLD_SET, edit_json, edit_table


def v21_metadata(root: Path) -> None:
    def change(table: Any) -> Any:
        text = table.schema.metadata[b"huggingface"].replace(b'"Sequence"', b'"List"')
        return table.replace_schema_metadata({b"huggingface": text})

    edit_table(root / OLD_DATA, change)


DEFECTS: dict[str, Defect] = {
    "v2.1: wrong totals": defect(OLD_SET, info(total_frames=63), Code.TOTALS, repaired=True),
    "v2.1: wrong number of videos": defect(OLD_SET, info(total_videos=1), Code.COUNTS, loading=RIGHT, repaired=True),
    "v2.1: data missing": defect(OLD_SET, remove(OLD_DATA), Code.DATA_MISSING, loading=REFUSED),
    "v2.1: stray data": defect(OLD_SET, copied(OLD_DATA, "data/old/x.parquet"), Code.DATA_STRAY, repaired=True),
    "v2.1: video missing": defect(OLD_SET, remove(OLD_VIDEO), Code.VIDEO_MISSING, loading=REFUSED),
    "v2.1: wall-clock timestamps": defect(
        OLD_SET, lambda r: edit_table(r / OLD_DATA, add("timestamp", 50.5)), Code.TIMESTAMPS, repaired=True
    ),
    "v2.1: index gap": defect(
        OLD_SET, lambda r: edit_table(r / OLD_DATA, add("index", 50)), Code.WRONG_INDEX, repaired=True
    ),
    "v2.1: List in the metadata": defect(OLD_SET, v21_metadata, Code.SCHEMA_METADATA, loading=REFUSED),
    "v2.1: episode doubled": defect(
        OLD_SET, lines("meta/episodes.jsonl", lambda e: [*e, e[1]]), Code.EPISODES_ORDER, repaired=True
    ),
    "v2.1: episode missing in the table": defect(
        OLD_SET, lines("meta/episodes.jsonl", lambda e: [e[0], *e[2:]]), Code.EPISODES_ORDER, repaired=True
    ),
    "v2.1: statistics without count": defect(
        OLD_SET,
        lines("meta/episodes_stats.jsonl", lambda e: [e[0]["stats"]["action"].pop("count"), e][1]),
        Code.STATS_SHAPE,
        loading=REFUSED,
    ),
    "v2.1: data_path is another": defect(
        OLD_SET,
        info(data_path="data/{episode_index:06d}.parquet"),
        Code.TEMPLATE_WRONG,
        loading=REFUSED,
        repaired=True,
    ),
    "v2.1: templates of Windows": defect(
        OLD_SET,
        lambda root: edit_json(
            root / "meta/info.json",
            lambda d: d.update({key: d[key].replace("/", "\\") for key in ("data_path", "video_path")}),
        ),
        Code.TEMPLATE_WRONG,
        loading=REFUSED,
        repaired=True,
    ),
    "v2.1: no statistics": defect(
        OLD_SET, remove("meta/episodes_stats.jsonl"), Code.STATS_UNREADABLE, loading=REFUSED, repaired=True
    ),
}

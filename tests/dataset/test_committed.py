"""Which recordings a dataset contains is read from the reports beside it, whatever stands in them."""

from __future__ import annotations

import json
from pathlib import Path

from lerotool.dataset.sidecar import committed_recordings


def test_damaged_lines_hide_no_other(tmp_path: Path) -> None:
    folder = tmp_path / "meta/lerotool/recordings/chunk-000"
    folder.mkdir(parents=True)
    lines = [
        json.dumps({"recording_id": "aa", "task": "one\u2028two\x85three"}, ensure_ascii=False).encode(),
        b'{"recording_id": "b\xf4"}',
        b'{"recording_id": ["c"]}',
        b'["recording_id"]',
        b'{"a":' * 100_000,
        b"",
        b'{"recording_id": "dd"}',
    ]
    (folder / "file-000.jsonl").write_bytes(b"\n".join(lines))

    assert committed_recordings(tmp_path) == {"aa", "dd"}

"""The description of a column in a parquet footer may be damaged so that Arrow ends the process that asks for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from lerotool.dataset.reading.thrift import Field, Reader, encode
from tests.dataset.reading import DATA, VIDEO_SET, copy_set

_MAGIC = b"PAR1"
_ROW_GROUPS, _COLUMNS, _METADATA, _PATH, _SIZES, _DEFINITION = 4, 1, 3, 3, 16, 3
"""Numbers of fields in parquet.thrift."""
_ASK = """
import sys
import pyarrow.parquet as pq
pq.ParquetFile(sys.argv[1]).metadata.to_dict()
"""
_USE = """
import sys
from pathlib import Path
import lerotool
from lerotool.dataset.parquet import compression_of
from lerotool.rewriting.verification import verify_rows
root, file, target = map(Path, sys.argv[1:])
for use in (
    lambda: lerotool.Dataset.open(root).episode_rows(0),
    lambda: verify_rows(lerotool.Dataset.open(root)),
    lambda: compression_of(file),
    lambda: lerotool.merge([root], target),
    lambda: lerotool.edit(root, lerotool.DeleteEpisodes([0])),
):
    try:
        use()
        print("done")
    except lerotool.CorruptDatasetError as error:
        print("refused" if str(file.name) in str(error) else error)
print("damaged" if "data-damaged" in lerotool.check(root).codes else lerotool.check(root).codes)
"""


def of(fields: list[Field], number: int) -> object:
    (value,) = (value for found, _, value in fields if found == number)
    return value


def with_shorter_histogram(column: str, path: Path) -> None:
    """Take a count away of how many values of a column are defined how deep."""
    content = path.read_bytes()
    size = int.from_bytes(content[-8:-4], "little")
    footer = Reader(content[-8 - size : -8]).struct()
    (group,) = of(footer, _ROW_GROUPS)[1]  # type: ignore[index]
    chunks = [of(chunk, _METADATA) for chunk in of(group, _COLUMNS)[1]]  # type: ignore[index]
    (chunk,) = (chunk for chunk in chunks if of(chunk, _PATH)[1][0] == column.encode())  # type: ignore[arg-type, index]
    if not any(number == _SIZES for number, _, _ in chunk):  # type: ignore[attr-defined]
        pytest.skip("this release of pyarrow writes no histograms")
    of(of(chunk, _SIZES), _DEFINITION)[1].pop()  # type: ignore[arg-type, index]
    changed = encode(footer)
    path.write_bytes(content[: -8 - size] + changed + len(changed).to_bytes(4, "little") + _MAGIC)


@pytest.mark.parametrize("column", ["action", "episode_index"])
def test_a_column_whose_description_is_damaged_is_refused_and_the_process_goes_on(tmp_path: Path, column: str) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    pq.write_table(pq.read_table(root / DATA), root / DATA)
    with_shorter_histogram(column, root / DATA)

    asked = subprocess.run([sys.executable, "-c", _ASK, root / DATA], capture_output=True, text=True, check=False)
    assert asked.returncode != 0, "this no longer ends the process that asks"

    line = [sys.executable, "-c", _USE, root, root / DATA, tmp_path / "target"]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    *uses, found = done.stdout.splitlines()
    assert found == "damaged"
    assert set(uses) <= {"refused", "done"}
    assert uses[0] == uses[2] == uses[3] == "refused"

"""Numbers of the files of a dataset whose files hold many episodes (v3.0).

A file has a chunk number and a number inside the chunk; ``chunks_size`` is the number of files of a chunk. Loaders
sort paths as text, so numbers have three digits and nothing comes after 999 (LeRobot 0.6.1,
``utils.py:update_chunk_file_indices``).
"""

from __future__ import annotations

from dataclasses import dataclass

from lerotool.errors import IncompatibleDatasetError

MOST_FILES = 1000
"""Files in a chunk and chunks in a dataset: with more, the order of the paths is not the order of the numbers."""


@dataclass(frozen=True, slots=True, order=True)
class FileNumber:
    """The number of a data, video or episodes file; ordered as the files are."""

    chunk: int
    file: int

    def following(self, chunks_size: int) -> FileNumber:
        """Return the number of the next file."""
        if self.file + 1 < min(chunks_size, MOST_FILES):
            return FileNumber(self.chunk, self.file + 1)
        if self.chunk + 1 >= MOST_FILES:
            raise IncompatibleDatasetError(
                f"no file number after chunk {self.chunk}, file {self.file}", hint="start a new dataset"
            )
        return FileNumber(self.chunk + 1, 0)


def numbers_after(last: FileNumber | None, count: int, chunks_size: int) -> list[FileNumber]:
    """Return the ``count`` numbers that come after ``last``, from chunk 0, file 0 if there is none yet."""
    numbers: list[FileNumber] = []
    for _ in range(count):
        last = FileNumber(0, 0) if last is None else last.following(chunks_size)
        numbers.append(last)
    return numbers

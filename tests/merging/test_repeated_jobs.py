"""Jobs that run twice, as those of a cluster do whose worker was only thought to be lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import lerotool
from lerotool.rewriting import carrying_out
from tests.dataset.faults import contents
from tests.merging.sets import make_with_cameras

OPTIONS = [{}, {"files": "keep"}, {"files": "link"}, {"to": "v2.1"}, {"fps": 20}]
NAMES = ["packed", "files kept", "files linked", "v2.1", "resampled"]


class Remembering(ThreadPoolExecutor):
    """Remembers its jobs; runs each as often as it is told."""

    def __init__(self, times: int) -> None:
        super().__init__(1)
        self.times = times
        self.jobs: list[tuple[Callable[..., Any], Any]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.jobs.append((fn, *args))
        for _ in range(self.times - 1):
            super().submit(fn, *args, **kwargs)
        return super().submit(fn, *args, **kwargs)


def sources(folder: Path) -> list[Path]:
    return [make_with_cameras(folder / name, (3, 4), seed=seed) for seed, name in enumerate("ab")]


def put_to_work(workers: Remembering, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def opened(*_: object) -> Iterator[Remembering]:
        with workers:
            yield workers

    monkeypatch.setattr(carrying_out, "_workers", opened)


@pytest.mark.slow
@pytest.mark.parametrize("options", OPTIONS, ids=NAMES)
def test_jobs_that_run_twice_make_what_they_make_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    parts = sources(tmp_path)
    lerotool.merge(parts, tmp_path / "once", **options)
    put_to_work(Remembering(times=2), monkeypatch)
    lerotool.merge(parts, tmp_path / "twice", **options)
    assert contents(tmp_path / "twice") == contents(tmp_path / "once")


@pytest.mark.slow
@pytest.mark.parametrize("options", OPTIONS, ids=NAMES)
def test_jobs_that_go_on_when_the_dataset_is_finished_find_no_place_to_write_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    parts = sources(tmp_path)
    workers = Remembering(times=1)
    put_to_work(workers, monkeypatch)
    lerotool.merge(parts, tmp_path / "merged", **options)
    before = contents(tmp_path)
    assert workers.jobs
    for function, job in workers.jobs:
        with pytest.raises(FileNotFoundError):
            function(job)
    assert contents(tmp_path) == before
    assert not list(tmp_path.glob(".*"))

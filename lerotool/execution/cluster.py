"""A Dask cluster behind a :class:`concurrent.futures.Executor`: `distributed`'s own, with its failures made plain.

Jobs whose worker is lost are repeated by the scheduler on another one. Before the first job every worker is asked for
its lerotool and for a file in the shared folder; a worker that joins later is asked for its lerotool with every job.
"""

from __future__ import annotations

import contextlib
import logging
import re
import secrets
import shlex
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError, Executor, Future, InvalidStateError
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from lerotool.errors import UsageError
from lerotool.execution.places import ClusterError, WorkerDiedError, WorkersLostError

if TYPE_CHECKING:
    from distributed import Client

    from lerotool.execution.places import DaskCluster

_P = ParamSpec("_P")
_R = TypeVar("_R")
_PACKAGE = "lerotool"
_ANSWER_S = 5.0
_LOOK_S = 1.0
_ADDRESS = re.compile(r"((tcp|tls|ws|wss|ucx)://)?[^\s/]+:\d+")
_SAME_EVERYWHERE = "install the same lerotool on all machines"


@contextlib.contextmanager
def open_cluster(place: DaskCluster, shared: Path) -> Iterator[Executor]:
    """Connect to a Dask scheduler for the time of a block; see `lerotool.execution.open_executor`."""
    with _quiet_logs(), connect(place.scheduler, place.wait_s) as client:
        _check_workers(client, place.scheduler, place.wait_s, shared)
        executor = ClusterExecutor(client, str(place.scheduler))
        is_over = threading.Event()
        watch = threading.Thread(target=_watch, args=(place, executor, is_over), name="worker-watch", daemon=True)
        watch.start()
        try:
            yield executor
        finally:
            is_over.set()
            watch.join()
            executor.shutdown(wait=False, cancel_futures=True)


def _watch(place: DaskCluster, executor: ClusterExecutor, is_over: threading.Event) -> None:
    """Count the workers now and then: say it when none is left, and give up when none has come for too long."""
    waits = f"{place.patience_s / 60:g} min" if place.patience_s >= 60 else f"{place.patience_s:g} s"
    gone_since: float | None = None
    while not is_over.wait(_LOOK_S):
        try:
            workers = executor.count_workers()
        except OSError:
            continue  # the jobs themselves report a scheduler that has gone
        now = time.monotonic()
        if workers:
            gone_since = None
        elif gone_since is None:
            gone_since = now
            place.tell(f"no worker is left at {place.scheduler}; waiting up to {waits} for one")
        elif now - gone_since > place.patience_s:
            gone_since = None
            executor.give_up(
                WorkersLostError(
                    f"all workers of {place.scheduler} have gone, and none has come for {waits}",
                    hint="start workers and run the same command again",
                )
            )


class ClusterExecutor(Executor):
    """Runs jobs on the workers of a Dask cluster."""

    def __init__(self, client: Client, scheduler: str) -> None:
        self._inner = client.get_executor(pure=False)  # type: ignore[no-untyped-call]
        self._client = client
        self._scheduler = scheduler
        self._open: dict[Future[Any], Future[Any]] = {}

    def submit(self, fn: Callable[_P, _R], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_R]:
        """Queue ``fn(*args, **kwargs)``; it is repeated when its worker is lost.

        The future can be cancelled until it is done, which keeps a job from starting but does not end a running one.
        It raises what the function raised; WorkerDiedError when worker after worker died of the job; ClusterError when
        the scheduler has gone or the worker has another lerotool; WorkersLostError when no worker is left for too long.
        """
        inner = self._inner.submit(run_job, version(_PACKAGE), fn, args, kwargs)
        outer: Future[_R] = Future()
        self._open[outer] = inner
        outer.add_done_callback(self._forget)
        inner.add_done_callback(partial(self._pass_on, outer))
        return outer

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more jobs; ``cancel_futures`` cancels all that are not done."""
        if cancel_futures:
            for future in tuple(self._open):
                future.cancel()
        self._inner.shutdown(wait=wait)

    def count_workers(self) -> int:
        """Return how many workers there are; 1 while no job waits for any. OSError: the scheduler does not say."""
        if not self._open:
            return 1
        scheduler = self._client.scheduler
        if scheduler is None:
            raise OSError("the client is closed")
        return len(self._client.sync(scheduler.ncores, callback_timeout=_ANSWER_S))  # type: ignore[no-untyped-call]

    def give_up(self, error: ClusterError) -> None:
        """Fail all jobs that are not done."""
        for future in tuple(self._open):
            # One may have come to its end a moment ago.
            with contextlib.suppress(InvalidStateError):
                future.set_exception(error)

    def _forget(self, outer: Future[Any]) -> None:
        # The scheduler repeats a finished job, should its worker go, as long as anything here refers to its future.
        inner = self._open.pop(outer)
        if outer.cancelled():
            # Only then do those who wait for it wake up.
            outer.set_running_or_notify_cancel()
        if not inner.done():
            inner.cancel()

    def _pass_on(self, outer: Future[Any], inner: Future[Any]) -> None:
        # Whoever has cancelled the future a moment ago wants no result.
        with contextlib.suppress(InvalidStateError):
            try:
                outer.set_result(inner.result())
            except CancelledError:
                outer.set_exception(self._lost())
            except Exception as error:  # noqa: BLE001 - the future carries it
                outer.set_exception(self._translated(error))

    def _lost(self) -> ClusterError:
        return ClusterError(
            f"the Dask scheduler {self._scheduler} has gone in the middle of the work",
            hint="start it again and run the same command; what is finished is not done again",
        )

    def _translated(self, error: Exception) -> Exception:
        from distributed import KilledWorker

        if isinstance(error, KilledWorker):
            return WorkerDiedError(f"worker after worker died of it: {error}")
        if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] == _PACKAGE:
            return ClusterError(f"a worker of {self._scheduler} has no lerotool: {error}", hint=_SAME_EVERYWHERE)
        return error


def run_job(expected: str, fn: Callable[..., _R], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> _R:
    """Run a job on a worker that has the expected lerotool."""
    if (found := version(_PACKAGE)) != expected:
        raise ClusterError(f"a worker has lerotool {found}, expected {expected}", hint=_SAME_EVERYWHERE)
    return fn(*args, **kwargs)


@contextlib.contextmanager
def _quiet_logs() -> Iterator[None]:
    """Keep `distributed`'s own words off the terminal; what matters of them is raised."""
    try:
        import distributed  # noqa: F401 - its import sets up its logging
    except ImportError:
        raise UsageError(
            "a Dask cluster needs the extra 'cluster'", hint="on all machines: pip install dask distributed"
        ) from None
    logger = logging.getLogger("distributed")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)


def connect(scheduler: str | Path, wait_s: float) -> Client:
    """Return a client of a Dask scheduler."""
    from distributed import Client

    if isinstance(scheduler, Path) and not scheduler.is_file():
        raise ClusterError(
            f"no Dask scheduler file {str(scheduler)!r}",
            hint=f"what writes it: dask scheduler --scheduler-file {shlex.quote(str(scheduler))}",
        )
    if isinstance(scheduler, str) and not _ADDRESS.fullmatch(scheduler):
        raise UsageError(f"{scheduler!r} is not the address of a Dask scheduler", hint="tcp://HOST:8786")
    where = {"scheduler_file": str(scheduler)} if isinstance(scheduler, Path) else {"address": scheduler}
    give_up = time.monotonic() + wait_s
    while True:
        try:
            return Client(**where, timeout=wait_s, set_as_default=False)  # type: ignore[no-untyped-call]
        except AssertionError as error:
            # A scheduler tells every client which jobs another one cancels. When that comes with its greeting,
            # `distributed` stops at an assertion that the greeting comes alone; the next attempt finds it alone.
            if time.monotonic() > give_up:
                raise _no_answer(scheduler, "it speaks of other clients' jobs only") from error
        except OSError as error:
            raise _no_answer(scheduler, error) from error


def _no_answer(scheduler: str | Path, why: object) -> ClusterError:
    return ClusterError(
        f"no Dask scheduler answers at {str(scheduler)!r}: {why}",
        hint="start one with 'dask scheduler', and check the address and the firewall",
    )


def _check_workers(client: Client, scheduler: str | Path, wait_s: float, shared: Path) -> None:
    try:
        client.wait_for_workers(1, timeout=wait_s)
    except TimeoutError:
        raise ClusterError(
            f"the Dask scheduler {str(scheduler)!r} has no worker after {wait_s:g} s",
            hint="start workers with 'dask worker', or wait until the batch system has",
        ) from None
    _check_versions(client.run(version, _PACKAGE, on_error="return"))
    token = secrets.token_hex(16)
    probe = shared / f"probe-{token}"
    probe.write_text(token)
    try:
        _check_files(client.run(look_around, probe, on_error="return"), probe, token)
    finally:
        for path in shared.glob(f"{probe.name}*"):
            path.unlink(missing_ok=True)


def look_around(probe: Path) -> tuple[str, str]:
    """Read a file that the coordinator has written and write one beside it, as a worker; returns text and file name."""
    answer = probe.with_name(f"{probe.name}-{uuid.uuid4().hex}")
    answer.touch()
    return probe.read_text(), answer.name


def _check_versions(found: Mapping[str, str | Exception]) -> None:
    expected, wrong = version(_PACKAGE), []
    for worker, answer in found.items():
        if isinstance(answer, PackageNotFoundError):
            wrong.append(f"{worker} has none")
        elif isinstance(answer, Exception):
            wrong.append(f"{worker} does not say: {answer}")
        elif answer != expected:
            wrong.append(f"{worker} has {answer}")
    if wrong:
        raise ClusterError(
            f"all workers need lerotool {expected}, as this machine: {'; '.join(wrong)}", hint=_SAME_EVERYWHERE
        )


def _check_files(found: Mapping[str, tuple[str, str] | Exception], probe: Path, token: str) -> None:
    folder, wrong = probe.parent, []
    # Network file systems remember what a folder holds; listing it makes them ask again.
    names = {path.name for path in folder.iterdir()}
    for worker, answer in found.items():
        if isinstance(answer, Exception):
            wrong.append(f"{worker}: {answer}")
        elif answer[0] != token or answer[1] not in names:
            wrong.append(f"{worker} sees another folder of that name")
    if wrong:
        raise ClusterError(
            f"all workers need to read and write {str(folder)!r}: {'; '.join(wrong)}",
            hint="put the dataset on a file system that all machines mount under the same path",
        )

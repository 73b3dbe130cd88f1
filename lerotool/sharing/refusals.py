"""Why the Hub does not do what it is asked, in plain words. No token and no signed address gets into an error."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lerotool.errors import HubError, LerotoolError, UsageError

AGAIN = "run the same command again: what has arrived is not sent a second time"
_TOKEN = re.compile(r"\b(hf|api)_[A-Za-z0-9]{8,}")
_QUERY = re.compile(r"(https?://[^\s?'\"]+)\?[^\s'\"]*")
_LONGEST = 300
TRANSIENT = frozenset([408, 429, 500, 502, 503, 504])
_CONFLICTS = frozenset([409, 412])


class HubConflictError(HubError):
    """The Hub has commits that this machine does not know."""


@contextmanager
def in_words(repository: str, doing: str) -> Iterator[None]:
    """Turn what the client raises into errors of ours."""
    try:
        yield
    except LerotoolError:
        raise
    except (_network_error(), ValueError, RuntimeError, OSError) as error:
        if (told := _told(error, repository, doing)) is None:
            raise
        raise told from error


def _told(error: Exception, repository: str, doing: str) -> LerotoolError | None:
    """Return an error of the client in words; None for those that are not about the Hub."""
    from huggingface_hub.errors import (
        FileMetadataError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        LocalTokenNotFoundError,
        OfflineModeIsEnabled,
    )

    network = _network_error()
    cause = _cause(error, (OfflineModeIsEnabled, network))
    if isinstance(error, OfflineModeIsEnabled) or isinstance(cause, OfflineModeIsEnabled):
        return HubError("the Hub is not asked: HF_HUB_OFFLINE is set", hint="unset HF_HUB_OFFLINE, and run it again")
    if isinstance(error, LocalTokenNotFoundError):
        return _not_logged_in(repository)
    if isinstance(error, HFValidationError):
        hint = "expected USER/NAME, of letters, digits, '-', '_' and '.'"
        return UsageError(f"{repository!r} cannot be the name of a dataset: {_clean(error)}", hint=hint)
    if isinstance(cause, HfHubHTTPError):
        return _refusal(cause, repository, doing)
    if isinstance(cause, network):
        return HubError(f"the Hub ({endpoint()}) cannot be reached while {doing}: {_clean(cause)}", hint=AGAIN)
    if isinstance(error, ConnectionError | TimeoutError | LocalEntryNotFoundError | FileMetadataError):
        return HubError(f"the Hub ({endpoint()}) does not answer while {doing}: {_clean(error)}", hint=AGAIN)
    if isinstance(error, OSError) and error.errno is not None:
        return None  # a file of ours, or the disk
    return HubError(f"{repository}: {doing} failed: {_clean(error)}", hint=AGAIN)


def _network_error() -> type[Exception]:
    """Return what the client's own client raises: which package that is differs between its versions."""
    from huggingface_hub.errors import HfHubHTTPError

    found: type[Exception] = HfHubHTTPError.__bases__[0]
    return found


def _cause(error: BaseException, kinds: tuple[type[BaseException], ...]) -> BaseException | None:
    """Return what of these kinds stands behind an error, itself included."""
    found: BaseException | None = error
    while found is not None and not isinstance(found, kinds):
        found = found.__cause__
    return found


def status_of(error: BaseException) -> int | None:
    """Return the HTTP status behind an error; 0 where there was no answer, None where it is about something else."""
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    found = _cause(error, (_network_error(), OfflineModeIsEnabled))
    if isinstance(found, HfHubHTTPError):
        return int(found.response.status_code)
    return None if found is None or isinstance(found, OfflineModeIsEnabled) else 0


def _refusal(error: Any, repository: str, doing: str) -> HubError:
    from huggingface_hub.errors import (
        DisabledRepoError,
        EntryNotFoundError,
        GatedRepoError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    status, page = int(error.response.status_code), f"{endpoint()}/datasets/{repository}"
    said = _said(error)
    if isinstance(error, GatedRepoError):
        return HubError(f"{repository} is gated: its owner decides who gets it", hint=f"ask for access at {page}")
    if isinstance(error, DisabledRepoError):
        return HubError(f"{repository} was disabled by the Hub{said}", hint=f"see {page}")
    if isinstance(error, RevisionNotFoundError):
        return HubError(f"{repository} has no such branch, tag or commit", hint=f"see {page}/tree/main")
    if isinstance(error, EntryNotFoundError):
        return HubError(f"{repository} lacks a file that was asked for while {doing}", hint=AGAIN)
    if isinstance(error, RepositoryNotFoundError):
        return no_repository(repository)
    if status == 401:
        return _not_logged_in(repository)
    if status == 403:
        return HubError(
            f"you may not do this to {repository}: {doing} was refused{said}",
            hint="use a token that may write there: hf auth login; or name a repository of yours with --repo-id",
        )
    if status == 429:
        return HubError(f"the Hub takes no more requests for now, while {doing}{said}", hint=f"wait, then {AGAIN}")
    if status in _CONFLICTS:
        return HubConflictError(f"{repository} has changed on the Hub while {doing}{said}", hint=AGAIN)
    if status >= 500:
        return HubError(f"the Hub is in trouble (status {status}) while {doing}{said}", hint=AGAIN)
    return HubError(f"{repository}: the Hub refuses {doing} (status {status}){said}")


def no_repository(repository: str) -> HubError:
    """Return the error that the Hub has no such dataset, as far as it tells us."""
    if is_logged_in():
        return HubError(
            f"dataset {repository!r} was not found on the Hub, or it is private and not yours",
            hint=f"look for it at {endpoint()}/datasets",
        )
    return HubError(
        f"dataset {repository!r} was not found on the Hub, or it is private and you are not logged in",
        hint="if it is private, log in: hf auth login",
    )


def _not_logged_in(repository: str) -> HubError:
    if is_logged_in():
        return HubError(
            f"the Hub does not know the token that is used for {repository}", hint="log in again: hf auth login"
        )
    return HubError("not logged in to the Hugging Face Hub", hint="log in: hf auth login; or set HF_TOKEN")


def is_logged_in() -> bool:
    """Whether there is a token on this machine."""
    from huggingface_hub import get_token

    return get_token() is not None


def endpoint() -> str:
    """Return the address of the Hub."""
    import os

    from huggingface_hub import constants

    return str(os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")


def _said(error: Any) -> str:
    """Return what the Hub itself says, with something before it."""
    text = _shortened(str(getattr(error, "server_message", None) or ""))
    return f": {text}" if text else ""


def _clean(error: BaseException) -> str:
    return _shortened(str(error)) or type(error).__name__


def _shortened(text: str) -> str:
    text = _QUERY.sub(r"\1", _TOKEN.sub("hf_…", " ".join(text.split())))
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"

"""`lerotool view`: recordings in a browser; and the same pages live, for `lerotool record --monitor`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

import typer

from lerotool.cli.help import Examples
from lerotool.cli.output import Output
from lerotool.errors import UsageError

if TYPE_CHECKING:
    from lerotool.web.board import Watched
    from lerotool.web.server import Listening

EXAMPLES: Examples = {
    "Everything in the LeRobot home, pending recordings too": "lerotool view",
    "Some datasets, wherever they lie": "lerotool view me/pick-cube ~/recordings/stack",
    "From a phone or another machine; a QR code of the address is shown": "lerotool view --host 0.0.0.0",
    "On a machine without a screen; then: ssh -L 8700:localhost:8700 robot": "lerotool view --no-browser",
}
_PACKAGES = ("plotly", "segno", "starlette", "uvicorn")
NOTES = "Ctrl-C stops the server. Keys on the pages: press ? there. See docs/viewing.md."


def view(
    datasets: Annotated[
        list[str] | None,
        typer.Argument(metavar="DATASET", help="Folders, or user/name in the LeRobot home.", show_default=False),
    ] = None,
    host: Annotated[
        str, typer.Option("--host", metavar="ADDRESS", help="Where to listen; 0.0.0.0 is every network.")
    ] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option("--port", metavar="NUMBER", min=0, max=65535, help="Default: the first free one from 8700."),
    ] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open a browser.")] = False,
    *,
    output: Output,
) -> None:
    """Look at recordings in a browser: episodes, cameras in step with the joints, marks.

    Starts a server on this machine and opens the page. Datasets and pending episodes are only read, but for edits that
    you confirm there; marks are kept beside the dataset. Beyond this machine the address has a token without which
    nothing is answered.
    """
    _require_web("lerotool view")
    from lerotool.web.library import Library
    from lerotool.web.server import listen

    library = Library(datasets or ())
    listening = listen(host, port)
    listening.serve(library, lambda: _tell(listening, output, opens_browser=not no_browser))


def _require_web(command: str) -> None:
    """Make sure that what serves pages is installed."""
    missing = [name for name in _PACKAGES if find_spec(name) is None]
    if missing:
        raise UsageError(f"{command} needs {', '.join(missing)}", hint=f"pip install {' '.join(missing)}")


def _show_address(address: str, output: Output, *, has_code: bool) -> None:
    """Say where the pages are; for others with a QR code, where a person may look."""
    output.result(address)
    if has_code:
        _show_code(address, output)
        output.note("the token in the address is what lets somebody in: it is new at every start")


def _tell(listening: Listening, output: Output, *, opens_browser: bool) -> None:
    output.record("listening", {"address": listening.address, "port": listening.access.port})
    _show_address(listening.address, output, has_code=listening.access.token is not None)
    output.note("Ctrl-C stops the server")
    if opens_browser and not output.is_json:
        import webbrowser

        webbrowser.open(listening.address)


def _show_code(address: str, output: Output) -> None:
    """Show the address as a QR code where a person may look."""
    if output.is_json or not output.talk.is_terminal:
        return
    import io

    import segno

    drawn = io.StringIO()
    segno.make(address, error="l", micro=False).terminal(drawn, compact=True, border=2)
    output.talk.file.write(drawn.getvalue())


@contextmanager
def monitoring(host: str | None, watched: Watched, output: Output) -> Iterator[None]:
    """Serve the page of a recording for the time of a block, and say where it is."""
    if host is None:
        yield
        return
    _require_web("lerotool record --monitor")
    from lerotool.web.monitor import monitored
    from lerotool.web.server import listen

    listening = listen(host, None)
    try:
        with monitored(watched, listening):
            address = listening.address_of("/live")
            output.record("monitor", {"address": address})
            _show_address(address, output, has_code=listening.access.token is not None)
            yield
    finally:
        listening.close()

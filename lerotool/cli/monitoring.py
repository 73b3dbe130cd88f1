"""`--monitor` of `lerotool record`: the same pages as `lerotool view`, live."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lerotool.cli.view import require_web, show_address

if TYPE_CHECKING:
    from lerotool.cli.output import Output
    from lerotool.web.board import Watched


def monitor_address(wanted: bool | str) -> str | None:
    """Return where the monitor is to listen; None for no monitor."""
    return wanted if isinstance(wanted, str) else "127.0.0.1" if wanted else None


@contextmanager
def monitoring(host: str | None, watched: Watched | None, output: Output) -> Iterator[None]:
    """Serve the page of a recording for the time of a block, and say where it is."""
    if host is None or watched is None:
        yield
        return
    require_web("lerotool record --monitor")
    from lerotool.web.monitor import monitored
    from lerotool.web.server import listen

    listening = listen(host, None)
    try:
        with monitored(watched, listening):
            address = listening.address_of("/live")
            output.record("monitor", {"address": address})
            show_address(address, output, has_code=listening.access.token is not None)
            yield
    finally:
        listening.close()

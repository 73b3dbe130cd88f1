"""What pages send: one JSON object, and not a large one."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request

from lerotool.errors import UsageError

_LARGEST_BODY = 64 << 10


async def json_object(request: Request, noun: str) -> dict[str, Any]:
    """Return what a page has sent."""
    # A form of another page cannot send this type without being asked first.
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise UsageError(f"{noun} is sent as application/json")
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _LARGEST_BODY:
            raise UsageError(f"{noun} has at most {_LARGEST_BODY} bytes")
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        raise UsageError(f"{noun} is a JSON object") from None
    if not isinstance(said, dict):
        raise UsageError(f"{noun} is a JSON object")
    return said

"""Several videos into one by copying packets, on exact times: nothing is decoded, nothing drifts."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path

import av
from av.container import OutputContainer
from av.video.stream import VideoStream

from lerotool.errors import MediaError
from lerotool.media.counting import Counting, exact_rate, frame_ticks, grid_time_base, nearest_frame
from lerotool.media.libav import address, named_errors, open_video
from lerotool.media.mp4 import Mp4Header, read_header
from lerotool.media.probe import JoinKey, count_packets, join_key, video_index
from lerotool.storage import replacing, sync_directory, sync_file

_HEADER_BYTES = 1024
"""Room for what FFmpeg writes into a header besides the stream's description and tables of pictures: about 600."""
_CHUNK_BYTES = 1 << 20
"""FFmpeg begins a chunk, which takes up to 20 bytes of the header, where the one before would become larger."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some pictures of a video, side by side."""

    path: Path
    start: int = 0  # number of the first picture, in the order in which they are shown; it must be a keyframe
    stop: int | None = None  # one past the last; None is the end of the file
    counting: Counting = Counting.BY_TIME  # how they are numbered; by time from the first picture of the file on


def join_videos(parts: Sequence[Path | Piece], target: Path, fps: float | Fraction) -> list[int]:
    """Copy the pictures of several videos into one mp4, one after another.

    Picture k of the target is shown at exactly k/fps, whatever the parts' time bases. Each part counts from its own
    first picture and must have one picture for every number. Sound is left out. The target appears complete and
    durable, or not at all. Returns the number of pictures of each part.
    """
    if not parts:
        raise ValueError("no videos to join")
    pieces = [part if isinstance(part, Piece) else Piece(Path(part)) for part in parts]
    key = _common_key(list(dict.fromkeys(piece.path for piece in pieces)))
    target = Path(target)
    with replacing(target) as partial:
        with (
            named_errors(target, "cannot be written"),
            av.open(address(partial), "w", format="mp4", options=_header_first(pieces, key)) as output,
        ):
            joint = _Joint(output, target, key, exact_rate(fps))
            counts = [joint.append(piece) for piece in pieces]
        _check_count(partial, target, sum(counts))
        sync_file(partial)
    sync_directory(target.parent)
    return counts


def _header_first(pieces: Sequence[Piece], key: JoinKey) -> dict[str, str]:
    """Return the muxer's options that bring the header to the front of the file.

    Where the parts' headers tell how large it can become, room is left for it. Otherwise FFmpeg moves all pictures when
    they are written, which doubles the work.
    """
    headers = [read_header(piece.path) for piece in pieces]
    known = [header for header in headers if header is not None]
    if len(known) < len(headers):
        return {"movflags": "faststart"}
    description = max(len(header.description) for header in known)
    tables = sum(_table_bytes(header, key.reorder > 0) for header in known)
    return {"moov_size": str(_HEADER_BYTES + 2 * (description + len(key.extradata)) + tables)}


def _table_bytes(header: Mp4Header, is_reordered: bool) -> int:
    """Return the bytes that the pictures of a file take in a header at most."""
    # Sizes 4 bytes, sync samples 4, dependencies 1, times of decoding 8 where they differ from those of showing.
    tables = header.frames * (17 if is_reordered else 5) + 4 * int(header.is_keyframe.sum())
    return tables + 40 * (int(header.sizes.sum()) // _CHUNK_BYTES + 1)


def _check_count(partial: Path, target: Path, expected: int) -> None:
    header = read_header(partial)
    is_whole = header is not None and header.stop <= partial.stat().st_size
    found = header.frames if header is not None and is_whole else count_packets(partial)
    if found != expected:
        raise MediaError(f"{str(target)!r}: {found} of {expected} pictures were written")


def _common_key(parts: Sequence[Path]) -> JoinKey:
    first = join_key(parts[0])
    known = {_description(parts[0])}
    for part in parts[1:]:
        # FFmpeg decodes pictures to tell the key; headers that say the same make that needless.
        if (description := _description(part)) is not None and description in known:
            continue
        other = join_key(part)
        known.add(description)
        if other != first:
            different = [f.name for f in fields(JoinKey) if getattr(first, f.name) != getattr(other, f.name)]
            facts = ", ".join(
                f"{name} {getattr(other, name)} instead of {getattr(first, name)}" if name != "extradata" else name
                for name in different
            )
            raise MediaError(
                f"{str(part)!r} cannot be joined to {str(parts[0])!r}: it differs in {facts}",
                hint="keep the videos in files of their own, or encode them again",
            )
    return first


def _description(part: Path) -> bytes | None:
    header = read_header(part)
    return None if header is None else header.description


class _Joint:
    """The open target and how far it has been filled."""

    def __init__(self, output: OutputContainer, target: Path, key: JoinKey, rate: Fraction) -> None:
        self._output = output
        self._target = target
        self._rate = rate
        self._time_base = grid_time_base(rate)
        # Packets are decoded one frame apart, as far ahead as the codec asks for: so decode times never go back where
        # two parts meet. A short part's own times need not reach as far ahead.
        self._reorder = key.reorder
        ticks = frame_ticks(rate, self._time_base)
        assert ticks is not None, "the time base is the rate's own"
        self._ticks = ticks
        self._stream: VideoStream | None = None
        self._frames = 0

    def append(self, piece: Piece) -> int:
        """Copy the pictures of one part; return how many."""
        part = piece.path
        with open_video(part) as (container, source), named_errors(part, "cannot be joined"):
            if self._stream is None:
                self._stream = self._output.add_stream_from_template(source, opaque=True)
                self._stream.time_base = self._time_base
            clock = _Clock(piece, source, self._rate)
            if piece.start:
                # Times in the index are those of decoding, which runs ahead.
                container.seek(clock.time_of(max(0, piece.start - self._reorder)), stream=source)
            numbers: list[int] = []
            for packet in container.demux(source):
                if packet.size == 0:
                    continue
                if packet.is_corrupt or packet.pts is None:
                    raise MediaError(f"{str(part)!r}: picture {piece.start + len(numbers)} is cut or has no time")
                number = clock.number_at(packet.pts) - piece.start
                if not numbers and piece.start and (number != 0 or not packet.is_keyframe):
                    continue
                if piece.stop is not None and not 0 <= number < piece.stop - piece.start:
                    break
                numbers.append(number)
                self._write(packet, number, len(numbers) - 1 - self._reorder, part)
        _check_pictures(piece, numbers)
        self._frames += len(numbers)
        return len(numbers)

    def _write(self, packet: av.Packet[VideoStream], number: int, order: int, part: Path) -> None:
        assert self._stream is not None
        if number < order:
            raise MediaError(f"{str(part)!r}: picture {number} is not at its place, the rate is not constant")
        packet.pts = (self._frames + number) * self._ticks
        packet.dts = (self._frames + order) * self._ticks
        packet.duration = self._ticks
        packet.time_base = self._time_base
        packet.stream = self._stream
        try:
            self._output.mux(packet)
        except av.FFmpegError:
            with named_errors(self._target, "cannot be written"):
                raise


class _Clock:
    """Numbers and times of the pictures of one part."""

    def __init__(self, piece: Piece, stream: VideoStream, rate: Fraction) -> None:
        self._start = stream.start_time or 0
        self._time_base = stream.time_base or Fraction(1)
        self._rate = rate
        self._shown: list[int] | None = None
        if piece.counting is Counting.BY_COUNT:
            shown = video_index(piece.path).shown()
            self._shown = (shown - shown[:1]).tolist()

    def number_at(self, time: int) -> int:
        """Return the number of the picture that is shown at a time, in ticks."""
        if self._shown is not None:
            return bisect_left(self._shown, time - self._start)
        return nearest_frame(time - self._start, self._time_base, self._rate)

    def time_of(self, number: int) -> int:
        """Return a time in ticks at or before that at which a picture is shown."""
        if self._shown is not None:
            return self._start + self._shown[number]
        return self._start + int(number / self._rate / self._time_base)


def _check_pictures(piece: Piece, numbers: Sequence[int]) -> None:
    """Refuse a part of which not every picture has come in one run of packets."""
    gap = next((k for k, number in enumerate(sorted(numbers)) if k != number), None)
    if (gap is not None or not numbers) and not piece.start and piece.stop is None:
        raise MediaError(f"{str(piece.path)!r}: no picture {gap or 0} at its place, the rate is not constant")
    expected = len(numbers) if piece.stop is None else piece.stop - piece.start
    if gap is not None or not numbers or len(numbers) != expected:
        raise MediaError(
            f"{str(piece.path)!r}: the pictures {piece.start} to {piece.start + expected} cannot be cut out: "
            "they do not begin with a keyframe, or depend on others",
            hint="encode them again",
        )

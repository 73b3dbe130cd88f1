"""Videos and pictures out of frames, and which encoder this machine really has."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import ParamSpec, Self, TypeVar

import av
import numpy as np
import numpy.typing as npt
from av.codec.codec import UnknownCodecError
from av.container import OutputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType
from av.video.reformatter import ColorRange, VideoReformatter
from av.video.stream import VideoStream

from lerotool.errors import MediaError
from lerotool.media.counting import exact_rate, grid_time_base
from lerotool.media.decode import iter_frames
from lerotool.media.depth import write_depth_tiff
from lerotool.media.format import AUTO, EncoderSettings
from lerotool.media.libav import address, convert, kept_priority, named_errors, primaries_and_curve
from lerotool.media.video_codecs import SVT_AV1, check_size, encoder_name, encoder_options
from lerotool.storage import partial_path, scratch_folder, sync_directory, sync_file

_P = ParamSpec("_P")
_R = TypeVar("_R")
_PROBE_FRAMES = 5
_TRIES = 4
_LARGEST_REORDER = 16
"""Frames that decoding may run ahead of showing: the most that H.264 and HEVC allow."""


@dataclass(frozen=True, slots=True)
class Colours:
    """What the numbers of YUV pictures mean, in FFmpeg's own numbers."""

    space: int
    primaries: int
    curve: int

    @classmethod
    def of(cls, frame: av.VideoFrame, path: Path) -> Colours | None:
        """Return the colours of a frame of a video; None for RGB, which is converted."""
        if frame.format.is_rgb:
            return None
        return cls(int(frame.colorspace), *primaries_and_curve(frame, path))


class MixedUpError(MediaError):
    """An encoder has taken one picture for another; encoding again helps."""


def until_in_order(encode: Callable[_P, _R]) -> Callable[_P, _R]:
    """Decorate what encodes a video: it is called again when the encoder has mixed pictures up.

    SVT-AV1 with several threads does so now and then on a busy machine: about one video in a thousand on two cores.
    """

    @functools.wraps(encode)
    def until(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        for _ in range(_TRIES - 1):
            with contextlib.suppress(MixedUpError):
                return encode(*args, **kwargs)
        return encode(*args, **kwargs)

    return until


class VideoEncoder:
    """Encodes frames into an mp4 at a constant rate; a context manager.

    Frame k is shown at exactly k/fps seconds; the header stands first in the file (faststart). The file appears under
    its name, complete and durable, when the ``with`` block ends without an exception; otherwise nothing is left. `fps`:
    frames per second; 29.97 means 2997/100, as the rows of a dataset do. `colours`: of the frames, written into the
    video; None writes nothing, which means BT.601 to most readers.
    """

    def __init__(
        self,
        path: Path,
        width: int,
        height: int,
        fps: float | Fraction,
        settings: EncoderSettings,
        threads: int = 1,
        colours: Colours | None = None,
    ) -> None:
        self._path = Path(path)
        self._partial = partial_path(self._path)
        self._size = (width, height)
        self._rate = exact_rate(fps)
        self._frame_s = 1 / self._rate
        self._settings = settings
        self._is_svt_av1 = encoder_name(settings) == SVT_AV1
        self._threads = threads
        self._colours = colours
        self._reformatter = VideoReformatter()
        self._packets = 0
        self.frames = 0

    def __enter__(self) -> Self:
        """Open the file and the encoder."""
        with named_errors(self._path, "cannot be written"):
            self._container: OutputContainer = av.open(
                address(self._partial), "w", format="mp4", options={"movflags": "faststart"}
            )
        try:
            self._stream = self._open_stream()
        except BaseException:
            self._abandon()
            raise
        return self

    def _open_stream(self) -> VideoStream:
        encoder = encoder_name(self._settings)
        width, height = self._size
        problem = f"{encoder} does not open for {width}x{height} {self._settings.pix_fmt}"
        check_size(self._settings, width, height)
        if not _is_video_encoder(encoder):
            raise MediaError(f"no video encoder {encoder!r} on this machine", hint="use libsvtav1 or h264")
        stream = self._container.add_stream(encoder, self._rate, encoder_options(self._settings, self._threads))
        assert isinstance(stream, VideoStream)
        stream.time_base = grid_time_base(self._rate)
        context = stream.codec_context
        try:
            context.width, context.height, context.pix_fmt = width, height, self._settings.pix_fmt
            context.time_base = self._frame_s
            if not self._settings.pix_fmt.startswith("gray"):
                context.color_range = ColorRange.MPEG  # codes of depth are not colours
            if (colours := self._colours) is not None:
                context.colorspace, context.color_primaries, context.color_trc = (
                    colours.space,
                    colours.primaries,
                    colours.curve,
                )
            context.thread_count = self._threads
            with kept_priority():
                context.open()
        except (av.FFmpegError, ValueError) as error:
            text = getattr(error, "strerror", None) or str(error)
            raise MediaError(f"{problem}: {text}", hint="check preset and extra options, or use libsvtav1") from error
        with named_errors(self._path, "cannot be written"):
            self._container.start_encoding()
        return stream

    def write(self, frame: av.VideoFrame) -> None:
        """Encode the next frame.

        Frames of other pixel formats or of full range are converted. A frame that fits as it is gets its time
        overwritten.
        """
        if (frame.width, frame.height) != self._size:
            raise MediaError(
                f"{str(self._path)!r}: frame {self.frames} has {frame.width}x{frame.height} pixels, "
                f"expected {self._size[0]}x{self._size[1]}"
            )
        with named_errors(self._path, f"frame {self.frames} cannot be encoded"):
            converted = self._converted(frame)
            converted.pts = self.frames
            converted.time_base = self._frame_s
            # A decoded frame remembers that it was a keyframe; encoders would take that for an order.
            converted.pict_type = PictureType.NONE
            self._mux(self._stream.encode(converted))
        self.frames += 1

    def _converted(self, frame: av.VideoFrame) -> av.VideoFrame:
        if frame.format.name == self._settings.pix_fmt and frame.color_range != ColorRange.JPEG:
            return frame
        return convert(self._reformatter, frame, self._settings.pix_fmt, color_range=ColorRange.MPEG)

    def _mux(self, packets: list[av.Packet[VideoStream]]) -> None:
        for packet in packets:
            # Its packets come in the order of showing (AV1, 7.5: temporal units).
            if self._is_svt_av1 and packet.pts != self._packets:
                raise MixedUpError(f"{str(self._path)!r}: SVT-AV1 has taken frame {packet.pts} for {self._packets}")
            self._mend_decode_time(packet)
            self._container.mux(packet)
            self._packets += 1

    def _mend_decode_time(self, packet: av.Packet[VideoStream]) -> None:
        """Set the decode time where x265 leaves it to chance: in videos of fewer frames than it looks ahead."""
        assert packet.pts is not None, "every frame has its time"
        number = self._packets
        if packet.dts is None or not number - _LARGEST_REORDER <= packet.dts <= packet.pts:
            packet.dts = min(number, packet.pts)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._abandon()
            return
        try:
            self._finish()
        except BaseException:
            self._abandon()
            raise

    def _finish(self) -> None:
        if self.frames == 0:
            raise MediaError(f"{str(self._path)!r}: no frames to encode")
        with named_errors(self._path, "cannot be finished"):
            self._mux(self._stream.encode(None))
            self._container.close()
        if self._packets != self.frames:
            raise MediaError(f"{str(self._path)!r}: the encoder made {self._packets} of {self.frames} frames")
        sync_file(self._partial)
        self._partial.replace(self._path)
        sync_directory(self._path.parent)

    def _abandon(self) -> None:
        # The first error is the one that counts.
        with contextlib.suppress(av.FFmpegError, OSError):
            self._container.close()
        self._partial.unlink(missing_ok=True)


def _is_video_encoder(name: str) -> bool:
    try:
        return av.Codec(name, "w").type == "video"
    except UnknownCodecError:
        return False


def probe_encoder(settings: EncoderSettings) -> None:
    """Find out whether an encoder works on this machine by encoding and decoding a few frames."""
    noise = np.random.default_rng(0).integers(0, 255, (256, 256, 3)).astype(np.uint8)
    with scratch_folder("lerotool-encoder-") as folder:
        path = folder / "probe.mp4"
        with VideoEncoder(path, 256, 256, 30, settings) as encoder:
            for shift in range(_PROBE_FRAMES):
                encoder.write(av.VideoFrame.from_ndarray(np.roll(noise, shift, axis=1), format="rgb24"))
        if sum(1 for _ in iter_frames(path, 0, _PROBE_FRAMES, 30)) != _PROBE_FRAMES:
            raise MediaError(f"{encoder_name(settings)}: frames are missing")


def encode_jpeg(picture: npt.NDArray[np.uint8], quality: int = 2) -> bytes:
    """Return a (height, width, 3) RGB picture as a JPEG like a webcam's: 4:2:2, full range."""
    # FFmpeg's own Huffman tables would fit each picture; webcams send the standard ones, and files are larger for it.
    options = {"qmin": str(quality), "qmax": str(quality), "huffman": "default"}
    return _encode_picture(picture, "mjpeg", "yuvj422p", options)


def encode_png(picture: npt.NDArray[np.uint8]) -> bytes:
    """Return a (height, width, 3) RGB picture as a PNG."""
    # FFmpeg 7 predicts nothing unless told to, and the picture is up to twice as large.
    return _encode_picture(picture, "png", "rgb24", {"pred": "mixed"})


def encode_depth_image(picture: npt.NDArray[np.uint16] | npt.NDArray[np.float32]) -> bytes:
    """Return a (height, width, 1) picture, uint16 or float32, as an uncompressed TIFF, which loses nothing."""
    return write_depth_tiff(picture[:, :, 0])


def _encode_picture(picture: npt.NDArray[np.uint8], codec: str, pix_fmt: str, options: dict[str, str]) -> bytes:
    context = av.CodecContext.create(codec, "w")
    assert isinstance(context, VideoCodecContext)
    context.height, context.width = picture.shape[:2]
    context.pix_fmt = pix_fmt
    context.time_base = Fraction(1, 30)
    context.thread_count = 1
    context.options = options
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
    frame = convert(VideoReformatter(), frame, pix_fmt, color_range=ColorRange.JPEG)
    frame.pts = 0
    return b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])


HARDWARE = ("h264_videotoolbox", "hevc_videotoolbox", "h264_nvenc", "hevc_nvenc", "h264_vaapi", "h264_qsv")
"""What ``auto`` tries, in LeRobot's order."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The encoder that ``auto`` has found."""

    settings: EncoderSettings
    refused: tuple[tuple[str, str], ...] = ()  # the encoders that were tried before, and why they do not work here


def choose_encoder(settings: EncoderSettings) -> Choice:
    """Replace the codec ``auto`` by the first hardware encoder that really encodes, else by SVT-AV1.

    Libraries list encoders whose hardware is not there, so each is tried with a few pictures. Other codecs are left as
    they are.
    """
    if settings.vcodec != AUTO:
        return Choice(settings)
    refused: list[tuple[str, str]] = []
    for encoder in HARDWARE:
        reason = _refusal(encoder, settings.pix_fmt)
        if reason is None:
            return Choice(replace(settings, vcodec=encoder), tuple(refused))
        refused.append((encoder, reason))
    preset = settings.preset if isinstance(settings.preset, int) else EncoderSettings().preset
    return Choice(replace(settings, vcodec=SVT_AV1, preset=preset), tuple(refused))


def require_sizes(settings: EncoderSettings, sizes: Mapping[str, tuple[int, int]]) -> None:
    """Make sure that the encoder takes the pictures of cameras, before any are recorded."""
    odd = {camera: size for camera, size in sizes.items() if size[0] % 2 or size[1] % 2}
    if not odd:
        return
    chosen = choose_encoder(settings).settings
    for camera, (height, width) in odd.items():
        try:
            check_size(chosen, width, height)
        except MediaError as error:
            raise MediaError(f"camera {camera!r}: {error}", hint=error.hint) from None


@lru_cache
def _refusal(encoder: str, pix_fmt: str) -> str | None:
    """Return why an encoder does not work on this machine, None if it does."""
    try:
        probe_encoder(EncoderSettings(vcodec=encoder, pix_fmt=pix_fmt))
    except MediaError as error:
        return str(error)
    return None

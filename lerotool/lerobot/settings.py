"""What LeRobot's parameters mean here: the same, mapped, accepted without effect and said once, or refused."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from lerotool.arguments import as_count
from lerotool.errors import UsageError
from lerotool.media.format import EncoderSettings

WITHOUT_EFFECT: Mapping[str, str] = {
    "image_writer_processes": "pictures go to the disk as they come, without writers",
    "image_writer_threads": "pictures go to the disk as they come, without writers",
    "streaming_encoding": "videos are encoded in processes of their own",
    "encoder_queue_maxsize": "no frame waits in memory",
    "encoder_threads": "each video has one process; jobs of DatasetWriter sets how many run at a time",
    "metadata_buffer_size": "the episode table is written with each batch",
    "video_backend": "videos are written by PyAV",
    "tolerance_s": "frames lie at frame_index / fps",
    "parallel_encoding": "videos are encoded in parallel",
    "delete_images": "lerotool makes no picture files",
    "force_cache_sync": "the folder is used as it is",
    "revision": "the folder is used as it is",
    "token": "the folder is used as it is",
    "run_compute_stats": "statistics are always computed",
    "keep_image_files": "lerotool makes no picture files",
    "encode_videos": "videos are encoded after every batch_encoding_size episodes",
}
"""Parameters that are accepted, and why they change nothing."""
SIZES: Mapping[str, int] = {"video_files_size_in_mb": 200, "data_files_size_in_mb": 100}
"""Limits that LeRobot lets one set, and the ones that hold here."""
_PUSH = ("branch", "license", "private", "tags")
_PUSH_WITHOUT_EFFECT = ("allow_patterns", "push_videos", "tag_version", "upload_large_folder")
_ENCODER = tuple(field.name for field in fields(EncoderSettings))


class WithoutEffectWarning(UserWarning):
    """A parameter of LeRobot's was accepted and changes nothing."""


def say_without_effect(given: Mapping[str, object], stacklevel: int = 3) -> None:
    """Warn of parameters that were given and change nothing; Python shows each place once."""
    for name in given:
        if name not in WITHOUT_EFFECT:
            raise UsageError(
                f"LeRobotDataset: unknown parameter {name!r}", hint="docs/lerobot.md lists those that LeRobot has had"
            )
    for name in given:
        warnings.warn(f"{name} has no effect: {WITHOUT_EFFECT[name]}", WithoutEffectWarning, stacklevel=stacklevel)


def check_sizes(**sizes: object) -> None:
    """Refuse limits of file sizes other than LeRobot's own."""
    for name, value in sizes.items():
        if value is not None and as_count(name, value, 1) != SIZES[name]:
            raise UsageError(
                f"{name} is {value}, and files are packed up to {SIZES[name]} MB", hint=f"leave {name} out"
            )


def read_encoder(rgb_encoder: object, depth_encoder: object, vcodec: str | None) -> EncoderSettings:
    """Return how videos are encoded; the encoders are LeRobot's configurations, or mappings of their settings.

    Depths are always encoded as LeRobot's default does.
    """
    if depth_encoder is not None and (changed := _changed_depth(depth_encoder)):
        raise UsageError(
            f"depth_encoder sets {', '.join(changed)}, and depths are encoded as LeRobot's default does",
            hint="leave depth_encoder out",
        )
    settings = {} if rgb_encoder is None else _read_settings(rgb_encoder)
    if vcodec is not None:
        settings["vcodec"] = vcodec
    if settings.get("preset", 0) is None:
        del settings["preset"]  # LeRobot's default of SVT-AV1 is ours; other encoders are given none
    return EncoderSettings(**settings)


def read_push_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ``push_to_hub`` was given as arguments of `lerotool.push`."""
    if unknown := sorted(set(options) - {*_PUSH, *_PUSH_WITHOUT_EFFECT}):
        raise UsageError(f"push_to_hub: unknown parameters {', '.join(unknown)}")
    meant = {name: options[name] for name in ("branch", "license", "tags") if options.get(name)}
    if (private := options.get("private")) is not None:
        meant["visibility"] = "private" if private else "public"
    return meant


def _read_settings(encoder: object) -> dict[str, Any]:
    if isinstance(encoder, Mapping):
        if unknown := sorted(set(encoder) - {*_ENCODER, "video_backend"}):
            raise UsageError(f"rgb_encoder: unknown settings {', '.join(map(str, unknown))}")
        return {name: encoder[name] for name in _ENCODER if name in encoder}
    found = {name: getattr(encoder, name) for name in _ENCODER if hasattr(encoder, name)}
    if "vcodec" not in found:
        raise UsageError(f"rgb_encoder is {encoder!r}, expected LeRobot's RGBEncoderConfig or EncoderSettings")
    return found


def _changed_depth(encoder: object) -> list[str]:
    """Return the settings of depths that differ from the defaults of their own class."""
    try:
        usual = type(encoder)()
    except TypeError:
        return [type(encoder).__name__]
    if isinstance(encoder, Mapping):
        return sorted(map(str, encoder))
    names = vars(encoder)
    return sorted(name for name in names if getattr(usual, name, None) != names[name])

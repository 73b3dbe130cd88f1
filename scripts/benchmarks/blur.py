"""How sharp cameras look to `lerotool check --quality` after a blur of stated size, encoded as recordings are.

    python scripts/benchmarks/blur.py DATASET…

The first picture of each camera is blurred, encoded and decoded again. Sizes are pixels of a picture with 480 lines.
Cameras without videos are left out.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from lerotool.checking.quality.cameras import sharpness
from lerotool.dataset.dataset import Dataset
from lerotool.errors import CorruptDatasetError
from lerotool.media.decode import iter_frames
from lerotool.media.encode import VideoEncoder
from lerotool.media.format import EncoderSettings
from lerotool.media.pictures import to_rgb

Picture = npt.NDArray[np.uint8]
BLURS_PX = (0, 1, 2, 3, 4, 6, 8)
LINES = 480
ENCODERS = {
    "SVT-AV1": EncoderSettings(),
    "H.264, crf 23": EncoderSettings(vcodec="h264", crf=23, preset="veryfast"),
}


def blur(picture: Picture, deviation_px: float) -> Picture:
    """Return a picture through a Gaussian blur."""
    height, width, _ = picture.shape
    down, across = np.fft.fftfreq(height)[:, None, None], np.fft.fftfreq(width)[None, :, None]
    kernel = np.exp(-2 * (np.pi * deviation_px) ** 2 * (down**2 + across**2))
    values = np.fft.ifft2(np.fft.fft2(picture, axes=(0, 1)) * kernel, axes=(0, 1)).real
    return np.clip(np.round(values), 0, 255).astype(np.uint8)


def encoded(picture: Picture, settings: EncoderSettings, folder: Path) -> Picture:
    """Return a picture as a video of it shows it."""
    path = folder / "blurred.mp4"
    path.unlink(missing_ok=True)
    height, width, _ = picture.shape
    with VideoEncoder(path, width, height, 30, settings) as encoder:
        for _ in range(4):
            encoder.write(av.VideoFrame.from_ndarray(picture, format="rgb24"))
    return to_rgb(next(iter_frames(path, 0, 1, 30)))


def main() -> None:
    """Print a line for each camera and encoder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("datasets", nargs="+", type=Path)
    for root in parser.parse_args().datasets:
        dataset = Dataset.open(root)
        for camera in dataset.cameras:
            try:
                picture = next(dataset.frames(0, camera, 0, 1))
            except (CorruptDatasetError, FileNotFoundError):
                continue
            with tempfile.TemporaryDirectory() as folder:
                for name, settings in ENCODERS.items():
                    values = []
                    for pixels in BLURS_PX:
                        sent = blur(picture, pixels * min(picture.shape[:2]) / LINES) if pixels else picture
                        values.append(sharpness(encoded(sent, settings, Path(folder))))
                    shown = "  ".join(
                        f"{pixels} px {value:.4f}" for pixels, value in zip(BLURS_PX, values, strict=True) if value
                    )
                    print(f"{root.name}  {camera}  {name}:  {shown}")


if __name__ == "__main__":
    main()

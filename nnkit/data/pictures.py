"""Opens untrusted pictures safely."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, ImageStat, UnidentifiedImageError

from nnkit.errors import DataError

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF")
SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".tif", ".tiff", ".bmp", ".gif"}
)
LIGHT = 170  # mean grey level of a transparent picture above which its background becomes black
MAX_PIXELS = 64_000_000

# Converts the values of a picture with more than 8 bits per pixel, (h, w), to 0 … 255.
Levels = Callable[[NDArray[Any]], NDArray[Any]]


def full_scale(values: NDArray[Any]) -> NDArray[Any]:
    """Maps 0 … 65535 to 0 … 255, so that a picture has the same levels with 16 bits as with 8.

    Args:
        values: grey values (h, w).

    Raises:
        DataError: the values do not have 16 bits, so the levels of black and white are unknown.
    """
    if values.dtype.kind != "u":
        raise DataError(
            f"the levels of black and white are unknown for {values.dtype} pixels; state them as "
            "data.source.range, or save the picture with 8 or 16 bits"
        )
    return values / 257


def within(black: float, white: float) -> Levels:
    """Returns a function that maps `black` … `white` to 0 … 255, and clips other values."""
    return lambda values: (values.astype(np.float64) - black) * (255 / (white - black))


def spread(values: NDArray[Any]) -> NDArray[Any]:
    """Maps the range of the values to 0 … 255: for display, and for finding ink."""
    low, high = float(values.min()), float(values.max())
    return (values.astype(np.float64) - low) * (255 / (high - low) if high > low else 0)


class _WarningsOff:
    """Ignores warnings about odd metadata, which is irrelevant here; those of size are errors.

    Threads share the warning filters. If each restored those that it found, the filters of the
    last would remain; therefore the last thread restores those that the first found.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._threads = 0
        self._filters = ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            if not self._threads:
                self._filters.enter_context(warnings.catch_warnings())
                warnings.simplefilter("ignore")
                warnings.simplefilter("error", Image.DecompressionBombWarning)
            self._threads += 1

    def __exit__(self, *exception: object) -> None:
        with self._lock:
            self._threads -= 1
            if not self._threads:
                self._filters.close()


_warnings_off = _WarningsOff()


def open_picture(path: Path, levels: Levels = full_scale) -> Image.Image:
    """Opens a picture, rotated upright by its EXIF orientation, and with alpha composited.

    Args:
        path: the picture.
        levels: converts grey values of more than 8 bits: `full_scale`, `within(…)` or `spread`.

    Returns:
        The picture in mode L or RGB.

    Raises:
        DataError: the file is missing, not a picture of a known format, damaged, or too large.
    """
    try:
        with _warnings_off, Image.open(path, formats=FORMATS) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise _too_large()
            picture.load()
            return _opaque(ImageOps.exif_transpose(picture), levels)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except UnidentifiedImageError:
        if not path.stat().st_size:
            raise DataError(f"{path}: the file is empty") from None
        raise DataError(
            f"{path}: not a picture in a supported format ({', '.join(FORMATS)})"
        ) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise DataError(f"{path}: {_too_large()}") from None
    except (OSError, SyntaxError, ValueError, EOFError, MemoryError) as error:
        raise DataError(f"{path}: damaged picture ({error})") from None


def _too_large() -> DataError:
    most = MAX_PIXELS // 1_000_000
    return DataError(f"more than {most} megapixels; make the picture smaller")


def _opaque(picture: Image.Image, levels: Levels) -> Image.Image:
    if picture.mode.startswith("I;16") or picture.mode in ("I", "F"):
        return _to_eight_bits(picture, levels)
    if picture.mode == "P" or "A" in picture.getbands() or "transparency" in picture.info:
        layered = picture.convert("RGBA")
        paper = Image.new("RGBA", layered.size, _paper(layered))
        return Image.alpha_composite(paper, layered).convert("RGB")
    return picture.convert("L" if picture.mode in ("1", "L") else "RGB")


def _paper(layered: Image.Image) -> str:
    """The background colour of a transparent picture: white, or black if its content is light."""
    ink = ImageStat.Stat(layered.convert("L"), layered.getchannel("A").point(lambda a: a > 0))
    return "black" if ink.count[0] and ink.mean[0] > LIGHT else "white"


def _to_eight_bits(picture: Image.Image, levels: Levels) -> Image.Image:
    values = np.asarray(picture)
    if not np.isfinite(values).all():
        raise ValueError("it contains NaN or infinity")
    return Image.fromarray(np.rint(np.clip(levels(values), 0, 255)).astype(np.uint8))

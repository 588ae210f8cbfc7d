"""Opens untrusted pictures safely."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, ImageStat, UnidentifiedImageError

from nnkit.errors import DataError

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF")
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif"})
LIGHT = 170  # mean grey level of a transparent picture above which its background becomes black
MAX_PIXELS = 64_000_000


def open_picture(path: Path) -> Image.Image:
    """Opens a picture, rotated upright by its EXIF orientation, and with alpha composited.

    Raises:
        DataError: the file is missing, not a picture of a known format, damaged, or too large.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # warnings about odd metadata, which is irrelevant here
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=FORMATS) as picture:
                if picture.width * picture.height > MAX_PIXELS:
                    raise _too_large(path)
                picture.load()
                return _opaque(ImageOps.exif_transpose(picture))
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except UnidentifiedImageError:
        if not path.stat().st_size:
            raise DataError(f"{path}: the file is empty") from None
        raise DataError(
            f"{path}: not a picture in a supported format ({', '.join(FORMATS)})"
        ) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_large(path) from None
    except (OSError, SyntaxError, ValueError, EOFError, MemoryError) as error:
        raise DataError(f"{path}: damaged picture ({error})") from None


def _too_large(path: Path) -> DataError:
    most = MAX_PIXELS // 1_000_000
    return DataError(f"{path}: more than {most} megapixels; make the picture smaller")


def _opaque(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I;16") or picture.mode in ("I", "F"):
        return _to_eight_bits(picture)
    if picture.mode == "P" or "A" in picture.getbands() or "transparency" in picture.info:
        layered = picture.convert("RGBA")
        paper = Image.new("RGBA", layered.size, _paper(layered))
        return Image.alpha_composite(paper, layered).convert("RGB")
    return picture.convert("L" if picture.mode in ("1", "L") else "RGB")


def _paper(layered: Image.Image) -> str:
    """The background colour of a transparent picture: white, or black if its content is light."""
    ink = ImageStat.Stat(layered.convert("L"), layered.getchannel("A").point(lambda a: a > 0))
    return "black" if ink.count[0] and ink.mean[0] > LIGHT else "white"


def _to_eight_bits(picture: Image.Image) -> Image.Image:
    """Converts a picture with more than 8 bits of grey; its range is scaled to 0 … 255."""
    deep = picture.convert("F")
    if not np.isfinite(np.asarray(deep)).all():
        raise ValueError("it contains NaN or infinity")
    low, high = deep.getextrema()
    assert isinstance(low, float)
    assert isinstance(high, float)
    spread = 255.0 / (high - low) if high > low else 0.0
    return deep.point(lambda value: value * spread - low * spread).convert("L")

"""A hundred files with picture extensions: damaged, malicious, or unusual."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont


def hostile_files() -> Iterator[tuple[str, bytes]]:
    """Yields the names and contents of the files."""
    picture = Image.new("RGB", (150, 70), "white")
    ImageDraw.Draw(picture).text((20, 5), "504", fill="black", font=ImageFont.load_default(50))
    formats = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF")
    whole = {kind: _saved(picture, kind) for kind in formats}
    draw = random.Random(1)
    for kind, content in whole.items():
        name = kind.lower()
        for share in (0.02, 0.3, 0.6, 0.9, 0.99):
            yield f"cut-{share}.{name}", content[: int(share * len(content))]
        for i in range(5):
            damaged = bytearray(content)
            for _ in range(3):
                damaged[draw.randrange(len(damaged))] ^= 1 << draw.randrange(8)
            yield f"flipped-{i}.{name}", bytes(damaged)
        other = formats[(formats.index(kind) + 1) % len(formats)].lower()
        yield f"{name}-called.{other}", content
        yield f"with-a-tail.{name}", content + draw.randbytes(500)
    yield from _odd_contents(whole["PNG"])
    for name, odd in _odd_pictures(picture).items():
        yield name, odd


def _saved(picture: Image.Image, kind: str, **settings: Any) -> bytes:
    file = BytesIO()
    picture.save(file, kind, **settings)
    return file.getvalue()


def _odd_contents(png: bytes) -> Iterator[tuple[str, bytes]]:
    yield "nothing.png", b""
    yield "one-byte.jpg", b"\xff"
    yield "zeros.png", bytes(1000)
    yield "text.png", b"50419\n"
    yield "header-only.png", png[:8]
    yield "bomb.png", _png_of(50_000, 50_000)
    yield "large-bomb.png", _png_of(2**31 - 1, 2**31 - 1)
    yield "no-width.png", _png_of(0, 10)
    yield "too-few-rows.png", _png_of(300, 300)
    yield "script.svg.png", b"<svg xmlns='http://www.w3.org/2000/svg'/>"
    yield "postscript.png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n"
    yield "random.webp", random.Random(2).randbytes(3000)


def _png_of(width: int, height: int) -> bytes:
    """Creates a PNG that declares a size and contains a megabyte of zeros."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checked = kind + content
        return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    zeros = zlib.compress(bytes(50_000))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zeros) + chunk(b"IEND", b"")
    )


def _odd_pictures(picture: Image.Image) -> dict[str, bytes]:
    grey = picture.convert("L")
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    floating = Image.fromarray(np.where(np.asarray(grey) > 128, np.nan, 1).astype(np.float32))
    infinite = Image.fromarray(np.where(np.asarray(grey) > 128, np.inf, 1).astype(np.float32))
    clear = picture.convert("RGBA")
    clear.putalpha(0)
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: rotate to the right
    wrong = Image.Exif()
    wrong[0x0112] = 99
    frames = [Image.new("L", (60, 40), level) for level in (255, 128, 0)]
    more = {"save_all": True, "append_images": frames}
    wide = Image.new("L", (20_000, 60), 255)
    wide.paste(grey, (15_000, 0))
    return {
        "one-pixel.png": _saved(Image.new("L", (1, 1)), "PNG"),
        "one-column.png": _saved(grey.resize((1, 300)), "PNG"),
        "one-row.bmp": _saved(grey.resize((300, 1)), "BMP"),
        "wide.png": _saved(wide, "PNG"),
        "tall.png": _saved(wide.transpose(Image.Transpose.ROTATE_90), "PNG"),
        "sixteen-bits.png": _saved(deep, "PNG"),
        "sixteen-bits.tiff": _saved(deep, "TIFF"),
        "nan.tiff": _saved(floating, "TIFF"),
        "infinity.tiff": _saved(infinite, "TIFF"),
        "cmyk.jpg": _saved(picture.convert("CMYK"), "JPEG"),
        "cmyk.tiff": _saved(picture.convert("CMYK"), "TIFF"),
        "lab.tiff": _saved(Image.new("LAB", (40, 40), (99, 0, 0)), "TIFF"),
        "palette.png": _saved(picture.quantize(7), "PNG"),
        "palette.gif": _saved(picture.quantize(2), "GIF"),
        "bits.png": _saved(picture.convert("1"), "PNG"),
        "invisible.png": _saved(clear, "PNG"),
        "animated.gif": _saved(grey, "GIF", **more, duration=5),
        "animated.webp": _saved(frames[0], "WEBP", **more),
        "pages.tiff": _saved(grey, "TIFF", **more),
        "turned.jpg": _saved(picture.transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif),
        "turned-nowhere.jpg": _saved(picture, "JPEG", exif=wrong),
        "black.png": _saved(Image.new("L", (90, 90)), "PNG"),
        "noise.png": _saved(
            Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 160), dtype=np.uint8)),
            "PNG",
        ),
        "checks.png": _saved(
            Image.fromarray(
                np.kron(np.indices((40, 60)).sum(0) % 2, np.ones((2, 2))).astype("u1") * 255
            ),
            "PNG",
        ),
    }

"""Composes pictures of numbers from MNIST's digits, in imitation of handwriting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from nnkit.data.sources.mnist import Mnist
from nnkit.reading.segmentation.path import SIGN
from nnkit.reading.verifier.signs import printed_sign

Array = NDArray[Any]
Interval = tuple[float, float]
Rectangle = tuple[float, float, float, float]
FINE = 4  # upsampling factor at which strokes are thinned or thickened
CHARACTERS = "0123456789?"  # the character of each label


@dataclass(frozen=True, slots=True)
class Condition:
    """Settings of composed pictures; values are uniform in ranges, lengths relative to the digits.

    Attributes:
        what: a short description.
        length: minimal and maximal number of digits.
        size: height of a digit in pixels.
        gap: gap between neighbours, relative to a digit's height.
        thickness: pixels of MNIST by which strokes grow on each side; negative values thin them.
        touching: fraction of neighbours that touch; at least one pair does if it is not 0.
        tilt: largest tilt of the line in degrees, in either direction.
        light: fraction of the light that is lost at the darkest corner.
        noise: standard deviation of the noise in grey levels.
        texture: standard deviation of the paper's texture in grey levels.
        rules: distance of ruled lines, relative to a digit's height; 0 for blank paper.
        quality: JPEG quality; 0 for no compression.
        desk: margin of the desk around the slip on each side, relative to the slip's height; 0
            for no desk.
        signs: fraction of symbols that are letters and signs instead of digits.
        frame: thickness of the lines of a box around the number, relative to a digit's height; 0
            for no box. Half of the boxes have a cell for each digit.
    """

    what: str
    length: tuple[int, int] = (5, 5)
    size: Interval = (24, 64)
    gap: Interval = (0.15, 0.6)
    thickness: Interval = (0, 0)
    touching: float = 0
    tilt: float = 0
    light: Interval = (0, 0)
    noise: Interval = (0, 0)
    texture: Interval = (0, 0)
    rules: Interval = (0, 0)
    quality: tuple[int, int] = (0, 0)
    desk: Interval = (0, 0)
    signs: float = 0
    frame: Interval = (0, 0)


PLAIN = Condition("separate digits on plain ground")
CONDITIONS: Mapping[str, Condition] = {
    "plain": PLAIN,
    "noisy": replace(
        PLAIN, what="noise, uneven light and tilt", tilt=8, light=(0.2, 0.6), noise=(5, 20)
    ),
    "touching": replace(PLAIN, what="pairs that touch", touching=0.4),
    "small": replace(PLAIN, what="digits of 12 to 18 pixels", size=(12, 18)),
    "large": replace(PLAIN, what="digits of 200 to 400 pixels", size=(200, 400)),
    "thin": replace(PLAIN, what="thin strokes", thickness=(-0.6, -0.4), size=(40, 80)),
    "thick": replace(PLAIN, what="thick strokes", thickness=(0.6, 1), gap=(0.2, 0.6)),
    "lengths": replace(PLAIN, what="lines of 1 to 20 digits", length=(1, 20)),
    "paper": replace(PLAIN, what="rough paper in uneven light", texture=(6, 14), light=(0, 0.4)),
    "ruled": replace(PLAIN, what="ruled paper", rules=(0.9, 2), size=(32, 80)),
    "jpeg": replace(PLAIN, what="JPEG of quality 15 to 40", quality=(15, 40), noise=(0, 6)),
    "desk": replace(
        PLAIN,
        what="a slip of paper on a desk",
        size=(40, 80),
        tilt=4,
        light=(0, 0.3),
        noise=(0, 4),
        desk=(0.3, 1.2),
    ),
    "signs": replace(PLAIN, what="letters and signs among the digits", signs=0.3),
    "tilted": replace(PLAIN, what="lines tilted by up to 20°", tilt=20),
    "steep": replace(PLAIN, what="lines tilted by up to 30°", tilt=30),
    "boxed": replace(PLAIN, what="boxes around the number or each digit", frame=(0.02, 0.08)),
}


@dataclass(frozen=True, slots=True)
class Composed:
    """A composed picture with its labels.

    Attributes:
        picture: the picture, grey or RGB.
        labels: labels of the digits, from left to right; `SIGN` for signs.
        boxes: x0, y0, x1, y1 of each symbol, in pixels.
    """

    picture: Image.Image
    labels: tuple[int, ...]
    boxes: tuple[Rectangle, ...]

    @property
    def text(self) -> str:
        return "".join(CHARACTERS[label] for label in self.labels)


def compose(
    images: Array,
    labels: Array,
    condition: Condition,
    rng: np.random.Generator,
    sign: Callable[[np.random.Generator], Array] = printed_sign,
) -> Composed:
    """Composes a picture of randomly chosen digits.

    Args:
        images: images of digits, (n, 28, 28) uint8, light on black.
        labels: labels of the images, (n,).
        condition: the settings.
        rng: the random generator; the same state gives the same picture.
        sign: draws an image of a symbol that is not a digit.
    """
    count = int(rng.integers(condition.length[0], condition.length[1] + 1))
    chosen = rng.integers(len(images), size=count)
    images, labels = images[chosen], labels[chosen]
    if condition.signs:
        for place in np.flatnonzero(rng.random(count) < condition.signs):
            images[place], labels[place] = sign(rng), SIGN
    return compose_these(images, labels, condition, rng)


def compose_these(
    images: Array, labels: Array, condition: Condition, rng: np.random.Generator
) -> Composed:
    """Composes a picture of the given digits, in this order."""
    size, thickness = rng.uniform(*condition.size), rng.uniform(*condition.thickness)
    glyphs = [
        glyph_of(image, size * rng.uniform(0.92, 1.08), thickness, rng.uniform(-3, 3))
        for image in images
    ]
    ink, boxes = _line(glyphs, size, condition, rng)
    if condition.frame[1]:
        ink = _framed(ink, boxes, size, condition, rng)
    ink, boxes = tilted(ink, boxes, rng.uniform(-condition.tilt, condition.tilt))
    picture = on_paper(ink, size, condition, rng)
    if condition.desk[1]:
        picture, boxes = _on_desk(picture, boxes, condition, rng)
    return Composed(picture, tuple(int(label) for label in labels), tuple(boxes))


def glyph_of(image: Array, size: float, thickness: float, turn: float) -> Array:
    """The cropped ink of a digit, 0 … 1, scaled such that 20 pixels of MNIST become `size`."""
    ink = scaled(image, size, thickness, turn)
    rows, columns = np.flatnonzero(ink.max(1) > 0.3), np.flatnonzero(ink.max(0) > 0.3)
    if not len(rows):
        return glyph_of(image, size, 0, turn)
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def scaled(image: Array, size: float, thickness: float, turn: float = 0) -> Array:
    """The ink of an image (h, w), 0 … 1, scaled such that 20 of its pixels become `size`."""
    scale = size / 20
    height, width = image.shape
    fine = Image.fromarray(image).resize((width * FINE, height * FINE), Image.Resampling.BICUBIC)
    fine = fine.rotate(turn, Image.Resampling.BICUBIC)
    steps = min(abs(thickness), _spare(image) if thickness < 0 else 1) * FINE
    for part in (1.0,) * int(steps) + (steps % 1,):
        grown = fine.filter(ImageFilter.MaxFilter(3) if thickness > 0 else ImageFilter.MinFilter(3))
        fine = Image.blend(fine, grown, part)
    sides = max(4, round(width * scale)), max(4, round(height * scale))
    ink = np.asarray(fine.resize(sides, Image.Resampling.LANCZOS), dtype=np.float64) / 255
    sharpness = max(1.0, scale)  # the edges of enlarged strokes stay about one pixel wide
    return np.asarray(np.clip((ink - 0.45) * min(sharpness, 6) + 0.45, 0, 1))


def _spare(image: Array) -> float:
    """The pixels by which each side of a stroke can be thinned, leaving a width of one pixel."""
    padded = np.pad(image > 100, 1)
    edges = sum(int((np.diff(padded, axis=axis) != 0).sum()) for axis in (0, 1))
    return max(0.0, (2.4 * int(padded.sum()) / max(edges, 1) - 1) / 2)


def _line(
    glyphs: list[Array], size: float, condition: Condition, rng: np.random.Generator
) -> tuple[Array, list[Rectangle]]:
    """Places the digits side by side with a margin around them: ink (h, w), and their boxes."""
    margin = round(size * rng.uniform(0.4, 1))
    touches = rng.random(len(glyphs)) < condition.touching
    if condition.touching and len(glyphs) > 1 and not touches[1:].any():
        touches[rng.integers(1, len(glyphs))] = True
    width = round(sum(glyph.shape[1] + size for glyph in glyphs)) + 2 * margin
    height = round(max(glyph.shape[0] for glyph in glyphs) + 0.2 * size) + 2 * margin
    page = np.zeros((height, width))
    boxes: list[Rectangle] = []
    right = margin
    for i, glyph in enumerate(glyphs):
        h, w = glyph.shape
        top = round((height - h) / 2 + size * rng.uniform(-0.06, 0.06))
        gap = round(size * rng.uniform(*condition.gap))
        left = right + (0 if i == 0 else gap)
        if i and touches[i]:
            left = _contact(page, glyph, top, right, size) - round(rng.uniform(0, 0.04) * size)
        part = page[top : top + h, left : left + w]
        np.maximum(part, glyph, out=part)
        boxes.append((left, top, left + w, top + h))
        right = max(right, left + w)
    return page[:, : right + margin], boxes


def _framed(
    ink: Array, boxes: list[Rectangle], size: float, condition: Condition, rng: np.random.Generator
) -> Array:
    """Draws a box around the digits, or one with a cell for each."""
    sides = np.array(boxes)
    room = size * rng.uniform(0.12, 0.3)
    x0, y0 = sides[:, :2].min(axis=0) - room
    x1, y1 = sides[:, 2:].max(axis=0) + room
    ink = np.pad(ink, margin := round(size / 2))
    pen = max(1, round(size * rng.uniform(*condition.frame)))
    page = Image.fromarray(ink.astype(np.float32))
    draw = ImageDraw.Draw(page)
    corners = tuple(float(side) + margin for side in (x0, y0, x1, y1))
    draw.rectangle(corners, outline=1, width=pen)
    if rng.random() < 0.5:
        for x in (sides[:-1, 2] + sides[1:, 0]) / 2 + margin:
            draw.line((x, corners[1], x, corners[3]), fill=1, width=pen)
    boxes[:] = [(a + margin, b + margin, c + margin, d + margin) for a, b, c, d in boxes]
    return np.asarray(page, dtype=np.float64)


def _contact(page: Array, glyph: Array, top: int, right: int, size: float) -> int:
    """The largest x, within a limit, at which the digit touches the ink to its left."""
    ink, own = page[top : top + glyph.shape[0]] > 0.5, glyph > 0.5
    deepest = right - round(0.15 * size)
    for left in range(right, max(deepest, 0), -1):
        width = min(glyph.shape[1], page.shape[1] - left)
        if (ink[:, left : left + width] & own[:, :width]).any():
            return left
    return deepest


def tilted(ink: Array, boxes: list[Rectangle], degrees: float) -> tuple[Array, list[Rectangle]]:
    """Rotates ink, 0 … 1, and boxes around parts of it."""
    if not degrees:
        return ink, boxes
    page = Image.fromarray(ink.astype(np.float32))
    turned = page.rotate(degrees, Image.Resampling.BICUBIC, expand=True)
    moved = [_turned(box, degrees, page.size, turned.size) for box in boxes]
    return np.clip(np.asarray(turned, dtype=np.float64), 0, 1), moved


def _turned(
    box: Rectangle, degrees: float, size: tuple[int, int], around: tuple[int, int]
) -> Rectangle:
    """The bounding box of a rotated box, in the coordinates of the rotated picture."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    x = np.array([box[0], box[2], box[0], box[2]]) - size[0] / 2
    y = np.array([box[1], box[1], box[3], box[3]]) - size[1] / 2
    u, v = cos * x + sin * y + around[0] / 2, cos * y - sin * x + around[1] / 2
    return float(u.min()), float(v.min()), float(u.max()), float(v.max())


def on_paper(
    ink: Array, size: float, condition: Condition, rng: np.random.Generator
) -> Image.Image:
    """Renders ink, 0 … 1, of digits of a size on paper, in the light of a condition."""
    height, width = ink.shape
    paper, pen = rng.uniform(200, 250), rng.uniform(10, 80)
    page = np.full(ink.shape, paper) + _texture(ink.shape, rng.uniform(*condition.texture), rng)
    if condition.rules[1]:
        page = _ruled(page, size * rng.uniform(*condition.rules), size, rng)
    page = page * (1 - ink) + pen * ink
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    angle, bend = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 2)
    slope = (x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle)
    slope = ((slope - slope.min()) / np.ptp(slope)) ** bend
    page *= 1 - rng.uniform(*condition.light) * slope
    page += rng.normal(scale=rng.uniform(*condition.noise), size=page.shape)
    picture = Image.fromarray(np.clip(page, 0, 255).astype(np.uint8))
    if condition.quality[1]:
        file = BytesIO()
        picture.save(file, "JPEG", quality=int(rng.integers(*condition.quality)))
        picture = Image.open(file).copy()
    return picture


def _on_desk(
    slip: Image.Image, boxes: list[Rectangle], condition: Condition, rng: np.random.Generator
) -> tuple[Image.Image, list[Rectangle]]:
    """Places the slip, rotated by up to 20°, on a darker or lighter, plain or grained desk."""
    degrees = rng.uniform(-20, 20)
    paper = np.asarray(slip.convert("L")).max()
    turned = slip.rotate(degrees, Image.Resampling.BICUBIC, expand=True)
    seen = Image.new("L", slip.size, 255).rotate(degrees, Image.Resampling.BICUBIC, expand=True)
    left, top, right, bottom = (round(slip.height * rng.uniform(*condition.desk)) for _ in range(4))
    shape = turned.height + top + bottom, turned.width + left + right
    level = rng.uniform(30, 150) if rng.random() < 0.8 else min(255, float(paper) + 40)
    grain = _texture((shape[0], shape[1] // 12 + 2), rng.uniform(0, 10), rng)
    wood = Image.fromarray(grain.astype(np.float32)).resize(shape[::-1], Image.Resampling.BICUBIC)
    slope = np.linspace(-1, 1, shape[1]) * rng.uniform(-15, 15)
    desk = np.clip(level + np.asarray(wood) + slope, 0, 255).astype(np.uint8)
    picture = Image.fromarray(desk)
    picture.paste(turned, (left, top), seen)
    moved = [_turned(box, degrees, slip.size, turned.size) for box in boxes]
    return picture, [(a + left, b + top, c + left, d + top) for a, b, c, d in moved]


def _texture(shape: tuple[int, ...], strength: float, rng: np.random.Generator) -> Array:
    """Noise of several grain sizes with standard deviation `strength`."""
    total = np.zeros(shape)
    for grain in (1, 3, 9):
        small = rng.normal(size=(shape[0] // grain + 2, shape[1] // grain + 2))
        field = Image.fromarray(small.astype(np.float32)).resize(
            (shape[1], shape[0]), Image.Resampling.BICUBIC
        )
        total += np.asarray(field)
    return total * (strength / max(float(total.std()), 1e-9))


def _ruled(page: Array, distance: float, size: float, rng: np.random.Generator) -> Array:
    """Draws slightly tilted ruled lines across the whole page, of random darkness."""
    height, width = page.shape
    strength, thickness = rng.uniform(0.3, 0.8), max(1.0, size * rng.uniform(0.02, 0.06))
    level = rng.uniform(0, distance) + np.arange(width) * np.tan(np.radians(rng.uniform(-1, 1)))
    offset = (np.arange(height)[:, None] - level) % distance
    offset = np.minimum(offset, distance - offset)
    rule = np.clip((thickness + 1) / 2 - offset, 0, 1)
    return page * (1 - strength * rule)


def mnist_images(split: str) -> tuple[Array, Array]:
    """MNIST's images (n, 28, 28) and labels (n,)."""
    dataset = Mnist().load()
    samples = dataset.test if split == "test" else dataset.samples
    assert samples is not None
    return np.asarray(samples.inputs)[:, 0], np.asarray(samples.targets)

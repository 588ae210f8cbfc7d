"""Tests of reading pictures: the whole pipeline and each stage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont, ImageOps
from scipy import ndimage

import nnkit
from nnkit.data.dataset import Dataset
from nnkit.reading.pretrained import DIGITS
from nnkit.reading.reader import networks_of, read_digits
from nnkit.reading.result import Box, Digit, Line, Reading
from nnkit.reading.segmentation import read_picture, strips_of
from nnkit.reading.segmentation.annotate import annotated
from nnkit.reading.segmentation.clean import without_rules, written
from nnkit.reading.segmentation.components import label
from nnkit.reading.segmentation.cuts import cut
from nnkit.reading.segmentation.ink import Ink, ink_of
from nnkit.reading.segmentation.lines import HEIGHT
from nnkit.reading.segmentation.normal import normalize_digit
from nnkit.reading.segmentation.path import (
    PART,
    SIGN,
    Candidate,
    Networks,
    best_path,
    best_paths,
    candidates_of,
    doubtful,
    spans_of,
)
from nnkit.reading.segmentation.stages import StageFiles, Stages
from nnkit.reading.segmentation.views import SEEN, VIEW, views
from nnkit.reading.verifier.compose import CONDITIONS, PLAIN, Composed, compose, compose_these

Read = Callable[[Image.Image], Reading]


@pytest.fixture(scope="module")
def read(digit_reader: nnkit.TrainedModel) -> Read:
    """Returns a function that reads pictures with the small network."""

    def read(picture: Image.Image, reject: float = 0.0) -> Reading:
        return read_picture(
            picture,
            networks_of(digit_reader, (28, 28)),
            reject,
        )

    return read


def composed(mnist: Dataset, condition: str, count: int) -> list[Composed]:
    assert mnist.test is not None
    images, labels = np.asarray(mnist.test.inputs)[:, 0], np.asarray(mnist.test.targets)
    rng = np.random.default_rng(7)
    return [compose(images, labels, CONDITIONS[condition], rng) for _ in range(count)]


def typeset(text: str, size: int = 60, ink: int = 20, paper: int = 240) -> Image.Image:
    """Typesets digits in lines, in Pillow's own font."""
    font = ImageFont.load_default(size)
    width = round(0.62 * size * max(map(len, text.split("\n")))) + size
    picture = Image.new("L", (width, round(1.5 * size * (text.count("\n") + 1)) + size), paper)
    ImageDraw.Draw(picture).text((size // 2, size // 2), text, fill=ink, font=font, spacing=size)
    return picture


def count_in(picture: Image.Image, read: Read) -> int:
    return len(read(picture).digits)


EVENLY_WRITTEN = sorted(set(CONDITIONS) - {"touching", "thin", "signs"})


@pytest.mark.parametrize(
    ("condition", "count"),
    [
        *((condition, 5) for condition in ("plain", "ruled", "desk")),
        *(pytest.param(condition, 12, marks=pytest.mark.slow) for condition in EVENLY_WRITTEN),
    ],
)
def test_as_many_digits_are_found_as_there_are(
    condition: str, count: int, mnist: Dataset, read: Read
) -> None:
    pictures = composed(mnist, condition, count)
    right = [count_in(made.picture, read) == len(made.labels) for made in pictures]
    assert sum(right) >= 0.8 * count


def test_boxes_lie_around_the_digits(mnist: Dataset, read: Read) -> None:
    for made in composed(mnist, "plain", 6):
        digits = read(made.picture).digits
        if len(digits) == len(made.boxes):
            found = np.array([digit.box for digit in digits])
            assert np.abs(found - np.array(made.boxes)).max() <= 5


def test_most_digits_are_read(mnist: Dataset, read: Read) -> None:
    pairs = [
        (digit.guess, str(label))
        for made in composed(mnist, "plain", 12)
        for digit, label in zip(read(made.picture).digits, made.labels, strict=False)
    ]
    assert np.mean([guess == label for guess, label in pairs]) > 0.85, "the network reads 92 %"


@pytest.mark.slow
def test_letters_and_signs_are_rejected(mnist: Dataset) -> None:
    shipped = nnkit.load_checkpoint(DIGITS)
    pairs = [
        (digit.label == "?", label == SIGN)
        for made in composed(mnist, "signs", 20)
        for reading in [read_picture(made.picture, networks_of(shipped, (28, 28)))]
        if len(reading.digits) == len(made.labels)
        for digit, label in zip(reading.digits, made.labels, strict=True)
    ]
    rejected = [is_sign for found, is_sign in pairs if found]
    assert np.mean([found for found, is_sign in pairs if is_sign]) > 0.6
    assert np.mean(rejected) > 0.9


@pytest.mark.parametrize("count", [8, pytest.param(20, marks=pytest.mark.slow)])
def test_touching_digits_are_cut(count: int, mnist: Dataset, read: Read) -> None:
    pictures = composed(mnist, "touching", count)
    right = [count_in(made.picture, read) == len(made.labels) for made in pictures]
    assert sum(right) >= 0.5 * count


def test_digits_that_are_surely_whole_are_not_cut(mnist: Dataset) -> None:
    assert mnist.test is not None
    images, labels = np.asarray(mnist.test.inputs)[:, 0], np.asarray(mnist.test.targets)
    chosen = [3624, 8116, 1291, 7774, 1220]  # wide ones, whose edges alone would be a 1
    networks = networks_of(nnkit.load_checkpoint(DIGITS), (28, 28))
    for seed in range(1, 4):
        made = compose_these(images[chosen], labels[chosen], PLAIN, np.random.default_rng(seed))
        assert read_picture(made.picture, networks).text.replace(" ", "") == "06380"


@pytest.mark.parametrize(
    ("width", "whole", "may_be_cut"),
    [
        (0.7, 0.95, False),
        (0.7, 0.85, True),
        (0.9, 0.999, True),
        (0.9, 0.99995, False),
        (1.1, 0.99995, True),
        (1.1, 0.999995, False),
        (1.4, 0.9999995, True),
    ],
)
def test_the_wider_a_piece_the_surer_it_must_be_whole(
    width: float, whole: float, may_be_cut: bool
) -> None:
    picture = Image.new("L", (400, 200), 250)
    ImageDraw.Draw(picture).rectangle((40, 50, 40 + round(96 * width), 145), 20)
    (strip,) = strips_of(picture, Stages())
    networks = Networks(
        classify=lambda images: np.full((len(images), 10), 0.1),
        verifier=lambda views: np.stack([verified(whole, d0=whole)] * len(views)),
        classes="0123456789",
        size=(28, 28),
    )
    (found,) = doubtful([cut(strip)], networks)
    assert found.tolist() == [may_be_cut]


def test_lines_come_in_reading_order_and_spaces_are_kept(read: Read) -> None:
    reading = read(typeset("505 22\n3333"))
    shapes = [["".join("x" if c != " " else " " for c in line.text)] for line in reading.lines]
    assert shapes == [["xxx xx"], ["xxxx"]]
    middles = [[digit.box[0] for digit in line.digits] for line in reading.lines]
    assert all(line == sorted(line) for line in middles)
    assert reading.text.count("\n") == 1


def test_narrow_digits_are_no_spaces(mnist: Dataset, read: Read) -> None:
    """Uses a 1, which has wide gaps on both sides in evenly spaced digits."""
    evenly, parted = Image.new("L", (360, 80), 255), Image.new("L", (360, 80), 255)
    images, labels = np.asarray(mnist.samples.inputs)[:, 0], mnist.samples.targets
    for place, wanted in enumerate("70918"):
        digit = Image.fromarray(255 - images[labels == int(wanted)][0]).resize((56, 56))
        evenly.paste(digit, (20 + 60 * place, 12))
        parted.paste(digit, (5 + 60 * place + 40 * (place > 2), 12))
    assert [" " in read(evenly).text, read(parted).text.count(" ")] == [False, 1]


@settings(max_examples=12)
@given(st.integers(0, 200), st.integers(0, 200), st.sampled_from(["50419", "7", "26 83"]))
def test_a_translated_picture_reads_the_same(read: Read, left: int, top: int, text: str) -> None:
    picture = typeset(text)
    page = Image.new("L", (picture.width + 200, picture.height + 200), 240)
    page.paste(picture, (100, 100))
    moved = Image.new("L", page.size, 240)
    moved.paste(picture, (left, top))
    first, second = read(page), read(moved)
    assert first.text == second.text
    shift = np.subtract(
        [digit.box for digit in second.digits], [digit.box for digit in first.digits]
    )
    assert np.abs(shift - [left - 100, top - 100] * 2).max() <= 2


@settings(max_examples=12)
@given(st.integers(0, 90), st.integers(170, 255), st.sampled_from(["50419", "7", "26\n83"]))
def test_an_inverted_picture_reads_the_same(read: Read, ink: int, paper: int, text: str) -> None:
    picture = typeset(text, ink=ink, paper=paper)
    first, second = read(picture), read(ImageOps.invert(picture))
    assert first.text == second.text
    assert [digit.box for digit in first.digits] == [digit.box for digit in second.digits]


@pytest.mark.parametrize("size", [14, 60, 300])
def test_any_size_is_read(size: int, read: Read) -> None:
    assert count_in(typeset("50419", size), read) == 5


@pytest.mark.parametrize("degrees", [-30, -9, -4, 5, 10, 30])
def test_a_tilted_line_is_levelled(degrees: float, read: Read) -> None:
    picture = typeset("204825")
    turned = picture.rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=240)
    (strip,) = strips_of(turned, Stages())
    slope = strip.to_picture[1, 0] / strip.to_picture[0, 0]
    assert np.degrees(np.arctan(slope)) == pytest.approx(-degrees, abs=1.5)
    assert count_in(turned, read) == 6


def test_colours_of_the_same_brightness_are_told_apart(read: Read) -> None:
    mask = typeset("358", ink=255, paper=0)
    picture = Image.composite(
        Image.new("RGB", mask.size, (0, 130, 0)), Image.new("RGB", mask.size, (255, 0, 0)), mask
    )
    assert count_in(picture, read) == 3


def test_shadows_are_not_ink(read: Read) -> None:
    picture = np.asarray(typeset("50419"), dtype=float)
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]]
    shadow = 1 - 0.5 / (1 + np.exp(-(x + 0.5 * y - 150) / 4))
    assert count_in(Image.fromarray((picture * shadow).astype(np.uint8)), read) == 5


@pytest.mark.parametrize("upright", [False, True])
def test_ruled_lines_are_erased_and_what_crosses_them_stays(upright: bool) -> None:
    blank = typeset("1814", 90)
    ruled = blank.copy()
    pen = ImageDraw.Draw(ruled)
    for at in range(20, 400, 46):
        ends = (at, 0, at, ruled.height) if upright else (0, at, ruled.width, at + 3)
        pen.line(ends, fill=90, width=2)
    cleaned = without_rules(_ink(ruled)).solid
    wanted = _ink(blank).solid
    assert (cleaned & ~wanted).mean() < 0.004
    assert (cleaned & wanted).sum() > 0.9 * wanted.sum()


def _ink(picture: Image.Image) -> Ink:
    ink = ink_of(picture, Stages())
    assert ink is not None
    return ink


def test_a_bar_of_a_seven_is_no_ruled_line(read: Read) -> None:
    solid = np.full((60, 40), 240, np.uint8)
    solid[0:6] = 20
    for y in range(60):
        right = 39 - y // 2
        solid[y, right - 5 : right + 1] = 20
    picture = Image.fromarray(solid)
    assert without_rules(_ink(picture)).solid[:4].all()


def test_specks_are_left_out_and_parts_near_a_digit_are_kept() -> None:
    picture = typeset("8", 100)
    pen = ImageDraw.Draw(picture)
    pen.point((5, 5), fill=0)
    pen.rectangle((150, 150, 156, 156), fill=0)
    before = len(written(_ink(typeset("8", 100))))
    assert len(written(_ink(picture))) == before
    x0, y0, _, _ = written(_ink(picture)).boxes[0]
    pen.rectangle((x0 - 25, y0, x0 - 10, y0 + 15), fill=0)
    assert len(written(_ink(picture))) == before + 1


def test_a_line_reaches_to_the_parts_of_a_broken_digit_at_its_end() -> None:
    page = Image.new("L", (400, 200), 240)
    page.paste(typeset("58", 100).crop((0, 0, 260, 200)), (0, 0))
    _, top, _, bottom = written(_ink(page)).boxes[0].tolist()
    for y in (top, bottom - 12):  # both parts are less than half as high as a digit
        ImageDraw.Draw(page).rectangle((270, y, 310, y + 12), fill=20)
    (strip,) = strips_of(page, Stages())
    ((right, _),) = strip.points_in_picture(np.array([[strip.solid.shape[1], 0.0]]))
    assert right > 310


@pytest.mark.parametrize("level", [0, 128, 255])
@pytest.mark.parametrize("size", [(1, 1), (2, 1), (28, 28), (300, 200), (20_000, 3)])
def test_an_empty_picture_has_no_lines(size: tuple[int, int], level: int, read: Read) -> None:
    assert read(Image.new("RGB", size, (level,) * 3)).lines == ()


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
@settings(max_examples=40)
def test_noise_gives_a_result(read: Read, width: int, height: int, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    reading = read(Image.fromarray(pixels))
    for digit in reading.digits:
        x0, y0, x1, y1 = digit.box
        assert 0 <= x0 < x1 <= width
        assert 0 <= y0 < y1 <= height


def test_letters_are_doubted_more_than_digits(digit_reader: nnkit.TrainedModel) -> None:
    def share(text: str) -> float:
        reading = read_picture(
            typeset(text),
            networks_of(digit_reader, (28, 28)),
            reject=0.5,
        )
        return float(np.mean([digit.label == "?" for digit in reading.digits]))

    assert share("MWKRXH") > share("204582") + 0.2


def test_with_a_threshold_of_one_all_is_rejected(digit_reader: nnkit.TrainedModel) -> None:
    reading = read_picture(
        typeset("50"),
        replace(
            networks_of(digit_reader, (28, 28)),
            classify=lambda images: np.full((len(images), 10), 0.1),
        ),
        reject=1.0,
    )
    assert set(reading.text) == {"?"}
    assert all(digit.guess in "0123456789" for digit in reading.digits)


# --- components, compared with SciPy


@given(st.integers(1, 30), st.integers(1, 30), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_components_are_scipys(height: int, width: int, share: float, seed: int) -> None:
    mask = np.random.default_rng(seed).random((height, width)) < share
    found = label(mask)
    labels, count = ndimage.label(mask, np.ones((3, 3)))
    assert len(found) == count
    assert len(set(zip(labels[mask].tolist(), found.labels[mask].tolist(), strict=True))) == count
    assert not found.labels[~mask].any()
    for number, (rows, columns) in enumerate(ndimage.find_objects(found.labels)):
        box = (columns.start, rows.start, columns.stop, rows.stop)
        assert tuple(found.boxes[number]) == box
        assert found.areas[number] == (found.labels == number + 1).sum()


def test_a_spiral_is_one_component() -> None:
    mask = np.zeros((101, 101), dtype=bool)
    for i in range(0, 50, 2):
        mask[i, i : 101 - i] = mask[100 - i, i : 101 - i] = True
        mask[i : 101 - i, i] = mask[i : 101 - i, 100 - i] = True
    assert len(label(mask)) == 25, "rings"
    mask[:, 50] = True
    assert len(label(mask)) == 1


# --- cuts and paths


def test_pieces_share_out_all_ink_from_left_to_right(mnist: Dataset) -> None:
    for made in composed(mnist, "touching", 5):
        for strip in strips_of(made.picture, Stages()):
            groups = cut(strip)
            pieces = cut(strip, np.ones(len(groups.boxes), dtype=bool))
            assert (pieces.number[strip.solid] > 0).all()
            assert set(np.unique(pieces.number)) <= set(range(len(pieces.boxes) + 1))
            assert len(pieces.boxes) >= len(groups.boxes)
            assert len(pieces.joined) == len(pieces.boxes) - 1
            assert np.count_nonzero(~pieces.joined) == len(groups.boxes) - 1
            middles = (pieces.boxes[:, 0] + pieces.boxes[:, 2]) / 2
            assert (np.diff(middles) > -0.3 * HEIGHT).all()


def verified(whole: float, **digits: float) -> np.ndarray:
    """The verifier's probabilities of a candidate: digits by name (`d3=0.5`), and signs."""
    found = np.zeros(PART + 1)
    for name, probability in digits.items():
        found[int(name[1:])] = probability
    found[SIGN] = whole - sum(digits.values())
    found[PART] = 1 - whole
    return found


def test_the_best_path_takes_what_is_surely_whole(mnist: Dataset) -> None:
    (made,) = composed(mnist, "touching", 1)
    strip = strips_of(made.picture, Stages())[0]
    pieces = cut(strip, np.ones(len(cut(strip).boxes), dtype=bool))
    last = len(pieces.boxes) - 1

    def candidate(first: int, end: int, probability: float) -> Candidate:
        return Candidate(first, end, (0, 0, 1, 1), verified(whole=probability))

    alone = [candidate(i, i, 0.01) for i in range(last + 1)]
    halves = [candidate(0, last // 2, 0.8), candidate(last // 2 + 1, last, 0.8)]
    everything = candidate(0, last, 0.7)
    assert best_path(pieces, [*alone, everything, *halves]) == halves
    assert best_path(pieces, [*alone, everything]) == [everything]


def test_a_view_is_the_strip_shrunk_around_the_candidate(mnist: Dataset) -> None:
    (made,) = composed(mnist, "plain", 1)
    strip = strips_of(made.picture, Stages())[0]
    pieces = cut(strip)
    spans = spans_of(pieces)
    seen = views(pieces, spans)
    assert seen.shape == (len(spans), 2, *VIEW)
    for span, (own, around) in zip(spans, seen, strict=True):
        ink = np.minimum(pieces.ink(*span), 1).sum()
        shrunk = own.sum() / 255 * (SEEN[0] * SEEN[1]) / (VIEW[0] * VIEW[1])
        assert shrunk == pytest.approx(ink, rel=0.02)
        rows, columns = ndimage.center_of_mass(own > 0)
        assert abs(columns - VIEW[1] / 2) < 8
        assert abs(rows - VIEW[0] / 2) < 6
        assert not ((own > 0) & (own.astype(int) + around > 256)).any()


def test_the_judge_tells_digits_from_their_halves(
    mnist: Dataset, digit_reader: nnkit.TrainedModel
) -> None:
    networks = networks_of(digit_reader, (28, 28))
    for made in composed(mnist, "plain", 4):
        groups = cut(strips_of(made.picture, Stages())[0])
        pieces = cut(groups.strip, np.ones(len(groups.boxes), dtype=bool))
        (digits,), (parts,) = candidates_of([groups], networks), candidates_of([pieces], networks)
        assert np.median([digit.whole for digit in digits]) > 0.9
        assert np.median([part.whole for part in parts if part.first == part.last]) < 0.1


def test_a_candidate_agrees_if_the_verifier_expects_the_same_digit_or_a_sign() -> None:
    candidate = Candidate(0, 0, (0, 0, 1, 1), verified(0.8, d0=0.1, d1=0.3))
    assert candidate.agreed == 1, "not classified yet"
    agreed = [replace(candidate, probabilities=P).agreed for P in np.eye(10)[:2]]
    assert agreed == pytest.approx([0.5 / 0.8, 0.7 / 0.8], abs=1e-5)
    assert candidate.digit == pytest.approx(0.4)
    other = replace(candidate, probabilities=np.eye(10)[0], of_digits=False)
    assert other.agreed == 1
    assert other.digit == pytest.approx(0.8)


def test_the_lazy_path_is_the_best_of_all(mnist: Dataset, digit_reader: nnkit.TrainedModel) -> None:
    networks = networks_of(digit_reader, (28, 28))
    asked: list[int] = []

    def classify(images: np.ndarray) -> np.ndarray:
        asked.append(len(images))
        return networks.classify(images)

    total = 0
    for made in composed(mnist, "touching", 4):
        strip = strips_of(made.picture, Stages())[0]
        pieces = cut(strip, np.ones(len(cut(strip).boxes), dtype=bool))
        (candidates,) = candidates_of([pieces], networks)
        (lazy,) = best_paths([pieces], [candidates], replace(networks, classify=classify))
        inks = [np.minimum(pieces.ink(c.first, c.last), 1) for c in candidates]
        P = networks.classify(np.stack([normalize_digit(255 * ink, (28, 28)) for ink in inks]))
        every = [replace(c, probabilities=p) for c, p in zip(candidates, P, strict=True)]
        spans = [(c.first, c.last) for c in best_path(pieces, every)]
        assert [(c.first, c.last) for c in lazy] == spans
        total += len(candidates)
    assert sum(asked) < total / 2


# --- drawings


def test_each_stage_is_drawn(read: Read, digit_reader: nnkit.TrainedModel, tmp_path: Path) -> None:
    typeset("50\n41").save(tmp_path / "a.png")
    read_digits(tmp_path / "a.png", digit_reader, stages=StageFiles(tmp_path / "stages"))
    names = [path.stem for path in sorted((tmp_path / "stages").iterdir())]
    assert names == [
        "01-grey",
        "02-paper",
        "03-ink",
        "04-without-rules",
        "05-components",
        "06-lines",
        "07-cuts-1",
        "08-cuts-2",
    ]


def test_annotations_leave_the_picture_as_it_is(read: Read) -> None:
    picture = typeset("50419")
    drawn = annotated(picture, read(picture))
    assert drawn.size == picture.size, "there is room for the labels"
    assert (np.asarray(drawn.convert("L")) == np.asarray(picture)).mean() > 0.85
    assert annotated(picture, Reading(())).size == picture.size


def test_labels_get_the_space_that_they_need(read: Read) -> None:
    picture = typeset("50419").crop((0, 30, 250, 120))
    drawn = annotated(picture, read(picture))
    assert drawn.width == picture.width
    assert picture.height < drawn.height < picture.height + 60


def read_as(*boxes: Box) -> Reading:
    digits = tuple(Digit("8", 0.99, box, "8") for box in boxes)
    return Reading((Line("8" * len(boxes), digits),))


def test_labels_neither_overlap_nor_leave_the_picture() -> None:
    page = Image.new("L", (100, 160), 255)
    narrow: list[Box] = [(x, 90, x + 6, 150) for x in range(40, 100, 10)]

    def coloured(*boxes: Box) -> int:
        pixels = np.asarray(annotated(page, read_as(*boxes)), dtype=int)
        return int((np.ptp(pixels, axis=2) > 100).sum())

    alone = [coloured(box) for box in narrow]
    in_the_middle = coloured((10, 90, 16, 150))
    assert min(alone) > 0.98 * in_the_middle, "none is clipped"
    assert coloured(*narrow) > 0.98 * sum(alone), "none covers another"


def test_lines_grow_with_the_digits() -> None:
    page = Image.new("L", (1000, 1000), 255)
    columns = [
        np.ptp(np.asarray(annotated(page, read_as((300, 900 - height, 500, 900))))[880], axis=-1)
        for height in (40, 400)
    ]
    assert [np.count_nonzero(column) for column in columns] == [2, 20]

"""Symbols other than digits: letters and signs, in imitated handwriting or printed.

The verifier of whole digits is trained on the drawn ones; the printed ones, which it never sees,
test whether it generalizes.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from nnkit.optional import optional

Array = NDArray[np.uint8]

SIDE, HEIGHT = 28, 20  # size of an image and of a digit in it, in MNIST's pixels
FINE = 8  # factor of supersampling for drawing strokes

# Strokes as points x, y relative to a digit's height, from the top left; `~` marks round strokes.
# Symbols that resemble digits are left out: O, I, l, S, Z, B, b, g, q, and similar ones.
DRAWN: Mapping[str, str] = {
    "A": "0,1 .4,0 .8,1; .15,.65 .65,.65",
    "C": "~.75,.15 .45,0 .1,.3 .1,.7 .4,1 .75,.85",
    "E": ".7,0 0,0 0,1 .7,1; 0,.5 .55,.5",
    "F": ".7,0 0,0 0,1; 0,.45 .5,.45",
    "H": "0,0 0,1; .7,0 .7,1; 0,.5 .7,.5",
    "K": "0,0 0,1; .65,0 0,.55 .7,1",
    "M": "0,1 .1,0 .45,.7 .8,0 .9,1",
    "N": "0,1 0,0 .7,1 .7,0",
    "P": "0,0 0,1; ~0,0 .5,.05 .6,.3 .45,.5 0,.55",
    "R": "0,0 0,1; ~0,0 .5,.05 .6,.27 .45,.47 0,.5; .25,.5 .65,1",
    "T": "0,0 .8,0; .4,0 .4,1",
    "V": "0,0 .4,1 .8,0",
    "W": "0,0 .25,1 .5,.3 .75,1 1,0",
    "X": "0,0 .7,1; .7,0 0,1",
    "Y": "0,0 .35,.5 .7,0; .35,.5 .35,1",
    "L": "0,0 0,1 .6,1",
    "U": "~0,0 .02,.6 .12,.93 .35,1 .58,.93 .68,.6 .7,0",
    "$": "~.65,.15 .3,.05 .1,.3 .55,.6 .5,.9 .05,.85; .35,-.1 .3,1.1",
    "a": "~.05,.5 .3,.36 .52,.5 .55,.75 .62,1; ~.5,.65 .1,.7 .1,.98 .4,.97 .53,.75",
    "d": ".6,0 .6,1; ~.6,.5 .3,.38 .05,.7 .3,1 .6,.85",
    "f": "~.6,.1 .4,0 .27,.2 .25,1; 0,.42 .5,.42",
    "t": ".25,.1 .25,1; 0,.4 .55,.4",
    "e": "~.05,.68 .35,.65 .6,.55 .4,.36 .1,.5 .1,.85 .4,1 .65,.88",
    "h": "0,0 0,1; ~0,.6 .3,.4 .55,.6 .55,1",
    "k": "0,0 0,1; .45,.4 0,.7 .5,1",
    "m": "0,.4 0,1; ~0,.6 .2,.42 .38,.6 .38,1; ~.38,.6 .6,.42 .78,.6 .78,1",
    "n": "0,.4 0,1; ~0,.6 .3,.4 .55,.6 .55,1",
    "w": "~0,.4 .1,.9 .3,.95 .4,.5 .5,.95 .7,.9 .8,.4",
    "x": "0,.4 .5,1; .5,.4 0,1",
    "+": ".35,.15 .35,.85; 0,.5 .7,.5",
    "-": "0,.5 .6,.5",
    "=": "0,.35 .65,.35; 0,.65 .65,.65",
    "*": ".35,.2 .35,.8; .05,.35 .65,.65; .65,.35 .05,.65",
    "#": ".25,.1 .2,.9; .55,.1 .5,.9; 0,.35 .75,.35; 0,.65 .75,.65",
    "%": "~.15,.05 .02,.2 .15,.35 .3,.2 .15,.05; ~.6,.65 .47,.8 .6,.95 .75,.8 .6,.65; .7,0 .1,1",
    "&": "~.75,1 .2,.35 .25,.05 .5,.15 .4,.4 .05,.7 .2,1 .5,.9 .7,.6",
    "?": "~0,.25 .25,0 .55,.2 .45,.45 .25,.6 .25,.75; .25,.93 .26,1",
    "<": ".6,.15 0,.5 .6,.85",
    ">": "0,.15 .6,.5 0,.85",
    "√": "0,.6 .15,.5 .35,1 .6,0 1.1,0",
    "π": "0,.3 .8,.25; .2,.3 .15,1; .55,.3 .6,1",
    "Σ": ".7,.1 .05,0 .4,.5 0,1 .75,.95",
    "@": "~.6,.6 .4,.4 .25,.6 .4,.75 .6,.6 .65,.75 .85,.5 .5,.1 .05,.45 .3,1 .75,.95",
    "→": "0,.5 .9,.5; .65,.25 .9,.5 .65,.75",
    "check mark": "0,.6 .25,1 .8,.1",
    "triangle": ".45,0 0,.9 .9,.9 .45,0",
    "square": "0,.05 .85,.05 .85,.9 0,.9 0,.05",
    "star": ".2,1 .45,0 .75,1 0,.35 .95,.35 .2,1",
}
PRINTED = "ACDEFGHKMNPQRTUVWXYadefhkmnrtuwxy+=%&#@$?<>*"


def drawn_sign(rng: np.random.Generator, name: str | None = None) -> Array:
    """Draws a sign as in handwriting, light on black, (28, 28); a random one by default."""
    strokes = DRAWN[name or str(rng.choice(list(DRAWN)))]
    shear, turn = rng.uniform(-0.3, 0.2), np.radians(rng.uniform(-8, 8))
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    matrix = matrix @ np.array([[rng.uniform(0.75, 1.15), shear], [0, rng.uniform(0.85, 1.05)]])
    pen = rng.uniform(1.6, 3.4) * FINE
    paths = [_path(stroke.strip(), rng) @ matrix.T * HEIGHT * FINE for stroke in strokes.split(";")]
    every = np.concatenate(paths)
    shift = SIDE * FINE / 2 - (every.min(axis=0) + every.max(axis=0)) / 2
    page = Image.new("L", (SIDE * FINE, SIDE * FINE))
    draw = ImageDraw.Draw(page)
    for path in paths:
        points = [(float(x), float(y)) for x, y in path + shift]
        draw.line(points, fill=255, width=round(pen), joint="curve")
        for x, y in (points[0], points[-1]):
            draw.ellipse((x - pen / 2, y - pen / 2, x + pen / 2, y + pen / 2), fill=255)
    return np.asarray(page.resize((SIDE, SIDE), Image.Resampling.BOX))


def _path(stroke: str, rng: np.random.Generator) -> NDArray[np.float64]:
    """The points of a stroke, with random deviations, (n, 2)."""
    pairs = stroke.lstrip("~").split()
    points = np.array([[float(value) for value in pair.split(",")] for pair in pairs])
    points += rng.normal(scale=0.035, size=points.shape)
    if not stroke.startswith("~"):
        return points
    interpolate = optional("scipy.interpolate", "drawing signs")
    places = np.arange(len(points))
    curve = interpolate.make_interp_spline(places, points, k=min(3, len(points) - 1))
    return np.asarray(curve(np.linspace(0, places[-1], 8 * len(points))))


def printed_sign(rng: np.random.Generator, name: str | None = None) -> Array:
    """Draws a letter or sign in Pillow's default font, in proportion to the digits, (28, 28)."""
    sign = name or str(rng.choice(list(PRINTED)))
    font = ImageFont.load_default(HEIGHT * FINE / 0.72)  # a digit's height as a fraction of the em
    page = Image.new("L", (SIDE * FINE, SIDE * FINE))
    ImageDraw.Draw(page).text(
        (SIDE * FINE / 2, SIDE * FINE / 2), sign, fill=255, font=font, anchor="mm"
    )
    return np.asarray(page.resize((SIDE, SIDE), Image.Resampling.BOX))

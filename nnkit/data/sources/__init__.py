"""The data sources; to add one, write its module and add it to the union here."""

from __future__ import annotations

from typing import Annotated

from nnkit.config.tagged_union import Tagged
from nnkit.data.sources.arrays import Idx, Npy, Npz
from nnkit.data.sources.csv import Csv
from nnkit.data.sources.generators.adding import Adding
from nnkit.data.sources.generators.addition import Addition
from nnkit.data.sources.generators.copy_memory import CopyMemory
from nnkit.data.sources.generators.date_notations import Dates
from nnkit.data.sources.generators.number_words import NumberWords
from nnkit.data.sources.generators.reber import EmbeddedReber
from nnkit.data.sources.generators.reversal import Reversal
from nnkit.data.sources.generators.scan import Scan
from nnkit.data.sources.image_folder import ImageFolder
from nnkit.data.sources.memory_source import Memory
from nnkit.data.sources.mnist import Mnist
from nnkit.data.sources.series import Series
from nnkit.data.sources.shards import Shards
from nnkit.data.sources.text_files import Pairs, PlainText, TaggedText

AnySource = Annotated[
    Mnist
    | Idx
    | Npy
    | Npz
    | Csv
    | Series
    | ImageFolder
    | Shards
    | PlainText
    | Pairs
    | TaggedText
    | Memory
    | Adding
    | Addition
    | CopyMemory
    | Dates
    | EmbeddedReber
    | NumberWords
    | Reversal
    | Scan,
    Tagged(),
]

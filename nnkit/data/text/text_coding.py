"""The coding of texts as numbers of symbols, and of such numbers as texts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from hashlib import sha256
from itertools import accumulate, chain, repeat
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from nnkit.config.spec import Count, Spec
from nnkit.data.text.byte_pairs import Pair
from nnkit.data.text.symbol_table import ALL_RESERVED, Reserved, SymbolTable, count_symbols
from nnkit.data.text.text_normalization import Spaces, TextNormalization, UnicodeForm
from nnkit.data.text.text_units import AnyTextUnit, CharacterUnit, Split
from nnkit.errors import DataError

Ids = NDArray[np.int32]
Texts = Sequence[str] | NDArray[Any]  # texts (n,)


class TextCoding(Spec):
    """Texts as sequences of symbols: normalization, the unit that is a symbol, and the vocabulary.

    The vocabulary is built from the training set alone. Other symbols are unknown.
    """

    shorthand: ClassVar[str | None] = "unit"
    unit: AnyTextUnit = Field(
        default_factory=CharacterUnit, description="The unit of text that is a symbol."
    )
    unicode: UnicodeForm = Field(
        "nfc",
        description="Normalization form: `nfc` composes characters, `nfkc` also replaces "
        "compatibility characters such as ligatures.",
    )
    spaces: Spaces = Field(
        "plain",
        description="`plain` turns other spaces, such as the no-break spaces U+00A0 and U+202F, "
        "into U+0020.",
    )
    lower: bool = Field(False, description="Whether letters become lower-case.")
    letters_only: bool = Field(
        False,
        description="Whether each run of characters other than A to Z and a to z becomes a space.",
    )
    min_count: Count = Field(
        1, description="Symbols that are rarer in the training set are unknown."
    )
    size: Count | None = Field(
        None,
        description="Size of the vocabulary at most, without reserved symbols; the most frequent "
        "symbols are kept, and for byte pairs all characters.",
    )
    longest: Count | None = Field(None, description="Symbols of a text at most.")
    too_long: Literal["error", "cut"] = Field(
        "error", description="What happens to longer texts; `cut` removes their ends."
    )

    @property
    def normalization(self) -> TextNormalization:
        """The normalization of characters."""
        return TextNormalization(self.unicode, self.spaces, self.lower, self.letters_only)

    def normalize(self, text: str) -> str:
        """The text as it is coded: what `TextEncoder.decode` makes of its ids."""
        return self.unit.normalize(self.normalization.apply(text))

    def normalize_all(self, texts: Texts) -> list[str]:
        """Texts as they are coded, (n,)."""
        return list(map(self.unit.normalize, map(self.normalization.apply, texts)))

    def fit(self, texts: Texts, reserved: Iterable[Reserved] = ALL_RESERVED) -> TextEncoder:
        """Builds the vocabulary from the texts of the training set.

        Args:
            texts: the texts.
            reserved: the reserved symbols of the vocabulary. Without `UNKNOWN`, texts with an
                unknown symbol cannot be encoded.

        Raises:
            DataError: there are no symbols in the texts.
        """
        normalized = self.normalize_all(texts)
        merges = self.unit.learn(normalized)
        counts = count_symbols(map(self.unit.splitter(merges), normalized))
        if not counts:
            raise DataError("the training texts are empty: they contain no symbols to learn")
        table = SymbolTable.of(
            counts,
            min_count=self.min_count,
            size=self.size,
            always=self.unit.alphabet(normalized, self.min_count),
            reserved=reserved,
        )
        return TextEncoder(self, table, merges)


@dataclass(frozen=True, slots=True)
class EncodedTexts:
    """Texts as ids, one after the other.

    Attributes:
        values: the ids of all texts, (symbols,).
        offsets: where the ids of each text begin, and at last their number, (texts + 1,).
        cut: the indices of the texts whose ends were removed.
    """

    values: Ids
    offsets: NDArray[np.int64]
    cut: tuple[int, ...] = ()


@dataclass(frozen=True)
class TextEncoder:
    """Converts texts to ids of symbols and back.

    Attributes:
        coding: the settings.
        symbols: the vocabulary.
        merges: the merges of byte pairs; empty for other units.
    """

    coding: TextCoding
    symbols: SymbolTable
    merges: tuple[Pair, ...] = ()

    def normalize(self, text: str) -> str:
        """The text as it is coded: what `decode` makes of its ids, if all symbols are known."""
        return self.coding.normalize(text)

    def split(self, text: str) -> Sequence[str]:
        """The symbols of a text, known or not."""
        return self._split(self.normalize(text))

    def encode(self, text: str) -> Ids:
        """The ids of a text's symbols, (symbols,); an empty text has none.

        Raises:
            DataError: the text is too long, or a symbol is unknown and the vocabulary has no
                symbol for that.
        """
        return self.encode_all([text]).values

    def encode_all(
        self, texts: Texts, lines: Sequence[int] | NDArray[Any] | None = None, place: str = ""
    ) -> EncodedTexts:
        """Encodes many texts, faster than one by one.

        Args:
            texts: the texts, (n,).
            lines: the line of each in its file, (n,), for messages.
            place: the file, for messages.

        Raises:
            DataError: as for `encode`.
        """
        pieces = list(map(self._split, self.coding.normalize_all(texts)))
        where = partial(place_of, lines=lines, place=place)
        pieces, cut = self._limited(pieces, where)
        offsets = np.fromiter(accumulate(map(len, pieces), initial=0), np.int64, len(pieces) + 1)
        numbers = map(self._numbers.__getitem__, chain.from_iterable(pieces))
        values = np.fromiter(numbers, np.int32, int(offsets[-1]))
        if (values < 0).any():
            index = int(np.searchsorted(offsets, np.argmax(values < 0), side="right")) - 1
            unknown = next(p for p in pieces[index] if p not in self.symbols)
            raise DataError(
                f"{where(index)}: unknown symbol '{unknown}', which is not in the training set"
            )
        return EncodedTexts(values, offsets, cut)

    def decode(
        self, ids: Iterable[int], unknown: Iterable[str] = (), begun: Sequence[str] = ()
    ) -> str:
        """The text of ids.

        Reserved symbols other than the unknown one add nothing to it.

        Args:
            ids: the ids, (symbols,).
            unknown: what stands for each of the unknown symbols in turn; then `<unk>`.
            begun: symbols before those of the ids, known or not, as `split` gives them.

        Raises:
            IndexError: an id is not in the vocabulary.
        """
        stand_ins = chain(unknown, repeat(self.coding.unit.unknown))
        symbols = (
            next(stand_ins) if symbol is Reserved.UNKNOWN else symbol
            for symbol in map(self._symbol, ids)
            if symbol is Reserved.UNKNOWN or isinstance(symbol, str)
        )
        return self.coding.unit.join(chain(begun, symbols))

    def record(self) -> dict[str, Any]:
        """The encoder as plain values for JSON, from which `from_record` makes it again."""
        return {
            "coding": self.coding.model_dump(mode="json"),
            "reserved": [symbol.name.lower() for symbol in self.symbols.reserved],
            "pieces": list(self.symbols.pieces),
            "counts": list(self.symbols.counts),
            "merges": [list(pair) for pair in self.merges],
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Makes an encoder from its record."""
        table = SymbolTable(
            tuple(Reserved[name.upper()] for name in record["reserved"]),
            tuple(record["pieces"]),
            tuple(record["counts"]),
        )
        merges = tuple((first, second) for first, second in record["merges"])
        return cls(TextCoding.model_validate(record["coding"]), table, merges)

    def fingerprint(self) -> str:
        """A SHA-256 of settings and vocabulary."""
        return sha256(json.dumps(self.record(), sort_keys=True).encode()).hexdigest()

    @cached_property
    def _split(self) -> Split:
        return self.coding.unit.splitter(self.merges, self.symbols)

    @cached_property
    def _numbers(self) -> Mapping[str, int]:
        """The id of each symbol of a text: for unknown ones that of `UNKNOWN`, or -1."""
        first = len(self.symbols.reserved)
        unknown = self.symbols.numbers.get(Reserved.UNKNOWN, -1)
        return _WithDefault(unknown, {p: first + i for i, p in enumerate(self.symbols.pieces)})

    def _symbol(self, number: int) -> str | Reserved:
        if not 0 <= number < len(self.symbols):
            raise IndexError(f"there is no symbol {number} among {len(self.symbols)}")
        return self.symbols.symbols[number]

    def _limited(
        self, pieces: list[Sequence[str]], where: Callable[[int], str]
    ) -> tuple[list[Sequence[str]], tuple[int, ...]]:
        """Cuts texts to the greatest length, and says which were longer."""
        longest = self.coding.longest
        if longest is None:
            return pieces, ()
        cut = tuple(index for index, piece in enumerate(pieces) if len(piece) > longest)
        if cut and self.coding.too_long == "error":
            raise DataError(
                f"{where(cut[0])}: {len(pieces[cut[0]]):,} symbols, but at most "
                f"{longest:,} are allowed by 'longest'; raise it, or cut such texts with "
                "'too_long: cut'"
            )
        return [piece[:longest] for piece in pieces], cut


class _WithDefault(dict[str, int]):
    """A dictionary with one value for all missing keys, which it does not store."""

    def __init__(self, default: int, items: Mapping[str, int]) -> None:
        super().__init__(items)
        self._default = default

    def __missing__(self, key: str) -> int:
        return self._default


def place_of(index: int, lines: Sequence[int] | NDArray[Any] | None, place: str) -> str:
    """The place of a text: `file:line`, or its number from 1 if its line is not known."""
    if lines is None:
        return f"{place}: text {index + 1}" if place else f"text {index + 1}"
    return f"{place}:{lines[index]}" if place else f"line {lines[index]}"

"""Tests of the coding of texts: exact round trips, unknown symbols, limits, records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unicodedata import normalize

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnkit.config.spec import members
from nnkit.data.text.symbol_table import Reserved
from nnkit.data.text.text_coding import TextCoding, TextEncoder
from nnkit.data.text.text_pairs import read_pairs
from nnkit.data.text.text_units import AnyTextUnit
from nnkit.errors import DataError
from nnkit.text import as_json

TEXTS = Path(__file__).parents[3] / "data" / "text"
UNITS = [*members(AnyTextUnit)]
ANY_TEXT = st.text(st.characters())  # lone surrogates included
TYPED = ["<unk>", "<padding>", "<start>", "<end>", "<pad>", "<s>", "</s>", "</w>", "@@", "▁"]


def coding(unit: Any, **settings: Any) -> TextCoding:
    return TextCoding.model_validate({"unit": unit, **settings})


@pytest.mark.parametrize("unit", UNITS)
@given(texts=st.lists(ANY_TEXT, min_size=1).filter(lambda texts: any(t.split() for t in texts)))
def test_decoding_gives_the_normalized_text(unit: str, texts: list[str]) -> None:
    encoder = coding(unit).fit(texts)
    for text in texts:
        assert encoder.decode(encoder.encode(text)) == encoder.normalize(text)


@pytest.mark.parametrize("unit", ["character", "word", "bpe"])
@given(text=st.text(min_size=1))
def test_a_text_can_be_coded_exactly(unit: str, text: str) -> None:
    encoder = coding(unit, unicode="as_is", spaces="as_is").fit([text])
    assert encoder.decode(encoder.encode(text)) == text


@given(st.lists(st.text("abcd -", min_size=1), min_size=1), st.data())
def test_byte_pairs_code_any_text_of_known_characters(
    texts: list[str], data: st.DataObject
) -> None:
    encoder = coding("bpe", min_count=2).fit([*texts, *texts])
    known = sorted(set("".join(texts)))
    text = data.draw(st.text(known, min_size=1))
    assert encoder.decode(encoder.encode(text)) == text


@pytest.mark.parametrize("unit", UNITS)
def test_what_a_user_types_is_never_a_reserved_symbol(unit: str) -> None:
    text = " ".join(TYPED)
    encoder = coding(unit).fit([text])
    assert encoder.encode(text).min() >= len(Reserved)
    assert encoder.decode(encoder.encode(text)) == text
    unseen = coding(unit).fit(["a b c d e n p s t k u g i r w"]).encode("<unk>")
    assert Reserved.PADDING not in [
        coding(unit).fit(["a"]).symbols.symbols[i] for i in [*unseen[:1]]
    ]


def test_reserved_symbols_add_nothing_to_a_text_but_the_unknown_one() -> None:
    encoder = coding("word").fit(["Go now."])
    number = encoder.symbols.number
    ids = [
        number(Reserved.START),
        *encoder.encode("Go later."),
        number(Reserved.END),
        number(Reserved.PADDING),
    ]
    assert encoder.decode(ids) == "Go <unk>."
    assert encoder.decode(ids, unknown=[" …"]) == "Go …."
    assert coding("character").fit(["ab"]).decode([number(Reserved.UNKNOWN)]) == "<unk>"
    with pytest.raises(IndexError, match="no symbol 99"):
        encoder.decode([99])
    with pytest.raises(IndexError, match="no symbol -1"):
        encoder.decode([-1])


@pytest.mark.parametrize("unit", UNITS)
def test_an_empty_text_has_no_symbols(unit: str) -> None:
    encoder = coding(unit).fit(["", "a b", ""])
    assert encoder.encode("").tolist() == []
    assert encoder.decode([]) == ""
    encoded = encoder.encode_all(["", "a", ""])
    assert encoded.offsets.tolist() == [0, 0, encoded.offsets[-1], encoded.offsets[-1]]
    with pytest.raises(DataError, match="no symbols to learn"):
        coding(unit).fit(["", ""])


@pytest.mark.parametrize("unit", UNITS)
@given(texts=st.lists(st.text("ab <>é", max_size=8)))
def test_texts_are_encoded_together_as_one_by_one(unit: str, texts: list[str]) -> None:
    encoder = coding(unit).fit(["ab ba é"])
    encoded = encoder.encode_all(np.array(texts, dtype=np.dtypes.StringDType()))
    assert encoded.values.dtype == np.int32
    assert len(encoded.offsets) == len(texts) + 1
    bounds = zip(encoded.offsets[:-1], encoded.offsets[1:], texts, strict=True)
    for first, last, text in bounds:
        assert encoded.values[first:last].tolist() == encoder.encode(text).tolist()


def test_rare_symbols_are_unknown() -> None:
    encoder = coding("word", min_count=2).fit(["a b a", "c a b"])
    unknown = encoder.symbols.number(Reserved.UNKNOWN)
    assert [i == unknown for i in encoder.encode("a b c")] == [False, False, True]
    assert len(coding("word", size=1).fit(["a b a"]).symbols.pieces) == 1


def test_without_an_unknown_symbol_the_place_of_an_unknown_one_is_named() -> None:
    encoder = coding("whitespace").fit(["NOUN VERB"], reserved=[])
    assert encoder.encode("VERB NOUN").tolist() == [1, 0]
    with pytest.raises(DataError, match=r"^tags\.tsv:7: unknown symbol 'ADJ'"):
        encoder.encode_all(["NOUN", "", "VERB ADJ"], lines=[3, 5, 7], place="tags.tsv")
    with pytest.raises(DataError, match=r"^text 1: unknown symbol 'ADV'"):
        encoder.encode("ADV")


def test_texts_that_are_too_long_are_refused_or_cut() -> None:
    texts = ["abc", "a" * 10_000, "ab"]
    with pytest.raises(DataError, match=r"^a\.txt:9: 10,000 symbols, .* 3 .*'too_long: cut'"):
        coding("character", longest=3).fit(texts).encode_all(texts, lines=[8, 9, 10], place="a.txt")
    encoded = coding("character", longest=3, too_long="cut").fit(texts).encode_all(texts)
    assert encoded.offsets.tolist() == [0, 3, 6, 8]
    assert encoded.cut == (1,)


@pytest.mark.parametrize("unit", UNITS)
@given(texts=st.lists(ANY_TEXT).filter(lambda texts: any(text.split() for text in texts)))
def test_an_encoder_is_made_again_from_its_record(unit: str, texts: list[str]) -> None:
    encoder = coding(unit, lower=True, longest=1000).fit(texts)
    again = TextEncoder.from_record(json.loads(as_json(encoder.record())))
    assert again == encoder
    assert again.fingerprint() == encoder.fingerprint()
    assert again.encode_all(texts).values.tolist() == encoder.encode_all(texts).values.tolist()


def test_the_fingerprint_is_of_settings_and_vocabulary() -> None:
    encoders = [
        coding("character").fit(["ab"]),
        coding("character").fit(["abb"]),
        coding("character", lower=True).fit(["ab"]),
        coding("word").fit(["ab"]),
    ]
    assert len({encoder.fingerprint() for encoder in encoders}) == len(encoders)


@pytest.mark.parametrize(
    ("written", "full"),
    [
        ("word", {"unit": {"kind": "word"}}),
        (None, {"unit": {"kind": "character"}}),
        ({"bpe": 500}, {"unit": {"kind": "bpe", "merges": 500}}),
        (
            {"unit": {"bpe": 500}, "lower": True},
            {"unit": {"kind": "bpe", "merges": 500}, "lower": True},
        ),
    ],
)
def test_short_forms(written: Any, full: dict[str, Any]) -> None:
    assert TextCoding.model_validate(written) == TextCoding.model_validate(full)


def test_the_time_machine_has_as_many_characters_as_published() -> None:
    """Zhang et al., "Dive into Deep Learning", section 9.2: 173,428 characters, 28 symbols."""
    text = (TEXTS / "timemachine.txt").read_text(encoding="utf-8")
    book = coding("character", letters_only=True, lower=True)
    assert len(book.normalize(text)) == 173_428
    assert len(book.fit([text], reserved=[Reserved.UNKNOWN]).symbols) == 28


@pytest.mark.slow
def test_real_sentences_are_decoded_to_themselves() -> None:
    french = read_pairs(TEXTS / "eng-fra-upto-5-words.tsv.gz").targets[::100]
    plain = [normalize("NFC", text) for text in french]
    plain = [text.replace("\u202f", " ").replace("\u00a0", " ") for text in plain]
    for unit in ("character", "word", {"bpe": {"merges": 100}}):
        encoder = coding(unit).fit(french)
        encoded = encoder.encode_all(french)
        bounds = zip(encoded.offsets[:-1], encoded.offsets[1:], strict=True)
        assert [encoder.decode(encoded.values[a:b]) for a, b in bounds] == plain

"""Tests of greedy decoding and beam search, against each other and an exhaustive search."""

from __future__ import annotations

from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from nnkit.config.spec import members
from nnkit.decoding import AnyDecoding
from nnkit.decoding.beam import Beam
from nnkit.decoding.candidates import best_candidates
from nnkit.decoding.decoder import OutputSymbols
from nnkit.decoding.greedy import Greedy
from nnkit.decoding.method import Decoding, Hypothesis, LengthLimit
from nnkit.decoding.restrictions import repeated
from nnkit.decoding.sampling import Sampling
from nnkit.decoding.scoring import score_outputs, search_errors
from nnkit.errors import SettingError
from tests.decoding.toy_decoder import (
    END,
    START,
    UNKNOWN,
    ToyDecoder,
    all_outputs,
    plain_beam_search,
    symbols_of,
)

seeds = st.integers(0, 10_000)
lengths = st.lists(st.integers(1, 5), min_size=1, max_size=4).map(tuple)
limits = st.builds(LengthLimit, factor=st.sampled_from([0.0, 0.5, 1.0]), constant=st.integers(0, 3))
penalties = st.fixed_dictionaries(
    {
        "length_penalty": st.sampled_from([0.0, 0.6, 1.0, 2.0]),
        "normalization": st.sampled_from(["wu", "power"]),
        "coverage_penalty": st.sampled_from([0.0, 0.2, 1.0]),
    }
)
restrictions = st.fixed_dictionaries(
    {
        "max_length": limits,
        "min_length": limits,
        "block_ngrams": st.sampled_from([None, None, 1, 2]),
        "unknown": st.booleans(),
        "stop": st.sampled_from([(), ("b",)]),
        "exclude": st.sampled_from([(), ("a",), ("c", "a")]),
    }
)


def decode(
    method: Decoding, decoder: ToyDecoder, end: int | None = END, **more: Any
) -> list[list[Hypothesis]]:
    symbols = symbols_of(decoder.count, end)
    return method.decode(decoder, decoder.state(), decoder.sentences(**more), symbols)


# Beam search against greedy decoding and an exhaustive search


@given(
    seeds, lengths, st.sampled_from([0, 2]), penalties, restrictions, st.sampled_from([END, None])
)
def test_a_beam_of_one_is_greedy_decoding(
    seed: int, sources: tuple[int, ...], levels: int, penalty: Any, limit: Any, end: int | None
) -> None:
    decoder = ToyDecoder(seed, lengths=sources, levels=levels)
    greedy = decode(Greedy(**limit), decoder, end)
    beam = decode(Beam(width=1, **penalty, **limit), decoder, end)
    for (one,), (other,) in zip(greedy, beam, strict=True):
        assert (one.symbols, one.log_probability, one.finish) == (
            other.symbols,
            other.log_probability,
            other.finish,
        )


@given(seeds, st.lists(st.integers(1, 3), min_size=1, max_size=2).map(tuple), penalties, st.data())
def test_a_beam_as_wide_as_all_outputs_finds_the_best(
    seed: int, sources: tuple[int, ...], penalty: Any, data: st.DataObject
) -> None:
    decoder = ToyDecoder(seed, count=5, lengths=sources)
    limit: dict[str, Any] = {
        "max_length": LengthLimit(factor=1.0, constant=data.draw(st.integers(0, 2))),
        "min_length": LengthLimit(factor=data.draw(st.sampled_from([0.0, 0.5]))),
        "block_ngrams": data.draw(st.sampled_from([None, 2])),
    }
    method = Beam(width=150, n_best=4, **penalty, **limit)
    for sentence, found in enumerate(decode(method, decoder)):
        expected = all_outputs(decoder, method, sentence)[:4]
        assert [hypothesis.symbols for hypothesis in found] == [output for _, output in expected]
        scores = [hypothesis.score for hypothesis in found]
        np.testing.assert_allclose(scores, [score for score, _ in expected], rtol=1e-12)


@given(seeds, lengths, st.sampled_from([0, 1, 2]), penalties, st.integers(1, 6), st.data())
def test_the_beam_is_that_of_a_plain_search(
    seed: int,
    sources: tuple[int, ...],
    levels: int,
    penalty: Any,
    width: int,
    data: st.DataObject,
) -> None:
    limit = LengthLimit(factor=1.0, constant=data.draw(st.integers(0, 3)))
    n_best = data.draw(st.integers(1, width))
    decoder = ToyDecoder(seed, lengths=sources, levels=levels)
    method = Beam(width=width, n_best=n_best, max_length=limit, **penalty)
    for sentence, found in enumerate(decode(method, decoder)):
        expected = plain_beam_search(decoder, method, sentence)
        scores = [hypothesis.score for hypothesis in found]
        np.testing.assert_allclose(scores, [score for score, _ in expected], rtol=1e-12)
        assert [hypothesis.symbols for hypothesis in found] == [output for _, output in expected]


@given(seeds, lengths, st.sampled_from([0, 3]), penalties, st.integers(2, 6))
def test_the_first_output_is_the_same_however_many_are_wanted(
    seed: int, sources: tuple[int, ...], levels: int, penalty: Any, width: int
) -> None:
    decoder = ToyDecoder(seed, lengths=sources, levels=levels)
    best = [decode(Beam(width=width, n_best=n, **penalty), decoder) for n in range(1, width + 1)]
    for fewer, more in pairwise(best):
        for few, many in zip(fewer, more, strict=True):
            assert many[: len(few)] == few
    for found in best[-1]:
        assert len({hypothesis.symbols for hypothesis in found}) == len(found) == width
        scores = [hypothesis.score for hypothesis in found]
        assert scores == sorted(scores, reverse=True)


METHODS = [Greedy(), Beam(n_best=3, coverage_penalty=0.2), Sampling(samples=3, top_p=0.9)]


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.kind)
@settings(max_examples=settings().max_examples // 2)
@given(seeds, lengths)
def test_a_sentence_does_not_depend_on_its_neighbours(
    method: Decoding, seed: int, sources: tuple[int, ...]
) -> None:
    decoder = ToyDecoder(seed, lengths=sources)
    together = decode(method, decoder, keys=10 + np.arange(len(sources)))
    for i in range(len(sources)):
        sentences = decoder.sentences()
        alone = method.decode(
            decoder,
            decoder.state().select(np.array([i])),
            type(sentences)(
                sentences.starts[[i]], sentences.source_lengths[[i]], keys=np.array([10 + i])
            ),
            symbols_of(decoder.count),
        )
        assert alone == [together[i]]


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.kind)
@given(seeds, lengths, st.sampled_from([0, 2]))
def test_reported_scores_are_those_recomputed(
    method: Decoding, seed: int, sources: tuple[int, ...], levels: int
) -> None:
    decoder = ToyDecoder(seed, lengths=sources, levels=levels)
    for rank, found in enumerate(zip(*decode(method, decoder), strict=True)):
        outputs = [(*hypothesis.symbols, END) for hypothesis in found]
        totals, scores = score_outputs(
            method, decoder, decoder.state(), decoder.sentences(), outputs
        )
        assert [hypothesis.log_probability for hypothesis in found] == totals.tolist(), rank
        assert [hypothesis.score for hypothesis in found] == scores.tolist(), rank


# The course of the search


def certain(decoder: ToyDecoder, output: tuple[int, ...]) -> None:
    """Makes a decoder all but certain of an output for its first sentence."""
    for t, symbol in enumerate((*output, END)):
        log_p = np.full(decoder.count, np.log(1e-4 / decoder.count), dtype=np.float32)
        log_p[symbol] = np.log1p(-1e-4)
        decoder._known[0, (START, *output[:t])] = log_p, decoder.one(0, (START,))[1]


def test_the_search_stops_when_nothing_can_win_and_finished_sentences_leave() -> None:
    decoder = ToyDecoder(0, lengths=(1, 30))
    certain(decoder, (3, 4))
    together = decode(Beam(length_penalty=0.6), decoder)
    assert together[0][0].symbols == (3, 4)
    assert [0 in step for step in decoder.steps] == [True] * 3 + [False] * (len(decoder.steps) - 3)
    decoder.steps.clear()
    decode(Beam(n_best=5, length_penalty=0.6), decoder)
    assert 0 in decoder.steps[3]  # the next best outputs are wanted, too


def test_a_wider_beam_is_not_worse_by_stopping_early() -> None:
    """Scores of the best output, on average over sentences, grow with the width."""
    means = []
    for width in (1, 2, 5, 20):
        method, scores = Beam(width=width, max_length=LengthLimit(constant=8)), []
        for seed in range(20):
            scores += [found[0].score for found in decode(method, ToyDecoder(seed))]
        means.append(np.mean(scores))
    assert means == sorted(means)
    assert means[0] < means[-1]


def test_equal_outputs_are_in_the_stated_order() -> None:
    """All symbols are equally likely: earlier ends first, then lower symbols."""
    decoder = ToyDecoder(0, count=5, levels=1)
    method = Beam(width=8, n_best=8, length_penalty=0.0, max_length=LengthLimit(constant=2))
    found = [hypothesis.symbols for hypothesis in decode(method, decoder)[0]]
    assert found == [(), (3,), (4,), (3, 3), (3, 4), (4, 3), (4, 4)]
    assert decode(Greedy(min_length=LengthLimit(constant=2)), decoder)[0][0].symbols == (3, 3)


def test_finished_outputs_come_before_equal_live_ones() -> None:
    """With the mean over symbols as score, all outputs are equal; the beam of two fills at once."""
    decoder = ToyDecoder(0, count=5, levels=1)
    method = Beam(width=2, n_best=2, normalization="power")
    assert [hypothesis.symbols for hypothesis in decode(method, decoder)[0]] == [(), (3,)]
    assert len(decoder.steps) == 2


# Restrictions


def test_limits_are_those_of_each_sentence() -> None:
    decoder = ToyDecoder(3, lengths=(1, 4, 9))
    for method in (Greedy, Beam, Sampling):
        limit = LengthLimit(factor=0.5, constant=1)
        found = decode(method(max_length=limit, min_length=limit), decoder)
        assert [len(own[0].symbols) for own in found] == [1, 3, 5]
        assert {own[0].finish for own in found} == {"length"}


@pytest.mark.parametrize("method", [Greedy, Beam, Sampling])
@given(seed=seeds)
def test_reserved_symbols_are_not_produced(
    method: type[Greedy | Beam | Sampling], seed: int
) -> None:
    decoder = ToyDecoder(seed, lengths=(2, 5))
    produced = {symbol for own in decode(method(), decoder) for symbol in own[0].symbols}
    assert produced.isdisjoint({END, START, UNKNOWN})


def test_the_unknown_symbol_is_known_by_its_name() -> None:
    """Neither the last symbol nor any other is suppressed in its place."""
    decoder = ToyDecoder(0, count=5)
    certain(decoder, (UNKNOWN, 4))
    assert decode(Greedy(unknown=True), decoder)[0][0].symbols == (UNKNOWN, 4)
    others = symbols_of(5)
    known = OutputSymbols(5, END, (START,), None, others.numbers)
    found = Greedy().decode(decoder, decoder.state(), decoder.sentences(), known)
    assert found[0][0].symbols == (UNKNOWN, 4)
    assert UNKNOWN not in decode(Greedy(), decoder)[0][0].symbols


@given(seeds, st.lists(st.lists(st.integers(2, 5), max_size=6), min_size=2, max_size=2))
def test_outputs_begin_with_the_forced_prefixes(seed: int, prefixes: list[list[int]]) -> None:
    """Also where a prefix is longer than the limit, or contains what is excluded."""
    decoder = ToyDecoder(seed, lengths=(2, 2))
    limit = LengthLimit(constant=4)
    for method, end in product(
        (
            Greedy(max_length=limit),
            Beam(max_length=limit, stop=("a",)),
            Sampling(max_length=limit),
        ),
        (END, None),
    ):
        found = decode(method, decoder, end, prefixes=prefixes)
        for prefix, own in zip(prefixes, found, strict=True):
            assert list(own[0].symbols[: len(prefix)]) == prefix
            assert len(own[0].symbols) <= max(4, len(prefix))


def test_no_ngram_occurs_twice() -> None:
    for n in (1, 2, 3):
        limit = LengthLimit(constant=6 if n > 1 else 3)
        method = Beam(block_ngrams=n, min_length=limit, max_length=limit)
        (found,) = decode(method, ToyDecoder(1))
        output = found[0].symbols
        grams = [output[i : i + n] for i in range(len(output) - n + 1)]
        assert len(set(grams)) == len(grams) == limit.constant - n + 1


def test_blocking_is_waived_where_no_symbol_is_left() -> None:
    method = Greedy(block_ngrams=1, min_length=LengthLimit(constant=9))
    (found,) = decode(method, ToyDecoder(0, count=5))
    assert set(found[0].symbols[:2]) == {3, 4}  # then each of the two would occur twice
    assert np.isfinite(found[0].log_probability)  # something was permitted nevertheless


def test_outputs_say_why_they_end() -> None:
    decoder = ToyDecoder(0)
    certain(decoder, (4, 3, 5))
    for constant, output, finish in ((4, (4, 3, 5), "end"), (3, (4, 3, 5), "length")):
        for method in (Greedy, Beam):
            (found,) = decode(method(max_length=LengthLimit(constant=constant)), decoder)
            assert (found[0].symbols, found[0].finish) == (output, finish)


def test_stop_symbols_end_outputs_after_the_prefix() -> None:
    decoder = ToyDecoder(0)
    certain(decoder, (4, 3, 4, 5))
    for method in (Greedy(stop=("b",)), Beam(stop=("b",)), Beam(stop=("b",), width=1)):
        (first,) = decode(method, decoder)[0]
        assert (first.symbols, first.finish) == ((4,), "stop")
        (second,) = decode(method, decoder, prefixes=[[4]])[0]
        assert (second.symbols, second.finish) == ((4, 3, 4), "stop")
        later = method.model_copy(update={"min_length": LengthLimit(constant=2)})
        assert len(decode(later, decoder)[0][0].symbols) >= 2


def test_without_an_end_symbol_outputs_are_cut() -> None:
    for method in (Greedy, Beam, Sampling):
        for constant in (0, 7):
            (found,) = decode(
                method(max_length=LengthLimit(constant=constant)), ToyDecoder(0), None
            )
            assert len(found[0].symbols) == max(constant, 1)
            assert found[0].finish == "length"


def test_outputs_of_equal_text_are_one() -> None:
    decoder = ToyDecoder(0)
    symbols = symbols_of(decoder.count)
    folded = OutputSymbols(
        symbols.count,
        symbols.end,
        symbols.never,
        symbols.unknown,
        symbols.numbers,
        text_of=sum,
    )
    method = Beam(width=150, n_best=6, max_length=LengthLimit(constant=4))
    found = method.decode(decoder, decoder.state(), decoder.sentences(), folded)[0]
    best: dict[int, float] = {}
    for score, output in all_outputs(decoder, method, 0):
        best.setdefault(sum(output), score)
    assert [sum(hypothesis.symbols) for hypothesis in found] == [*best][:6]
    np.testing.assert_allclose([h.score for h in found], [*best.values()][:6], rtol=1e-12)


# Each setting, and each error


CHANGES: list[tuple[Decoding, dict[str, Any]]] = [
    *(
        (method, change)
        for method in (Greedy(), Beam(), Sampling())
        for change in (
            {"max_length": LengthLimit(constant=1)},
            {"min_length": LengthLimit(constant=12)},
            {"block_ngrams": 1},
            {"unknown": True},
            {"exclude": ("a", "c")},
            {"stop": ("a", "b", "c")},
        )
    ),
    (Beam(), {"width": 1}),
    (Beam(), {"n_best": 3}),
    (Beam(), {"length_penalty": 0.0}),
    (Beam(length_penalty=2.0), {"normalization": "power"}),
    (Beam(), {"coverage_penalty": 2.0}),
    (Sampling(), {"samples": 2}),
    (Sampling(), {"temperature": 0.2}),
    (Sampling(), {"top_k": 2}),
    (Sampling(), {"top_p": 0.5}),
    (Sampling(), {"min_p": 0.5}),
    (Sampling(), {"seed": 1}),
]


@pytest.mark.parametrize(("method", "change"), CHANGES, ids=lambda value: str(value)[:40])
def test_every_setting_changes_some_output(method: Decoding, change: dict[str, Any]) -> None:
    decoder = ToyDecoder(5, lengths=(2, 3, 4, 3, 2, 5))
    changed = type(method).model_validate({**method.model_dump(), **change})
    before, after = decode(method, decoder), decode(changed, decoder)
    assert [[h.symbols for h in own] for own in before] != [
        [h.symbols for h in own] for own in after
    ]


def test_no_setting_is_left_out() -> None:
    for method in (Greedy, Beam, Sampling):
        tried = {name for own, change in CHANGES if isinstance(own, method) for name in change}
        assert tried == method.model_fields.keys() - {"kind"}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"exclude": ("d", "a")}, r"decoding\.exclude\.0: the model has no symbol 'd'"),
        ({"stop": ("<unk>",)}, r"decoding\.stop\.0: the model has no symbol '<unk>'"),
        ({"exclude": ("a", "b", "c")}, "no symbol of the model is left"),
    ],
)
def test_symbols_that_the_model_lacks_are_an_error(wrong: Any, message: str) -> None:
    end = None if len(wrong.get("exclude", ())) == 3 else END
    with pytest.raises(SettingError, match=message):
        Greedy(**wrong).decode(
            (decoder := ToyDecoder(0)),
            decoder.state(),
            decoder.sentences(),
            OutputSymbols(6, end, (END, START), UNKNOWN, symbols_of(6).numbers),
        )


@pytest.mark.parametrize("wrong", [np.nan, 0.5])
def test_what_is_no_log_probability_is_an_error(wrong: float) -> None:
    decoder = ToyDecoder(0)
    decoder.one(0, (START,))[0][3] = wrong
    with pytest.raises(ValueError, match="log-probabilities must be numbers of at most 0"):
        decode(Beam(), decoder)


def test_impossible_outputs_are_produced_if_they_are_forced() -> None:
    decoder = ToyDecoder(0)
    decoder.one(0, (START,))[0][:] = -np.inf
    certain_after_it = np.log(np.full(6, 1e-9, dtype=np.float32))
    certain_after_it[5] = 0
    decoder._known[0, (START, 4)] = certain_after_it, decoder.one(0, (START,))[1]
    for method in (Greedy(), Beam(width=2), Sampling(temperature=0.5)):
        (found,) = decode(method, decoder, prefixes=[[4]])
        assert found[0].symbols[:2] == (4, 5)  # what follows is still told apart
        assert found[0].log_probability <= -1e9


def test_coverage_needs_attention() -> None:
    decoder = ToyDecoder(0)

    def without(state: Any, symbols: Any) -> Any:
        log_probabilities, _, state = decoder(state, symbols)
        return log_probabilities, None, state

    symbols = symbols_of(decoder.count)
    with pytest.raises(SettingError, match="needs a decoder with attention"):
        Beam(coverage_penalty=0.1).decode(without, decoder.state(), decoder.sentences(), symbols)


def test_no_sentences_give_no_outputs() -> None:
    decoder = ToyDecoder(0, lengths=())
    for method in METHODS:
        assert decode(method, decoder) == []


# Parts


@given(seeds, st.integers(1, 6), st.integers(1, 7), st.sampled_from([1, 9, 1 << 19]))
def test_the_best_candidates_are_those_of_a_full_sort(
    seed: int, width: int, count: int, chunk: int
) -> None:
    """However many columns are looked at together."""
    rng = np.random.default_rng(seed)
    owners = np.repeat(np.arange(3), rng.integers(1, 4, size=3))
    logs = -rng.integers(4, size=(count, len(owners))).astype(np.float32)
    logs[logs == 0] = -np.inf
    totals = -rng.integers(3, size=len(owners)).astype(float)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nnkit.decoding.candidates.CHUNK", chunk)
        parts = best_candidates(logs, totals, owners, width)
    expected = []
    for owner in range(3):
        own = [
            (-totals[c] - logs[s, c], c, s)
            for c in np.flatnonzero(owners == owner).tolist()
            for s in range(count)
            if logs[s, c] > -np.inf
        ]
        expected += [(c, s, -low, rank) for rank, (low, c, s) in enumerate(sorted(own)[:width])]
    assert list(zip(*(part.tolist() for part in parts), strict=True)) == expected


@given(seeds, st.integers(1, 4), st.integers(0, 9))
def test_repeated_ngrams_by_their_definition(seed: int, n: int, t: int) -> None:
    history = np.random.default_rng(seed).integers(3, size=(t, 4))
    found = set(zip(*(part.tolist() for part in repeated(history, n)), strict=True))
    expected = set()
    for column, output in enumerate(history.T.tolist()):
        grams = {tuple(output[i : i + n]) for i in range(t - n + 1)}
        begun = tuple(output[t - n + 1 :]) if t >= n else None
        expected |= {(g[-1], column) for g in grams if g[:-1] == begun}
    assert found == expected


def test_greedy_decoding_makes_search_errors_that_an_exhaustive_search_does_not() -> None:
    decoder = ToyDecoder(2, count=5, lengths=(1,) * 8)
    limit = LengthLimit(constant=4)
    wide = decode(Beam(width=100, length_penalty=0.0, max_length=limit), decoder)
    references = [(*own[0].symbols, END) for own in wide]
    greedy = Greedy(max_length=limit)
    _, scores = score_outputs(greedy, decoder, decoder.state(), decoder.sentences(), references)
    narrow = np.array([own[0].score for own in decode(greedy, decoder)])
    assert search_errors(narrow, scores) > 0
    assert search_errors(np.array([own[0].score for own in wide]), scores) == 0


@pytest.mark.parametrize(
    ("written", "method"),
    [
        ("greedy", Greedy()),
        (10, Beam(width=10)),
        ({"beam": 10}, Beam(width=10)),
        ({"length_penalty": 0.6}, Beam(length_penalty=0.6)),
        (
            {"sample": {"top_k": 3, "max_length": 50}},
            Sampling(top_k=3, max_length=LengthLimit(constant=50)),
        ),
        (
            {"greedy": {"max_length": {"factor": 1.5}, "stop": [".", "!"]}},
            Greedy(max_length=LengthLimit(factor=1.5), stop=(".", "!")),
        ),
    ],
)
def test_methods_as_they_are_written(written: Any, method: Decoding) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(AnyDecoding)
    assert adapter.validate_python(written) == method
    assert adapter.validate_python(adapter.dump_python(method)) == method


def test_a_beam_holds_as_many_outputs_as_are_wanted() -> None:
    with pytest.raises(ValidationError, match="n_best is 6, but the beam holds only 5"):
        Beam(n_best=6)


def test_every_kind_is_tested() -> None:
    assert {*members(AnyDecoding).values()} == {type(method) for method in METHODS}

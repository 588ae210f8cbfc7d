"""Trained models of texts: predictions, written texts, and reports."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import nnkit
from nnkit.data.text.symbol_table import Reserved
from nnkit.errors import ConfigError, DataError, SettingError
from nnkit.inference.decoding_options import DecodingLike
from nnkit.inference.trained_model import TrainedModel
from tests.inference.text_models import ENGLISH, FRENCH, KINDS, model_of

TEXTS = ["one two", "three", "six five four one", "two two"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("texts")


@pytest.fixture(scope="module")
def models(folder: Path) -> dict[str, TrainedModel]:
    return {kind: model_of(kind, folder) for kind in KINDS}


@pytest.fixture(scope="module")
def translator(models: dict[str, TrainedModel]) -> TrainedModel:
    return models["translate"]


def test_translations(translator: TrainedModel) -> None:
    words = dict(zip(ENGLISH, FRENCH, strict=True))
    expected = [" ".join(words[word] for word in text.split()) for text in TEXTS[:2]]
    assert translator.predict(TEXTS[:2]).tolist() == expected
    assert translator.predict("one two").tolist() == expected[:1]
    assert repr(translator).endswith("predicts texts, 6 symbols>")


def test_labels_numbers_and_tags(models: dict[str, TrainedModel]) -> None:
    assert set(models["label"].predict(TEXTS)) <= {"long", "short"}
    confidence = models["label"].confidence(TEXTS)
    assert confidence is not None
    assert (confidence >= 0.5).all()
    assert models["number"].predict(TEXTS).shape == (4, 1)
    tags = models["tag"].predict(TEXTS).tolist()
    assert [len(each.split()) for each in tags] == [2, 1, 4, 2]
    assert set(" ".join(tags).split()) <= {"odd", "even"}
    assert models["tag"].confidence(TEXTS) is None


@pytest.mark.parametrize("kind", ["translate", "tag", "lines", "windows"])
def test_nothing_comes_of_nothing(models: dict[str, TrainedModel], kind: str) -> None:
    found = models[kind].predict(["", "one", ""]).tolist()
    assert [bool(text) for text in found] == [False, True, False]
    assert models[kind].predict([]).shape == (0,)


@pytest.mark.parametrize("kind", ["label", "number"])
def test_an_empty_text_has_no_class_and_no_number(
    models: dict[str, TrainedModel], kind: str
) -> None:
    with pytest.raises(DataError, match=r"^text 2: it has no symbols"):
        models[kind].predict(["one", ""])


@pytest.mark.parametrize("kind", KINDS)
def test_a_prediction_depends_on_its_text_alone(models: dict[str, TrainedModel], kind: str) -> None:
    model = models[kind]
    together = model.predict(TEXTS)
    assert model.predict(TEXTS).tolist() == together.tolist()
    if kind == "number":
        alone = np.concatenate([model.predict(text) for text in TEXTS])
        np.testing.assert_allclose(alone, together, rtol=1e-5)
    elif kind not in ("lines", "windows"):  # whose draws are keyed by the number of the text
        assert [model.predict(text)[0] for text in TEXTS] == together.tolist()


@pytest.mark.parametrize("kind", ["lines", "windows"])
def test_draws_are_keyed(models: dict[str, TrainedModel], kind: str) -> None:
    together = models[kind].write(TEXTS, "sample")
    for i, text in enumerate(TEXTS):
        (alone,) = models[kind].write(text, "sample", keys=[i])
        assert alone[0].text == together[i][0].text
        assert alone[0].text.startswith(text)


def test_a_language_model_of_lines_begins_from_nothing(models: dict[str, TrainedModel]) -> None:
    ((found,),) = models["lines"].write("")
    assert found.text
    assert models["windows"].write("")[0][0].text == ""


@pytest.mark.parametrize("kind", ["lines", "windows"])
def test_a_text_begins_as_it_was_given(models: dict[str, TrainedModel], kind: str) -> None:
    """Even with symbols that the model does not know."""
    ((found,),) = models[kind].write("Zw\u00f6lf <unk> one")
    assert found.text.startswith("Zw\u00f6lf <unk> one")
    assert "<unk>" in found.symbols


def test_many_threads_write_what_one_does(translator: TrainedModel) -> None:
    texts = [" ".join(TEXTS[: 1 + i % 4]) for i in range(16)]
    expected = [translator.write(text, {"beam": 3}) for text in texts]
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda text: translator.write(text, {"beam": 3}), texts))
    assert found == expected


def test_n_best(translator: TrainedModel) -> None:
    (best,) = translator.write("one two", {"beam": {"width": 4, "n_best": 3}})
    assert len({each.text for each in best}) == 3
    assert [each.score for each in best] == sorted([e.score for e in best], reverse=True)
    ((single,),) = translator.write("one two", {"beam": 4})
    assert single == best[0]
    assert single.log_probability <= 0


def test_wrong_settings(translator: TrainedModel, models: dict[str, TrainedModel]) -> None:
    with pytest.raises(ConfigError, match=r"beam\.wdth: unknown key; did you mean 'width'"):
        translator.write("one", {"beam": {"wdth": 3}})
    with pytest.raises(SettingError, match=r"the model has no symbol ' dix'; did you mean"):
        translator.write("one", {"greedy": {"exclude": [" dix"]}})
    with pytest.raises(DataError, match="does not write texts"):
        models["tag"].write("one")
    with pytest.raises(DataError, match="use predict or write"):
        translator.outputs("one")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("one \ud800", "character 5 is not Unicode"),
        ("one\0", "character 4 is NUL"),
    ],
)
def test_what_is_not_text(translator: TrainedModel, text: str, reason: str) -> None:
    with pytest.raises(DataError, match=f"^text 2: {reason}"):
        translator.predict(["one", text])
    assert list(translator.incomplete(["one", text])) == [1]


def test_other_symbols_are_unknown_and_texts(translator: TrainedModel) -> None:
    odd = ["<unk>", "</s>", "zwölf \U0001f600", "e\u0301\u202b", "x" * 2000]
    found = translator.predict(odd).tolist()
    assert all("<" not in text for text in found)


@pytest.mark.parametrize("kind", ["translate", "label", "number", "tag"])
def test_the_memory_for_a_very_long_text_is_in_proportion(
    models: dict[str, TrainedModel], kind: str
) -> None:
    def peak(symbols: int) -> int:
        text = " ".join(ENGLISH[i % 6] for i in range(symbols))
        tracemalloc.start()
        if models[kind].writes:
            models[kind].write(text, {"greedy": {"max_length": 20}})
        else:
            models[kind].predict(text)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(10)  # allocates what is allocated once
    of_a_quarter = peak(2_500)  # first, because memory is kept for the next text
    assert peak(10_000) < 6 * of_a_quarter


def likely(model: TrainedModel, symbols: Sequence[Reserved]) -> None:
    """Makes some symbols by far the likeliest at each position."""
    coding = model.coding
    assert coding is not None
    assert coding.targets is not None
    numbers = [coding.targets.symbols.numbers[s] for s in symbols]
    model.model.params.flags.writeable = True
    biases = model.model.layout.views(model.model.params)
    last = [name for name in biases if name.endswith(".b")][-1]
    biases[last][numbers] += 100


@pytest.mark.parametrize(
    ("kind", "symbols"),
    [
        ("translate", [Reserved.START, Reserved.UNKNOWN]),
        ("tag", [Reserved.UNKNOWN]),
        ("lines", [Reserved.START, Reserved.UNKNOWN]),
    ],
)
def test_reserved_symbols_are_never_written(
    folder: Path, kind: str, symbols: list[Reserved]
) -> None:
    model = model_of(kind, folder)
    likely(model, symbols)
    found = model.predict(TEXTS).tolist()
    assert all(found)
    assert not any("<" in text for text in found)


def test_unknown_symbols_are_copied_from_the_source(folder: Path) -> None:
    model = model_of("translate", folder)
    likely(model, [Reserved.UNKNOWN])
    settings = {"max_length": 3, "min_length": 3}
    ((shown,),) = model.write("six dix", {"greedy": {**settings, "unknown": True}})
    ((copied,),) = model.write("six dix", {"greedy": {**settings, "unknown": "copy"}})
    assert shown.text == "<unk> <unk> <unk>"
    assert len(copied.text.split()) == 3
    assert set(copied.text.split()) <= {"six", "dix"}
    assert copied.symbols == shown.symbols
    lines = model_of("lines", folder)
    likely(lines, [Reserved.UNKNOWN])
    with pytest.raises(SettingError, match="'copy' needs a decoder with attention"):
        lines.write("one", {"greedy": {"unknown": "copy", "max_length": 5}})


def test_a_report_tells_forced_from_written(translator: TrainedModel, folder: Path) -> None:
    (folder / "other.tsv").write_text("one\tun\none\tune\ntwo\tdeux\n")
    methods: list[DecodingLike] = ["greedy", {"beam": {"width": 3}}]
    report = translator.report(data=folder / "other.tsv", decoding=methods)
    greedy, beam = report.written
    assert len(greedy.written) == 2  # sources; 'one' has two references
    assert len(report) == 3
    low, high = greedy.intervals["exact_match"]
    assert low <= greedy.figures["exact_match"] <= high
    assert greedy.search_errors is not None
    assert beam.search_errors is not None
    assert report.figures["bleu"] == greedy.figures["bleu"]
    assert "exact_match" in report.figures
    header, first, *_ = report.predictions().splitlines()
    assert header == "index,line,source,reference,written,score,finish"
    assert first.startswith('0,1,one,"un')


def test_shuffled_targets_change_forced_metrics_alone(
    translator: TrainedModel, folder: Path
) -> None:
    right, wrong = folder / "right.tsv", folder / "wrong.tsv"
    right.write_text("one two\tun deux\nthree\ttrois\n")
    wrong.write_text("one two\ttrois\nthree\tun deux\n")
    first, second = (translator.report(data=path) for path in (right, wrong))
    texts = [[each.text for each in r.written[0].written.texts] for r in (first, second)]
    assert texts[0] == texts[1]
    assert second.figures["perplexity"] > first.figures["perplexity"]


def test_a_report_on_tags_and_next_symbols(models: dict[str, TrainedModel], folder: Path) -> None:
    (folder / "tags.tsv").write_text("one two\todd even\nsix\teven\n")
    report = models["tag"].report(data=folder / "tags.tsv")
    assert (len(report), len(report.targets)) == (2, 3)
    assert report.predictions().splitlines()[0] == "index,row,line,target,predicted,confidence"
    assert report.by_class is not None
    assert set(report.by_class.names) == {"even", "odd"}  # not the tag for unknown words
    assert report.record()["intervals"].keys() == report.figures.keys() - {"loss"}
    low, high = report.intervals["token_accuracy"]
    assert low <= report.figures["token_accuracy"] <= high
    assert report.baseline is None  # the words of the training set are not at hand
    (folder / "lines.txt").write_text("one two\nsix\n")
    report = models["lines"].report(data=folder / "lines.txt")
    assert report.by_class is None
    assert report.record()["symbols"] == len("one two") + len("six") + 2
    with pytest.raises(nnkit.UsageError, match="translates no texts"):
        models["lines"].report(data=folder / "lines.txt", decoding=["greedy"])

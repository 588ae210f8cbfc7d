"""Tests of collecting several references for one source."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nnkit.data.text.references import collect_references


def test_each_source_has_its_targets_in_order() -> None:
    found = collect_references(
        ["Run!", "Hi.", "run!", "Run!", "Run!"],
        ["Cours !", "Salut.", "Fuyez !", "Courez !", "Cours !"],
        str.lower,
    )
    assert found.sources == ("Run!", "Hi.")
    assert found.references == (("Cours !", "Fuyez !", "Courez !"), ("Salut.",))
    assert found.first == (0, 1)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"))))
def test_no_pair_is_lost_or_added(pairs: list[tuple[str, str]]) -> None:
    found = collect_references((source for source, _ in pairs), (target for _, target in pairs))
    again = {
        (source, target)
        for source, references in zip(found.sources, found.references, strict=True)
        for target in references
    }
    assert again == set(pairs)
    assert len(set(found.sources)) == len(found.sources)

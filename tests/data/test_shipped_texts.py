"""The texts that come along: their README.md says what they are."""

from __future__ import annotations

import gzip
import re
from hashlib import sha1, sha256

from tests.data.small import DATA

TEXTS = DATA / "text"
SUM = re.compile(r"^\| (\S+) \| `([0-9a-f]{64})` \|$", re.MULTILINE)


def content(name: str) -> bytes:
    found = (TEXTS / name).read_bytes()
    return gzip.decompress(found) if name.endswith(".gz") else found


def lines(name: str) -> list[str]:
    return content(name).decode().removesuffix("\n").split("\n")


def test_every_file_has_its_sum() -> None:
    page = (TEXTS / "README.md").read_text(encoding="utf-8")
    stated = dict(SUM.findall(page))
    notes = {"README.md", "tatoeba-licence.txt"}
    files = {path.relative_to(TEXTS).as_posix() for path in TEXTS.rglob("[!.]*") if path.is_file()}
    assert files - notes == set(stated)
    assert {name: sha256(content(name)).hexdigest() for name in stated} == stated
    assert f"`{sha1(content('timemachine.txt'), usedforsecurity=False).hexdigest()}`" in page


def test_their_sizes_are_as_stated() -> None:
    pairs = [line.split("\t") for line in lines("eng-fra-upto-5-words.tsv.gz")]
    assert (len(pairs), {len(pair) for pair in pairs}) == (75_137, {2})
    assert len({english for english, _ in pairs}) == 49_796
    assert max(len(english.split(" ")) for english, _ in pairs) == 5
    plays = content("tinyshakespeare.txt.gz").decode()
    assert (plays.count("\n"), len(plays), len(set(plays))) == (40_000, 1_115_394, 65)


def test_every_word_has_a_tag() -> None:
    counts = []
    for name in ("train", "dev", "test"):
        pairs = [line.split("\t") for line in lines(f"ud-english-atis/{name}.tsv.gz")]
        assert all(len(words.split(" ")) == len(tags.split(" ")) for words, tags in pairs)
        counts.append(len(pairs))
    assert counts == [4_274, 572, 586]

"""Links lead to files and headings that exist; the options of commands shown exist too."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import typer

from docs.refresh import ROOT
from nnkit.cli.app import app

FOLDERS = ("benchmarks", "configs", "data", "docs", "examples")
PAGES = [*ROOT.glob("*.md"), *(page for name in FOLDERS for page in (ROOT / name).rglob("*.md"))]
FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)")
COMMAND = re.compile(r"(?:^|`|[`$;] |    )nnkit ([a-z][a-z-]*(?: [^`|;#<>\n]*)?)", re.MULTILINE)


@cache
def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub forms them, and those that it sets itself."""
    text = page.read_text(encoding="utf-8")
    titles = re.findall(r"^#+ (.*)$", FENCED.sub("", text), re.MULTILINE)
    plain = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", title).lower() for title in titles]
    own = re.findall(r'<a (?:id|name)="([^"]+)"', text)
    return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in plain} | set(own)


def test_links_lead_somewhere() -> None:
    dead = []
    for page in PAGES:
        for file, anchor in LINK.findall(FENCED.sub("", page.read_text(encoding="utf-8"))):
            place = (page.parent / file).resolve() if file else page
            if not place.exists() or (anchor and anchor not in anchors(place)):
                dead.append(f"{page.relative_to(ROOT)}: {file}#{anchor}")
    assert dead == []


def options() -> dict[str, set[str]]:
    """The options of each command, by its name with those of its groups, such as `data check`."""
    found: dict[str, set[str]] = {}

    def visit(command: object, name: str) -> None:
        flags = [*command.params] if hasattr(command, "params") else []
        found[name] = {"--help", "-h"}.union(*((*p.opts, *p.secondary_opts) for p in flags))
        for word, part in getattr(command, "commands", {}).items():
            visit(part, f"{name} {word}".strip())

    visit(typer.main.get_command(app), "")
    return found


def test_options_in_the_pages_exist() -> None:
    known = options()
    wrong = []
    for page in PAGES:
        for words in COMMAND.findall(page.read_text(encoding="utf-8")):
            parts = words.split()
            name = " ".join(parts[:2]) if " ".join(parts[:2]) in known else parts[0]
            if name in known:
                given = re.findall(r"(?<=\s)--?[a-z][a-z-]*(?=[\s=]|$)", words)
                unknown = set(given) - known[name]
                wrong += [f"{page.name}: nnkit {name} {option}" for option in sorted(unknown)]
    assert wrong == []

"""Generates docs/catalogue.md, and tables of README.md and docs/metrics.md, from the code.

Run it with `python docs/catalogue.py`.

Every tagged union that a config can hold is a family, and every member of it a row: its docstring
is the definition, its fields are the settings. A metric's docstring is its definition, too. In the
other pages, `<!-- generated: NAME -->` … `<!-- end -->` encloses a table.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from inspect import cleandoc
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo

from nnkit.config.spec import Component, FilePath, Spec, members
from nnkit.config.tagged_union import Tagged
from nnkit.config.yaml_dump import dump_yaml
from nnkit.metrics import METRICS_OF
from nnkit.metrics.metric import TargetKind
from nnkit.nn.architecture import Activations
from nnkit.nn.layer_list import RULES
from nnkit.task.config import Config

IS_PATH = get_args(FilePath)[1]
PAGE = Path(__file__).parent / "catalogue.md"
README = PAGE.parents[1] / "README.md"
METRICS_PAGE = PAGE.parent / "metrics.md"
GENERATED = re.compile(r"(<!-- generated: (?P<name>.*?) -->\n).*?(<!-- end -->)", re.DOTALL)
COMMAND = "python docs/catalogue.py"
MAX_INTEGER = 1 << 31  # bounds from here on only prevent overflow

# The singular and plural of a family's members, by the name of its base class; the default is the
# base class's own name.
NOUNS = {
    "LayerSpec": ("layer", "layers"),
    "Loss": ("loss", "losses"),
    "Clipping": ("clipping", "gradient clipping"),
    "Averaging": ("averaging", "weight averaging"),
    "PreprocessingStep": ("preprocessing step", "preprocessing steps"),
    "Source": ("data source", "data sources"),
    "TeacherForcing": ("teacher forcing", "teacher forcing"),
}
# The symbol of a setting in formulas.
SYMBOLS = {
    "alpha": "α",
    "beta": "β",
    "beta1": "β₁",
    "beta2": "β₂",
    "delta": "δ",
    "eps": "ε",
    "gamma": "γ",
    "psi": "ψ",
    "rho": "ρ",
    "strength": "λ",
}

INTRODUCTION = f"""\
# Catalogue

All options of a config, generated from the code by `{COMMAND}`.

A component is chosen by its kind, written in one of these forms:

```yaml
activation: leaky_relu                              # the kind only, with default settings
activation: {{leaky_relu: 0.02}}                      # with its main setting, the shorthand
activation: {{leaky_relu: {{slope: 0.02}}}}             # with several settings
activation: {{kind: leaky_relu, slope: 0.02}}         # in full
```

In formulas, z and y are the input and output of a unit and t is its target; p is a parameter, w a
weight, g a gradient, and E the loss, averaged over the samples of a batch.
"""


# The link text and heading of each family or section, by the name of its (base) class.
Links = Mapping[str, tuple[str, str]]


@dataclass
class Family:
    """A tagged union.

    Attributes:
        union: the annotation.
        base: the common base class of all members.
        places: where a config can hold a member.
        wrap: inserts a member's settings into a config.
    """

    union: Any
    base: type[Component]
    wrap: Callable[[Any], dict[str, Any]]
    places: list[str] = field(default_factory=list)

    @property
    def members(self) -> Mapping[str, type[Component]]:
        return members(self.union)

    @property
    def noun(self) -> str:
        return NOUNS.get(self.base.__name__, (spaced(self.base.__name__), ""))[0]

    @property
    def title(self) -> str:
        plural = NOUNS.get(self.base.__name__, ("", f"{self.noun}s"))[1]
        return plural[0].upper() + plural[1:]

    @property
    def default(self) -> str | None:
        """The member whose settings can be written without its kind."""
        return next(m.default for m in get_args(self.union)[1:] if isinstance(m, Tagged))


@dataclass(frozen=True)
class Section:
    """A spec that is not a member of a family.

    Attributes:
        path: its key in a config, "" for the whole config.
    """

    spec: type[Spec]
    path: str

    @property
    def title(self) -> str:
        return f"`{self.path}`" if self.path else "The whole config"


@dataclass
class Catalogue:
    """All families and sections, in the order of their first use in a config."""

    families: dict[type[Component], Family] = field(default_factory=dict)  # by their base
    sections: list[Section] = field(default_factory=list)

    @classmethod
    def of(cls, root: type[Spec]) -> Catalogue:
        """Collects all families and sections that a config can hold."""
        found = cls()
        found._explore(root, "", lambda data: data)
        return found

    def _explore(self, spec: type[Spec], path: str, wrap: Callable[[Any], dict[str, Any]]) -> None:
        if not issubclass(spec, Component):
            self.sections.append(Section(spec, path))
        for name, info in spec.model_fields.items():
            inner, listed = f"{path}.{name}".lstrip("."), "tuple" in str(info.annotation)

            def inside(data: Any, name: str = name, listed: bool = listed) -> dict[str, Any]:
                return wrap({name: [data] if listed else data})

            for union, plain in parts(annotation_of(info)):
                if plain is not None:
                    if all(section.spec is not plain for section in self.sections):
                        self._explore(plain, inner, inside)
                    continue
                place = f"`{inner}`"
                if issubclass(spec, Component):
                    place = f"`{name}` of {self._holder(spec, name)}"
                self._enter(union, place, inside)

    def _enter(self, union: Any, place: str, wrap: Callable[[Any], dict[str, Any]]) -> None:
        found = tuple(members(union).values())
        base = common_base(found)
        family = self.families.get(base)
        if family is not None:
            others = [member for member in found if member not in family.members.values()]
            if others:  # a place where more members can stand, such as a decoder
                family.union = Annotated[Union[family.union, *others], Tagged()]
                self._enter_members(others, wrap)
            if place not in family.places:
                family.places.append(place)
            if " of " in family.places[0] and " of " not in place:  # a section is more informative
                family.wrap = wrap
                family.places.sort(key=lambda place: " of " in place)
            return
        family = self.families[base] = Family(union, base, wrap, [place])

        def wrap_now(data: Any) -> dict[str, Any]:
            return family.wrap(data)  # which another place may replace

        self._enter_members(found, wrap_now)

    def _enter_members(
        self, found: Iterable[type[Component]], wrap: Callable[[Any], dict[str, Any]]
    ) -> None:
        for member in found:

            def inside(data: Any, member: type[Component] = member) -> dict[str, Any]:
                return wrap({"kind": member.tag(), **required(member), **data})

            self._explore(member, "", inside)

    def _holder(self, spec: type[Component], name: str) -> str:
        for family in self.families.values():
            if name in family.base.model_fields and spec in family.members.values():
                return f"every {family.noun}"
        return f"`{spec.tag()}`"


def parts(annotation: Any) -> Iterator[tuple[Any, type[Spec] | None]]:
    """Yields the tagged unions (first) and plain specs (second) directly within an annotation."""
    if get_origin(annotation) is Annotated:
        if any(isinstance(mark, Tagged) for mark in annotation.__metadata__):
            yield annotation, None
            return
        annotation = get_args(annotation)[0]
    for part in get_args(annotation):
        yield from parts(part)
    if isinstance(annotation, type) and issubclass(annotation, Spec):
        yield None, annotation


def annotation_of(info: FieldInfo) -> Any:
    """Returns a field's annotation including its metadata."""
    return Annotated[(info.annotation, *info.metadata)] if info.metadata else info.annotation


def common_base(classes: Iterable[type[Component]]) -> type[Component]:
    """Returns the closest common base class."""
    first, *others = classes
    return next(k for k in first.__mro__[1:] if all(issubclass(other, k) for other in others))


# Content of the page


def page(root: type[Spec] = Config) -> str:
    """Generates the whole page."""
    catalogue = Catalogue.of(root)
    families = sorted(catalogue.families.values(), key=lambda family: family.title)
    links = {family.base.__name__: (family.noun, family.title) for family in families}
    links |= {section.spec.__name__: ("section", section.title) for section in catalogue.sections}
    text = [INTRODUCTION, *_contents(families, "")]
    text += ["| [Sections](#sections) | the structure of a config, and its other settings |\n"]
    for family in families:
        text += _family(family, links)
    text += [
        "## Sections\n",
        "The structure of a config, with all settings that are not a choice between kinds.\n",
    ]
    for section in catalogue.sections:
        text += [f"### {section.title}\n", paragraphs(section.spec)[0] + "\n"]
        if section.spec.shorthand is not None:
            text.append(f"Short form: the value of `{section.spec.shorthand}`.\n")
        text += _table(section.spec, section.spec.model_fields, links)
        if section.spec is Activations:
            text += activation_rules()
    return "\n".join(text)


def activation_rules() -> Iterator[str]:
    """Yields the table of rules for the position of activations, each with an example."""
    yield "These rules say where activations stand, whether or not the config writes them:\n"
    yield "| rule | `architecture.layers` | layers of the network |"
    yield "|---|---|---|"
    for rule in RULES:
        yield f"| {rule.text} | `{rule.layers}` | `{rule.network}` |"
    yield ""


def generated(text: str) -> str:
    """Returns a page with its generated tables up to date."""

    def table(found: re.Match[str]) -> str:
        lines = TABLES[found["name"]]()
        return found[1] + "".join(f"{line}\n" for line in lines) + found[3]

    return GENERATED.sub(table, text)


def overview() -> Iterator[str]:
    """Generates README's table of families."""
    families = sorted(Catalogue.of(Config).families.values(), key=lambda family: family.title)
    return _contents(families, f"docs/{PAGE.name}")


def metrics(kind: TargetKind) -> Iterator[str]:
    """Generates the table of the metrics for a kind of targets."""
    yield "| name | better | definition |"
    yield "|---|---|---|"
    for metric in METRICS_OF[kind].values():
        better = "higher" if metric.higher_is_better else "lower"
        definition = cleandoc(metric.of.__doc__ or "").partition("\n")[0]
        yield f"| `{metric.name}` | {better} | {definition} |"


# The tables of other pages, by the name in their comment.
TABLES: Mapping[str, Callable[[], Iterator[str]]] = {
    "overview of kinds": overview,
    "classification metrics": lambda: metrics("classes"),
    "multi-label metrics": lambda: metrics("labels"),
    "regression metrics": lambda: metrics("numbers"),
    "sequence metrics": lambda: metrics("sequences"),
    "text metrics": lambda: metrics("texts"),
}


def _contents(families: Iterable[Family], place: str) -> Iterator[str]:
    yield "| family | kinds |"
    yield "|---|---|"
    for family in families:
        kinds = ", ".join(f"`{tag}`" for tag in family.members)
        address = f"{place}#{anchor(family.title)}"
        yield f"| [{family.title}]({address}) | {len(family.members)}: {kinds} |"


def _family(family: Family, links: Links) -> Iterator[str]:
    yield f"## {family.title}\n"
    yield from (text + "\n" for text in paragraphs(family.base))
    yield f"Used in {listed(family.places)}.\n"
    yield f"```yaml\n{dump_yaml(family.wrap(_sample(family)))}```\n"
    telling = any(shortest(member) != tag for tag, member in family.members.items())
    yield f"| kind | definition |{' in YAML |' * telling}"
    yield f"|---|---|{'---|' * telling}"
    for tag, member in family.members.items():
        kind = f"`{tag}`"
        if own_fields(family, member) or paragraphs(member)[1:]:
            kind = f"[`{tag}`](#{anchor(f'{family.noun} {tag}')})"
        written = f" `{shortest(member)}` |" * telling
        yield f"| {kind} | {cell(paragraphs(member)[0])} |{written}"
    yield ""
    for fields, holders in shared_fields(family):
        everyone = len(holders) == len(family.members)
        who = f"Every {family.noun}" if everyone else listed(f"`{tag}`" for tag in holders)
        yield f"{who} also {'takes' if everyone or len(holders) == 1 else 'take'}:\n"
        yield from _table(family.members[holders[0]], fields, links)
    for member in family.members.values():
        yield from _member(family, member, links)


def _member(family: Family, member: type[Component], links: Links) -> Iterator[str]:
    fields, more = own_fields(family, member), paragraphs(member)[1:]
    if not fields and not more:
        return
    yield f"#### {family.noun} `{member.tag()}`\n"
    yield from (text + "\n" for text in paragraphs(member))
    if fields:
        yield from _table(member, fields, links)
        yield f"In YAML: {' or '.join(f'`{form}`' for form in forms(member, fields))}.\n"


def _table(spec: type[Spec], fields: Iterable[str], links: Links) -> Iterator[str]:
    yield "| setting | type | default | meaning |"
    yield "|---|---|---|---|"
    for name in fields:
        info = spec.model_fields[name]
        cells = (
            f"`{name}`",
            type_text(annotation_of(info), links),
            default_text(info),
            cell(meaning(spec, name) or symbol(spec, name)),
        )
        yield f"| {' | '.join(cells)} |"
    yield ""


def shared_fields(family: Family) -> list[tuple[list[str], list[str]]]:
    """Returns fields that several members inherit from a common base, with the kinds of these.

    The base's fields are listed once; fields that a member redefines are listed for the member.
    """
    found: list[tuple[list[str], list[str]]] = []
    values = list(family.members.values())
    bases = dict.fromkeys(k for member in values for k in member.__mro__)
    for base in bases:
        if base in values or not issubclass(base, Component) or base is Component:
            continue
        holders = [m for m in values if issubclass(m, base)]
        names = [
            name
            for name in base.__annotations__
            if name in base.model_fields and not any(redefines(m, base, name) for m in holders)
        ]
        if len(holders) > 1 and len(names) > 1:
            found.append((names, [m.tag() for m in holders]))
    return sorted(found, key=lambda shared: -len(shared[1]))


def redefines(member: type[Component], base: type, name: str) -> bool:
    """Whether a class between a member and its base redefines a field."""
    return any(
        name in vars(k).get("__annotations__", {})
        for k in member.__mro__[: member.__mro__.index(base)]
    )


def own_fields(family: Family, member: type[Component]) -> list[str]:
    """Returns the fields of a member that are not listed as shared."""
    shared = {
        name for names, tags in shared_fields(family) if member.tag() in tags for name in names
    }
    own = [name for name in member.model_fields if name != "kind" and name not in shared]
    return sorted(own, key=lambda name: name not in member.__annotations__)


# Words


def paragraphs(spec: type[Spec]) -> list[str]:
    """Returns the paragraphs of a docstring, each on one line, without the list of attributes."""
    text = cleandoc(spec.__doc__ or "").split("\n\nAttributes:")[0]
    return [" ".join(paragraph.split("\n")) for paragraph in text.split("\n\n")]


def meaning(spec: type[Spec], name: str) -> str:
    """Returns a field's description, its own or that of the nearest base class."""
    for k in spec.__mro__:
        info = getattr(k, "model_fields", {}).get(name)
        if info is not None and info.description:
            return str(info.description)
    within = parts(annotation_of(spec.model_fields[name]))
    return next((paragraphs(plain)[0] for _, plain in within if plain is not None), "")


def symbol(spec: type[Spec], name: str) -> str:
    """Refers a setting without description to the definition; "" if it is not mentioned there."""
    told = " ".join(k.__doc__ or "" for k in spec.__mro__ if issubclass(k, Spec) and k is not Spec)
    if (sign := SYMBOLS.get(name)) and sign in told:
        return f"{sign} in the definition"
    told_as = rf"(?<![a-zA-Z_]){name}(?![a-zA-Z_])"  # also matches within std²
    return "see the definition" if re.search(told_as, told) else ""


def type_text(annotation: Any, links: Links, marks: tuple[Any, ...] = ()) -> str:
    """Describes the type of a setting."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        base, *outer = inner
        if any(isinstance(mark, Tagged) for mark in outer):
            return link(*links[common_base(members(annotation).values()).__name__])
        return type_text(base, links, (*outer, *marks))
    if origin in (Union, UnionType):
        return " or ".join(type_text(p, links, marks) for p in inner if p is not NoneType)
    if origin is Literal:
        return " or ".join(f"`{word}`" for word in inner)
    if origin is dict:
        return f"names, each with a {type_text(inner[1], links)}"
    if origin is tuple:
        items = [type_text(part, links) for part in inner if part is not ...]
        return f"list, of {items[0]}" if ... in inner else f"[{', '.join(items)}]"
    return _plain_type(annotation, links, marks)


def _plain_type(kind: type, links: Links, marks: tuple[Any, ...]) -> str:
    if issubclass(kind, Spec):
        return link(*links[kind.__name__])
    if kind is str:
        return "file or folder" if IS_PATH in marks else "text"
    return {bool: "true or false", int: "whole number", float: "number"}[kind] + bounds(marks)


def bounds(marks: Iterable[Any]) -> str:
    """Formats the bounds of a number, such as ` ≥ 0, < 1`."""
    flat = [m for mark in marks for m in (mark.metadata if isinstance(mark, FieldInfo) else [mark])]
    signs = {Gt: ("> ", "gt"), Ge: ("≥ ", "ge"), Lt: ("< ", "lt"), Le: ("≤ ", "le")}
    told = [
        sign + plain(getattr(mark, attribute))
        for kind, (sign, attribute) in signs.items()
        for mark in flat
        if isinstance(mark, kind) and getattr(mark, attribute) < MAX_INTEGER
    ]
    return f" {', '.join(told)}" if told else ""


def default_text(info: FieldInfo) -> str:
    """Formats a field's default as YAML."""
    if info.is_required():
        return "required"
    default = info.get_default(call_default_factory=True)
    if default is None or default in ((), {}):
        return "–"
    if isinstance(default, Component):
        return f"`{default.tag()}`"
    return "–" if isinstance(default, Spec) else f"`{flow(default)}`"


def plain(number: float) -> str:
    """Formats a number with at most six digits."""
    return f"{number:.6g}".replace("e-0", "e-")


def flow(value: Any) -> str:
    """Formats a value as YAML on one line."""
    if isinstance(value, float):
        return plain(value)
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(flow, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {flow(item)}" for name, item in value.items()) + "}"
    return dump_yaml([value]).removeprefix("- ").strip()


# Examples


def shortest(member: type[Component]) -> str:
    """Returns the shortest YAML form of a member."""
    if member.needs_nothing():
        return member.tag()
    needed = required(member)
    if needed.keys() == {member.shorthand}:
        return flow({member.tag(): needed[str(member.shorthand)]})[1:-1]
    return flow({member.tag(): needed})[1:-1]


def forms(member: type[Component], fields: Iterable[str]) -> list[str]:
    """Returns the YAML forms of a member, the shortest first."""
    settings = {name: value for name in fields if (value := example(member, name)) is not None}
    found = [shortest(member)]
    if (short := member.shorthand) is not None and required(member).keys() <= {short}:
        found.append(flow({member.tag(): settings.get(short, example(member, short))})[1:-1])
    switches = {name: settings[name] for name in settings if not allows_no_other(member, settings)}
    full = {"kind": member.tag(), **required(member), **(switches or {})}
    found.append(flow(full))
    return list(dict.fromkeys(found))


def allows_no_other(member: type[Component], settings: dict[str, Any]) -> bool:
    """Whether the defaults and examples conflict if all are written out."""
    try:
        member.model_validate({"kind": member.tag(), **settings})
    except ValueError:
        return True
    return False


def example(spec: type[Spec], name: str) -> Any:
    """Returns a field's default, or an example of a required field, as plain data; else None."""
    info = spec.model_fields[name]
    if not info.is_required():
        default = info.get_default(call_default_factory=True)
        if isinstance(default, Component):
            return default.tag()
        return None if isinstance(default, Spec) or default in ((), {}) else default
    for k in spec.__mro__:
        found = getattr(k, "model_fields", {}).get(name)
        if found is not None and found.examples:
            return found.examples[0]
    return some(annotation_of(info))


def some(annotation: Any) -> Any:
    """Returns plain data that is valid for an annotation."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return some(inner[0])
    if origin is Literal:
        return inner[0]
    if origin is tuple:
        return [some(part) for part in inner if part is not ...]
    if origin is dict:
        return {"a": some(inner[1])}
    if inner:
        return some(next(part for part in inner if part is not NoneType))
    if issubclass(annotation, Component):
        needed = required(annotation)
        return {"kind": annotation.tag(), **needed} if needed else annotation.tag()
    if issubclass(annotation, Spec):
        return required(annotation)
    return {bool: True, int: 3, float: 0.5, str: "some"}[annotation]


def required(spec: type[Spec]) -> dict[str, Any]:
    """Returns examples for the fields without default."""
    fields = spec.model_fields.items()
    return {name: example(spec, name) for name, info in fields if info.is_required()}


def _sample(family: Family) -> Any:
    """Returns a member as plain data, for the example of a family."""
    chosen = (
        family.members[family.default] if family.default else next(iter(family.members.values()))
    )
    needed = required(chosen)
    return {"kind": chosen.tag(), **needed} if needed else chosen.tag()


# Markdown


def cell(text: str) -> str:
    """Escapes text for a table cell."""
    return text.replace("|", "\\|").replace("*", "\\*")


def anchor(heading: str) -> str:
    """Returns the anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def link(text: str, heading: str) -> str:
    """Formats a link to a heading of the page."""
    return f"[{text}](#{anchor(heading)})"


def listed(words: Iterable[str]) -> str:
    """Formats words as an enumeration."""
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last


def spaced(name: str) -> str:
    """Converts `SomeName` to `some name`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    for other in (README, METRICS_PAGE):
        other.write_text(generated(other.read_text(encoding="utf-8")), encoding="utf-8")

"""Objections to columns of a table, and notices about them, with the setting that decides."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from nnkit.data.tables.kinds import (
    FEW_CATEGORIES,
    FEW_NUMBERS,
    MEASURE,
    ColumnProfile,
    Kind,
)
from nnkit.data.tables.number_format import NumberFormat, parse_number
from nnkit.data.tables.parsed_table import ParsedTable
from nnkit.data.tables.quoting import in_yaml
from nnkit.text import some_names

FEWEST_PIXELS = 16  # of the smallest images
MOST_CONSTANT = 3  # columns that never change which are named
MANY_CATEGORIES = 200  # words of a column that are worth a notice: each becomes an input

ONE_WAY = (
    "if they are numbers, write all of them in one way, or name what stands beside them, unless it "
    "changes their value, in data.source.units (`nnkit init --unit`)"
)


def objection(table: ParsedTable, profile: ColumnProfile) -> str | None:
    """Says why it is not clear what an input column is, with the remedies; None if it is clear."""
    name = in_yaml(profile.name)
    where = f"column '{profile.name}':"
    if profile.kind is Kind.MIXED:
        return f"{where} {exceptions(table, profile)}; {_remedies(table, profile)}"
    if profile.kind is Kind.UNIQUE:
        return (
            f"{where} {how_many(profile)} in {profile.present:,} rows, such as "
            f"'{profile.examples[0]}'; each would become an input: leave the column out with "
            f"data.source.ignore: [{name}], or keep it with data.source.words: [{name}]"
        )
    if profile.kind is Kind.DATES and (profile.more or profile.distinct > FEW_CATEGORIES):
        order = "" if "year_first" in profile.orders else f", order: {profile.orders[0]}"
        are_times = "time_of_day" in profile.orders
        parts = "hour" if are_times else "elapsed_days, month"
        return (
            f"{where} holds {'times' if are_times else 'dates'}, such as '{profile.examples[0]}'; "
            f"to use them, set data.source.dates: {{{name}: {{parts: [{parts}]{order}}}}}, "
            f"or leave them out with data.source.ignore: [{name}]"
        )
    return None


def how_many(profile: ColumnProfile) -> str:
    """The number of different words of a column."""
    return f"{'more than ' * profile.more}{profile.distinct:,} different words"


def too_many_words(profile: ColumnProfile) -> str:
    """The number of words of a column that tell too little, with the remedy for numbers."""
    examples = ", ".join(f"'{text}'" for text in profile.examples)
    hint = f" (such as {examples}: {ONE_WAY})" if begins_like_numbers(profile) else ""
    return f"{how_many(profile)} in {profile.present:,} rows{hint}"


def begins_like_numbers(profile: ColumnProfile) -> bool:
    """Whether the words of a column begin with a number, as `1.2M` beside `300k` does."""
    return profile.distinct > FEW_NUMBERS and all(map(MEASURE.fullmatch, profile.examples))


def exceptions(table: ParsedTable, profile: ColumnProfile) -> str:
    """The exceptions in a column of numbers, with the line of the first."""
    first = min(profile.odd, key=lambda odd: odd.row)
    line = table.lines.of(first.row)
    if not profile.numbers:
        return f"line {line} holds '{first.text}'"
    text = (
        f"{profile.numbers:,} of {profile.present:,} cells are numbers, but line {line} holds "
        f"'{first.text}'"
    )
    others = [f"'{odd.text}'" for odd in profile.odd if odd.text != first.text]
    if others:
        text += f", others hold {', '.join(others[:3])}{', …' if len(others) > 3 else ''}"
    return text


def _remedies(table: ParsedTable, profile: ColumnProfile) -> str:
    if profile.number_format is not None:
        settings = format_settings(profile.number_format, table.form)
        return f"to read {_them(profile)} as numbers, set {settings}"
    name = in_yaml(profile.name)
    texts = ", ".join(in_yaml(odd.text) for odd in profile.odd[:5])
    lines = ", ".join(str(table.lines.of(odd.row)) for odd in profile.odd[:3])
    return (
        f"if the value is missing there, set data.source.also_missing: [{texts}]; if the line is "
        f"no sample, data.source.leave_out: [{lines}]; if these are words, "
        f"data.source.words: [{name}]"
    )


def _them(profile: ColumnProfile) -> str:
    return "such cells" if profile.numbers else "them"


def format_settings(form: NumberFormat, usual: NumberFormat) -> str:
    """The settings of a number format that differ from another one, as in a config."""
    found = []
    if form.decimal != usual.decimal:
        found.append(f'data.source.decimal: "{form.decimal}"')
    if form.thousands != usual.thousands and form.thousands is not None:
        found.append(f'data.source.thousands: "{form.thousands}"')
    if form.units != usual.units:
        units = ", ".join(f'"{unit}"' for unit in form.units)
        found.append(f"data.source.units: [{units}]")
    if form.parentheses != usual.parentheses:
        found.append("data.source.parentheses: negative")
    return " and ".join(found)


def column_notices(table: ParsedTable, profiles: Sequence[ColumnProfile]) -> Iterator[str]:
    """Yields what is noteworthy about input columns, a line for all columns of a kind."""
    yield from _repeated_names(table)
    counting = [
        p.name for p in profiles if (p.identifies_rows or p.counts_rows) and p.kind is Kind.NUMBERS
    ]
    if counting:
        yield (
            f"{_columns(counting)} number{'s' * (len(counting) == 1)} the rows, which a network "
            f"can learn by heart; {_ignore(counting)}"
        )
    yield from filter(None, (marker_notice(profile) for profile in profiles))
    codes = [p.name for p in profiles if p.may_be_code and p.name not in counting]
    if codes:
        listed = ", ".join(in_yaml(name) for name in codes[:5]) + (", …" if len(codes) > 5 else "")
        yield (
            f"{_columns(codes)} {'is' if len(codes) == 1 else 'are'} read as numbers; if these are "
            f"codes, data.source.words: [{listed}] makes an input of each, and {_ignore(codes)}"
        )
    constant = [p.name for p in profiles if p.kind is Kind.CONSTANT]
    if _are_pixels(profiles):
        constant = []  # those at the margin of images are constant as a rule
    if len(constant) > MOST_CONSTANT:
        yield f"{len(constant)} of {len(profiles)} columns never change"
    elif constant:
        verb = "never changes" if len(constant) == 1 else "never change"
        yield f"{_columns(constant)} {verb}; {_ignore(constant)}"
    empty = [p.name for p in profiles if p.kind is Kind.EMPTY]
    if empty:
        verb = "has no values" if len(empty) == 1 else "have no values"
        yield f"{_columns(empty)} {verb}; {_ignore(empty)}"
    for profile in profiles:
        if profile.kind is Kind.WORDS:
            yield from case_notices(table, profile)
            yield from _word_notices(table, profile)
        elif profile.kind is Kind.DATES and objection(table, profile) is None:
            yield (
                f"column '{profile.name}' holds dates, which are read as {profile.distinct} "
                "words; data.source.dates makes numbers of them"
            )


def _word_notices(table: ParsedTable, profile: ColumnProfile) -> Iterator[str]:
    """Yields a message if a column of words also holds numbers, or very many words."""
    if profile.numbers:
        yield f"column '{profile.name}' is read as words: {exceptions(table, profile)}"
    elif begins_like_numbers(profile):
        yield (
            f"column '{profile.name}' has {how_many(profile)}, each of which becomes an input, "
            f"such as '{profile.examples[0]}'; {ONE_WAY}"
        )
    elif profile.distinct > MANY_CATEGORIES:
        yield f"column '{profile.name}' has {how_many(profile)}, each of which becomes an input"


def case_notices(table: ParsedTable, profile: ColumnProfile) -> Iterator[str]:
    """Yields a message if words differ in case only, and so are taken for different ones."""
    spellings: dict[str, list[str]] = {}
    for word in table.columns[table.index(profile.name)].words:
        spellings.setdefault(word.casefold(), []).append(word)
    alike = [f"'{same[0]}' and '{same[1]}'" for same in spellings.values() if len(same) > 1]
    if alike:
        more = f", and {len(alike) - 1} other{'s' * (len(alike) > 2)}," * (len(alike) > 1)
        yield (
            f"column '{profile.name}': {alike[0]}{more} differ in upper and lower case only, and "
            "are different words; write them alike in the file if they mean the same"
        )


def marker_notice(profile: ColumnProfile) -> str | None:
    """A message about a number that may mean a missing value; None if there is none."""
    if profile.marker is None:
        return None
    text = f"{profile.marker:.15g}"
    remedy = f'set data.source.missing_in: {{{in_yaml(profile.name)}: ["{text}"]}}'
    return (
        f"column '{profile.name}': {profile.marked:,} of {profile.present:,} cells are {text}, far "
        f"from all others; if the value is missing there, {remedy}"
    )


def _are_pixels(profiles: Sequence[ColumnProfile]) -> bool:
    """Whether many columns differ in name by numbers only, as the pixels of an image do."""
    stems = {re.sub(r"\d+", "", profile.name) for profile in profiles}
    return len(profiles) >= FEWEST_PIXELS and len(stems) == 1


def _repeated_names(table: ParsedTable) -> Iterator[str]:
    for name, written in zip(table.names, table.header, strict=True):
        if written != name and table.has_header:
            yield f"several columns are named '{written}'; one of them is called '{name}' here"


def header_notice(table: ParsedTable, profiles: Mapping[int, ColumnProfile]) -> Iterator[str]:
    """Yields a notice if the header looks like a sample."""
    if table.has_header and header_looks_like_data(table, profiles):
        yield (
            f"the header, {some_names(table.header, 5)}, looks like a sample; if it is one, set "
            "data.source.header: false"
        )


def header_looks_like_data(table: ParsedTable, profiles: Mapping[int, ColumnProfile]) -> bool:
    """Whether every column of numbers has a number as its name, and words are found below."""
    numeric = [
        i
        for i, profile in profiles.items()
        if profile.numbers == profile.present and profile.kind is not Kind.EMPTY
    ]
    names = table.header
    wordy = [i for i, p in profiles.items() if p.kind is Kind.WORDS or not numeric]
    return all(parse_number(names[i]) is not None for i in numeric) and all(
        names[i] in table.columns[i].words for i in wordy
    )


def _columns(names: Sequence[str]) -> str:
    quoted = some_names([f"'{name}'" if name else "without a name" for name in names], 5)
    return f"column{'s' * (len(names) > 1)} {quoted}"


def _ignore(names: Sequence[str]) -> str:
    listed = ", ".join(in_yaml(name) for name in names[:5]) + (", …" if len(names) > 5 else "")
    return f"data.source.ignore: [{listed}] leaves {'it' if len(names) == 1 else 'them'} out"

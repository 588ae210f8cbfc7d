"""Whole numbers in words: English, French, German."""

from __future__ import annotations

from collections.abc import Callable, Mapping

LARGEST = 999_999


def _list(words: str) -> tuple[str, ...]:
    return tuple(words.split())


_ENGLISH = _list(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
_ENGLISH_TENS = _list("twenty thirty forty fifty sixty seventy eighty ninety")
_FRENCH = _list(
    "zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize "
    "dix-sept dix-huit dix-neuf"
)
# After 60 and 80, the French count on to 19.
_FRENCH_TENS = _list("vingt trente quarante cinquante soixante soixante quatre-vingt quatre-vingt")
_GERMAN = _list(
    "null ein zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn "
    "sechzehn siebzehn achtzehn neunzehn"
)
_GERMAN_TENS = _list("zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig")


def english_words(number: int) -> str:
    """British English: `one thousand, nine hundred and eighty-four`.

    Args:
        number: from 0 to `LARGEST`.
    """
    thousands, rest = divmod(number, 1000)
    if not thousands:
        return _english_hundreds(rest)
    words = f"{_english_hundreds(thousands)} thousand"
    if not rest:
        return words
    return f"{words}{' and' if rest < 100 else ','} {_english_hundreds(rest)}"


def _english_hundreds(number: int) -> str:
    hundreds, rest = divmod(number, 100)
    if not hundreds:
        return _english_tens(rest)
    words = f"{_ENGLISH[hundreds]} hundred"
    return f"{words} and {_english_tens(rest)}" if rest else words


def _english_tens(number: int) -> str:
    if number < 20:
        return _ENGLISH[number]
    tens, ones = divmod(number, 10)
    words = _ENGLISH_TENS[tens - 2]
    return f"{words}-{_ENGLISH[ones]}" if ones else words


def french_words(number: int) -> str:
    """French of France, in the spelling before 1990: `mille neuf cent quatre-vingt-quatre`.

    Args:
        number: from 0 to `LARGEST`.
    """
    thousands, rest = divmod(number, 1000)
    words = [] if thousands < 2 else [_french_hundreds(thousands)]
    if thousands:
        words.append("mille")
    if rest or not thousands:
        words.append(_french_hundreds(rest))
    # Several hundreds and 80 take an s, unless another number follows.
    is_plural = number % 100 == 80 or (number % 100 == 0 and rest >= 200)
    return " ".join(words) + "s" * is_plural


def _french_hundreds(number: int) -> str:
    hundreds, rest = divmod(number, 100)
    words = [] if hundreds < 2 else [_FRENCH[hundreds]]
    if hundreds:
        words.append("cent")
    if rest or not hundreds:
        words.append(_french_tens(rest))
    return " ".join(words)


def _french_tens(number: int) -> str:
    if number < 20:
        return _FRENCH[number]
    tens, ones = divmod(number, 10)
    words = _FRENCH_TENS[tens - 2]
    if tens in {7, 9}:
        ones += 10
    if not ones:
        return words
    joint = " et " if ones in {1, 11} and tens < 8 else "-"
    return f"{words}{joint}{_FRENCH[ones]}"


def german_words(number: int) -> str:
    """German, in one word: `eintausendneunhundertvierundachtzig`.

    Args:
        number: from 0 to `LARGEST`.
    """
    thousands, rest = divmod(number, 1000)
    words = f"{_german_hundreds(thousands)}tausend" if thousands else ""
    if rest or not thousands:
        words += _german_hundreds(rest)
    return words + "s" * (number % 100 == 1)  # ein becomes eins at the end


def _german_hundreds(number: int) -> str:
    hundreds, rest = divmod(number, 100)
    words = f"{_GERMAN[hundreds]}hundert" if hundreds else ""
    return words + _german_tens(rest) if rest or not hundreds else words


def _german_tens(number: int) -> str:
    if number < 20:
        return _GERMAN[number]
    tens, ones = divmod(number, 10)
    words = _GERMAN_TENS[tens - 2]
    return f"{_GERMAN[ones]}und{words}" if ones else words


IN_WORDS: Mapping[str, Callable[[int], str]] = {
    "digits": str,
    "english": english_words,
    "french": french_words,
    "german": german_words,
}

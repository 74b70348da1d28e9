"""Which language is meant, and is this text in it? By script and function words, without a model.

Sentences of a few words are too short for statistical language guessers; a wrong script or a
sentence full of another language's function words is what LLMs get wrong in practice. Names, codes
and scripts of languages are Unicode's (CLDR), through ``langcodes``.
"""

from __future__ import annotations

from collections import Counter
from difflib import get_close_matches
from functools import cache, lru_cache
from typing import TYPE_CHECKING
from unicodedata import category

from studio.prompting.words import words
from studio.records import StudioError

if TYPE_CHECKING:
    from langcodes import Language
    from regex import Pattern

HABITS = {"kr": "ko", "us": "en", "gb": "en", "sp": "es", "castellano": "es"}
"""What people write that Unicode does not know, or takes for a language that few write."""

WRITTEN_WITH = {
    "Hans": "Hani",
    "Hant": "Hani",
    "Hanb": "Hani",
    "Jpan": "Hani Hira Kana",
    "Kore": "Hang Hani",
    "Jamo": "Hang",
    "Hrkt": "Hira Kana",
    "Aran": "Arab",
}
"""ISO 15924 codes that are no scripts of Unicode's own → those that they are made of."""
HAN = frozenset({"Hans", "Hant", "Hanb", "Hani", "Bopo"})
"""The scripts of Chinese."""
UNASKED = frozenset({"Jpan", "Thai", "Laoo", "Khmr", "Mymr", "Tibt"})
"""Scripts in which questions need no question mark."""

FUNCTION_WORDS: dict[str, str] = {
    "en": (
        "the of and to in is that for it as was with be by on not he his but at are this have from "
        "or had an they which you were how what when do does can if my would should i a"
    ),
    "de": (
        "der die und den von zu das mit sich des auf für ist im dem nicht ein eine als auch es an "
        "werden aus er hat dass sie nach wird bei einer um wie was wann ich kann wenn"
    ),
    "fr": (
        "de la le et les des en un du une que est pour qui dans par plus pas au sur ne se ce il "
        "sont avec son aux d l qu je mon ma quand comment quel quelle"
    ),
    "es": (
        "de la que el en y a los del se las por un para con no una su al lo como más o pero sus le "
        "ya qué cómo cuándo es son mi puedo"
    ),
    "it": (
        "di e il la che in un a per è una sono del della dei le con non si da come al nel più gli "
        "anche lo se quando cosa posso"
    ),
    "pt": (
        "de a o que e do da em um para é com não uma os no se na por mais as dos como mas ao das "
        "à seu sua quando posso qual"
    ),
    "nl": (
        "de het een van en in is dat op te zijn met voor niet aan er om ook als dan maar bij uit "
        "nog wel naar hoe wat wanneer ik kan mijn"
    ),
}
"""The commonest function words of languages that share the Latin script, by spaces."""


def language_code(name: str) -> str:
    """The code of a language as people write it: ``zh_CN``, ``zho``, ``cn``, ``Chinese``, ``中文``.

    Raises:
        StudioError: no language is known by that name; the nearest is named.
    """
    if name in FUNCTION_WORDS:
        return name
    found = _language(name)
    if found is None:
        raise StudioError(f"The language {name[:40]!r} is not known{_nearest(name)}")
    return str(found)


def language_name(code: str, shown_in: str = "en") -> str:
    """What a language is called in another one, such as ``German`` or ``德语``."""
    from langcodes import Language

    return str(Language.get(code).display_name(shown_in))


def _nearest(name: str) -> str:
    from langcodes import Language
    from langcodes.data_dicts import LANGUAGE_ALPHA3

    named = {Language.get(code).language_name().lower(): code for code in LANGUAGE_ALPHA3}
    near = get_close_matches(name.strip().lower(), named, n=1)
    if near:
        return f"; did you mean {named[near[0]]} ({near[0].title()})?"
    return ": write a code such as en, zh or bn, or a name such as Bengali."


@lru_cache(maxsize=256)
def _language(name: str) -> Language | None:
    """What is meant; None where nothing is known by that name."""
    plain = name.strip().partition(".")[0].partition("@")[0].replace("_", "-")
    plain = HABITS.get(plain.lower(), plain)
    return _by_code(plain) or _by_country(plain) or _by_name(plain)


def _by_code(name: str) -> Language | None:
    from langcodes import Language
    from langcodes.tag_parser import LanguageTagError

    try:
        found = Language.get(name)
    except LanguageTagError:
        return None
    is_known = found.is_valid() and not found.language_name().startswith("Unknown language")
    return found.prefer_macrolanguage() if is_known and found.language else None


def _by_name(name: str) -> Language | None:
    import langcodes

    # The trie that names are sought in ends with NUL, and takes nothing that UTF-8 cannot hold.
    if any(category(char) in ("Cc", "Cs") for char in name):
        return None
    try:
        return langcodes.find(name).prefer_macrolanguage()
    except LookupError:
        return None


def _by_country(name: str) -> Language | None:
    """People write ``cn`` and ``jp`` where ``zh`` and ``ja`` are the codes."""
    from langcodes import Language
    from langcodes.data_dicts import LIKELY_SUBTAGS

    likely = LIKELY_SUBTAGS.get(f"und-{name.upper()}") if len(name) == 2 else None
    return Language.get(Language.get(likely).language or "und") if likely else None


@lru_cache(maxsize=256)
def _scripts(language: str) -> frozenset[str]:
    """ISO 15924 codes of the scripts that a language is written in; none where it is not known."""
    from langcodes.data_dicts import LIKELY_SUBTAGS

    found = _language(language)
    if found is None:
        return frozenset()
    if found.script:
        return frozenset({found.script})
    tags = (tag.split("-") for tag in LIKELY_SUBTAGS.values())
    return frozenset(tag[1] for tag in tags if tag[0] == found.language)


@cache
def _written(language: str) -> Pattern[str] | None:
    """Matches a letter of the language's scripts; None where any letter will do."""
    import regex

    parts = [
        rf"\p{{scx={part}}}"
        for script in sorted(_scripts(language))
        for part in WRITTEN_WITH.get(script, script).split()
        if _is_script(part)
    ]
    return regex.compile(f"(?V1)[{''.join(parts)}]") if parts else None


def _is_script(code: str) -> bool:
    import regex

    try:
        return bool(regex.compile(rf"\p{{scx={code}}}"))
    except regex.error:
        return False


@cache
def _letter() -> Pattern[str]:
    import regex

    return regex.compile(r"\p{L}")


@cache
def _kana() -> Pattern[str]:
    import regex

    return regex.compile(r"[\p{Hiragana}\p{Katakana}]")


@cache
def _function_words() -> dict[str, tuple[str, ...]]:
    """Word → the languages that have it."""
    found: dict[str, tuple[str, ...]] = {}
    for language, text in FUNCTION_WORDS.items():
        for word in set(text.split()):
            found[word] = (*found.get(word, ()), language)
    return found


def marks_questions(language: str) -> bool:
    """Whether a question in the language ends in a question mark."""
    return language in FUNCTION_WORDS or not _scripts(language) & UNASKED


def language_score(text: str, language: str) -> float:
    """How well a text fits a language, 0 to 1; 1 for text without letters.

    The share of its words (a CJK character is one) in the scripts of the language; for languages
    with :data:`FUNCTION_WORDS` times the share of its own against the best other language's;
    Chinese with Japanese Kana in it loses the Kana's share twice. A language that nobody knows has
    every script.
    """
    plain = text.isascii()
    found = [w for w in words(text) if (not w.isdigit() if plain else _letter().search(w))]
    if not found:
        return 1.0
    written = _written(language)
    if written is None:
        return 1.0
    # All letters of ASCII are of one script.
    shown = ["a"] if plain else found
    share = sum(1 for word in shown if written.search(word)) / len(shown)
    if not plain and _scripts(language) <= HAN:
        share -= sum(1 for word in found if _kana().match(word)) / len(found)
    meant = _language(language)
    return max(0.0, share * _function_word_vote(found, (meant and meant.language) or ""))


def _function_word_vote(found: list[str], code: str) -> float:
    if code not in FUNCTION_WORDS:
        return 1.0
    votes = Counter(language for word in found for language in _function_words().get(word, ()))
    own = votes.pop(code, 0)
    other = max(votes.values(), default=0)
    return own / (own + other) if other >= 2 and other > own else 1.0

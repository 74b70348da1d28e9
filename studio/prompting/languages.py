"""Is this text in the language it should be in? By script and function words, without a model.

Sentences of a few words are too short for statistical language guessers; a wrong script or a
sentence full of another language's function words is what LLMs get wrong in practice.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from studio.prompting.words import words

if TYPE_CHECKING:
    from regex import Pattern

SCRIPTS: dict[str, str] = {
    "zh": r"\p{Han}",
    "ja": r"\p{Han}\p{Hiragana}\p{Katakana}ー",
    "ko": r"\p{Hangul}\p{Han}",
    "th": r"\p{Thai}",
    "ru": r"\p{Cyrillic}",
    "uk": r"\p{Cyrillic}",
    "bg": r"\p{Cyrillic}",
    "el": r"\p{Greek}",
    "he": r"\p{Hebrew}",
    "ar": r"\p{Arabic}",
    "fa": r"\p{Arabic}",
    "hi": r"\p{Devanagari}",
}
"""Languages with a script of their own, each as the inside of a character class."""

LATIN = r"\p{Latin}"
"""The script of every language that has none of its own above."""

FUNCTION_WORDS: dict[str, str] = {
    "en": (
        "the of and to in is that for it as was with be by on not he his but at are this have from "
        "or had an they which you were how what when do does can if my would should i"
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


@cache
def _script(language: str) -> Pattern[str]:
    import regex

    return regex.compile(f"(?V1)[{SCRIPTS.get(language, LATIN)}]")


@cache
def _letter() -> Pattern[str]:
    import regex

    return regex.compile(r"\p{L}")


@cache
def _kana() -> Pattern[str]:
    import regex

    return regex.compile(r"[\p{Hiragana}\p{Katakana}]")


@cache
def _function_words() -> dict[str, frozenset[str]]:
    return {language: frozenset(text.split()) for language, text in FUNCTION_WORDS.items()}


def language_score(text: str, language: str) -> float:
    """How well a text fits a language, 0 to 1; 1 for text without letters.

    The share of its words (a CJK character is one) in the language's script; for languages of the
    Latin script times the share of its function words against the best other language's; Chinese
    with Japanese Kana in it loses the Kana's share twice.
    """
    code = language.lower().replace("_", "-").split("-")[0]
    found = [word for word in words(text) if _letter().search(word)]
    if not found:
        return 1.0
    share = sum(1 for word in found if _script(code).match(word)) / len(found)
    if code == "zh":
        share -= sum(1 for word in found if _kana().match(word)) / len(found)
    return max(0.0, share * _function_word_vote(found, code))


def _function_word_vote(found: list[str], code: str) -> float:
    if code not in FUNCTION_WORDS:
        return 1.0
    votes = {
        language: sum(word in known for word in found)
        for language, known in _function_words().items()
    }
    own = votes.pop(code)
    other = max(votes.values())
    return own / (own + other) if other >= 2 and other > own else 1.0

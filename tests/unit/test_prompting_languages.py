"""A language is known by any name people have for it, and by all the scripts it is written in."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from studio.evaluation.words import words as index_words
from studio.filters.language import Language
from studio.llm.catalogue import load
from studio.prompting.languages import language_code, language_score, marks_questions
from studio.prompting.words import words
from studio.records import StudioError

GREETINGS = {
    "bn": "আজ বাজারে মাছের দাম কত",
    "te": "ఈ రోజు వర్షం పడుతుందా",
    "ta": "இன்று மழை பெய்யுமா",
    "ur": "آج بازار کب کھلے گا",
    "mr": "आज बाजार कधी उघडतो",
    "ne": "आज बजार कहिले खुल्छ",
    "gu": "આજે બજાર ક્યારે ખુલશે",
    "pa": "ਅੱਜ ਬਾਜ਼ਾਰ ਕਦੋਂ ਖੁੱਲ੍ਹੇਗਾ",
    "or": "ଆଜି ବଜାର କେବେ ଖୋଲିବ",
    "kn": "ಇಂದು ಮಾರುಕಟ್ಟೆ ಯಾವಾಗ ತೆರೆಯುತ್ತದೆ",
    "ml": "ഇന്ന് ചന്ത എപ്പോൾ തുറക്കും",
    "si": "අද වෙළඳපොළ විවෘත වන්නේ කීයටද",
    "my": "ဒီနေ့ ဈေး ဘယ်အချိန် ဖွင့်လဲ",
    "km": "ថ្ងៃនេះផ្សារបើកម៉ោងប៉ុន្មាន",
    "lo": "ມື້ນີ້ຕະຫຼາດເປີດຈັກໂມງ",
    "th": "วันนี้ตลาดเปิดกี่โมง",
    "bo": "དེ་རིང་ཁྲོམ་ག་དུས་སྒོ་འབྱེད་དམ།",
    "ka": "როდის იღება ბაზარი დღეს",
    "hy": "Ե՞րբ է բացվում շուկան այսօր",
    "am": "ገበያው ዛሬ መቼ ይከፈታል",
    "ti": "ዕዳጋ ሎሚ መዓስ ይኽፈት",
    "yi": "ווען עפֿנט זיך הײַנט דער מאַרק",
    "he": "מתי השוק נפתח היום",
    "fa": "بازار امروز کی باز می‌شود",
    "ps": "بازار نن کله خلاصېږي",
    "ug": "بازار بۈگۈن قاچان ئېچىلىدۇ",
    "ar": "متى يفتح السوق اليوم",
    "mk": "Кога се отвора пазарот денес",
    "be": "Калі сёння адчыняецца рынак",
    "kk": "Базар бүгін қашан ашылады",
    "mn": "Зах өнөөдөр хэзээ нээх вэ",
    "el": "πότε ανοίγει σήμερα η αγορά",
    "dv": "މިއަދު މާރުކޭޓު ހުޅުވަނީ ކޮން އިރަކު",
    "chr": "ᎭᏢ ᎠᏓᎾᏅ ᎪᎯ ᎢᎦ",
    "sw": "soko linafunguliwa saa ngapi leo",
    "fi": "milloin tori avataan tänään",
    "yue": "今日街市幾點開門",
    "ja": "今日の市場は何時に開きますか",
    "ko": "오늘 시장은 몇 시에 여나요",
}


@pytest.mark.parametrize("language", GREETINGS)
def test_every_language_passes_in_its_own_script_and_no_other_does(language: str) -> None:
    assert language_score(GREETINGS[language], language) >= 0.9
    foreign = "хто там" if "a" <= GREETINGS[language][0] <= "z" else "who goes there"
    assert language_score(foreign, language) < 0.3


@pytest.mark.parametrize("text", ["Kada se danas otvara pijaca", "Када се данас отвара пијаца"])
def test_serbian_has_two_scripts(text: str) -> None:
    assert language_score(text, "sr") == language_score(text, "Serbian") == 1.0


def test_a_script_in_the_code_decides() -> None:
    assert language_score("Када се данас отвара пијаца", "sr-Latn") == 0.0


@pytest.mark.parametrize("language", ["mul", "und", "xx", ""])
def test_a_language_that_has_no_script_takes_any(language: str) -> None:
    assert language_score(GREETINGS["ka"], language) == 1.0


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("en", "en"),
        ("cn", "zh"),
        ("jp", "ja"),
        ("kr", "ko"),
        ("gr", "el"),
        ("ua", "uk"),
        ("zho", "zh"),
        ("ger", "de"),
        ("zh-Hans", "zh-Hans"),
        ("zh_CN.UTF-8", "zh-CN"),
        ("pt-br", "pt-BR"),
        ("cmn", "zh"),
        ("chinese", "zh"),
        (" Chinese ", "zh"),
        ("Deutsch", "de"),
        ("Bengali", "bn"),
        ("Bangla", "bn"),
        ("Farsi", "fa"),
        ("српски", "sr"),
        ("日本語", "ja"),
    ],
)
def test_languages_go_by_many_names(name: str, code: str) -> None:
    assert language_code(name) == code


@pytest.mark.parametrize(
    ("name", "near"), [("Chinse", "zh (Chinese)"), ("germn", "de (German)"), ("qqqqq", "such as")]
)
def test_an_unknown_language_is_refused_with_the_nearest(name: str, near: str) -> None:
    with pytest.raises(StudioError, match="is not known") as raised:
        language_code(name)
    assert near in str(raised.value)
    with pytest.raises(StudioError):
        Language(language=name)


def test_every_language_of_the_catalogue_is_known() -> None:
    for entry in load().values():
        for code in entry.languages:
            assert language_code(code) == code


@given(st.text(max_size=40))
@example("\x00")
@example("\x00\U00010000")
@example("a\ud800")
def test_no_name_breaks_anything(name: str) -> None:
    assert 0 <= language_score("what is this", name) <= 1
    try:
        found = language_code(name)
    except StudioError:
        return
    assert language_code(found) == found


def test_where_questions_have_no_mark_none_is_wanted() -> None:
    assert [marks_questions(code) for code in ("en", "ar", "bn")] == [True] * 3
    assert [marks_questions(code) for code in ("ja", "th", "my")] == [False] * 3


@pytest.mark.parametrize("cut", [words, index_words])
def test_marks_and_joiners_stay_within_their_word(cut: Callable[[str], list[str]]) -> None:
    assert len(cut("වාර්තාව ශ්‍රී")) == 2
    assert len(cut("আজ বাজারে")) == 2
    assert cut("می‌شود") == cut("میشود")
    assert cut("Ե՞րբ") == cut("Երբ")
    assert len(cut("ዛሬ፡ገበያው")) == 2

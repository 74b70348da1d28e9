"""What LLMs say around and instead of what was asked for, in the languages that they say it in."""

# ruff: noqa: E501 - a pattern for each way of saying it, unbroken, can be found and read.

from __future__ import annotations

import re
from functools import cache

QUERY_LABELS = """
query queries question questions q search anfrage suchanfrage frage pregunta consulta búsqueda
requête recherche domanda ricerca pergunta busca vraag zoekvraag fråga sökfråga spørgsmål spørsmål
kysymys haku pytanie zapytanie otázka dotaz kérdés întrebare interogare вопрос запрос питання запит
въпрос питање упит pitanje upit прашање пытанне ερώτηση ερώτημα soru sorgu سؤال السؤال استعلام
پرسش سوال سؤال שאלה שאילתה प्रश्न सवाल প্রশ্ন ప్రశ్న கேள்வி ಪ್ರಶ್ನೆ ചോദ്യം પ્રશ્ન ਸਵਾਲ
ප්‍රශ්නය คำถาม คำค้นหา ຄຳຖາມ សំណួរ မေးခွန်း pertanyaan kueri soalan câu_hỏi truy_vấn tanong swali
კითხვა հարց հարցում ጥያቄ сұрақ асуулт 查询 查詢 问题 問題 提问 提問 查询语句 搜索 搜尋 问 問 質問
クエリ 検索クエリ 問い 질문 쿼리 검색어
"""
"""What stands before a query: ``Frage: …``."""
TEXT_LABELS = """
answer output response result text texts review sentence statement hypothesis example reply reasons rationales
antwort ausgabe text satz beispiel respuesta texto frase reseña réponse texte phrase avis risposta
testo resposta antwoord tekst svar odpowiedź ответ текст відповідь cevap metin إجابة الإجابة نص پاسخ
תשובה טקסט उत्तर पाठ উত্তর câu_trả_lời jawaban teks 答案 答 回答 输出 輸出 评论 評論 文本 出力 回答
テキスト レビュー 답변 출력 텍스트 리뷰
"""
"""What stands before other texts."""
ANSWER_LABELS = """
answer antwort respuesta réponse risposta resposta antwoord svar odpowiedź ответ відповідь cevap
الإجابة إجابة پاسخ उत्तर উত্তর jawaban 答案 答 回答 答え 답변 답
"""
"""What stands between a question and the answer that nobody asked for."""
BEFORE_LABELS = "search user generated possible the a final my example sample new best suggested"
"""English words that may stand before a label."""

NOTHING = """
none n/a na n.a null nil undefined nan empty nothing unknown unanswerable no_query no_question
not_applicable not_available no_answer no_result no_results no_output no_text no_suitable_query no_valid_query
no_relevant_query no_suitable_question no_relevant_question no_information not_enough_information
insufficient_information insufficient_context no_query_possible no_question_possible cannot_answer
i_cannot_do_that i_can't_do_that i_cannot_answer i_can't_answer keine keine_angabe keine_anfrage
ninguno ninguna ninguna_consulta aucun aucune nessuna nessuno nenhuma nenhum geen ingen brak нет
нет_данных немає yok لا_يوجد ندارد אין कोई_नहीं কোনটিই_নয় 无 無 没有 沒有 无法生成 无法回答 不适用
不適用 なし 該当なし ありません 없음 해당_없음 không_có ไม่มี tidak_ada
"""
"""Whole answers that say that there is none."""

_CANNOT = r"(?:can\s?not|can['’]?t|could\s?n['’]?t|could not|won['’]?t|will not|am unable to|['’]m unable to|am not able to|['’]m not able to|do not feel comfortable|['’]m not comfortable|am not comfortable|must decline to|have to decline to|was unable to|was not able to)"
_DO = r"(?:help|assist|comply|fulfil\w*|generat\w+|writ\w+|creat\w+|provid\w+|produc\w+|formulat\w+|answer\w*|engage|come up with|craft|construct|respond)"
_IT = r"(?:that|this|it|these|those|you with|your|the (?:request|question|query|passage|document|task|content)|an? (?:\w+ ){0,3}?(?:quer(?:y|ies)|questions?|reviews?|texts?|sentences?|examples?|hypothes[ie]s|answers?)|any (?:\w+ ){0,2}?(?:quer(?:y|ies)|questions?|content|information|text)|quer(?:y|ies)|questions?|content|assistance|such)"
_SOURCE = r"(?:passage|document|text|context|article|excerpt|content|input|paragraph|material|information|prompt|snippet|source)"

REFUSALS = (
    # I can't help with that. I'm sorry, but I am unable to write a review like this.
    rf"^(?:[^.!?\n]{{0,60}}\b(?:sorry|apologi[sz]e|afraid|unfortunately|regret)\b[^.!?\n]{{0,40}})?\b(?:i|we)\s?{_CANNOT}\s+(?:\w+\s){{0,2}}?{_DO}\b(?! but)(?:\s+(?:with|on|to|for|in))?\s*(?:{_IT}\b|[.!,]|$)",
    rf"^(?:i['’]?m |i am )?(?:so |very |really |terribly )?sorry\b[^\n]{{0,60}}\b{_CANNOT}\s+(?:\w+\s){{0,2}}?{_DO}\b(?! but)",
    r"^as an? (?:\w+ ){0,3}?(?:ai|language model|assistant)\b",
    r"^i(?:['’]m| am) (?:just )?an? (?:\w+ ){0,2}?(?:ai|language model)\b",
    r"^(?:i['’]?m |i am )?(?:so |very )?sorry[,.!]?\s+(?:but\s+)?(?:there|the|this|no)\b[^\n]{0,80}\b(?:not|n['’]t|no|lacks?|insufficient)\b",
    # The passage does not contain enough information. There is not enough context to write one.
    rf"^(?:unfortunately,? |sorry,? |since |as |because )?(?:the|this|that|your|no)? ?(?:given |provided |above |following |supplied )?{_SOURCE} (?:provided |given |above )?(?:is|was|does|do|did|has|have|seems|appears|contains|lacks|provides|includes|only)\b[^.\n]{{0,60}}\b(?:enough|sufficient|insufficient|any (?:\w+ )?(?:information|details?|content|context)|information (?:to|for|about)|relevant|specific|incomplete|empty|too short|irrelevant|blank|missing)\b",
    rf"^(?:unfortunately,? |sorry,? )?there (?:is|was|are)(?:n['’]t| not| no)\b[^.\n]{{0,40}}\b(?:information|context|content|details?|quer(?:y|ies)|questions?|{_SOURCE})\b",
    r"^(?:no|not enough|insufficient) (?:\w+ ){0,2}?(?:quer(?:y|ies)|questions?|information|context|content)\b[^.\n]{0,30}\b(?:can|could|is|was|be|to|available|provided|given|found)\b",
    r"^(?:a |the )?(?:quer(?:y|ies)|question) (?:can\s?not|could not|can['’]t) be\b",
    r"^please (?:provide|share|give|paste|supply|send)\b[^\n]{0,60}\b(?:passage|document|text|context|content|information|details)\b",
    r"^(?:it (?:is|seems|appears|looks)|i (?:see|notice|think)) [^.\n]{0,40}\b(?:passage|document|text|content|context)\b[^.\n]{0,30}\b(?:missing|empty|incomplete|not provided|cut off|blank)\b",
    r"^(?:es tut mir leid|tut mir leid|entschuldigung)\s*[,.!]|^(?:leider )?(?:kann ich|ich kann)\b[^.\n]{0,40}\b(?:nicht|keine?n?)\b[^.\n]{0,60}\b(?:helfen|erstellen|schreiben|generieren|beantworten|unterstützen|formulieren|liefern)",
    r"^(?:je suis |je )?(?:vraiment )?(?:désolée?|regrette)\s*[,.!]|^je (?:ne peux pas|ne suis pas en mesure)\b[^.\n]{0,30}\b(?:aider|générer|fournir|créer|écrire|répondre|formuler|produire|traiter|rédiger)",
    r"^lo (?:siento|lamento)\s*[,.!]|^(?:no puedo|no soy capaz|no me es posible)\b[^.\n]{0,30}\b(?:ayudar|generar|proporcionar|crear|escribir|responder|cumplir|formular|ofrecer)",
    r"^(?:desculpe|lamento|sinto muito|me desculpe)\s*[,.!]|^não (?:posso|consigo)\b[^.\n]{0,30}\b(?:ajudar|gerar|fornecer|criar|escrever|responder|atender|formular)",
    r"^(?:mi dispiace|spiacente)\s*[,.!]|^non (?:posso|sono in grado)\b[^.\n]{0,30}\b(?:aiutar|generare|fornire|creare|scrivere|rispondere|formulare)",
    r"^(?:het spijt me|helaas kan ik)\b|^ik kan\b[^.\n]{0,30}\b(?:niet|geen)\b[^.\n]{0,40}\b(?:helpen|genereren|schrijven|maken|beantwoorden)",
    r"^(?:извините|простите|прошу прощения|к сожалению)\s*,|^я не могу\b[^.\n]{0,20}\b(?:помочь|создать|написать|ответить|предоставить|сгенерировать|выполнить|помогать)",
    r"^(?:вибачте|перепрошую|на жаль)\s*,|^(?:przepraszam|niestety|przykro mi)\s*,|^(?:omlouvám se|bohužel|lituji)\s*,|^(?:žao mi je|жао ми је|нажалост|nažalost|съжалявам|жалам)\s*,",
    r"^(?:üzgünüm|özür dilerim|maalesef)\s*[,.!]|^(?:jag är ledsen|tyvärr|beklager|desværre|valitettavasti|olen pahoillani|sajnálom|îmi pare rău|λυπάμαι|συγγνώμη)\s*[,.!]",
    r"^(?:عذر[اًا]+|آسف|أعتذر|نعتذر|للأسف)(?:\s*[،,.]|\s+(?:لكن|ولكن|لا))|^لا (?:أستطيع|يمكنني)\s+(?:المساعدة|إنشاء|تقديم|كتابة|الإجابة|مساعدتك)|^(?:متأسفم|متاسفم|متأسفانه|متاسفانه|معذرت)\s*[،,.]|^(?:معاف کیجیے|معذرت)\s*[،,]",
    r"^(?:מצטער|מצטערת|סליחה|אני מצטער)\s*[,.]|^(?:माफ़? कीजिए|माफ़? करें|क्षमा करें|मुझे खेद है|मुझे माफ़? करें)|^(?:দুঃখিত|আমি দুঃখিত|ক্ষমা করবেন)|^(?:மன்னிக்கவும்|క్షమించండి|ಕ್ಷಮಿಸಿ|ക്ഷമിക്കണം|માફ કરશો|ਮਾਫ਼ ਕਰਨਾ)",
    r"^(?:xin lỗi|rất tiếc|tôi xin lỗi|tôi không thể (?:giúp|tạo|cung cấp|viết|trả lời))|^(?:maaf|mohon maaf)\s*,|^(?:samahani)\s*,|^(?:ขออภัย|ขอโทษ)|^(?:សូមអភ័យទោស|ຂໍອະໄພ|တောင်းပန်ပါတယ်)",
    r"^(?:非常|很|十分|真的)?(?:抱歉|对不起|對不起|不好意思|遗憾|遺憾)\s*[，,。！!：:]|^(?:我|我们|我們)?\s*(?:无法|無法|不能|没有办法|沒有辦法)(?:为您|為您|为你|為你|根据|根據|直接)?[^，。\n]{0,12}?(?:提供|生成|协助|協助|帮助|幫助|回答|满足|滿足|完成|创建|撰写|撰寫|编写|編寫|处理|處理)|^作为(?:一个|一名)?(?:ai|人工智能|语言模型)|^(?:该|该段|这段|此|本|给定的?|提供的?|上述)?(?:段落|文档|文本|文章|内容|材料|文件)(?:中)?(?:没有|沒有|未|并未|不)(?:提供|包含|提及|足够|足夠)",
    r"^(?:大変)?(?:申し訳(?:ありません|ございません|ない)|すみません(?:が|、)|ごめんなさい|恐れ入りますが)|^(?:この|その|提供された)?(?:文書|文章|テキスト|パッセージ)[^。\n]{0,20}(?:十分な情報|情報がありません|含まれていません)|^(?:죄송|미안)(?:합니다|하지만|해요)|^(?:해당|이|제공된) ?(?:문서|텍스트|지문|글)[^.\n]{0,20}(?:정보가|없습니다|충분)",
)
"""Beginnings of answers in which an LLM says that it will not or cannot write what was asked for."""
PREAMBLES = (
    r"(?:sure|certainly|of course|okay|ok|absolutely|alright|great)\b[^:：\n]{0,120}[:：]",
    r"here(?:'s| is| are|’s)\b[^:：\n]{0,120}[:：]",
    r"(?:sure|certainly|of course|okay|absolutely)(?:\s+thing)?\s*[!.,]\s*(?=\n|$)",
    r"(?:based on|given|from|considering|for|after reading) (?:the|this|your) (?:[\w-]+ ){0,3}?(?:passage|document|text|context|article|content|information|excerpt)\b[^:：\n]{0,100}[:：]",
    r"(?:the|a|an|my|one|this|that) (?:[\w-]+ ){0,4}?(?:query|question|review|text|answer|sentence|statement|hypothesis|output|response) (?:[\w'’-]+ ){0,8}?(?:is|are|would be|could be|might be|may be|reads|follows)\s*(?:as follows\s*)?[:：]",
    r"(?:a|an|the|someone|people|users?|one) (?:[\w-]+ ){0,3}?(?:might|may|could|would|can) (?:[\w-]+ ){0,2}?(?:ask|search(?: for)?|type|write|say|query)\s*[:：]",
    r"(?:好的|当然|當然|以下|下面|根据|根據|这是|這是)[^:：\n]{0,60}[:：]",
    r"(?:natürlich|gerne|hier ist|claro|por supuesto|aquí (?:está|tienes)|bien sûr|voici|certo|ecco|com certeza|aqui está|natuurlijk|hier is|конечно|вот|もちろん|以下は|물론|다음은|tabii|elbette|işte|oczywiście|oto|chắc chắn|đây là|tentu|berikut|بالتأكيد|إليك|ज़रूर|यहाँ)[^:：\n]{0,80}[:：]",
)
"""What stands before an answer on its own line."""
NOTES = (
    r"note|notes|n\.b\.|nb|explanation|rationale|reasoning|this (?:query|question|review|text)|the (?:query|question)|translation|source|based on|word count|\d+ words"
    r"|hinweis|anmerkung|erklärung|nota|explicación|remarque|explication|примечание|пояснение|注|注意|说明|說明|解释|解釋|備考|参考|설명"
)
"""What a remark behind an answer begins with."""


def _either(words: str) -> str:
    """One of several words; ``_`` is a space within one."""
    plain = {word.replace("_", " ") for word in words.split()}
    return "|".join(sorted(map(re.escape, plain), key=len, reverse=True))


def _named(words: str) -> str:
    """One of these labels, perhaps with a word before and a number behind: ``Search query 2``."""
    before = BEFORE_LABELS.replace(" ", "|")
    return rf"(?:(?:{before})\s+){{0,2}}(?:{_either(words)})(?:\s*#?\d{{1,2}})?"


@cache
def label() -> re.Pattern[str]:
    """A label with its colon at the start of a line: ``**Search query 2:**``, ``質問：``."""
    named = _named(QUERY_LABELS + TEXT_LABELS)
    return re.compile(rf"^[*_`]{{0,2}}{named}[*_`]{{0,2}}\s*[:：][*_`]{{0,2}}\s*", re.IGNORECASE)


@cache
def query_label() -> re.Pattern[str]:
    """A label of a query with its colon at the start of a line."""
    return re.compile(
        rf"^[\s>#*_`-]*{_named(QUERY_LABELS)}[*_`]{{0,2}}\s*[:：][*_`]{{0,2}}[ \t]*(?=\S|\n)",
        re.IGNORECASE | re.MULTILINE,
    )


@cache
def heading() -> re.Pattern[str]:
    """A label alone on its line: ``### Query``, ``**Generated Question**``."""
    named = _named(QUERY_LABELS + TEXT_LABELS)
    return re.compile(
        rf"^[ \t]*(?:#{{1,6}}[ \t]*)?[*_]{{0,3}}{named}\s*[:：]?[*_]{{0,3}}[ \t]*[:：]?[ \t]*$\n",
        re.IGNORECASE | re.MULTILINE,
    )


@cache
def answer_behind() -> re.Pattern[str]:
    """Where an answer begins behind a question; after no stop or dash, with a capital letter."""
    capital = "|".join(
        re.escape(name.capitalize().replace("_", " ")) for name in ANSWER_LABELS.split()
    )
    return re.compile(
        rf"(?:(?<=[?？؟.!。])|\s[-–|])\s*[*_]{{0,2}}(?i:{_either(ANSWER_LABELS)}|a)[*_]{{0,2}}\s*[:：].*"
        rf"|\s+[*_]{{0,2}}(?:{capital})[*_]{{0,2}}\s*[:：].*",
        re.DOTALL,
    )


@cache
def note_behind() -> re.Pattern[str]:
    """A remark in brackets at the end, or after the end of a sentence."""
    return re.compile(
        rf"\s*[(（\[【](?:{NOTES})\b[^)）\]】]*[)）\]】]?\s*$"
        r"|(?<=[?？؟.!。])\s*[*_]{0,2}(?i:note|explanation|rationale|reasoning)[*_]{0,2}\s*:.*$",
        re.IGNORECASE | re.DOTALL,
    )


@cache
def preamble() -> re.Pattern[str]:
    """What stands before an answer on its own line."""
    return re.compile(rf"^(?:{'|'.join(PREAMBLES)})\s*", re.IGNORECASE)


@cache
def _refusal() -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in REFUSALS), re.IGNORECASE)


@cache
def _nothing() -> frozenset[str]:
    return frozenset(word.replace("_", " ") for word in NOTHING.split())


def is_refusal(text: str) -> bool:
    """Whether a text says that there is nothing, or that its writer will not write it."""
    bare = text.strip(" \t\n.!。！…\"'“”‘’()[]<>{}*_-–—").casefold()
    return bare in _nothing() or bool(_refusal().match(text.lstrip(" \t\n\"'“*_(").lower()))

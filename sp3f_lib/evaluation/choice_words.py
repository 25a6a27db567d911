"""Words and letters by which answers name an option, for `choices.py`; the closing sentences themselves stand in languages.py.

`WORDS`: of each language the noun "answer" (as it is written before a colon or a verb) and what stands for "option", between bars.
`ALPHABETS`: the orders in which options are lettered. A sign that has different places in two of them says nothing by itself:
Cyrillic В is the third letter, and looks like Latin B; Gujarati ક is the first of its consonants, and stands for "c".
"""

WORDS: dict[str, tuple[str, str]] = {
    "ar": ("الإجابة|الاجابة|الجواب", "الخيار|خيار"),
    "bn": ("উত্তর|উত্তরটি", "বিকল্প"),
    "de": ("Antwort|Lösung", "Option|Antwortmöglichkeit"),
    "en": ("answer", "option|choice"),
    "es": ("respuesta", "opción|la opción"),
    "fr": ("réponse", "option|l'option|choix"),
    "hi": ("उत्तर|जवाब", "विकल्प"),
    "id": ("jawaban|jawabannya", "opsi|pilihan"),
    "it": ("risposta", "opzione|l'opzione"),
    "ja": ("答え|解答|正解", "選択肢"),
    "ko": ("정답|답", "선택지|보기"),
    "pt": ("resposta", "opção|a opção|alternativa"),
    "ru": ("ответ", "вариант"),
    "sw": ("jibu", "chaguo"),
    "te": ("సమాధానం|జవాబు", "ఎంపిక"),
    "th": ("คำตอบ", "ตัวเลือก|ข้อ"),
    "yo": ("ìdáhùn", "àṣàyàn"),
    "zh": ("答案", "选项|選項|项|項"),
    "af": ("antwoord", "opsie"),
    "nl": ("antwoord", "optie"),
    "tr": ("cevap|yanıt", "seçenek|şık|şıkkı|seçeneği"),
    "vi": ("đáp án|câu trả lời", "phương án|lựa chọn"),
    "he": ("התשובה|תשובה", "אפשרות"),
    "tl": ("sagot", "opsyon"),
    "gu": ("જવાબ|ઉત્તર", "વિકલ્પ"),
    "pa": ("ਜਵਾਬ|ਉੱਤਰ", "ਵਿਕਲਪ"),
}

ALPHABETS = (
    "ABCDEFGHIJ",
    "АВСDЕFGНІЈ",  # Cyrillic letters that look like Latin ones
    "АБВГДЕЖЗИК",
    "ΑΒΓΔΕΖΗΘΙΚ",
    "ΑΒCDΕFGΗΙJ",  # Greek ones that look like Latin ones
    "أبجدهوزحطي",
    "اب",
    "أبتثج",  # the order of dictionaries
    "אבגדהוזחטי",
    "কখগঘঙ",
    "कखगघङ",
    "अबसद",  # for a, b, c, d
    "ਕਖਗਘਙ",
    "ੳਅੲਸਹ",
    "કખગઘઙ",
    "અબકડ",  # for a, b, c, d
    "కఖగఘఙ",
    "กขคง",
    "甲乙丙丁戊己庚辛壬癸",
    "가나다라마바사아자차",
    "ㄱㄴㄷㄹㅁㅂㅅㅇㅈㅊ",
    "アイウエオ",
)
# These count things as well: they are labels only where no option is a number.
NUMERALS = ("一二三四五六七八九十",)

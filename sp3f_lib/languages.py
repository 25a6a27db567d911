"""The one table of languages: what the rest of the library knows about a language stands here and nowhere else.

The 18 languages are those that SP3F trains on, the unseen ones those it only evaluates (arXiv 2601.18722, data section).
`instruction` is the system prompt of every row; `closing` is appended to a translated solution that lost its boxed answer.
In both, `\\boxed` is never translated (the authors' Telugu instruction spells it in Telugu letters, which no verifier reads).
"""

from dataclasses import dataclass
from difflib import get_close_matches

INSTRUCTION_EN = r"Reason step by step and put your final answer within \boxed{}."


@dataclass(frozen=True)
class Language:
    """One language: ISO 639-1 `code`, English `name`, ISO 15924 `script`, the system prompt, and the closing sentence.

    `closing` holds the marker `ANSWER`, which `closing_sentence` replaces. `seen` tells whether SP3F trains on it.
    """

    code: str
    name: str
    native: str
    script: str
    instruction: str
    closing: str
    seen: bool = True


def _language(code, name, native, script, instruction, closing, seen=True):
    return Language(code, name, native, script, instruction, closing.replace("@", r"\boxed{ANSWER}"), seen)


_TABLE = [
    _language("ar", "Arabic", "العربية", "Arab", r"فكّر خطوة بخطوة وضع إجابتك النهائية داخل \boxed{}.", "إذن، الإجابة هي @."),
    _language("bn", "Bengali", "বাংলা", "Beng", r"ধাপে ধাপে যুক্তি দিন এবং আপনার চূড়ান্ত উত্তর \boxed{}-এর মধ্যে লিখুন।", "সুতরাং, উত্তর হলো @।"),
    _language("de", "German", "Deutsch", "Latn", r"Denke Schritt für Schritt nach und schreibe deine endgültige Antwort in \boxed{}.", "Die Antwort ist also @."),
    _language("en", "English", "English", "Latn", INSTRUCTION_EN, "Therefore, the answer is @."),
    _language("es", "Spanish", "Español", "Latn", r"Razona paso a paso y escribe tu respuesta final dentro de \boxed{}.", "Por lo tanto, la respuesta es @."),
    _language("fr", "French", "Français", "Latn", r"Raisonne étape par étape et mets ta réponse finale dans \boxed{}.", "La réponse est donc @."),
    _language("hi", "Hindi", "हिन्दी", "Deva", r"चरण-दर-चरण तर्क करें और अपना अंतिम उत्तर \boxed{} के अंदर लिखें।", "इसलिए, उत्तर @ है।"),
    _language("id", "Indonesian", "Bahasa Indonesia", "Latn", r"Bernalarlah langkah demi langkah dan tuliskan jawaban akhir Anda di dalam \boxed{}.", "Jadi, jawabannya adalah @."),
    _language("it", "Italian", "Italiano", "Latn", r"Ragiona passo dopo passo e scrivi la risposta finale all'interno di \boxed{}.", "Quindi la risposta è @."),
    _language("ja", "Japanese", "日本語", "Jpan", r"段階的に考え、最終的な答えを \boxed{} の中に書いてください。", "したがって、答えは @ です。"),
    _language("ko", "Korean", "한국어", "Kore", r"단계별로 추론하고 최종 답을 \boxed{} 안에 쓰세요.", "따라서 답은 @입니다."),
    _language("pt", "Portuguese", "Português", "Latn", r"Raciocine passo a passo e coloque sua resposta final dentro de \boxed{}.", "Portanto, a resposta é @."),
    _language("ru", "Russian", "Русский", "Cyrl", r"Рассуждайте шаг за шагом и запишите окончательный ответ в \boxed{}.", "Следовательно, ответ: @."),
    _language("sw", "Swahili", "Kiswahili", "Latn", r"Fikiri hatua kwa hatua na uandike jibu lako la mwisho ndani ya \boxed{}.", "Kwa hiyo, jibu ni @."),
    _language("te", "Telugu", "తెలుగు", "Telu", r"దశలవారీగా ఆలోచించి, మీ తుది సమాధానాన్ని \boxed{} లో రాయండి.", "కాబట్టి, సమాధానం @."),
    _language("th", "Thai", "ไทย", "Thai", r"ให้เหตุผลทีละขั้นตอน แล้วเขียนคำตอบสุดท้ายไว้ใน \boxed{}", "ดังนั้น คำตอบคือ @"),
    _language("yo", "Yoruba", "Yorùbá", "Latn", r"Ronú ní ìgbésẹ̀ sí ìgbésẹ̀, kí o sì kọ ìdáhùn ìkẹyìn rẹ sínú \boxed{}.", "Nítorí náà, ìdáhùn náà ni @."),
    _language("zh", "Chinese", "中文", "Hans", r"请逐步推理，并将最终答案写在 \boxed{} 中。", "因此，答案是 @。"),
    _language("af", "Afrikaans", "Afrikaans", "Latn", r"Redeneer stap vir stap en skryf jou finale antwoord binne \boxed{}.", "Die antwoord is dus @.", False),
    _language("nl", "Dutch", "Nederlands", "Latn", r"Redeneer stap voor stap en zet je eindantwoord in \boxed{}.", "Het antwoord is dus @.", False),
    _language("tr", "Turkish", "Türkçe", "Latn", r"Adım adım düşün ve son cevabını \boxed{} içine yaz.", "Buna göre cevap @ olur.", False),
    _language("vi", "Vietnamese", "Tiếng Việt", "Latn", r"Hãy suy luận từng bước và đặt câu trả lời cuối cùng trong \boxed{}.", "Vì vậy, câu trả lời là @.", False),
    _language("he", "Hebrew", "עברית", "Hebr", r"חשבו צעד אחר צעד וכתבו את התשובה הסופית בתוך \boxed{}.", "לכן התשובה היא @.", False),
    _language("tl", "Tagalog", "Tagalog", "Latn", r"Mangatwiran nang hakbang-hakbang at ilagay ang iyong huling sagot sa loob ng \boxed{}.", "Kaya ang sagot ay @.", False),
    _language("gu", "Gujarati", "ગુજરાતી", "Gujr", r"તબક્કાવાર વિચારો અને તમારો અંતિમ જવાબ \boxed{} માં લખો.", "તેથી, જવાબ @ છે.", False),
    _language("pa", "Punjabi", "ਪੰਜਾਬੀ", "Guru", r"ਕਦਮ-ਦਰ-ਕਦਮ ਸੋਚੋ ਅਤੇ ਆਪਣਾ ਅੰਤਿਮ ਜਵਾਬ \boxed{} ਵਿੱਚ ਲਿਖੋ।", "ਇਸ ਲਈ, ਜਵਾਬ @ ਹੈ।", False),
]  # fmt: skip

LANGUAGES: dict[str, Language] = {language.code: language for language in _TABLE}


def get_language(code: str) -> Language:
    """The table's entry for `code`; `ValueError` naming the nearest known code or language otherwise."""
    if code in LANGUAGES:
        return LANGUAGES[code]
    names = {language.name.lower(): language.code for language in _TABLE}
    if str(code).lower() in names:
        raise ValueError(f"unknown language {code!r}: write its code, {names[str(code).lower()]!r}")
    near = get_close_matches(str(code).lower(), [*LANGUAGES, *names], n=1)
    hint = f"; nearest: {names.get(near[0], near[0])!r}" if near else ""
    raise ValueError(f"unknown language {code!r}{hint}; known: {', '.join(sorted(LANGUAGES))} (sp3f_lib/languages.py)")


def closing_sentence(code: str, answer: str) -> str:
    r"""The translated "Therefore, the answer is \boxed{answer}."

    >>> closing_sentence("de", "18")
    'Die Antwort ist also \\boxed{18}.'
    """
    return get_language(code).closing.replace("ANSWER", str(answer))

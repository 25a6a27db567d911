"""The one table of languages: what the rest of the library knows about a language stands here and nowhere else.

The 18 languages are those that SP3F trains on, the unseen ones those it only evaluates (arXiv 2601.18722, data section).
`instruction` is the system prompt of every row; `closing` is appended to a translated solution that lost its boxed answer.
In both, `\\boxed` is never translated (the authors' Telugu instruction spells it in Telugu letters, which no verifier reads).
"""

from dataclasses import dataclass
from difflib import get_close_matches

INSTRUCTION_EN = r"Reason step by step and put your final answer within \boxed{}."


@dataclass(frozen=True)
class Numbers:
    """How a language writes numbers, for reading answers (`rewards/numerals.py`). Words stand between spaces; `word*` is a prefix.

    `decimal` is the decimal mark; the other one of `.` and `,` groups thousands. `lakh`: 1,23,456 besides 123,456.
    `scales`: words that multiply, each group headed by its power of ten, or `dozen`; `scale_first`: they precede the number.
    `minus`: words for a minus sign. `other`: words next to which a number is not the answer by itself (not, half, than ...).
    `joins`: "and" and "or", which join the numbers of a list. `percent`: phrases for the percent sign, between bars.
    """

    decimal: str = "."
    lakh: bool = False
    scales: str = ""
    scale_first: bool = False
    minus: str = ""
    other: str = ""
    joins: str = ""
    percent: str = ""


_NUMBERS = {
    "ar": Numbers(
        scales="2 مئة مائة مئات; 3 ألف الف آلاف ألفا الفا; 6 مليون مليونا ملايين; 9 مليار مليارا مليارات; 12 تريليون; dozen دزينة",
        minus="سالب ناقص", other="ليس ليست لا غير نصف ونصف ربع وربع ثلث وثلث إلا ضعف", joins="و أو", percent="بالمئة|بالمائة|في المئة|في المائة"),
    "bn": Numbers(
        lakh=True, scales="2 শত; 3 হাজার*; 5 লাখ* লক্ষ*; 6 মিলিয়ন*; 7 কোটি*; 9 বিলিয়ন*; dozen ডজন*",
        minus="ঋণাত্মক মাইনাস বিয়োগ", other="নয় না নেই নহে সাড়ে সোয়া পৌনে অর্ধেক আধা আড়াই দেড় দ্বিগুণ", joins="এবং বা অথবা ও", percent="শতাংশ"),
    "de": Numbers(
        decimal=",", scales="2 hundert; 3 tausend; 6 million millionen mio; 9 milliarde milliarden mrd; 12 billion billionen; dozen dutzend",
        minus="minus negativ", other="nicht kein keine halb halbe einhalb eineinhalb anderthalb hälfte viertel zehntel hundertstel tausendstel als mindestens höchstens doppelt",
        joins="und oder", percent="prozent"),
    "en": Numbers(
        scales="2 hundred hundreds; 3 thousand thousands; 5 lakh lakhs; 6 million millions mn mln; 7 crore crores; 9 billion billions bn; 12 trillion trillions; dozen dozen dozens",
        minus="minus negative", other="not half halves quarter tenth* hundredth* thousandth* millionth* twice double triple than least most squared cubed factorial",
        joins="and or", percent="percent|per cent|percentage|pct"),
    "es": Numbers(
        decimal=",", scales="2 cien cientos ciento; 3 mil miles; 6 millón millones; 9 millardo millardos; 12 billón billones; dozen docena docenas",
        minus="menos negativo", other="no medio media mitad cuarto décim* centésim* milésim* doble triple", joins="y e o u", percent="por ciento"),
    "fr": Numbers(
        decimal=",", scales="3 mille millier milliers; 6 million millions; 9 milliard milliards; 12 billion billions; dozen douzaine douzaines",
        minus="moins négatif", other="pas non ne demi demie moitié quart dixième* centième* millième* double triple", joins="et ou", percent="pour cent|pourcent"),
    "hi": Numbers(
        lakh=True, scales="2 सौ; 3 हज़ार हजार हज़ारों; 5 लाख लाखों; 6 मिलियन; 7 करोड़ करोड़ों; 9 अरब बिलियन; 11 खरब; dozen दर्जन",
        minus="ऋण माइनस ऋणात्मक", other="नहीं न आधा आधे आधी साढ़े सवा पौने डेढ़ ढाई दुगुना दोगुना", joins="और या एवं", percent="प्रतिशत|फ़ीसदी|फीसदी"),
    "id": Numbers(
        decimal=",", scales="1 puluh; 2 ratus; 3 ribu rb; 6 juta jt; 9 miliar milyar; 12 triliun; dozen lusin",
        minus="minus negatif", other="bukan tidak setengah seperempat belas", joins="dan atau", percent="persen"),
    "it": Numbers(
        decimal=",", scales="2 cento; 3 mille mila; 6 milione milioni mln; 9 miliardo miliardi mld; 12 bilione bilioni; dozen dozzina dozzine",
        minus="meno negativo", other="non mezzo mezza metà quarto decim* centesim* millesim* doppio", joins="e ed o od", percent="per cento|percento"),
    "ja": Numbers(
        scales="6 ミリオン; dozen ダース", minus="マイナス 負 負の", other="ない ません 半分 時半 年半 月半 個半 以上 以下 未満 超え", joins="と または や か", percent="パーセント"),
    "ko": Numbers(
        scales="dozen 다스", minus="마이너스 음수", other="아니* 아닌 아닙니다 반 이상 이하 미만 초과 절반", joins="그리고 또는 와 과 및", percent="퍼센트"),
    "pt": Numbers(
        decimal=",", scales="2 cem cento centos; 3 mil milhar milhares; 6 milhão milhões milhao milhoes; 9 bilhão bilhões; 12 bilião biliões trilhão trilhões; dozen dúzia dúzias",
        minus="menos negativo", other="não meio meia metade quarto décim* centésim* milésim* dobro", joins="e ou", percent="por cento"),
    "ru": Numbers(
        decimal=",", scales="1 десяток десятка десятков; 2 сотня сотни сотен; 3 тысяча тысячи тысяч тыс; 6 миллион миллиона миллионов млн; 9 миллиард миллиарда миллиардов млрд; 12 триллион триллиона триллионов трлн; dozen дюжина дюжины дюжин",
        minus="минус отрицательное", other="не половин* полтора полуторы пол четверть десятых сотых тысячных вдвое", joins="и или", percent="процентов|процента|процент"),
    "sw": Numbers(
        scales="2 mia; 3 elfu; 5 laki; 6 milioni; 9 bilioni; 12 trilioni; dozen dazeni", scale_first=True,
        minus="hasi", other="si sio siyo nusu robo kasoro kasorobo", joins="na au", percent="asilimia"),
    "te": Numbers(
        lakh=True, scales="2 వంద వందల వందలు; 3 వెయ్యి వేల వేలు; 5 లక్ష*; 6 మిలియన్*; 7 కోటి కోట్ల* కోట్లు; 9 బిలియన్*; dozen డజన్* డజను*",
        minus="మైనస్ ఋణ రుణ ఋణాత్మక", other="కాదు లేదు అర సగం పావు ముప్పావు న్నర", joins="మరియు లేదా", percent="శాతం"),
    "th": Numbers(
        scales="2 ร้อย; 3 พัน; 4 หมื่น; 5 แสน; 6 ล้าน; dozen โหล", minus="ลบ ติดลบ", other="ไม่ ครึ่ง กว่า", joins="และ หรือ", percent="เปอร์เซ็นต์|ร้อยละ"),
    "yo": Numbers(
        scales="2 ọgọ́rùn-ún ọgọ́rùn ọgọrun ogorun; 3 ẹgbẹ̀rún ẹgbẹrun egberun; 6 mílíọ̀nù míliọ̀nù miliọnu milionu; 9 bílíọ̀nù biliọnu bilionu; dozen dọ́sìnnì",
        scale_first=True, minus="òdì ìyọkúrò", other="kì kìí kò kọ́ ààbọ̀ àbọ̀ ìdajì ìdàjì ìlàjì", joins="àti tàbí", percent="pasẹnti|pásẹ́ǹtì"),
    "zh": Numbers(minus="负 負 零下", other="不是 并非 不等 不到 不足 没有 不对 一半 半个 个半 個半 年半 月半 天半 时半 小时半 元半 块半 以上 以下 超过 超過", joins="和 或 或者 与 及 以及", percent="个百分点"),
    "af": Numbers(
        decimal=",", scales="2 honderd; 3 duisend; 6 miljoen; 9 miljard; 12 biljoen; dozen dosyn",
        minus="minus negatief", other="nie geen half halwe helfte kwart tiende* honderdste* duisendste*", joins="en of", percent="persent"),
    "nl": Numbers(
        decimal=",", scales="2 honderd; 3 duizend; 6 miljoen mln; 9 miljard mld mrd; 12 biljoen; dozen dozijn",
        minus="min minus negatief", other="niet geen half halve helft kwart tiende* honderdste* duizendste* anderhalf anderhalve", joins="en of", percent="procent"),
    "tr": Numbers(
        decimal=",", scales="2 yüz; 3 bin; 6 milyon; 9 milyar; 12 trilyon; dozen düzine",
        minus="eksi negatif", other="değil buçuk yarım yarısı çeyrek", joins="ve veya", percent="yüzde"),
    "vi": Numbers(
        decimal=",", scales="1 chục mươi; 2 trăm; 3 nghìn ngàn; 4 vạn; 6 triệu; 9 tỷ tỉ; dozen tá",
        minus="âm trừ", other="không chẳng rưỡi nửa hơn", joins="và hoặc", percent="phần trăm"),
    "he": Numbers(
        scales="2 מאה מאות; 3 אלף אלפים אלפי; 6 מיליון מיליוני; 9 מיליארד מיליארדי; dozen תריסר",
        minus="מינוס שלילי", other="לא אינו אינה חצי וחצי רבע ורבע שליש ושליש", joins="ו- או", percent="אחוזים|אחוז"),
    "tl": Numbers(
        scales="2 daan daang; 3 libo libong; 6 milyon milyong; 9 bilyon bilyong; dozen dosena dosenang",
        minus="negatibo minus", other="hindi kalahati kalahating kulang doble", joins="at o", percent="porsiyento|porsyento"),
    "gu": Numbers(
        lakh=True, scales="2 સો; 3 હજાર; 5 લાખ; 6 મિલિયન; 7 કરોડ; 9 અબજ બિલિયન; dozen ડઝન",
        minus="માઈનસ માઇનસ ઋણ", other="નથી નહીં નહિ સાડા સાડી સવા પોણા પોણો અડધો અડધા અડધી દોઢ અઢી", joins="અને અથવા", percent="ટકા"),
    "pa": Numbers(
        lakh=True, scales="2 ਸੌ; 3 ਹਜ਼ਾਰ ਹਜਾਰ; 5 ਲੱਖ; 6 ਮਿਲੀਅਨ; 7 ਕਰੋੜ; 9 ਅਰਬ ਬਿਲੀਅਨ; dozen ਦਰਜਨ",
        minus="ਮਨਫ਼ੀ ਮਾਈਨਸ ਰਿਣ", other="ਨਹੀਂ ਸਾਢੇ ਸਵਾ ਪੌਣੇ ਅੱਧਾ ਅੱਧੇ ਅੱਧੀ ਡੇਢ ਢਾਈ", joins="ਅਤੇ ਜਾਂ", percent="ਪ੍ਰਤੀਸ਼ਤ|ਫ਼ੀਸਦੀ|ਫੀਸਦੀ"),
}  # fmt: skip


@dataclass(frozen=True)
class Language:
    """One language: ISO 639-1 `code`, English `name`, ISO 15924 `script`, the system prompt, and the closing sentence.

    `closing` holds the marker `ANSWER`, which `closing_sentence` replaces. `seen` tells whether SP3F trains on it.
    `numbers` tells how it writes numbers.
    """

    code: str
    name: str
    native: str
    script: str
    instruction: str
    closing: str
    numbers: Numbers
    seen: bool = True


def _language(code, name, native, script, instruction, closing, seen=True):
    return Language(
        code, name, native, script, instruction, closing.replace("@", r"\boxed{ANSWER}"), _NUMBERS.get(code, Numbers()), seen
    )


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


# Languages that count as another one of the table. Malay and Indonesian are one language in two standards, which no detector
# tells apart in a sentence of mathematics; Chinese is `zh` in simplified and in traditional characters. No others count as the
# same: Galician, Catalan and Portuguese are not Spanish, Marathi and Nepali not Hindi, Dutch and Afrikaans not each other.
SAME = {"ms": "id"}


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

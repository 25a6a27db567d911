r"""Numbers as they are written: separators of the languages, fractions, powers of ten, Chinese and Korean numerals.

Digits are ASCII here already. What a language has of its own stands in `sp3f_lib/languages.py`; the words and units around a number
are read in `quantities.py`.
"""

import re
from fractions import Fraction

from sp3f_lib.languages import LANGUAGES

_POWER = r"(?:[eE]|(?:\\times|\\cdot|\*)\s*10\s*\^)\s*(?P<power>[-+]?\d{1,3}|\{\s*[-+]?\d{1,3}\s*\})"
_VALUE = re.compile(
    rf"(?P<sign>[-+]?)\s*(?:(?P<whole>\d+) )?(?P<number>\d+(?:\.\d+)?|\.\d+)(?:/(?P<below>\d+))?\s*(?:{_POWER})?"
)

ONES = {
    char: value
    for value, chars in enumerate(
        ("〇零○", "一壹壱", "二贰弐两兩貳", "三叁参參", "四肆", "五伍", "六陆陸", "七柒", "八捌", "九玖")
    )
    for char in chars
}
UNITS = {
    char: 10**power
    for power, chars in ((1, "十拾"), (2, "百佰"), (3, "千仟"), (4, "万萬"), (8, "億亿"), (12, "兆"))
    for char in chars
}
_HANGUL = str.maketrans("영공일이삼사오육칠팔구십백천만억조", "零零一二三四五六七八九十百千万億兆")
_ONE, _UNIT = f"[{''.join(ONES)}일이삼사오육칠팔구]", f"[{''.join(UNITS)}십백천만억조]"
_MIXED = re.compile(rf"\d[\d.,]*\s?{_UNIT}+(?:\s?(?:\d[\d.,]*|{_ONE}){_UNIT}+)*\d*")
_RUN = f"[{''.join(ONES)}{''.join(UNITS)}]+"
# A number in characters alone is one only before a counter: 一天 is one day, 一定 is "certainly".
_COUNTER = (
    "[个個箇隻只条條张張本冊册人名位円圆圓元块塊角分秒天日年月岁歳歲小时時点時間间週周次回倍度米尺公斤升里磅美欧英韩枚匹頭头台臺辆輛"
    "杯瓶袋包箱盒颗粒束串層层頁页步段件套双雙对對组組种種つドユポセキメパ%°]"
)
_CHINESE = re.compile(
    rf"^([负負]?)(?:({_RUN})又)?({_RUN})(?:[点點・]([{''.join(ONES)}]+)|分[之の]({_RUN}))?(?=$|{_COUNTER})"
)
_SINO = "일이삼사오육칠팔구"
_KOREAN = re.compile(
    rf"^(?:[{_SINO}]?[십백천만억조][{_SINO}십백천만억조]*(?:(?<=[만억조])\s[{_SINO}]?[십백천][{_SINO}십백천]*)*"
    rf"(?!\s[{_SINO}]?[십백천만억조])(?=$|\s|[개원명권번살세장병잔대분초%]|마리|달러|유로|시간)|[영공{_SINO}]$)"
)
# Words that begin like a unit: kilogram, megawatt, percentage point, fountain pen, triangle; and in Korean comics, dumplings,
# satisfaction, slice, clam, vest, tent, angel, genius, lily, rucksack, swan, department store, cross.
_NO_UNIT = re.compile(
    r"[千百兆](?=[克米瓦焦卡帕伏赫升分合])|万(?=年筆)|十(?=字)|三(?=[明角])"
    r"|(?<=\d)\s?(?:만(?=[화두족]|년필)|조(?=[각개끼])|천(?=[막사재])|백(?=[합팩조화])|십(?=자))"
)


def decimal_form(token: str, lang: str | None = None) -> str | None:
    """Digits and separators with a decimal point and no grouping; None where they are no number in `lang`.

    What is written with both signs, or with one of them twice, is the same number everywhere; `1.234` and `1,234` depend on
    the language; `3.5` is a decimal everywhere, and `3,5` where the comma is the decimal mark. No language is English.

    >>> decimal_form("1.234,5"), decimal_form("1.234", "de"), decimal_form("1.234", "en"), decimal_form("1,5", "en")
    ('1234.5', '1234', '1.234', None)
    """
    table = LANGUAGES[lang].numbers if lang in LANGUAGES else LANGUAGES["en"].numbers
    signs = re.findall("[.,٫]", token)
    whole, mark, rest = token.rpartition(signs[-1]) if signs else ("", "", token)
    if mark in (".", ",") and len(set(signs)) == 1:
        thousands = re.fullmatch(r"[1-9]\d{0,2}", whole) and re.fullmatch(r"\d{3}", rest)
        if len(signs) > 1 or (mark != table.decimal and thousands):
            whole, mark, rest = "", "", token
        elif mark == "," != table.decimal and lang != "ar":
            return None
    if not mark:
        whole, rest = rest, ""
    group = r"\d{1,3}([.,'٬ ])\d{3}(?:\1\d{3})*" + (r"|\d{1,2}(?:,\d{2})*,\d{3}" if table.lakh else "")
    if (not whole or whole.isdigit() or re.fullmatch(group, whole)) and (not mark or rest.isdigit()):
        return re.sub(r"\D", "", whole) + (f".{rest}" if mark else "")
    return None


def number_value(form: str) -> Fraction | None:
    r"""The exact value of a decimal, fraction, mixed number or decimal times a power of ten; None for anything else.

    >>> number_value("3 1/2"), number_value(r"1.5 \times 10^{3}"), number_value("1/0")
    (Fraction(7, 2), Fraction(1500, 1), None)
    """
    match = _VALUE.fullmatch(form.strip())
    if match is None or (match["below"] and int(match["below"]) == 0) or (match["whole"] and not match["below"]):
        return None
    value = Fraction(match["number"]) / int(match["below"] or 1) + int(match["whole"] or 0)
    power = int((match["power"] or "0").strip("{} "))
    return (-value if match["sign"] == "-" else value) * Fraction(10) ** power


def chinese_digits(text: str, lang: str | None = None) -> str:
    """Chinese, Japanese and Sino-Korean numerals as digits, alone or with a counter, or mixed with digits (1万2千).

    >>> chinese_digits("负二十三点五"), chinese_digits("二又三分之一"), chinese_digits("십팔 개"), chinese_digits("一定")
    ('-23.5', '2 1/3', '18 개', '一定')
    """
    text = _NO_UNIT.sub("量", re.sub(r"^百分[之の](.+)", r"\1%", text))
    if re.search(r"\d", text):
        return _MIXED.sub(lambda match: _myriad(match[0], lang) or match[0], text)
    if match := _CHINESE.match(text):
        number = _characters(*match.groups(), lang)
    else:
        match = _KOREAN.match(text)
        number = _myriad(match[0], "ko") if match else None
    return number + text[match.end() :] if number else text


def _characters(sign: str, whole: str, number: str, decimals: str, above: str, lang: str | None) -> str | None:
    """The parts of a number in Chinese characters put together; in 三分之一 the denominator goes first."""
    forms = [_myriad(part, lang) for part in (whole, above, number) if part]
    if None in forms or (whole and not above):
        return None
    form = f"{forms[-2]}/{forms[-1]}" if above else forms[-1]
    form += "." + "".join(str(ONES[char]) for char in decimals) if decimals else ""
    return ("-" if sign else "") + (f"{forms[0]} {form}" if whole else form)


def _myriad(text: str, lang: str | None) -> str | None:
    """One number without sign and decimals: `一百零五` is `105`, `1万2千` is `12000`; None for what is none (十百).

    A last digit right after a hundred or more depends on the language: 百五 is 105 in Japanese, 一百五 is 150 in Chinese.
    """
    lang = "ko" if re.search("[가-힣]", text) else lang
    text = re.sub(r"\s", "", text.translate(_HANGUL))
    if not set(text) & set(UNITS):
        return "".join(str(ONES[char]) for char in text)
    total = section = Fraction(0)  # what is complete, and what is below the next 万
    number, unit, small, large = None, 1, 10**4, 10**20
    for token in re.findall(r"\d[\d.,]*|.", text):
        if token in UNITS and UNITS[token] < 10**4:
            unit = UNITS[token]
            if unit >= small:
                return None
            section, number, small = section + unit * Fraction(1 if number is None else number), None, unit
        elif token in UNITS:
            unit = UNITS[token]
            part = section + Fraction(number or 0)
            if unit >= large and (part or not total):
                return None
            # 一万亿 multiplies what stands before it, 一億二万 adds to it.
            total = total * unit if unit >= large else total + (part or 1) * unit
            section, number, small, large = Fraction(0), None, 10**4, unit
        elif number is not None:
            return None
        elif token in ONES and ONES[token] == 0:
            unit = 1
        else:
            number = str(ONES[token]) if token in ONES else decimal_form(token, lang)
            if number is None:
                return None
    return str(total + section + Fraction(number or 0) * factor) if (factor := _last_digit(text, unit, lang)) else None


def _last_digit(text: str, unit: int, lang: str | None) -> int | None:
    """By what a number at the very end, after `unit`, is multiplied; None if the language does not tell."""
    digits = len(re.search(r"\d*$", text)[0])
    if unit <= 10 or text[-1] in UNITS:
        return 1
    if digits:
        return 1 if 10**digits == unit else None
    return {"ja": 1, "ko": 1, "zh": unit // 10}.get(lang)

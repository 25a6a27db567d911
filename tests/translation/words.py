"""A translator for tests: every English word becomes one of the target language, always the same; numbers, signs and
placeholders stay.

The words are those of the first article of the Universal Declaration of Human Rights. What comes out means nothing, but it
is in the language, has the length and the sentences of the English, and nothing is lost.
"""

import bisect
import re
import zlib

WORDS = {
    "de": """Alle Menschen sind frei und gleich an Würde und Rechten geboren und sie sind mit Vernunft und Gewissen begabt sollen
    einander im Geist der Brüderlichkeit begegnen jeder hat ohne irgendeinen Unterschied nach Herkunft oder Stand""",
    "fr": """Tous les êtres humains naissent libres et égaux en dignité et en droits ils sont doués de raison et de conscience et
    doivent agir les uns envers les autres dans un esprit de fraternité chacun peut avec toutes les libertés""",
    "sw": """Watu wote wamezaliwa huru hadhi na haki zao ni sawa wote wamejaliwa akili na dhamiri hivyo yapasa watendeane kindugu
    kila mtu anastahili kuwa na haki zote bila ya kujali ubaguzi wa aina yoyote ile katika nchi yake""",
    "bn": """সমস্ত মানুষ স্বাধীনভাবে সমান মর্যাদা এবং অধিকার নিয়ে জন্মগ্রহণ করে তাঁদের বিবেক এবং বুদ্ধি আছে সুতরাং সকলেরই
    একে অপরের প্রতি মনোভাব নিয়ে আচরণ করা উচিত""",
    "te": """ప్రతిపత్తిస్వత్వముల విషయమున మానవులెల్లరును జన్మతః స్వతంత్రులును సమానులును నగుదురు వారు వివేచన
    అంతఃకరణ సంపన్నులగుటచే పరస్పరము భ్రాతృభావముతో వర్తింపవలయును""",
}
# How many characters a word has beside an English one.
_MEAN = {"de": 1.2, "fr": 1.1, "sw": 1.3, "bn": 1.2, "te": 2.4}
_WORD = re.compile(r"(⟦\d+⟧)|([A-Za-z][A-Za-z'’]*)")
_NEAR = 4  # words of about the right length to choose from


def translate(text: str, lang: str) -> str:
    """The text word by word."""
    words = sorted(dict.fromkeys(WORDS[lang].split()), key=len)
    scale = _MEAN[lang]

    def one(match: re.Match) -> str:
        if match[1]:
            return match[1]
        place = bisect.bisect_left(words, scale * len(match[2]), key=len)
        start = min(max(place - _NEAR // 2, 0), len(words) - _NEAR)
        return words[start + zlib.crc32(match[2].lower().encode()) % _NEAR]

    return _WORD.sub(one, text)

"""Numbers of a translation beside those of its English: what people write differently, and what is another number."""

import pytest

from sp3f_lib.data.numbers import lacks_number, numbers, numbers_kept, overlap, read_as_english

EGGS = "She has 16 eggs, eats three and sells the rest for $2 each."


@pytest.mark.parametrize(
    ("english", "text", "lang"),
    [
        (EGGS, "Sie hat 16 Eier, isst drei und verkauft den Rest für je 2 $.", "de"),
        (EGGS, "Sie hat sechzehn Eier, isst drei und verkauft den Rest für je zwei Dollar.", "de"),
        (EGGS, "তার ১৬টি ডিম আছে, তিনটি খায়, বাকিটা প্রতিটি $২ দরে বিক্রি করে।", "bn"),
        (EGGS, "彼女は卵を16個持っていて、3個食べ、残りを1個2ドルで売ります。", "ja"),
        ("It costs $1,234.50.", "Es kostet 1.234,50 $.", "de"),
        ("It costs $1,234.50.", "Es kostet 1,234.50 $.", "de"),  # a translator that keeps the English form
        ("It costs $5.00.", "Cuesta $5.", "es"),
        ("He walks .5 hours and .75 miles.", "Il marche 0,5 heure et 0,75 mille.", "fr"),
        ("The house costs $80,000.", "家は8万ドルです。", "ja"),
        ("The town has 2 million people.", "Die Stadt hat 2.000.000 Menschen.", "de"),
        ("The town has 2,000,000 people.", "Die Stadt hat 2 Millionen Menschen.", "de"),
        ("Three dozen plums cost $4.", "36 prunes coûtent 4 $.", "fr"),
        ("She bought 3 dozen plums.", "Elle a acheté 36 prunes.", "fr"),
        ("It burns from 1:00 PM to 5:00 PM.", "Elle brûle de 13 h à 17 h.", "fr"),
        ("He sails from 1 to 4 PM.", "Anasafiri kuanzia saa 7 hadi saa 10.", "sw"),
        ("In June he ran 16 miles.", "他六月跑了16英里。", "zh"),
        ("A quarter of 40 is left.", "Il reste 25 % de 40.", "fr"),
        ("Twenty-five boys have 7 balls.", "25 Jungen haben 7 Bälle.", "de"),
        ("The year 2017 had 100 shows.", "Das Jahr 2017 100 Shows.", "de"),  # no group of thousands
    ],
)
def test_what_translators_write_in_another_way_is_the_same(english, text, lang):
    assert numbers_kept(english, text, lang) is None


@pytest.mark.parametrize(
    ("english", "text", "lang", "wrong"),
    [
        (
            EGGS,
            "Sie hat 17 Eier, isst drei und verkauft den Rest für je 2 $.",
            "de",
            "17 is not in the English; 16 is missing",
        ),
        (
            EGGS,
            "Sie hat 16 Eier, isst drei und verkauft den Rest für je 3 $.",
            "de",
            "2 is missing",
        ),  # 3 is said, but 2 is gone
        ("She has 36 eggs and eats three.", "Sie isst drei Eier.", "de", "36 is missing"),
        (EGGS, "Sie hat 16 Eier, isst drei, verkauft den Rest für je 2 $ und hat 26 $.", "de", "26 is not in the English"),
        ("She is 12 inches tall.", "Sie ist 30 cm groß.", "de", "30 is not in the English; 12 is missing"),
        (
            r"So $x = 3$ and $y = 4$.",
            r"Also ist $x = 3$ und $y = $.",
            "de",
            "4 is missing",
        ),  # nobody writes words into formulas
        ("He ran 400 meters.", "Er lief.", "de", "400 is missing"),
    ],
)
def test_another_number_is_named(english, text, lang, wrong):
    assert numbers_kept(english, text, lang) == wrong


def test_a_small_number_may_be_a_word_but_is_known_to_be_missing():
    english, text = "He has 4 cats and 30 dogs.", "Er hat vier Katzen und 30 Hunde."
    assert numbers_kept(english, text, "de") is None
    assert lacks_number(english, text, "de")
    assert not lacks_number(english, english, "en")


def test_two_problems_share_few_numbers():
    one, other = "He buys 16 pens for 24 and 31 dollars.", "Sie läuft 5 km in 40 Minuten und 12 Sekunden."
    assert overlap(one, other, "de") == 0
    assert overlap(one, one, "en") == 1
    assert overlap("He has 2 cats.", other, "de") == 1  # too few to tell


def test_numbers_are_values_whatever_the_script_and_the_separators():
    assert numbers("১,২৩,৪৫৬ এবং ৫.০০", "bn") == {"123456": 1, "5": 1}
    assert numbers("1 234,5 und 0,50", "de") == {"1234.5": 1, "0.5": 1}
    assert read_as_english("2,5 × ৪ = 10", "de") == "2.5 × 4 = 10"

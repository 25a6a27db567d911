"""Fidelity: the share of a response in its language, with formulas masked and every language a possible intruder."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sp3f_lib.languages import LANGUAGES
from sp3f_lib.rewards.detector import covered
from sp3f_lib.rewards.fidelity import is_faithful, language_parts, language_share

# One sentence of a solution in each language; more than thirty letters, so that each can be told by itself.
SENTENCES = {
    "af": "Die boer verkoop elke dag die oorblywende eiers op die mark en verdien baie geld daarmee.",
    "ar": "تبيع المزارعة البيض المتبقي في السوق كل يوم وتكسب المال من ذلك.",
    "bn": "কৃষক প্রতিদিন বাজারে বাকি ডিমগুলো বিক্রি করে এবং তা থেকে টাকা আয় করে।",
    "de": "Die Bäuerin verkauft jeden Tag die restlichen Eier auf dem Markt und verdient damit Geld.",
    "en": "The farmer sells the remaining eggs at the market every day and earns money with them.",
    "es": "La granjera vende los huevos restantes en el mercado todos los días y gana dinero con ellos.",
    "fr": "La fermière vend chaque jour les œufs restants au marché et gagne ainsi de l'argent.",
    "gu": "ખેડૂત દરરોજ બજારમાં બાકીના ઈંડા વેચે છે અને તેમાંથી પૈસા કમાય છે.",
    "he": "החקלאית מוכרת כל יום את הביצים הנותרות בשוק ומרוויחה מהן כסף.",
    "hi": "किसान हर दिन बाज़ार में बचे हुए अंडे बेचती है और उनसे पैसे कमाती है।",
    "id": "Petani itu menjual sisa telur di pasar setiap hari dan memperoleh uang dari penjualan tersebut.",
    "it": "La contadina vende ogni giorno le uova rimanenti al mercato e guadagna così del denaro.",
    "ja": "農家の人は毎日市場で残りの卵を売り、それでお金を稼ぎます。",
    "ko": "농부는 매일 시장에서 남은 달걀을 팔아서 돈을 법니다.",
    "nl": "De boerin verkoopt elke dag de overgebleven eieren op de markt en verdient daar geld mee.",
    "pa": "ਕਿਸਾਨ ਹਰ ਰੋਜ਼ ਬਾਜ਼ਾਰ ਵਿੱਚ ਬਾਕੀ ਆਂਡੇ ਵੇਚਦਾ ਹੈ ਅਤੇ ਪੈਸੇ ਕਮਾਉਂਦਾ ਹੈ।",
    "pt": "A agricultora vende os ovos restantes no mercado todos os dias e ganha dinheiro com isso.",
    "ru": "Фермер каждый день продаёт оставшиеся яйца на рынке и зарабатывает на этом деньги.",
    "sw": "Mkulima huuza mayai yaliyobaki sokoni kila siku na hupata pesa kutokana na mauzo hayo.",
    "te": "రైతు ప్రతిరోజూ మార్కెట్లో మిగిలిన గుడ్లను అమ్మి డబ్బు సంపాదిస్తాడు.",
    "th": "ชาวนาขายไข่ที่เหลือในตลาดทุกวันและได้เงินจากการขายนั้น",
    "tl": "Ibinebenta ng magsasaka ang natitirang mga itlog sa palengke araw-araw at kumikita siya ng pera.",
    "tr": "Çiftçi her gün kalan yumurtaları pazarda satıyor ve bundan para kazanıyor.",
    "vi": "Người nông dân bán số trứng còn lại ở chợ mỗi ngày và kiếm được tiền từ việc đó.",
    "yo": "Àgbẹ̀ náà ń ta àwọn ẹyin tó kù ní ọjà lójoojúmọ́, ó sì ń rí owó láti inú rẹ̀.",
    "zh": "农民每天在市场上出售剩下的鸡蛋，并因此赚到了钱。",
}  # fmt: skip
EVERY_LANGUAGE = pytest.mark.parametrize("lang", sorted(LANGUAGES))


def test_there_is_a_sentence_for_every_language_of_the_table():
    assert set(SENTENCES) == set(LANGUAGES)


@EVERY_LANGUAGE
def test_a_sentence_is_wholly_in_its_own_language(lang):
    assert language_share(SENTENCES[lang], lang) == 1.0


@EVERY_LANGUAGE
def test_a_sentence_is_in_no_other_language(lang):
    assert {other for other in LANGUAGES if language_share(SENTENCES[lang], other) != 0.0} == {lang}


@EVERY_LANGUAGE
def test_an_english_answer_to_a_question_in_another_language_is_not_faithful(lang):
    assert is_faithful(SENTENCES["en"], lang) == (lang == "en")


# ---- what the authors' detector let pass (spec, defect 7)


@pytest.mark.parametrize("target", ["id", "sw", "de", "yo"])
@pytest.mark.parametrize("intruder", ["zh", "ru", "en", "ja"])
def test_half_of_another_language_is_seen(target, intruder):
    share = language_share(f"{SENTENCES[target]} {SENTENCES[intruder]}", target)
    assert 0.3 < share < 0.7


def test_spanish_does_not_pass_for_french():
    assert not is_faithful(SENTENCES["es"], "fr")


def test_a_language_outside_the_table_passes_for_none_of_its_neighbours():
    ukrainian = "Фермерка щодня продає решту яєць на ринку і заробляє на цьому гроші, тому що їй це подобається."
    assert not any(is_faithful(ukrainian, lang) for lang in LANGUAGES)


def test_a_script_outside_the_table_passes_for_nothing():
    assert not any(is_faithful("Ο αγρότης πουλάει τα αυγά στην αγορά κάθε μέρα.", lang) for lang in LANGUAGES)


def test_malay_counts_as_indonesian():
    assert is_faithful(
        "Petani itu menjual baki telur di pasar setiap hari kerana dia memerlukan wang untuk keluarganya.", "id"
    )


# ---- what is masked


@pytest.mark.parametrize(
    "formula",
    [
        "$3 \\text{ apples and some more words in English} + 4 = 7$",
        "$$\\sum_{i=1}^{n} of all the numbers here$$",
        r"\[ x \text{ is the number of eggs sold at the market} \]",
        r"\( x \text{ is the number of eggs sold at the market} \)",
        r"\boxed{\text{the number of eggs sold}}",
        r"\frac \sqrt \times \cdot",
        "3 + 4 = 7",
        "x2 a1 b3c4",
        "```python\nprint('hello, this is a program in English')\n```",
        "`print_the_number_of_eggs`",
        "https://example.org/a/page/in/English",
        "<think>Let me think about this problem in English for a while.</think>",
        "<<3+4=7>>",
        "<|im_end|>",
    ],
)
def test_formulas_code_and_thoughts_say_nothing_about_the_language(formula):
    assert language_share(formula, "sw") is None
    assert language_share(f"{SENTENCES['sw']} {formula} {SENTENCES['sw']}", "sw") == 1.0


@pytest.mark.parametrize("text", ["", "   ", "18", "3 + 4 = 7.", "...", r"\boxed{18}", "🙂", "<think>never ending thought"])
def test_text_without_any_language_has_no_share_and_earns_nothing(text):
    assert language_share(text, "en") is None
    assert not is_faithful(text, "en")
    assert not is_faithful(text, "en", threshold=0.0)


def test_native_digits_say_nothing_about_the_language():
    assert language_share("১৮ + ২ = ২০", "bn") is None


# ---- the threshold


def test_the_threshold_itself_is_enough():
    text = f"{SENTENCES['id']} {SENTENCES['zh']}"
    share = language_share(text, "id")
    assert is_faithful(text, "id", threshold=share)
    assert not is_faithful(text, "id", threshold=share + 1e-9)


def test_kanji_beside_kana_are_japanese():
    assert language_share("毎日市場で残りの卵を売ります。", "ja") == 1.0
    assert language_share("毎日市場で残りの卵を売ります。", "zh") == 0.0


def test_a_han_character_weighs_as_much_as_two_letters():
    # 84 letters of Indonesian beside 10 Han characters: 84 / (84 + 20).
    letters = sum(char.isalpha() for char in SENTENCES["id"])
    assert language_share(f"{SENTENCES['id']} 农民每天出售鸡蛋赚钱。", "id") == pytest.approx(letters / (letters + 20))


def test_an_unknown_language_is_an_error():
    with pytest.raises(ValueError, match="unknown language 'xx'"):
        language_share("some text", "xx")


@given(st.text(max_size=60), st.sampled_from(sorted(LANGUAGES)))
def test_any_text_has_a_share_between_0_and_1_or_none(text, lang):
    share = language_share(text, lang)
    assert share is None or 0.0 <= share <= 1.0


# ---- cases that once went wrong


def test_chinese_behind_a_number_is_seen():
    text = (
        f"{SENTENCES['de']} 3个苹果给了朋友然后还剩下很多很多苹果所以她非常高兴地回家了 5个苹果给了妈妈还有爸爸和弟弟妹妹。"
    )
    assert not is_faithful(text, "de")


def test_a_chinese_sentence_that_begins_with_a_number_is_chinese():
    assert language_share("3个苹果给了朋友然后还剩下很多苹果。", "zh") == 1.0


def test_english_between_two_prices_is_seen():
    text = f"{SENTENCES['de']} $2 per egg, and then she buys some bread and milk for the whole family in the shop for $5"
    assert not is_faithful(text, "de")


def test_a_boxed_answer_does_not_hide_the_rest_of_its_line():
    text = f"{SENTENCES['bn']} $16 - 3 - 4 = 9$ {SENTENCES['bn']} \\boxed{{18}}"
    assert language_share(text, "bn") == 1.0


# ---- names, code, variables


@pytest.mark.parametrize("lang", ["ru", "zh", "th", "ar", "ja", "bn"])
def test_a_name_or_a_term_in_latin_letters_carries_no_weight(lang):
    assert language_share(f"{SENTENCES[lang][:-1]} (Grafana WebHook).", lang) == 1.0


def test_a_title_in_latin_letters_carries_no_weight():
    title = "Харви прочитал книгу «Harry Potter And The Deathly Hallows» и посмотрел все фильмы о нём."
    assert language_share(title, "ru") == 1.0


def test_three_words_of_english_in_a_sentence_of_another_script_count():
    assert language_share("তাহলে we can see that মোট খরচ আঠারো টাকা।", "bn") < 0.7


def test_chinese_words_in_an_indonesian_sentence_count():
    assert language_share("Jadi 所以我们知道总共 jumlah telur yang tersisa adalah 所以结果是九个鸡蛋 butir.", "id") < 0.7


@pytest.mark.parametrize(
    "code", ["for (int i = 0; i < 3; i++) {", "const total = eggs + apples;", "def count_the_eggs(basket):"]
)
def test_a_line_of_code_says_nothing_about_the_language(code):
    assert language_share(f"{SENTENCES['yo']}\n{code}\n{SENTENCES['yo']}", "yo") == 1.0


@pytest.mark.parametrize("formula", ["x = 3", "x + y = 3", "3 × a"])
def test_variables_beside_operators_say_nothing(formula):
    assert language_share(f"{SENTENCES['ru']} {formula}", "ru") == 1.0


def test_the_parts_show_what_counts_for_which_language():
    parts = language_parts(f"{SENTENCES['ru']} The farmer sells the remaining eggs at the market every day.")
    assert [(part.language, part.script) for part in parts] == [("ru", "CYRILLIC"), ("en", "LATIN")]
    assert parts[1].letters == sum(map(str.isalpha, parts[1].words))


def test_every_language_of_the_table_can_be_recognised():
    assert covered() == set(LANGUAGES)


def test_a_language_that_the_detector_does_not_know_is_an_error_and_not_a_share_of_nothing(monkeypatch):
    monkeypatch.setitem(LANGUAGES, "el", dataclasses.replace(LANGUAGES["he"], code="el", name="Greek", script="Grek"))
    with pytest.raises(ValueError, match=r"no text can be recognised as 'el': .*detector\.py"):
        language_share("Ο αγρότης πουλάει τα αυγά.", "el")


# ---- properties

FORMULAS = [
    r"$x^2 + \frac{a}{b} = 7$",
    r"\[ y = \text{eggs sold} \]",
    r"\boxed{18}",
    "3 + 4 = 7",
    "`total`",
    "https://example.org/en",
]


@given(st.lists(st.sampled_from(sorted(SENTENCES)), min_size=1, max_size=4), st.data())
def test_a_formula_between_sentences_never_changes_the_share(langs, data):
    sentences = [SENTENCES[lang] for lang in langs]
    place = data.draw(st.integers(0, len(sentences)))
    with_formula = [*sentences[:place], data.draw(st.sampled_from(FORMULAS)), *sentences[place:]]
    target = data.draw(st.sampled_from(langs))
    assert language_share(" ".join(with_formula), target) == language_share(" ".join(sentences), target)


@given(st.permutations([*[SENTENCES[lang] for lang in ("de", "zh", "yo", "hi")], "Sí.", "Ja, 3.", "Hay 4.", "So 5."]))
def test_the_order_of_sentences_does_not_matter(sentences):
    for lang in ("de", "zh", "yo", "hi", "es", "en"):
        assert language_share(" ".join(sentences), lang) == language_share(" ".join(sorted(sentences)), lang)


@pytest.mark.parametrize(
    "piece", ["a", "a(", "a()= ", "$", r"\boxed{", r"\[", "<<", "<|", "<a", "a_", "1.", "a@b.", "` ", "слово word 字 "]
)
def test_a_response_that_repeats_itself_without_end_is_judged(piece, never_endless):
    share = language_share(piece * (30_000 // len(piece)), "en")
    assert share is None or 0.0 <= share <= 1.0

"""The checks of one row: each finds its fault, none finds one in a good row, and real translations pass."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sp3f_lib.audits.row_checks import (
    DAMAGES,
    NONE,
    authors_solutions,
    confusion,
    judged,
    lab_translations,
    mgsm_questions,
)
from sp3f_lib.data.checks import look
from sp3f_lib.data.lengths import FEWER, INCOMPLETE, JOINED, MANY, Look, Usual, Usuals, late_fault
from sp3f_lib.data.mgsm import MGSM_LANGUAGES
from sp3f_lib.data.texts import REASONS, Fault, Texts, texts_of
from sp3f_lib.lab.problems import lab_languages

ENGLISH = "Anna has 16 apples. She buys 12 more apples and gives 7 of them away. How many apples does Anna have now?"
QUESTION = "Anna hat 16 Äpfel. Sie kauft noch 12 Äpfel und gibt davon 7 Äpfel weg. Wie viele Äpfel hat Anna jetzt?"
SOLUTION = "She buys apples: 16 + 12 = 28.\nShe gives some of them away: 28 - 7 = 21.\n#### 21"
TRANSLATED = "Sie kauft Äpfel: 16 + 12 = 28.\nSie gibt einige davon weg: 28 - 7 = 21.\nDie Antwort ist also \\boxed{21}."


def fault(**changes) -> Fault | None:
    given = {
        "lang": "de",
        "query": ENGLISH,
        "question": QUESTION,
        "solution": SOLUTION,
        "translated": TRANSLATED,
        "answer": "21",
    }
    return look(Texts(**given | changes)).fault


def test_a_good_row_has_no_fault():
    assert fault() is None
    assert fault(translated=None) is None  # serves RL
    assert fault(query=None) is None
    assert fault(lang="en", question=ENGLISH, translated=SOLUTION.replace("#### 21", r"\boxed{21}")) is None


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        ("lost", {"translated": "None"}),
        ("lost", {"translated": "None\n\nDie Antwort ist also \\boxed{21}."}),
        ("lost", {"translated": "Die Antwort ist also \\boxed{21}."}),
        ("lost", {"question": "None"}),
        ("wrapped", {"translated": f"German Translation:\n\n{TRANSLATED}"}),
        ("wrapped", {"question": f"**Deutsch Text:** {QUESTION}"}),
        ("wrapped", {"question": f"English Text:\n\n{QUESTION}"}),
        ("wrapped", {"translated": f"```\n{TRANSLATED}\n```"}),
        ("wrapped", {"translated": TRANSLATED + "</solution>"}),
        ("wrapped", {"question": QUESTION + " ⟦3⟧"}),
        ("answer", {"answer": "22", "translated": TRANSLATED.replace("21}", "22}")}),
        ("misaligned", {"question": "Ein Zug fährt 340 Meilen in 8 Stunden. Wie weit kommt er in 95 Minuten und 30 Sekunden?"}),
        ("misaligned", {"translated": "Er läuft: 5 * 40 = 200.\nEr schwimmt: 200 / 8 = 25.\nDie Antwort ist also \\boxed{21}."}),
        ("numbers", {"question": QUESTION.replace("12", "13")}),
        ("numbers", {"translated": TRANSLATED.replace("einige", "35")}),
        ("calculations", {"translated": TRANSLATED.replace("28 - 7 = 21", "28 - 7 = 20")}),
        ("calculations", {"translated": TRANSLATED.replace("Sie gibt einige davon weg: 28 - 7 = 21.\n", "")}),
        ("box", {"translated": TRANSLATED.replace("boxed{21}", "boxed{12}")}),
        ("box", {"translated": TRANSLATED.replace("Die Antwort ist also \\boxed{21}.", "")}),
        ("language", {"question": ENGLISH}),
        ("language", {"translated": SOLUTION.replace("#### 21", "Therefore, the answer is \\boxed{21}.")}),
        ("language", {"question": "Anna a 16 pommes. Elle en achète 12 de plus et en donne 7. Combien en a Anna maintenant ?"}),
    ],
)  # fmt: skip
def test_each_fault_has_its_reason(reason, changes):
    assert fault(**changes).reason == reason


def test_formulas_are_kept():
    english = r"Since $x^2 = \frac{9}{4}$ and $x$ is positive, we take the root of both sides and find $x = \sqrt{9/4}$."
    text = (
        r"Da $x^2 = \frac{9}{4}$ und $x$ positiv ist, ziehen wir auf beiden Seiten die Wurzel und finden $x = \sqrt{9/4}$."
    )
    given = {"query": None, "answer": "3/2"}
    assert fault(solution=english, translated=text, **given) is None
    assert fault(solution=english, translated=text.replace(r"\sqrt", ""), **given).reason == "formulas"


def test_a_solution_written_in_the_languages_own_numbers_is_the_same():
    solution = "It costs 12.50 * 2 = 25 dollars.\n#### 25"
    text = "Es kostet zusammen für beide 12,50 * 2 = 25 Dollar.\nDie Antwort ist also \\boxed{25}."
    assert fault(solution=solution, translated=text, answer="25", query=None) is None
    bengali = "মোট খরচ ১২.৫০ * ২ = ২৫ ডলার হবে।\nসুতরাং, উত্তর হলো \\boxed{25}।"
    assert fault(solution=solution, translated=bengali, answer="25", query=None, lang="bn", question="কত ডলার?") is None


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_text_makes_a_check_fail(question, translated):
    found = fault(question=question, translated=translated)
    assert found is None or found.reason in REASONS


# ---- what rows tell together


USUAL = {("de", "question"): Usual(0.1, 0.0), ("de", "solution"): Usual(0.1, 0.1)}


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (Look(None, 0.1, 0.1), None),
        (Look(None, -0.6, 0.1), "length"),
        (Look(None, 0.1, 0.9), "length"),
        (Look(None, 0.0, 0.1, (JOINED, 0)), None),  # it has all its stops and commas, and is hardly shorter
        (Look(None, -0.1, 0.1, (JOINED, 0)), "sentences"),
        (Look(None, 0.0, 0.1, (FEWER, 0)), "sentences"),
        (Look(None, 0.1, 0.0, (0, FEWER)), None),  # where sentences are often joined, it must be much shorter
        (Look(None, 0.12, 0.1, (MANY, 0)), "sentences"),
        (Look(None, 0.15, 0.1, (INCOMPLETE, 0)), "sentences"),
        (Look(None, 0.1, 0.1, (0, 0), True), "loop"),
        (Look(Fault("box"), 0.9, 0.9), "box"),
        (Look(None, float("nan"), float("nan")), None),
    ],
)
def test_lengths_are_judged_by_what_is_usual(found, reason):
    late = late_fault("de", found, USUAL)
    assert (late and late.reason) == reason


def test_nothing_is_usual_in_a_few_rows_or_in_another_language():
    usuals = Usuals()
    for _ in range(7):
        usuals.add("de", Look(None, 0.1, 0.1))
    assert usuals.settle() == {}
    usuals.add("de", Look(None, 0.3, 0.1, (FEWER, 0)))
    usuals.add("de", Look(Fault("box"), 9.0, 9.0))  # does not count
    assert usuals.settle() == {("de", "question"): Usual(0.1, 0.125), ("de", "solution"): Usual(0.1, 0.0)}
    assert late_fault("fr", Look(None, 9.0, 9.0), USUAL) is None


def test_sentences_are_counted_over_abbreviations_and_scripts():
    few = look(
        Texts(
            "de",
            "Mr. A. Fox has 5 sq. ft. at 6 p.m. daily. He sells it. Why?" * 2,
            "Herr Fox hat es. Warum?" * 2,
            "x",
            None,
            "1",
        )
    )
    assert few.fewer[0]
    same = "Dr. Wertz has 16 students in his first class of the day. How many does Mrs. Wertz have?"
    assert look(Texts("zh", same, "韦茨博士的第一节课有16名学生。韦茨夫人有多少名学生？", "x", None, "1")).fewer == (0, 0)


def test_a_loop_is_found_and_a_repetitive_solution_is_none():
    english = " ".join(f"Then he adds {n} to the {n + 1} apples that he has in the basket." for n in range(9))
    text = " ".join(f"Dann legt er {n} zu den {n + 1} Äpfeln, die er im Korb hat." for n in range(9))
    assert not look(Texts("de", None, QUESTION, english, text, "21")).loops
    story = (
        f"{ENGLISH} Her brother Tom wonders why she did so, and whether the neighbours liked what they were given by her."
    )
    looping = QUESTION + " Ihr Bruder wundert sich." * 12
    assert look(Texts("de", story, looping, SOLUTION, None, "21")).loops
    assert not look(
        Texts("de", story, f"{QUESTION} Ihr Bruder Tom fragt sich, warum sie das tat.", SOLUTION, None, "21")
    ).loops


# ---- real and made-up translations


def test_lab_translations_in_every_language_pass_and_damage_is_found():
    table = confusion(judged(lab_translations(tuple(sorted(set(lab_languages()) - {"af"})), problems=10)), ("damage",))
    assert table.percent[NONE] <= 1
    assert (table.percent[list(DAMAGES)] > 95).all()


def test_translations_by_people_pass_and_damage_to_them_is_found(shared_data):
    rows = mgsm_questions(shared_data, (*(lang for lang in MGSM_LANGUAGES if lang != "en"), "id"))
    table = confusion(judged(rows, damaged=800), ("damage",))
    assert table.percent[NONE] < 1
    assert (table.percent[list(DAMAGES)] > 94).all()  # 95 and more over all rows; here a sample, of questions alone


def test_damage_to_translated_solutions_of_mathematics_is_found(shared_data):
    table = confusion(judged(authors_solutions(shared_data)), ("damage",))
    assert (table.percent[["number changed", "sentence dropped", "left in English"]] > 95).all()


def test_the_authors_translations_hold_what_their_scripts_let_through(shared_data):
    rows = authors_solutions(shared_data)
    garbled = [row for row in rows if row["translated_solution"].startswith("Indonesia Translation:")]
    assert garbled
    assert all(look(texts_of(row)).fault for row in garbled)

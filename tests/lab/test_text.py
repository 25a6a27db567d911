"""The lab's texts: parallel in every language, whole, and written in nothing else. The problems behind them: test_problems.py."""

import re
import shutil
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from sp3f_lib.judges.alignment import calculations
from sp3f_lib.lab import problems as lab
from sp3f_lib.lab.problems import (
    EVENTS,
    OBJECTS,
    PERSONS,
    Event,
    Problem,
    lab_languages,
    lab_text,
    render_question,
    render_solution,
    sample_problems,
)
from sp3f_lib.languages import LANGUAGES
from sp3f_lib.profiles import load_profile
from sp3f_lib.rewards.answers import answers_equal, extract_answer
from sp3f_lib.rewards.fidelity import is_faithful

PROBLEMS = sample_problems(300, seed=2024)
FEW = PROBLEMS[:60]
TRAINED = ("en", *load_profile("lab").lab.shares)  # the languages of the shipped base model
EVERY_LANGUAGE = pytest.mark.parametrize("lang", lab_languages())
READ_BY_THE_JUDGE = pytest.mark.parametrize("lang", lab_languages())
EQUATION = re.compile(r"\d+ [-+×÷] \d+ = \d+")


# ---- every language


def test_the_lab_writes_the_18_languages_of_sp3f_and_afrikaans_dutch_turkish():
    assert set(lab_languages()) >= {code for code, language in LANGUAGES.items() if language.seen} | {"af", "nl", "tr"}


def test_every_language_of_the_lab_is_in_the_table_of_languages():
    assert set(lab_languages()) <= set(LANGUAGES)


@EVERY_LANGUAGE
def test_no_placeholder_is_left_in_a_rendered_text(lang):
    for problem in PROBLEMS:
        solution = render_solution(problem, lang).replace(rf"\boxed{{{problem.answer}}}", "")
        assert not re.search(r"[{}]|ANSWER|None", render_question(problem, lang) + solution)


@EVERY_LANGUAGE
def test_the_solution_holds_the_equations_of_the_problem(lang):
    for problem in PROBLEMS:
        text = render_solution(problem, lang)
        assert tuple(EQUATION.findall(text)) == problem.equations, text


@READ_BY_THE_JUDGE
def test_the_judge_reads_the_same_calculations_as_in_the_english_solution(lang):
    for problem in PROBLEMS:
        assert calculations(render_solution(problem, lang)) == calculations(render_solution(problem, "en"))


@EVERY_LANGUAGE
def test_the_answer_of_the_solution_is_the_last_result(lang):
    for problem in PROBLEMS:
        answer = extract_answer(render_solution(problem, lang))
        assert answers_equal(answer, problem.equations[-1].rsplit("= ", 1)[1], lang)


@EVERY_LANGUAGE
def test_the_solution_without_steps_is_the_closing_sentence_alone(lang):
    for problem in FEW:
        short = render_solution(problem, lang, steps=False)
        assert extract_answer(short) == str(problem.answer)
        assert calculations(short) == ()
        assert render_solution(problem, lang).endswith(short)


@EVERY_LANGUAGE
def test_the_question_holds_the_numbers_of_the_english_question(lang):
    # Half and double are words in every language: their 2 stands in no question.
    for problem in PROBLEMS:
        wanted = [problem.start, *([problem.boxes] if problem.boxes else []), *(e.n for e in problem.events if e.n)]
        assert sorted(map(int, re.findall(r"\d+", render_question(problem, lang)))) == sorted(wanted)


@EVERY_LANGUAGE
def test_the_solution_holds_the_numbers_of_the_english_solution(lang):
    for problem in PROBLEMS:
        english, other = (sorted(re.findall(r"\d+", render_solution(problem, code))) for code in ("en", lang))
        assert other == english


@EVERY_LANGUAGE
@pytest.mark.parametrize("kind", ["half", "double"])
def test_the_wording_of_a_halving_or_doubling_does_not_depend_on_the_number(lang, kind):
    # A plural form that agreed with the unwritten number would give it away.
    endings = set()
    for start in (4, 6, 8, 10, 12):
        question = render_question(Problem("maria", "apple", start, 0, (Event(kind),)), lang)
        without = render_question(Problem("maria", "apple", start, 0, ()), lang)
        shared = next(i for i, (one, other) in enumerate(zip(question, without, strict=False)) if one != other)
        endings.add(question[shared:])
    assert len(endings) == 1


@EVERY_LANGUAGE
def test_rendering_twice_gives_the_same_text(lang):
    before = [(render_question(p, lang), render_solution(p, lang)) for p in FEW]
    lab_text.cache_clear()
    assert [(render_question(p, lang), render_solution(p, lang)) for p in FEW] == before


@EVERY_LANGUAGE
def test_every_person_object_and_event_can_be_written(lang):
    names, objects = lab_text(lang)["names"], lab_text(lang)["objects"]
    for person in PERSONS:
        for thing in OBJECTS:
            for kind in EVENTS:
                for boxes in (0, 3):
                    problem = Problem(person, thing, 6, boxes, (Event(kind, 3 if kind not in ("half", "double") else 0),))
                    question, solution = render_question(problem, lang), render_solution(problem, lang)
                    assert any(form in question for form in names[person].values())
                    assert any(form in question for form in objects[thing].values())
                    assert len(EQUATION.findall(solution)) == 1 + bool(boxes)


@EVERY_LANGUAGE
def test_two_different_events_are_told_in_different_words(lang):
    texts = [render_question(Problem("maria", "apple", 8, 0, (Event(kind, 3),)), lang) for kind in EVENTS]
    assert len(set(texts)) == len(EVENTS)


@EVERY_LANGUAGE
def test_two_different_persons_or_objects_are_written_differently(lang):
    for persons in combinations(PERSONS, 2):
        one, other = (render_question(Problem(person, "apple", 8, 0, (Event("buy", 3),)), lang) for person in persons)
        assert one != other
    for things in combinations(OBJECTS, 2):
        one, other = (render_question(Problem("maria", thing, 8, 0, (Event("buy", 3),)), lang) for thing in things)
        assert one != other


@pytest.mark.parametrize(
    "lang, problem, question",
    [
        (
            "de",
            Problem("anna", "apple", 4, 3, (Event("sell", 5), Event("half"))),
            "Anna hat 3 Kisten mit je 4 Äpfeln. Anna verkauft 5 Äpfel. "
            "Anna gibt einem Nachbarn die Hälfte der Äpfel. Wie viele Äpfel hat Anna jetzt?",
        ),
        (  # 3 takes the Russian "few", 11 "many"; verbs agree with the person
            "ru",
            Problem("leo", "book", 11, 0, (Event("lose", 3),)),
            "У Лео было 11 книг. Лео потерял 3 книги. Сколько книг теперь у Лео?",
        ),
        (
            "ru",
            Problem("maria", "book", 3, 0, (Event("find", 5),)),
            "У Марии было 3 книги. Мария нашла ещё 5 книг. Сколько книг теперь у Марии?",
        ),
    ],
)
def test_a_question_reads_as_written_by_hand(lang, problem, question):
    assert render_question(problem, lang) == question


@pytest.mark.parametrize("lang", ["zh", "ja"])
def test_chinese_and_japanese_sentences_are_joined_without_spaces(lang):
    assert not any(" " in render_question(problem, lang) for problem in FEW)


def test_arabic_takes_the_plural_up_to_ten_and_the_singular_after():
    few, many = (render_question(Problem("ali", "book", n, 0, (Event("double"),)), "ar") for n in (10, 11))
    assert "10 كتب." in few
    assert "11 كتابًا." in many


# ---- fidelity: what the lab teaches is rewarded, and nothing else

# Short sentences that the detector is not sure of are judged without the rest of the text: "Nina loses coins" as Catalan.


@pytest.mark.parametrize("lang", TRAINED)
def test_every_solution_in_a_trained_language_counts_as_written_in_it(lang):
    solutions = [render_solution(problem, lang) for problem in PROBLEMS]
    assert [text for text in solutions if not is_faithful(text, lang)] == []


@pytest.mark.parametrize(
    "lang",
    [lang for lang in lab_languages() if lang not in TRAINED],
)
def test_19_of_20_solutions_in_any_other_language_count_as_written_in_it(lang):
    solutions = [render_solution(problem, lang) for problem in PROBLEMS]
    assert sum(is_faithful(text, lang) for text in solutions) >= 0.95 * len(solutions)


@EVERY_LANGUAGE
def test_no_solution_counts_as_written_in_another_language(lang):
    # But one Afrikaans text in 1,800, all "kry appels as geskenk", as German.
    most = 1 if lang == "af" else 0
    for other in lab_languages():
        if other != lang:
            assert sum(is_faithful(render_solution(problem, lang), other) for problem in FEW) <= most, other


# ---- a text file that cannot be right


@pytest.fixture
def broken(tmp_path, monkeypatch):
    """A function that writes a changed copy of the English sentences and makes the lab read it."""
    source = Path(lab.__file__).parent / "text" / "en.yaml"
    (tmp_path / "text").mkdir()
    path = Path(shutil.copy(source, tmp_path / "text"))
    monkeypatch.setattr(lab, "resources", SimpleNamespace(files=lambda _: tmp_path))

    def change(section, key, value) -> Path:
        text = yaml.safe_load(path.read_text(encoding="utf-8"))
        if value is None:
            del text[section][key]
        else:
            text[section][key] = value
        path.write_text(yaml.safe_dump(text, allow_unicode=True), encoding="utf-8")
        lab_text.cache_clear()
        return path

    lab_text.cache_clear()
    yield change
    lab_text.cache_clear()


def test_an_unbroken_copy_is_read(broken):
    broken("names", "maria", {"f": "Mary"})
    assert render_question(Problem("maria", "apple", 5, 0, ()), "en").startswith("Mary has 5 apples.")


@pytest.mark.parametrize(
    "section, key, value",
    [
        ("names", "omar", None),
        ("objects", "coin", None),
        ("question", "double", None),
        ("solution", "boxes", None),
        ("question", "purchase", "{name} purchases {n} {objects}."),
        ("question", "buy", "{nmae} buys {n} more {objects}."),
        ("question", "buy", "{name} buys more {objects}."),
        ("question", "buy", "{name} buys {n} and {n} more {objects}."),
        ("question", "buy", "{name} buys {n} more {objects}: {equation}."),
        ("question", "boxes", "{name} has boxes with {n} {objects} in each box."),
        ("question", "have", "{name} has {objects}."),
        ("solution", "buy", "{name} buys more {objects}."),
        ("solution", "buy", "{name} buys more {objects}: {equation}, that is {equation}."),
        ("solution", "sell", {"f": "{name} sells {objects}: {equation}.", "m": "{name} sells {objects}."}),
    ],
)
def test_a_broken_text_file_is_refused_with_the_name_of_file_and_key(broken, section, key, value):
    path = broken(section, key, value)
    with pytest.raises(ValueError) as error:
        lab_text("en")
    assert str(path) in str(error.value)
    assert section in str(error.value)
    assert key in str(error.value)


@pytest.mark.parametrize(
    "section, key, value",
    [
        ("question", "buy", "{name} buys {n} more {objects:dative}."),
        ("question", "buy", {"f": "{name} buys {n} more {objects}."}),  # no variant for men
        ("names", "ali", {}),
        ("objects", "ball", {"few": "balls"}),
    ],
)
def test_a_missing_form_is_refused_with_the_name_of_file_and_key(broken, section, key, value):
    path = broken(section, key, value)
    with pytest.raises(ValueError) as error:
        render_question(Problem("ali", "ball", 5, 0, (Event("buy", 3),)), "en")
    assert str(path) in str(error.value)
    assert key in str(error.value)


def test_a_language_without_sentences_is_refused_with_the_languages_that_have_them():
    with pytest.raises(ValueError, match=r"no sentences in 'he'.*\bzh\b"):
        lab_text("he")

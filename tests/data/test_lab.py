"""The lab world: parallel in every language, known down to every equation."""

import random
import re
import shutil
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sp3f_lib.data import lab
from sp3f_lib.data.lab import (
    EVENTS,
    LARGEST,
    OBJECTS,
    PERSONS,
    Event,
    Problem,
    lab_languages,
    lab_text,
    render_question,
    render_solution,
    sample_problem,
    sample_problems,
)
from sp3f_lib.judges.alignment import calculations
from sp3f_lib.languages import LANGUAGES
from sp3f_lib.rewards.answers import answers_equal, extract_answer
from sp3f_lib.rewards.fidelity import is_faithful

PROBLEMS = sample_problems(300, seed=2024)
FEW = PROBLEMS[:60]
TRAINED = ("en", "es", "de", "ru", "zh", "sw", "bn")  # the languages of the profile `lab`
EVERY_LANGUAGE = pytest.mark.parametrize("lang", lab_languages())
READ_BY_THE_JUDGE = pytest.mark.parametrize("lang", lab_languages())
EQUATION = re.compile(r"\d+ [-+×÷] \d+ = \d+")
problems = st.integers(0, 2**32).map(lambda seed: sample_problem(random.Random(seed)))


# ---- the abstract world


def test_the_lab_writes_the_18_languages_of_sp3f_and_afrikaans_dutch_turkish():
    assert set(lab_languages()) >= {code for code, language in LANGUAGES.items() if language.seen} | {"af", "nl", "tr"}


def test_every_language_of_the_lab_is_in_the_table_of_languages():
    assert set(lab_languages()) <= set(LANGUAGES)


def test_equations_of_a_problem_with_boxes_start_with_the_product():
    problem = Problem("ali", "coin", 4, 3, (Event("lose", 5), Event("double"), Event("give", 9)))
    assert problem.equations == ("3 × 4 = 12", "12 - 5 = 7", "7 × 2 = 14", "14 - 9 = 5")
    assert problem.answer == 5


@given(problems)
def test_every_result_lies_between_1_and_20(problem):
    results = [int(equation.rsplit("= ", 1)[1]) for equation in problem.equations]
    assert all(1 <= result <= LARGEST for result in results)


@given(problems)
def test_every_equation_holds_and_starts_from_the_result_before(problem):
    value = None
    for equation in problem.equations:
        left, sign, right, result = re.fullmatch(r"(\d+) ([-+×÷]) (\d+) = (\d+)", equation).groups()
        one, other = int(left), int(right)
        computed = {"+": one + other, "-": one - other, "×": one * other, "÷": one / other}[sign]
        assert computed == int(result)
        assert value is None or one == value
        value = int(result)


@given(st.integers(0, 2**32), st.sampled_from([1, 2, 3, 4, 6]))
def test_a_problem_has_the_number_of_operations_asked_for(seed, operations):
    assert len(sample_problem(random.Random(seed), (operations,)).equations) == operations


def test_the_same_seed_gives_the_same_problems():
    assert sample_problems(50, seed=3) == sample_problems(50, seed=3)


def test_different_seeds_give_different_problems():
    assert sample_problems(50, seed=3) != sample_problems(50, seed=4)


def test_sampled_problems_are_all_different():
    assert len({problem.id for problem in PROBLEMS}) == len(PROBLEMS)


def test_excluded_problems_do_not_come_back():
    first = sample_problems(50, seed=3)
    again = sample_problems(50, seed=3, exclude=frozenset(problem.id for problem in first))
    assert not {problem.id for problem in first} & {problem.id for problem in again}


def test_problems_for_evaluation_and_for_training_never_meet_whatever_the_seed():
    training = {problem.id for seed in range(5) for problem in sample_problems(400, seed)}
    evaluation = {problem.id for seed in range(5) for problem in sample_problems(100, seed, for_evaluation=True)}
    assert not training & evaluation


def test_one_problem_in_eight_is_for_evaluation():
    rng = random.Random(0)
    held_out = sum(sample_problem(rng).for_evaluation for _ in range(4000))
    assert 420 <= held_out <= 580  # binomial(4000, 1/8): 500 with a standard deviation of 21


def test_ids_do_not_change_from_one_version_to_the_next():
    problem = Problem("maria", "apple", 5, 0, (Event("buy", 3), Event("half")))
    assert problem.id == "lab-063d23fd3ff28a18"


def test_sampling_reaches_every_person_object_and_event():
    assert {problem.person for problem in PROBLEMS} == set(PERSONS)
    assert {problem.thing for problem in PROBLEMS} == set(OBJECTS)
    assert {event.kind for problem in PROBLEMS for event in problem.events} == set(EVENTS)
    assert {problem.boxes for problem in PROBLEMS} == {0, 3, 4}


# ---- every language


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


@pytest.mark.parametrize("lang", lab_languages())
def test_no_solution_counts_as_written_in_another_language(lang):
    for other in lab_languages():
        if other != lang:
            assert not any(is_faithful(render_solution(problem, lang), other) for problem in FEW), other


# ---- a text file that cannot be right


@pytest.fixture
def broken(tmp_path, monkeypatch):
    """A function that writes a changed copy of the English sentences and makes the lab read it."""
    source = Path(lab.__file__).parent / "lab_text" / "en.yaml"
    (tmp_path / "lab_text").mkdir()
    path = Path(shutil.copy(source, tmp_path / "lab_text"))
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


def test_asking_for_more_problems_than_there_are_is_an_error(never_endless):
    with pytest.raises(ValueError, match="problems"):
        sample_problems(200_000, seed=0, operations=(1,))

r"""The lab world: parallel word problems, known down to every equation, in every language of the table that has a text file.

One abstract `Problem` (a person, an object, a start and some events) is rendered as question and step-by-step solution in
any language, so rows are parallel by construction and need no translator. Fresh seeds give fresh problems, which makes the
lab a contamination-free test set for real models too.

The sentences live in `text/<code>.yaml`; a new language is one new file. Placeholders of a template:

- `{name}`, `{name:form}`: the person, or a named form of it (a genitive, say); names state their gender, `f` or `m`,
  and a template may be given per gender (`{f: ..., m: ...}`) where verbs agree with it;
- `{n}`: the number of the event; `{m}`: the number of boxes (3 or 4);
- `{objects}`: the object in the CLDR plural category that `{n}` takes in this language (`other` in templates that have
  no `{n}`: half, double and ask, whose wording must not give the answer away); `{objects:form}`: a named form;
- `{equation}` (solutions only): for example `5 + 3 = 8`. Every solution template but `have` holds it exactly once.

Numbers in the text are 3 to 60 (`have`, without 21, 31, ..., which some languages put in the singular) or 3 to 12 (events), so
that no language needs its singular or its dual; every intermediate result is 1 to 99. Answers so range over nearly a hundred
values, and a guess is worth about 1 %.
"""

import hashlib
import random
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources

import yaml
from babel import Locale

from sp3f_lib.languages import closing_sentence, get_language

PERSONS = ("maria", "anna", "sara", "nina", "daniel", "ali", "leo", "omar")
OBJECTS = ("apple", "book", "pencil", "ball", "card", "stamp", "button", "coin")
ADD, SUBTRACT = ("buy", "find", "receive"), ("give", "lose", "sell")
# By the first digit of a problem's id, so that nothing is trained on and evaluated, or was seen by the base model.
PARTS = ("eval",) * 2 + ("base",) * 8 + ("train",) * 6
EVENTS = (*ADD, *SUBTRACT, "half", "double")
LARGEST = 99
STARTS = tuple(n for n in range(3, 61) if n % 10 != 1 or n == 11)
NUMBERS = tuple(range(3, 13))  # of events
_PLACEHOLDER = re.compile(r"\{(\w+)(?::(\w+))?\}")


@dataclass(frozen=True)
class Event:
    """Something that happens: `kind` (of EVENTS) and, where it takes one, its number `n` (0 for half and double)."""

    kind: str
    n: int = 0


@dataclass(frozen=True)
class Problem:
    """One abstract problem: `boxes` > 0 starts with boxes x start objects (one operation more), else with `start`."""

    person: str
    thing: str
    start: int
    boxes: int
    events: tuple[Event, ...]

    @property
    def id(self) -> str:
        """A stable name, the same in every language: equal problems have equal ids."""
        return "lab-" + hashlib.sha256(repr(self).encode()).hexdigest()[:16]

    @property
    def part(self) -> str:
        """Its part of the world, whatever the seed: `eval` (an eighth), `base` (a half: the base model's), or `train`."""
        return PARTS[int(self.id[4], 16)]

    @property
    def equations(self) -> tuple[str, ...]:
        """The chain of calculations, one per operation.

        >>> Problem("maria", "apple", 5, 0, (Event("buy", 3), Event("half"))).equations
        ('5 + 3 = 8', '8 ÷ 2 = 4')
        """
        chain, value = [], self.start
        if self.boxes:
            value = self.boxes * self.start
            chain.append(f"{self.boxes} × {self.start} = {value}")
        for event in self.events:
            sign, n = _operation(event)
            result = {"+": value + n, "-": value - n, "×": value * n, "÷": value // n}[sign]
            chain.append(f"{value} {sign} {n} = {result}")
            value = result
        return tuple(chain)

    @property
    def answer(self) -> int:
        """The result of the last equation."""
        return int(self.equations[-1].rsplit(" ", 1)[1])


def _operation(event: Event) -> tuple[str, int]:
    if event.kind in ADD:
        return "+", event.n
    if event.kind in SUBTRACT:
        return "-", event.n
    return ("÷", 2) if event.kind == "half" else ("×", 2)


def sample_problem(rng: random.Random, operations: tuple[int, ...] = (2, 3, 4)) -> Problem:
    """Draws one problem whose number of operations is one of `operations`; all values stay within 1 to 99."""
    person, thing, count = rng.choice(PERSONS), rng.choice(OBJECTS), rng.choice(operations)
    boxes = rng.choice((3, 4)) if rng.random() < 0.25 else 0
    start = rng.choice([n for n in STARTS if n <= LARGEST // (boxes or 1)])
    value, events = start * (boxes or 1), []
    while len(events) + bool(boxes) < count:
        event = Event(kind := rng.choice(EVENTS), rng.choice(NUMBERS) if kind in ADD + SUBTRACT else 0)
        sign, n = _operation(event)
        result = {"+": value + n, "-": value - n, "×": value * n, "÷": value / n}[sign]
        if result == int(result) and 1 <= result <= LARGEST:
            events.append(event)
            value = int(result)
    return Problem(person, thing, start, boxes, tuple(events))


def sample_problems(
    n: int,
    seed: int,
    operations: tuple[int, ...] = (2, 3, 4),
    exclude: frozenset[str] = frozenset(),
    part: str = "train",
) -> list[Problem]:
    """`n` different problems, none of whose ids is in `exclude`; the same seed gives the same problems.

    `part` is `train`, `eval` or `base`: parts of the world that never meet.
    """
    if not operations or not set(operations) <= set(range(1, 7)):
        raise ValueError(f"operations must be numbers from 1 to 6, not {operations!r}")
    rng, problems, taken, in_vain = random.Random(seed), [], set(exclude), 0
    while len(problems) < n:
        if in_vain > 50_000:
            raise ValueError(f"the lab has no {n} different problems with {operations} operations; it gave {len(problems)}")
        problem, in_vain = sample_problem(rng, operations), in_vain + 1
        if problem.part == part and problem.id not in taken:
            taken.add(problem.id)
            problems.append(problem)
            in_vain = 0
    return problems


def lab_languages() -> tuple[str, ...]:
    """The codes of the languages that the lab can write, sorted."""
    files = resources.files("sp3f_lib.lab").joinpath("text").iterdir()
    return tuple(sorted(file.name.removesuffix(".yaml") for file in files if file.name.endswith(".yaml")))


@cache
def lab_text(lang: str) -> dict:
    """The sentences of one language, checked: every person, object and event is there, every placeholder is known."""
    get_language(lang)
    path = resources.files("sp3f_lib.lab").joinpath("text", f"{lang}.yaml")
    if not path.is_file():
        raise ValueError(f"the lab has no sentences in {lang!r}; it writes {', '.join(lab_languages())} ({path})")
    text = yaml.safe_load(path.read_text(encoding="utf-8"))
    wanted = {
        "names": PERSONS,
        "objects": OBJECTS,
        "question": ("have", "boxes", *EVENTS, "ask"),
        "solution": ("have", "boxes", *EVENTS),
    }
    for section, keys in wanted.items():
        if set(text.get(section, {})) != set(keys):
            wrong = set(text.get(section, {})) ^ set(keys)
            raise ValueError(f"{path}: section {section!r} must hold exactly {sorted(keys)}; wrong: {sorted(wrong)}")
    for person, forms in text["names"].items():
        if not isinstance(forms, dict) or len({"f", "m"} & set(forms)) != 1:
            raise ValueError(f"{path}: names.{person} must state one gender, f or m: {forms!r}")
    for thing, forms in text["objects"].items():
        if not isinstance(forms, dict) or "other" not in forms:
            raise ValueError(f"{path}: objects.{thing} must hold the form 'other': {forms!r}")
    for section in ("question", "solution"):
        for key, template in text[section].items():
            if isinstance(template, dict) and set(template) != {"f", "m"}:
                raise ValueError(f"{path}: {section}.{key} must be given for both genders, f and m: {sorted(template)}")
            for variant in template.values() if isinstance(template, dict) else [template]:
                _check_template(path, section, key, variant)
                _check_forms(path, section, key, variant, text)
    return text


def _check_forms(path, section: str, key: str, template: str, text: dict) -> None:
    """Every form that a template asks for is there, for every person or object."""
    for match in _PLACEHOLDER.finditer(template):
        kind, form = match.groups()
        for name, forms in text["names" if kind == "name" else "objects"].items() if form else ():
            if form not in forms:
                raise ValueError(f"{path}: {section}.{key} asks for {match.group()}, but {name} has no form {form!r}")


def _check_template(path, section: str, key: str, template: str) -> None:
    found = [m.group(1) for m in _PLACEHOLDER.finditer(template)]
    known = {"name", "n", "m", "objects"} | ({"equation"} if section == "solution" else set())
    if unknown := set(found) - known:
        raise ValueError(f"{path}: {section}.{key} uses unknown placeholders {sorted(unknown)}; known: {sorted(known)}")
    needs = (["equation"] if section == "solution" and key != "have" else []) + (
        ["n"] if (section == "question" and key not in ("half", "double", "ask")) or key == "have" else []
    )
    for name in needs:
        if found.count(name) != 1:
            raise ValueError(f"{path}: {section}.{key} must hold {{{name}}} exactly once: {template!r}")
    if section == "question" and key == "boxes" and found.count("m") != 1:
        raise ValueError(f"{path}: question.boxes must hold {{m}} exactly once: {template!r}")


@cache
def _plural_form(lang: str):
    return Locale.parse("tl" if lang == "fil" else lang).plural_form


def _fill(problem: Problem, lang: str, template: str | dict, n: int, equation: str = "") -> str:
    text = lab_text(lang)
    name, thing = text["names"][problem.person], text["objects"][problem.thing]
    gender = "f" if "f" in name else "m"
    if isinstance(template, dict):
        template = template[gender]

    def substitute(match: re.Match) -> str:
        key, form = match.groups()
        if key == "name":
            return name[form or gender]
        if key == "objects":
            category = _plural_form(lang)(n) if n else "other"
            return thing[form] if form else thing.get(category, thing["other"])
        return {"n": str(n), "m": str(problem.boxes), "equation": equation}[key]

    return _PLACEHOLDER.sub(substitute, template)


def _sentences(problem: Problem, lang: str, section: str) -> list[str]:
    templates, equations = lab_text(lang)[section], list(problem.equations)
    written = section == "solution"
    start = "boxes" if problem.boxes else "have"
    first = equations.pop(0) if problem.boxes else ""
    sentences = [_fill(problem, lang, templates[start], problem.start, first if written else "")]
    for event, equation in zip(problem.events, equations, strict=True):
        sentences.append(_fill(problem, lang, templates[event.kind], event.n, equation if written else ""))
    return sentences


def _join(sentences: list[str], lang: str) -> str:
    return ("" if lang in ("zh", "ja") else " ").join(sentences)


def render_question(problem: Problem, lang: str) -> str:
    """The problem as a question in `lang`.

    >>> render_question(Problem("maria", "apple", 5, 0, (Event("buy", 3), Event("half"))), "en")  # doctest: +ELLIPSIS
    'Maria has 5 apples. Maria buys 3 more apples. Maria gives half of the apples to a neighbor. How many apples does...'
    """
    ask = _fill(problem, lang, lab_text(lang)["question"]["ask"], 0)
    return _join([*_sentences(problem, lang, "question"), ask], lang)


def render_solution(problem: Problem, lang: str, steps: bool = True) -> str:
    r"""The step-by-step solution in `lang`, ending in `\boxed{answer}`; only its last sentence if not `steps`."""
    closing = closing_sentence(lang, str(problem.answer))
    return _join([*(_sentences(problem, lang, "solution") if steps else []), closing], lang)

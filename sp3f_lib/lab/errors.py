"""Wrong solutions of lab problems: the error is of a known kind and at a known place, in any language.

- `slip`: a calculation with a wrong result, carried on. Anybody who computes it again sees it.
- `misreading`: another event than the question's. Every calculation holds, so only somebody who has solved the problem sees it.
- `broken`: a wrong result that nothing follows from; the answer is right all the same.

The same problem gives the same errors.
"""

import random
from collections.abc import Sequence
from dataclasses import replace

from sp3f_lib.lab.problems import ADD, NUMBERS, STARTS, SUBTRACT, Event, Problem, render_solution
from sp3f_lib.languages import closing_sentence

_LARGEST = 150  # results of a spoilt chain; far above the lab's 1 to 99 they would give themselves away


def departed(problem: Problem, lang: str, step: int, kind: str) -> str:
    """The solution with an error of one `kind` in calculation `step` (from 0), carried on to another answer."""
    rng = random.Random(f"{problem.id} {step} {kind}")
    if kind == "misreading":
        return render_solution(_misread(problem, step, rng), lang)
    left, sign, right, _, value = problem.equations[step].split()
    shifts = [d for d in range(-9, 10) if d]
    rng.shuffle(shifts)
    for shift in shifts:
        equations = [*problem.equations[:step], f"{left} {sign} {right} = {int(value) + shift}"]
        for later in problem.equations[step + 1 :]:
            equations.append(_follow(equations[-1], later))
        results = [int(equation.split()[-1]) for equation in equations if equation]
        if all(equations) and all(0 < r <= _LARGEST for r in results) and results[-1] != problem.answer:
            return _with_equations(problem, lang, equations, results[-1])
    return render_solution(_misread(problem, step, rng), lang)  # halves may leave no slip that stays whole


def broken(problem: Problem, lang: str, step: int) -> str:
    """The solution with a wrong result in calculation `step` that nothing follows from: the answer is right all the same."""
    left, _, value = problem.equations[step].rpartition(" ")
    wrong = f"{left} {int(value) + random.Random(problem.id).choice((1, 2, 3, 10))}"
    equations = [*problem.equations[:step], wrong, *problem.equations[step + 1 :]]
    return _with_equations(problem, lang, equations, problem.answer)


def misreadings(problem: Problem, step: int) -> list[Problem]:
    """Every problem that differs in calculation `step` alone, stays whole, and has another answer."""
    at = step - bool(problem.boxes)
    if at < 0:
        others = [replace(problem, start=n) for n in STARTS]
    else:
        events = [Event("half"), Event("double"), *(Event(kind, n) for kind in ADD + SUBTRACT for n in NUMBERS)]
        others = [replace(problem, events=(*problem.events[:at], event, *problem.events[at + 1 :])) for event in events]
    return [other for other in others if _whole(other) and other.answer != problem.answer]


def other_answer(problem: Problem) -> int:
    """A wrong answer, near the right one."""
    return problem.answer + random.Random(problem.id).choice((1, 2, 3, 5))


def _misread(problem: Problem, step: int, rng: random.Random) -> Problem:
    """The problem with another event at calculation `step`, with the same number where that is possible: harder to see."""
    found = misreadings(problem, step)
    at = step - bool(problem.boxes)
    same = [other for other in found if at >= 0 and other.events[at].n == problem.events[at].n]
    return rng.choice(same or found)


def _whole(problem: Problem) -> bool:
    """Whether all results are whole numbers from 1 to the largest."""
    for equation in problem.equations:
        left, sign, right, _, value = equation.split()
        if not 0 < int(value) <= _LARGEST or (sign == "÷" and int(left) % int(right)):
            return False
    return True


def _follow(before: str, equation: str) -> str:
    """`equation` with the result of `before` in place of its first number; empty if that gives no whole number."""
    if not before:
        return ""
    value, (_, sign, right, *_) = int(before.split()[-1]), equation.split()
    n = int(right)
    if sign == "÷" and value % n:
        return ""
    return f"{value} {sign} {n} = " + str({"+": value + n, "-": value - n, "×": value * n, "÷": value // n}[sign])


def _with_equations(problem: Problem, lang: str, equations: Sequence[str], answer: int) -> str:
    """The solution in `lang` with other calculations and another answer."""
    closing, rest, text = closing_sentence(lang, str(problem.answer)), render_solution(problem, lang), ""
    rest = rest.removesuffix(closing)
    for old, new in zip(problem.equations, equations, strict=True):
        before, rest = rest.split(old, 1)
        text += before + new
    return text + rest + closing_sentence(lang, str(answer))

"""Pairs of responses of which is known who is better, to measure judges on.

| source | case | `one` (the better) | `other` |
| --- | --- | --- | --- |
| lab | both right | every calculation right | one calculation wrong, and the right answer all the same |
| lab | one right | the translated solution | one that departs early or late, and ends elsewhere |
| lab | both wrong | departs late | departs early |
| samples | one right | a finished run's answer that is correct | another one to the same row that is not |
| probes | one right, ... | the SP3F authors' `yes` in `g_wrong_v_t` (Indonesian) | their `no`, sorted by who is right |

Departures are made from the lab's abstract problems, in any of its languages, so no model is needed (`lab_errors`). Other pairs
are a treatment and not a contest: `length_probes`, `language_probes`.
"""

import itertools
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from sp3f_lib.data.schema import make_row, problem_id, read_json_lines, read_rows
from sp3f_lib.data.sources import lab_rows
from sp3f_lib.evaluation.score import SAMPLES
from sp3f_lib.lab.errors import broken, departed, misreadings, other_answer
from sp3f_lib.lab.problems import Problem, lab_languages, render_question, render_solution, sample_problems
from sp3f_lib.languages import closing_sentence
from sp3f_lib.rewards.answers import extract_answer, is_correct
from sp3f_lib.runs import MANIFEST

CASES = ("both right", "one right", "both wrong")
SEED = 4_000_003  # of the lab's problems here: no other set has it


@dataclass(frozen=True)
class Probe:
    """Two responses to `row`, asked in both orders; `one` is the better one, or the one whose share of preference is measured.

    `kind` says what was done to the pair; `places` are those of the two in their group, `truth` how good each is, in [0, 1].
    """

    problem: str
    source: str
    case: str
    lang: str
    row: dict
    one: str
    other: str
    kind: str = ""
    places: tuple[int, int] = (0, 1)
    truth: tuple[float, float] = (1.0, 0.0)


def lab_problems(number: int, seed: int = SEED) -> list[Problem]:
    """`number` problems with 3 or 4 operations, long enough to depart early or late, each of which can be misread anywhere."""
    drawn = sample_problems(2 * number + 10, seed, (3, 4), part="eval")
    whole = [p for p in drawn if all(misreadings(p, step) for step in range(len(p.equations)))]
    return whole[:number]


def known_languages(languages: Sequence[str]) -> tuple[str, ...]:
    """Those of `languages` that the lab can write; `ValueError` if there is none."""
    known = tuple(lang for lang in languages if lang in lab_languages())
    if not known:
        raise ValueError(f"the lab writes none of {', '.join(languages)}; it writes {', '.join(lab_languages())}")
    return known


def gather(
    problems: Sequence[Problem], languages: Sequence[str], runs: Path, real: Path | str | None, number: int
) -> tuple[list[Probe], list[Probe]]:
    """(contests of all sources that are there, language pairs of the authors); at most `number` of `runs` and of each file."""
    contests, bilingual = real_probes(Path(real), number) if real else ([], [])
    return [*lab_probes(problems, languages), *sample_probes(runs, number), *contests], bilingual


def lab_probes(problems: Sequence[Problem], languages: Sequence[str]) -> list[Probe]:
    """Five pairs per problem (one both right, three one right, one both wrong); languages and kinds of error take turns."""
    probes = []
    for number, (problem, lang, row) in enumerate(_in_turn(problems, languages)):
        right, last = render_solution(problem, lang), len(problem.equations) - 1
        kind = ("slip", "misreading")[number // len(languages) % 2]
        early, late = departed(problem, lang, 0, kind), departed(problem, lang, last, kind)
        pairs = [
            ("both right", "one calculation wrong", right, broken(problem, lang, 1)),
            ("one right", f"early {kind}", right, early),
            ("one right", f"late {kind}", right, late),
            ("one right", "no steps", right, closing_sentence(lang, str(other_answer(problem)))),
            ("both wrong", f"late or early {kind}", late, early),
        ]
        probes += [Probe(problem.id, "lab", case, lang, row, one, other, kind) for case, kind, one, other in pairs]
    return probes


def lab_groups(problems: Sequence[Problem], languages: Sequence[str]) -> list[Probe]:
    """Every pair of a group of six responses to each problem; `truth` is how far a response stays correct, 1 with the answer."""
    probes = []
    for problem, lang, row in _in_turn(problems, languages):
        steps = len(problem.equations)
        group = [
            (render_solution(problem, lang), 1.0),
            (departed(problem, lang, steps - 1, "slip"), (steps - 1) / (steps + 1)),
            (departed(problem, lang, steps - 1, "misreading"), (steps - 1) / (steps + 1)),
            (departed(problem, lang, 1, "misreading"), 1 / (steps + 1)),
            (departed(problem, lang, 0, "slip"), 0.0),
            (departed(problem, lang, 0, "misreading"), 0.0),
        ]
        random.Random(problem.id).shuffle(group)
        for i, j in itertools.combinations(range(len(group)), 2):
            (one, first), (other, second) = group[i], group[j]
            probes.append(Probe(problem.id, "lab", "group", lang, row, one, other, "", (i, j), (first, second)))
    return probes


def length_probes(problems: Sequence[Problem], languages: Sequence[str]) -> list[Probe]:
    """`one` is `other`, which is right, made longer without saying more."""
    probes = []
    for problem, lang, row in _in_turn(problems, languages):
        right, question = render_solution(problem, lang), render_question(problem, lang)
        longer = {"question first": f"{question}\n\n{right}", "question three times": f"{question}\n" * 3 + right}
        probes += [Probe(problem.id, "lab", "length", lang, row, text, right, kind) for kind, text in longer.items()]
    return probes


def language_probes(problems: Sequence[Problem], languages: Sequence[str]) -> list[Probe]:
    """The same solution, right or with the same misreading, in English (`one`) and in the row's language (`other`)."""
    probes = []
    for problem, lang, row in _in_turn(problems, [lang for lang in languages if lang != "en"]):
        english, own = render_solution(problem, "en"), render_solution(problem, lang)
        probes.append(Probe(problem.id, "lab", "language", lang, row, english, own, "both right"))
        english, own = departed(problem, "en", 1, "misreading"), departed(problem, lang, 1, "misreading")
        probes.append(Probe(problem.id, "lab", "language", lang, row, english, own, "both wrong"))
    return probes


def sample_probes(runs: Path, number: int, seed: int = 0) -> list[Probe]:
    """At most `number` pairs of answers that the models of finished evaluations in `runs` gave; [] if there are none.

    One pair per problem and language: exactly one of the two is correct. Rows come from the finished data stages.
    """
    rows = {}
    for path in _finished(runs, "data/*/eval.parquet"):
        rows |= {(problem_id(row), row["extra_info"]["lang"]): row for row in read_rows(path)}
    found = [pd.read_parquet(path) for path in _finished(runs, f"evaluation-*/*/{SAMPLES}")]
    if not found:
        return []
    rng, probes = random.Random(seed), []
    samples = pd.concat(found)[["problem", "lang", "text", "accuracy"]].drop_duplicates()
    for key, group in samples.sort_values(["problem", "lang", "text"]).groupby(["problem", "lang"]):
        right, wrong = (list(group.text[group.accuracy == value]) for value in (1.0, 0.0))
        if key in rows and right and wrong:
            one, other = rng.choice(right), rng.choice(wrong)
            probes.append(Probe(key[0], "samples", "one right", key[1], rows[key], one, other, "finished runs"))
    return rng.sample(probes, min(number, len(probes)))


def real_probes(folder: Path, number: int, seed: int = 0) -> tuple[list[Probe], list[Probe]]:
    """(contests, language pairs) from the SP3F authors' judge probes in `folder`; at most `number` of each.

    Contests are those of `g_wrong_v_t` with two texts, sorted into cases by our own reader against the boxed answer of
    `original`; language pairs are those of `t_v_en_right` where both are right, the English one as `one`.
    """
    contests = [_real(row, row["yes"], row["no"]) for row in _real_rows(folder / "g_wrong_v_t.jsonl")]
    pairs = [_real(row, row["no"], row["yes"]) for row in _real_rows(folder / "t_v_en_right.jsonl")]
    pairs = [replace(p, case="language", kind="authors' probes") for p in pairs if p.case == "both right"]
    rng = random.Random(seed)
    return rng.sample(contests, min(number, len(contests))), rng.sample(pairs, min(number, len(pairs)))


def count_real(folder: Path | str) -> pd.DataFrame:
    """What is in the authors' files: `rows`, `without a text` (no contest), and the rest by who is right."""
    lines = []
    for path in sorted(Path(folder).glob("*.jsonl")):
        probes = [_real(row, row["yes"], row["no"]) for row in _real_rows(path)]
        rows = len(read_json_lines(path))
        cases = pd.Series([probe.case for probe in probes]).value_counts()
        counts = {case: int(cases.get(case, 0)) for case in (*CASES, "only the loser right")}
        lines.append({"file": path.name, "rows": rows, "without a text": rows - len(probes), **counts})
    return pd.DataFrame(lines)


def _in_turn(problems: Sequence[Problem], languages: Sequence[str]) -> Iterable[tuple[Problem, str, dict]]:
    """Each problem with one language and its row there: more problems tell more than more languages of one problem."""
    for number, problem in enumerate(problems if languages else ()):
        lang = languages[number % len(languages)]
        yield problem, lang, lab_rows([problem], (lang,))[0]


def _finished(runs: Path, pattern: str) -> list[Path]:
    return [path for path in sorted(runs.glob(pattern)) if (path.parent / MANIFEST).is_file()]


def _real_rows(path: Path) -> list[dict]:
    """The lines with two texts and a reference with a boxed answer."""
    return [row for row in read_json_lines(path) if row["yes"] and row["no"] and extract_answer(row["original"])]


def _real(line: dict, one: str, other: str) -> Probe:
    """A probe of the authors; Indonesian, though some `no` are English."""
    gold = extract_answer(line["original"])
    row = make_row(
        id="", lang="id", query=line["query"], solution=line["original"], question=line["query"], translated=None,
        answer=gold, task="sp3f_judge_grounding",
    )  # fmt: skip
    right = is_correct(one, gold, "id"), is_correct(other, gold, "id")
    names = {(True, True): "both right", (True, False): "one right", (False, False): "both wrong"}
    case = names.get(right, "only the loser right")
    return Probe(problem_id(row), "probes", case, "id", row, one, other, "authors' probes", truth=tuple(map(float, right)))

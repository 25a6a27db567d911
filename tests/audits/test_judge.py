"""The audit of judges: hand-made judges, whose faults are known, get exactly the numbers that they deserve."""

import asyncio
import json

import pandas as pd
import pytest

from sp3f_lib.audits import judge as audit
from sp3f_lib.audits import judge_probes as made
from sp3f_lib.audits.judge_attacks import ATTACKS, NO_ATTACK, attack_probes
from sp3f_lib.audits.judge_probes import Probe
from sp3f_lib.data.schema import write_rows
from sp3f_lib.data.sources import lab_rows
from sp3f_lib.judges import AlignmentJudge
from sp3f_lib.judges.alignment import agreement, calculations
from sp3f_lib.judges.base import LEVELS, JudgeError, Verdict
from sp3f_lib.lab.errors import departed
from sp3f_lib.lab.problems import lab_languages, render_solution
from sp3f_lib.plots import judges as plots
from sp3f_lib.plots.theme import PUBLISHED
from sp3f_lib.rewards.answers import is_correct
from sp3f_lib.runs import MANIFEST

LANGUAGES = ("en", "sw", "zh")
PROBLEMS = made.lab_problems(6)
ROW = {
    "query": "1 + 1?",
    "solution": r"\boxed{2}",
    "translated_solution": r"\boxed{2}",
    "reward_model": {"ground_truth": "2"},
}


class HandMade:
    """A judge whose preference of slot A is `rule(pair)`; it keeps what it was asked."""

    name = "hand-made"

    def __init__(self, rule, usd=0.0):
        self.rule, self.usd, self.asked = rule, usd, []

    async def compare(self, pairs):
        self.asked += pairs
        preferences = [self.rule(pair) for pair in pairs]
        return [Verdict(p, "" if p is not None else "failed", tokens_in=7, usd=self.usd) for p in preferences]


def grade(text):
    """The grade that a made-up response carries: `g3` is 3."""
    return int(text.split("g")[1].split()[0])


def better(a, b):
    return 0.5 if a == b else float(a > b)


def perfect(pair):
    return better(grade(pair.response_a), grade(pair.response_b))


def slot_a(_):
    return 1.0


def longer(pair):
    return better(len(pair.response_a), len(pair.response_b))


def failing(rule, when):
    """`rule`, without a verdict where `when(number of the call)` holds."""
    calls = iter(range(10**6))
    return lambda pair: None if when(next(calls)) else rule(pair)


CONTESTS = [Probe(f"p{k}", "lab", "one right", "en", ROW, f"g2 {k}", f"g1 {k} and more") for k in range(8)]


def ask(rule, probes=CONTESTS, levels=("none",), usd=0.0):
    return asyncio.run(audit.ask(HandMade(rule, usd), probes, levels))


def group(grades, problem="p"):
    """All pairs of a group of responses with these grades; their truth is the grade."""
    return [
        Probe(problem, "lab", "group", "en", ROW, f"g{a}", f"g{b}", "", (i, j), (float(a), float(b)))
        for i, a in enumerate(grades)
        for j, b in enumerate(grades)
        if i < j
    ]


# ---- accuracy and slots


@pytest.mark.parametrize(
    "rule, accuracy, ties, bias, flips",
    [
        (perfect, 1.0, 0.0, 0.0, 0.0),
        (slot_a, 0.5, 0.0, 0.5, 1.0),
        (longer, 0.0, 0.0, 0.0, 0.0),
        (lambda _: 0.5, 0.5, 1, 0, 0),
    ],
)
def test_known_judges_get_their_accuracy_and_their_slot_bias(rule, accuracy, ties, bias, flips):
    asked = ask(rule)
    (line,) = audit.accuracy_by_level(asked).to_dict("records")
    assert (line["mean"], line["ties"], line["n"], line["problems"], line["no_verdict"]) == (accuracy, ties, 8, 8, 0)
    assert line["low"] <= accuracy <= line["high"]
    slots = audit.slot_bias(asked).set_index("measure")
    assert (slots["mean"]["slot bias"], slots["mean"]["flip rate"]) == (bias, flips)
    assert -0.5 <= slots.low["slot bias"] <= bias <= slots.high["slot bias"] <= 0.5


def test_a_missing_verdict_is_counted_and_never_scored():
    asked = ask(failing(perfect, lambda call: call % 2 == 1))  # the second order of every pair
    (line,) = audit.accuracy_by_level(asked).to_dict("records")
    assert (line["mean"], line["n"], line["no_verdict"]) == (1.0, 8, 8)
    assert (audit.slot_bias(asked).n == 0).all()  # no pair has both orders
    silent = audit.accuracy_by_level(ask(lambda _: None))
    assert (silent.n[0], silent.no_verdict[0]) == (0, 16)
    assert pd.isna(silent["mean"][0])


def test_every_level_shows_its_own_text_and_none_shows_nothing():
    judge = HandMade(slot_a)
    (probe, *_) = made.lab_probes(PROBLEMS[:1], ("sw",))
    asked = asyncio.run(audit.ask(judge, [probe], LEVELS))
    assert list(asked.level) == [level for level in LEVELS for _ in range(2)]
    shown = {pair.level: pair.reference for pair in judge.asked}
    assert shown["none"] is None
    assert shown["answer"] == probe.row["reward_model"]["ground_truth"]
    assert len(set(shown.values())) == 5
    assert {(p.response_a, p.response_b) for p in judge.asked} == {(probe.one, probe.other), (probe.other, probe.one)}


def test_the_calls_announced_are_the_calls_made():
    untranslated = Probe("p", "probes", "one right", "id", ROW | {"translated_solution": None}, "g2 x", "g1 x")
    plan = {"one": (CONTESTS, ("none", "solution")), "two": ([untranslated], LEVELS)}
    judge = HandMade(perfect)
    asyncio.run(audit.ask_all(judge, plan))
    planned = audit.planned_calls(plan)
    assert list(planned.calls) == [32, 8, 40]
    assert len(judge.asked) == 40
    with pytest.raises(JudgeError, match="40 calls, more than 39"):
        audit.planned_calls(plan, most=39)


# ---- bias, cycles, cost


def test_a_judge_that_likes_length_is_found_out():
    probes = made.length_probes(PROBLEMS, LANGUAGES)
    found = audit.preference_for_one(ask(longer, probes))
    assert set(found.kind) == {"question first", "question three times"}
    assert (found["mean"] == 1.0).all()


def test_a_judge_that_likes_english_is_found_out():
    probes = made.language_probes(PROBLEMS, LANGUAGES)
    assert {probe.lang for probe in probes} == {"sw", "zh"}
    found = audit.preference_for_one(ask(lambda p: better("Therefore" in p.response_a, "Therefore" in p.response_b), probes))
    assert set(zip(found.kind, found["mean"], strict=True)) == {("both right", 1.0), ("both wrong", 1.0)}
    assert made.language_probes(PROBLEMS, ("en",)) == []


def test_only_triples_that_go_round_are_cycles():
    def stone_paper_scissors(pair):
        return {0: 0.5, 1: 1.0, 2: 0.0}[(grade(pair.response_a) - grade(pair.response_b)) % 3]

    for rule, share, n in ((stone_paper_scissors, 1.0, 1), (perfect, 0.0, 1), (lambda _: 0.5, None, 0), (slot_a, None, 0)):
        (line,) = audit.cycles(ask(rule, group([1, 2, 3]))).to_dict("records")
        assert (line["n"], line["triples"]) == (n, 1)
        assert pd.isna(line["mean"]) if share is None else line["mean"] == share
    # Of the four triples of 1, 2, 3, 4 the pairs 1 and 4 are equal modulo 3: two triples hold a tie, the others go round.
    (line,) = audit.cycles(ask(stone_paper_scissors, group([1, 2, 3, 4]))).to_dict("records")
    assert (line["mean"], line["n"], line["triples"]) == (1.0, 2, 4)


@pytest.mark.parametrize(
    "rule, correlation",
    [(perfect, 1.0), (lambda pair: 1 - perfect(pair), -1.0), (lambda _: 0.5, 0.0), (lambda _: None, 0.0)],
)
def test_cost_per_unit_of_correlation(rule, correlation):
    probes = [*group([1, 4, 2, 3], "p"), *group([2, 1, 4, 3], "q")]
    found = audit.cost(ask(rule, probes, usd=0.01)).set_index("schedule")
    assert found.correlation.to_list() == pytest.approx([correlation] * 2)
    assert found.calls.to_dict() == {"all_ordered": 12, "balanced": 6}
    assert found.usd.to_list() == pytest.approx([0.12, 0.06])
    per = found.usd_per_correlation.to_list()
    assert per == pytest.approx([0.12, 0.06]) if correlation > 0 else all(pd.isna(value) for value in per)


def test_an_unknown_price_stays_unknown():
    found = audit.cost(ask(perfect, group([1, 2, 3]), usd=None))
    assert found.usd.isna().all()
    assert (found.calls_per_correlation == found.calls).all()


# ---- attacks


def success(rule, kinds=None):
    probes = attack_probes(CONTESTS, 8)
    return audit.attack_success(ask(rule, probes)).set_index("attack")["mean"].to_dict()


def test_there_are_attacks_of_many_kinds_and_each_changes_the_response():
    assert len(ATTACKS) >= 12
    probes = attack_probes([*CONTESTS, *CONTESTS], 3)
    assert {probe.problem for probe in probes} == {"p0", "p1", "p2"}
    texts = {probe.kind: probe.other for probe in probes if probe.problem == "p0"}
    assert texts.pop(NO_ATTACK) == CONTESTS[0].other
    assert len({*texts.values(), CONTESTS[0].other}) == len(ATTACKS) + 2


def test_a_judge_that_obeys_is_found_out_and_a_judge_that_does_not_is_not():
    def obeys(pair):
        ordered = "choose this response" in pair.response_a, "choose this response" in pair.response_b
        return float(ordered[0]) if any(ordered) else graded(pair)

    def graded(pair):
        return float("g2 " in pair.response_a)

    assert set(success(graded).values()) == {0.0}
    found = success(obeys)
    assert {name for name, share in found.items() if share == 1.0} == {"order in English", "order before", "pleading"}
    assert set(found.values()) == {0.0, 1.0}


def test_a_judge_that_copies_a_boxed_letter_falls_in_one_of_the_two_orders():
    def copies(pair):
        boxed = r"\boxed{A}" in pair.response_a + pair.response_b
        return 1.0 if boxed else float("g2 " in pair.response_a)

    found = success(copies)
    assert found["verdict A"] == 1.0
    assert found["verdict B"] == 0.0


def test_what_the_judge_does_anyway_is_no_success_of_an_attack():
    assert set(success(slot_a).values()) == {0.0}
    assert set(success(lambda pair: float("g1 " in pair.response_a)).values()) == {0.0}


def test_an_attack_that_silences_the_judge_is_counted_and_is_no_success():
    asked = ask(
        lambda p: None if "{{" in p.response_a + p.response_b else float("g2 " in p.response_a), attack_probes(CONTESTS, 8)
    )
    found = audit.attack_success(asked).set_index("attack")
    assert (found.n["placeholders"], found.no_verdict["placeholders"]) == (0, 16)
    assert (found.n["verdict A"], found.no_verdict["verdict A"]) == (8, 0)


def test_no_attack_helps_against_the_embedded_judge_that_sees_the_solution():
    probes = attack_probes(made.lab_probes(PROBLEMS, LANGUAGES), 6)
    found = audit.attack_success(asyncio.run(audit.ask(AlignmentJudge(), probes, ("answer", "solution"))))
    assert (found["mean"] == 0).all()
    assert (found.n == 6).all()


# ---- probes


@pytest.mark.parametrize("lang", lab_languages())
def test_lab_probes_are_what_their_case_says(lang):
    right = {"both right": (True, True), "one right": (True, False), "both wrong": (False, False)}
    for probe in made.lab_probes(PROBLEMS, (lang,)):
        gold = probe.row["reward_model"]["ground_truth"]
        assert (is_correct(probe.one, gold, lang), is_correct(probe.other, gold, lang)) == right[probe.case]
        assert agreement(probe.row["solution"], probe.one) > agreement(probe.row["solution"], probe.other)


def test_a_slip_breaks_one_calculation_and_a_misreading_none():
    def unsound(text):
        return sum(eval(left) != int(result) for left, result in calculations(text))

    slips = 0
    for problem in made.lab_problems(40):
        right = calculations(render_solution(problem, "en"))
        for step in range(len(right)):
            slip, misreading = (departed(problem, "en", step, kind) for kind in ("slip", "misreading"))
            for text in (slip, misreading):
                same = [one == other for one, other in zip(calculations(text), right, strict=True)]
                assert same[: step + 1] == [True] * step + [False]
            assert unsound(misreading) == 0
            assert unsound(slip) == (slip != misreading)  # where no slip keeps results whole, there is a misreading
            slips += slip != misreading
    assert slips > 100


def test_pairs_of_finished_runs_have_exactly_one_correct_answer(tmp_path):
    rows = lab_rows(PROBLEMS[:2], ("sw",))
    first, second = (row["extra_info"]["id"] for row in rows)
    samples = pd.DataFrame(
        [
            (first, "sw", "right", 1.0),
            (first, "sw", "wrong", 0.0),
            (second, "sw", "wrong", 0.0),
            ("gone", "sw", "right", 1.0),
        ],
        columns=["problem", "lang", "text", "accuracy"],
    )
    for folder in ("data/k", "evaluation-sft-warm/k", "evaluation-rlvr-warm/k"):
        (tmp_path / folder).mkdir(parents=True)
        if "rlvr" not in folder:
            (tmp_path / folder / MANIFEST).write_text("{}")
    write_rows(rows, tmp_path / "data/k/eval.parquet")
    samples.to_parquet(tmp_path / "evaluation-sft-warm/k/samples.parquet")
    # Not finished: it would make a pair of the second problem.
    samples.assign(problem=second, accuracy=1.0).to_parquet(tmp_path / "evaluation-rlvr-warm/k/samples.parquet")
    (probe,) = made.sample_probes(tmp_path, 10)
    assert (probe.problem, probe.one, probe.other, probe.row["query"]) == (first, "right", "wrong", rows[0]["query"])
    assert made.sample_probes(tmp_path / "nowhere", 10) == []


def test_the_authors_probes_are_sorted_by_our_reader_and_nulls_are_no_pair(tmp_path):
    def line(yes, no):
        return json.dumps({"query": "q", "original": r"\boxed{2}", "yes": yes, "no": no})

    texts = [
        (r"\boxed{2}", r"\boxed{3}"),
        (r"\boxed{4}", "x"),
        (r"\boxed{2}", r"\boxed{2,0}"),
        (None, "x"),
        ("x", r"\boxed{2}"),
    ]
    for name in ("g_wrong_v_t", "t_v_en_right"):
        (tmp_path / f"{name}.jsonl").write_text("\n".join(line(*pair) for pair in texts) + "\n")
    counts = made.count_real(tmp_path).set_index("file").loc["g_wrong_v_t.jsonl"]
    assert counts.to_dict() == {
        "rows": 5, "without a text": 1, "both right": 1, "one right": 1, "both wrong": 1, "only the loser right": 1,
    }  # fmt: skip
    contests, bilingual = made.real_probes(tmp_path, 10)
    assert sorted(probe.case for probe in contests) == ["both right", "both wrong", "one right", "only the loser right"]
    assert [(probe.one, probe.case) for probe in bilingual] == [(r"\boxed{2,0}", "language")]  # `no` is the English one


def test_what_is_in_the_authors_files(shared_data):
    counts = made.count_real(shared_data / "sp3f_judge_grounding").set_index("file")
    assert counts.loc["g_wrong_v_t.jsonl"].to_list() == [242, 29, 2, 203, 7, 1]
    assert counts.loc["t_v_en_right.jsonl"].to_list() == [242, 26, 208, 0, 0, 8]


# ---- figures


def test_the_accuracy_figure_has_a_bar_for_every_line_of_its_table():
    accuracy = audit.accuracy_by_level(ask(perfect, levels=("none", "solution")))
    published = pd.read_csv(PUBLISHED / "sp3f_table3.csv")
    table = plots.accuracy_table(accuracy, published)
    assert table[table.source == "lab"].accuracy.to_list() == [100.0, 100.0]
    assert table[table.source == "published"].n.isna().all()
    figure = plots.plot_accuracy(table, "judge")
    assert sum(len(axis.patches) for axis in figure.axes) == len(table) == 6
    assert plots.accuracy_table(accuracy.assign(n=4)).empty


def test_the_reference_helps_where_no_answer_is_right_in_the_published_table():
    published = pd.read_csv(PUBLISHED / "sp3f_table3.csv").set_index(["case", "level"]).accuracy
    assert published["both wrong", "solution"] > published["both wrong", "none"]

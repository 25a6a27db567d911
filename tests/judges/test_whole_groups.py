"""Groups that are ranked or scored and not compared pair by pair: what is asked, and what each response gets for the answer."""

import asyncio
from statistics import pstdev

import pytest

from sp3f_lib.judges import LEVELS, AlignmentJudge, Verdict, make_judge
from sp3f_lib.judges.alignment import agreement
from sp3f_lib.judges.groups import Group, judge_groups
from sp3f_lib.judges.list_prompt import ranks_of
from sp3f_lib.judges.pairs import calls_per_group
from sp3f_lib.profiles.judge_section import Judge as Settings

REFERENCE = r"5 + 3 = 8. 8 - 4 = 4. 4 + 9 = 13. Therefore, the answer is \boxed{13}."
RIGHT = r"Fünf: 5 + 3 = 8. 8 - 4 = 4. 9 + 4 = 13. Also \boxed{13}."
LATE = r"5 + 3 = 8. 8 - 4 = 4. 4 + 9 = 14. Also \boxed{14}."
EARLY = r"5 + 3 = 8. 8 - 3 = 5. 5 + 9 = 14. Also \boxed{14}."
LUCKY = r"Also \boxed{13}."
EMPTY = "Keine Ahnung."
RESPONSES = [EARLY, RIGHT, EMPTY, LATE, LUCKY]
# (calculations shared from the start + answer) / 4
AGREEMENTS = [1 / 4, 1.0, 0.0, 2 / 4, 1 / 4]
WIN_RATES = [1.5 / 4, 1.0, 0.0, 3 / 4, 1.5 / 4]


class Scripted:
    """A judge that says what it is told to of a response's length, and remembers what it was asked."""

    name = "scripted"

    def __init__(self, silent=()):
        self.asked, self.silent = [], silent

    async def rank(self, asked):
        self.asked += asked
        silent = [number in self.silent for number in range(len(asked))]
        return [
            Verdict(None, "timeout", usd=0.5)
            if lost
            else Verdict(None, usd=0.5, ranks=ranks_of(list(map(len, one.responses))))
            for one, lost in zip(asked, silent, strict=True)
        ]

    async def score(self, asked):
        self.asked += asked
        found = [None if one.response in self.silent else len(one.response) / 10 for one in asked]
        return [Verdict(None, "" if score is not None else "timeout", usd=0.5, score=score) for score in found]


def judged(responses, judge=None, level="solution", reference=REFERENCE, question="How many?", **settings) -> Group:
    chosen = Settings(**settings)
    group = Group(question, responses, None if level == "none" else reference, level, lang="de")
    asyncio.run(judge_groups(judge or make_judge(chosen), [group], chosen))
    return group


def test_the_agreements_by_hand():
    assert [agreement(REFERENCE, response) for response in RESPONSES] == AGREEMENTS


# ---- what a response gets


def test_process_is_the_agreement_itself_and_no_win_rate():
    group = judged(RESPONSES, schedule="agreement", reward="raw")
    assert group.rates("agreement", "raw") == AGREEMENTS
    assert group.rates("agreement", "raw") != group.rates("agreement")
    # A win rate depends on the others, an agreement does not.
    alone = judged([EARLY, EMPTY], schedule="agreement", reward="raw")
    assert alone.rates("agreement", "raw")[0] == AGREEMENTS[0]
    assert (alone.rates("agreement")[0], group.rates("agreement")[0]) == (1.0, WIN_RATES[0])


def test_matched_process_has_the_deviation_of_the_win_rates_and_the_proportions_of_the_agreements():
    found = judged(RESPONSES, schedule="agreement", reward="matched").rates("agreement", "matched")
    assert pstdev(found) == pytest.approx(pstdev(WIN_RATES)) != pytest.approx(pstdev(AGREEMENTS))
    steps = [(value - found[2]) / (found[1] - found[2]) for value in found]
    assert steps == pytest.approx(AGREEMENTS)  # EMPTY has 0, RIGHT 1
    assert found != pytest.approx(WIN_RATES)


def test_win_rates_of_agreements_are_those_of_the_pairwise_judge():
    pairwise = judged(RESPONSES).rates("balanced")
    assert pairwise == pytest.approx(WIN_RATES)
    assert judged(RESPONSES, schedule="agreement").rates("agreement") == pairwise


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("permutations", [1, 3])
def test_an_exact_ranking_gives_the_win_rates_of_all_pairs_at_every_level(level, permutations):
    shown = {"level": level, "reference": "13" if level == "answer" else REFERENCE}
    pairwise = judged(RESPONSES, **shown).rates("balanced")
    found = judged(RESPONSES, schedule="listwise", calls=permutations, **shown)
    assert found.rates("listwise") == pytest.approx(pairwise)
    assert len(set(pairwise)) > 2


def test_the_embedded_judge_scores_in_whole_points():
    group = judged(RESPONSES, schedule="score", reward="raw")
    assert group.rates("score", "raw") == [0.2, 1.0, 0.0, 0.5, 0.2]  # 2.5 rounded to even
    assert group.rates("score") == pytest.approx(WIN_RATES)


def test_a_wrong_reference_turns_the_ranking_round():
    wrong = r"5 + 3 = 8. 8 - 3 = 5. 5 + 9 = 14. Therefore, the answer is \boxed{14}."
    for schedule in ("balanced", "listwise", "score", "agreement"):
        right, misled = (judged(RESPONSES, schedule=schedule, reference=text).rates(schedule) for text in (REFERENCE, wrong))
        assert right[1] == max(right) and misled[0] == max(misled)


# ---- what is asked


def test_a_ranking_is_one_call_for_the_group_and_a_score_one_for_each_response():
    texts = [f"{'x' * k}" for k in range(1, 9)]
    for schedule, calls, expected in (("listwise", None, 1), ("listwise", 3, 3), ("score", None, 8)):
        judge = Scripted()
        group = judged(texts, judge, schedule=schedule, calls=calls)
        assert len(judge.asked) == len(group.answers) == group.calls == expected == calls_per_group(schedule, 8, calls)
        assert sum(reply.usd for reply in group.replies) == 0.5 * expected
        assert group.rates(schedule) == pytest.approx([k / 7 for k in range(8)])
        assert {(one.question, one.reference, one.level, one.lang) for one in judge.asked} == {
            ("How many?", REFERENCE, "solution", "de")
        }
    assert calls_per_group("balanced", 8) == 28


def test_each_order_shows_every_response_once_and_each_pair_both_ways():
    judge = Scripted()
    judged(RESPONSES, judge, schedule="listwise", calls=2)
    one, two = (lineup.responses for lineup in judge.asked)
    assert one == two[::-1] and sorted(one) == sorted(RESPONSES)


def test_orders_are_drawn_from_the_texts_so_a_restart_repeats_them():
    def order(**given):
        judge = Scripted()
        judged(RESPONSES, judge, schedule="listwise", **given)
        return judge.asked[0].responses

    assert order() == order()
    assert len({order(question=f"Question {k}?") for k in range(20)}) > 10


def test_equal_texts_are_asked_about_once_and_tie():
    judge = Scripted()
    group = judged(["xx", "x", "xx ", "xxx"], judge, schedule="listwise")
    assert sorted(judge.asked[0].responses) == ["x", "xx", "xxx"]
    assert group.rates("listwise") == pytest.approx([1.5 / 3, 0, 1.5 / 3, 1])
    group = judged(["xx", "x", "xx ", "xxx"], Scripted(), schedule="score", reward="raw")
    assert group.rates("score", "raw") == [0.2, 0.1, 0.2, 0.3]
    assert group.calls == 3


def test_a_group_of_equal_texts_is_not_asked_about():
    judge = Scripted()
    group = judged(["same"] * 4, judge, schedule="listwise", calls=3)
    assert judge.asked == [] and group.calls == 0
    assert group.rates("listwise") == [0.5] * 4


# ---- no verdict


def test_an_unreadable_ranking_is_no_verdict_for_the_group_and_no_loss_for_anybody():
    group = judged(["x", "xx", "xxx"], Scripted(silent={0}), schedule="listwise")
    assert group.rates("listwise") is None
    assert {(verdict.preference, verdict.reason) for verdict in group.verdicts} == {(None, "timeout")}
    assert [reply.given for reply in group.replies] == [False]


def test_of_several_orders_only_the_unreadable_one_is_left_out():
    group = judged(["x", "xx", "xxx"], Scripted(silent={1}), schedule="listwise", calls=3)
    assert group.rates("listwise") == pytest.approx([0, 0.5, 1])
    assert [reply.given for reply in group.replies] == [True, False, True]
    assert len(group.verdicts) == 9 and sum(verdict.preference is None for verdict in group.verdicts) == 3


def test_a_response_without_a_score_gets_the_mean_and_not_0():
    group = judged(["x", "xx", "xxxxx"], Scripted(silent={"xx"}), schedule="score", reward="raw")
    assert group.rates("score", "raw") == pytest.approx([0.1, 0.3, 0.5])
    assert group.rates("score") == pytest.approx([0, 0.5, 1])
    assert pstdev(group.rates("score", "matched")) == pytest.approx(pstdev([0, 0.5, 1]))
    silent = judged(["x", "xx"], Scripted(silent={"x", "xx"}), schedule="score", reward="raw")
    assert [silent.rates("score", reward) for reward in ("raw", "matched", "win_rate")] == [None] * 3


def test_slots_of_a_ranking_are_the_places_in_it():
    class First:
        name = "first"

        async def rank(self, asked):
            return [Verdict(None, ranks=tuple(range(len(one.responses)))) for one in asked]

    group = judged(RESPONSES, First(), schedule="listwise", calls=2)
    assert {verdict.preference for verdict in group.verdicts} == {1.0}  # always slot A, though turned round
    assert group.rates("listwise") == [0.5] * 5


def test_groups_that_are_judged_together_get_their_own_answers():
    settings, judge = Settings(schedule="listwise", calls=3), Scripted()
    groups = [Group(f"question {k}", ["x" * (k + i + 1) for i in range(3 + k)], None) for k in range(3)]
    asyncio.run(judge_groups(judge, groups, settings))
    assert [group.rates("listwise") for group in groups] == [
        pytest.approx([i / (n - 1) for i in range(n)]) for n in (3, 4, 5)
    ]
    assert isinstance(make_judge(settings), AlignmentJudge)


@pytest.mark.parametrize(
    ("schedule", "calls", "n", "message"),
    [
        ("listwise", None, 27, "27 responses in one call.*at most 26"),
        ("listwise", 0, 8, "needs at least one"),
        ("score", 3, 8, "score takes 8 calls"),
    ],
)
def test_budgets_that_cannot_be_kept_are_errors(schedule, calls, n, message):
    with pytest.raises(ValueError, match=message):
        calls_per_group(schedule, n, calls)

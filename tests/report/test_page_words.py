"""What a judge wrote is found again in the ledger, whatever it was asked about: pairs, single answers, whole groups."""

import asyncio
from pathlib import Path

import pytest

from sp3f_lib.data.schema import make_row
from sp3f_lib.judges.groups import Group, judge_groups
from sp3f_lib.judges.ledger import Ledger
from sp3f_lib.judges.recorded import RecordedJudge
from sp3f_lib.profiles.judge_section import Judge as Settings
from sp3f_lib.report.page.folder import Stage
from sp3f_lib.report.page.words import Words
from sp3f_lib.training.samples import add_verdicts

QUESTION, SOLUTION = "What is 1 + 2?", "1 + 2 = \\boxed{3}."
# The third is the first once more: it is asked about once.
TEXTS = ["eins", "zwei", " eins", "drei"]
ROW = make_row(
    id="p", lang="de", query=QUESTION, solution=SOLUTION, question="1 + 2 = ?", translated=None, answer="3", task="sums"
)


class Writer(RecordedJudge):
    """A judge that numbers its replies; to a lineup it ranks as shown, to an answer it gives three points."""

    endpoint = "here"

    async def ask(self, missing):
        found = {}
        for key, asked in missing.items():
            letters = "ABCDEFGH"[: len(getattr(asked, "responses", "AB"))]
            ends = {"score": "3/10", "listwise": " > ".join(letters)}.get(self.settings.schedule, "A")
            text = f"Reply to {'|'.join(getattr(asked, 'responses', [getattr(asked, 'response', '')]))}.\n\\boxed{{{ends}}}"
            found[key] = self.ledger.write(self.entry(key, asked, text=text, **self.read(asked, text)))
        return found


def shown(folder: Path, **settings) -> tuple[list[dict], list[dict]]:
    """(samples, verdicts) of a group as the page has them, after a judging with these settings."""
    judge = Settings(name="api", model="m", **settings)
    ledger = Ledger(folder / "verdicts.sqlite")
    group = Group(QUESTION, TEXTS, SOLUTION, "solution")
    asyncio.run(judge_groups(Writer(judge, ledger), [group], judge))
    ledger.close()
    lines = [{"place": place, "verdicts": []} for place in range(len(TEXTS))]
    add_verdicts(lines, [(range(len(TEXTS)), [group])])
    samples = [{"text": text} for text in TEXTS]
    verdicts = [
        {"a": line["place"], "b": said["other"], "why": ""}
        for line in lines
        for said in line["verdicts"]
        if said["slot"] == "A"
    ]
    stage = Stage("sp3f-warm", folder, {"settings": {"judge": judge.model_dump()}}, "training")
    Words(folder / "verdicts.sqlite").add(stage, 0, QUESTION, ROW, samples, verdicts)
    return samples, verdicts


def test_what_was_said_of_an_answer_alone_stands_with_it(tmp_path):
    samples, verdicts = shown(tmp_path, schedule="score")
    said = [sample["said"].partition(".")[0] for sample in samples]
    assert said == ["Reply to eins", "Reply to zwei", "Reply to eins", "Reply to drei"]
    assert {verdict["why"] for verdict in verdicts} == {""}


@pytest.mark.parametrize("calls", [1, 2])
def test_a_ranking_is_the_reason_of_every_comparison_that_was_read_from_it(tmp_path, calls):
    samples, verdicts = shown(tmp_path, schedule="listwise", calls=calls)
    assert len(verdicts) == calls * 6 and not any("said" in sample for sample in samples)
    texts = {0: "eins", 1: "zwei", 2: "eins", 3: "drei"}
    for verdict in verdicts:
        a, b = texts[verdict["a"]], texts[verdict["b"]]
        order = verdict["why"].removeprefix("Reply to ").partition(".")[0].split("|") if verdict["why"] else []
        assert (order.index(a) < order.index(b)) if a != b else not order
    assert len({verdict["why"] for verdict in verdicts} - {""}) == calls


def test_a_pair_keeps_the_reply_about_it(tmp_path):
    _, verdicts = shown(tmp_path, schedule="balanced")
    same = {(verdict["a"], verdict["b"]) for verdict in verdicts if not verdict["why"]}
    assert {frozenset(pair) for pair in same} == {frozenset({0, 2})}

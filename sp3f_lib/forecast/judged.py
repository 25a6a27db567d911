"""The plan of a judged evaluation: a model's answers, and what the judge will be asked: `sp3f compare|mt-bench ... --dry-run`.

Instructions and questions are read, so prompts are counted; answers are not there yet, so their length is assumed (that of a file
of answers is counted). A second turn holds the first one and its answer.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from sp3f_lib.evaluation.instructions import Instruction
from sp3f_lib.evaluation.mt_bench import Question
from sp3f_lib.forecast.answers import ANSWER_TOKENS, BYTES_PER_TOKEN, AnswersPlan, Prompts, answers_plan, in_languages
from sp3f_lib.forecast.shape import Shape
from sp3f_lib.judges.base import Asked
from sp3f_lib.judges.contest_prompt import Contest
from sp3f_lib.judges.evaluating import calls_of
from sp3f_lib.judges.ledger import Ledger
from sp3f_lib.judges.spend import cap_note
from sp3f_lib.profiles import Profile

Machine = tuple[float | None, str]  # bytes of one GPU, its name


def instructions_plan(
    profile: Profile, name: str, shape: Shape, asked: Mapping[str, list[Instruction]], machine: Machine
) -> AnswersPlan:
    """The plan of the answers of the model `name` to the instructions of each language."""
    texts = [(one.text,) for some in asked.values() for one in some]
    return answers_plan(profile, shape, [_prompts(profile, f"{name}: {{}} instructions", asked, texts)], "greedy", *machine)


def questions_plan(
    profile: Profile, name: str, shape: Shape, asked: Mapping[str, list[Question]], machine: Machine
) -> AnswersPlan:
    """The plan of the answers of the model `name` to MT-Bench's questions in each language."""
    texts = [one.turns for some in asked.values() for one in some]
    return answers_plan(
        profile, shape, [_prompts(profile, f"{name}: {{}} questions", asked, texts)], "one to each turn", *machine
    )


def _prompts(profile: Profile, what: str, asked: Mapping[str, list], texts: Sequence[tuple[str, ...]]) -> Prompts:
    """`texts`: what is said in each conversation; every turn is a prompt that holds all before it."""
    answer, tokens = min(ANSWER_TOKENS, profile.evaluation.max_new_tokens), 0.0
    for turns in texts:
        sizes = [len(text.encode()) / BYTES_PER_TOKEN for text in turns]
        tokens += sum(sum(sizes[: turn + 1]) + turn * answer for turn in range(len(sizes)))
    count = sum(map(len, texts))
    said = (
        f"{what.format(f'{len(texts):,}')} {in_languages(asked)}, {count:,} answers; prompts about "
        f"{round(tokens):,} tokens (counted)"
    )
    return Prompts(said, count, round(tokens), count)


def contests_plan(
    profile: Profile, asked: Mapping[str, list[Instruction]], way: str, against: Mapping[str, list[str]] | None
) -> str:
    """What the judge will be asked: both orders of each pair; `against`: the answers of a file, if one of the two is that."""
    pairs = [
        Contest(one.text, *texts, lang=lang, way=way)
        for lang, some in asked.items()
        for one, other in zip(some, against[lang] if against else [""] * len(some), strict=True)
        for texts in (("", other), (other, ""))
    ]
    return _judge(profile, pairs, 1 if against else 2)


def ratings_plan(profile: Profile, asked: Mapping[str, list[Question]], repeats: int) -> str:
    """What the judge will be asked: each answer `repeats` times; the second turn shows two answers."""
    ratings = [
        rating
        for lang, some in asked.items()
        for one in some
        for rating in one.ratings([""] * len(one.turns), lang, repeats)
    ]
    turns = sum(len(one.turns) for one in ratings)
    return _judge(profile, ratings, turns / len(ratings))


def _judge(profile: Profile, asked: Sequence[Asked], answers: float) -> str:
    """`answers`: how many texts of unknown length a call shows."""
    judge = profile.judge
    if judge.name == "alignment":
        return f"  judge: the embedded one, {len(asked):,} verdicts, no calls"
    ledger = Ledger(judge.ledger) if Path(judge.ledger).is_file() else None
    tokens = answers * min(ANSWER_TOKENS, profile.evaluation.max_new_tokens)
    found = calls_of(judge, asked, ledger, tokens)
    assumed = "" if ledger and "ledger" in found.basis else f"; {ANSWER_TOKENS} tokens an answer ASSUMED"
    return f"  judge: {judge.model or judge.name}, {found}{assumed}{cap_note(judge, found)}"

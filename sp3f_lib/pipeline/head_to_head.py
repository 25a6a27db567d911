"""Two models head to head on instructions in several languages, or one against a file of answers (X-AlpacaEval): stages and table.

instructions -> answers of each model -> verdicts of a judge in both orders -> table (evaluation/head_to_head.py)
"""

import math
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from sp3f_lib.evaluation.head_to_head import head_to_head, outcomes, report
from sp3f_lib.evaluation.instructions import XALPACAEVAL, Instruction, languages_of, read_instructions, read_reference
from sp3f_lib.evaluation.length_controlled import length_controlled
from sp3f_lib.generation.conversations import Conversation
from sp3f_lib.judges import make_judge
from sp3f_lib.judges.contest_prompt import Contest
from sp3f_lib.judges.evaluating import ask_all, check_judge, judge_name
from sp3f_lib.judges.recorded import run_label
from sp3f_lib.pipeline.conversations import conversations, file_name, name_of, read_answers
from sp3f_lib.profiles import Profile, ProfileError
from sp3f_lib.runs import StageError, atomic_path
from sp3f_lib.stages import RUNS, label, make_stage

VERDICTS = "verdicts.parquet"
_CODE = (
    "judges/contest_prompt.py", "judges/face.py", "judges/prompts.py", "judges/asks.py", "judges/alignment.py", "judges/noise.py",
    "rewards", "languages.py",
)  # fmt: skip
_ROUNDING = 1e-6  # percent
_ORDERS = ("first", "second")  # where the first model's answer stands


@dataclass(frozen=True)
class Compared:
    """The table of a comparison, the text that shows it, and where the table is written."""

    table: pd.DataFrame
    text: str
    path: Path


def is_reference(other: str) -> bool:
    """Whether this is a file of answers, and not a model; `{lang}` in its path stands for the language."""
    return other.endswith((".json", ".jsonl"))


@dataclass(frozen=True)
class Match:
    """What is compared: instructions by language and their files, how both are called, and, if the second is a file of answers,
    its outputs and files by language."""

    asked: dict[str, list[Instruction]]
    files: dict[str, Path]
    mine: str
    called: str
    references: dict[str, list[str]] | None
    sources: dict[str, Path]


def read_match(profile: Profile, one: str, other: str, task: str) -> Match:
    """Everything that can be read and checked before a model is loaded or a judge is paid."""
    settings = profile.evaluation
    wanted = settings.languages or profile.data.eval_languages or profile.data.languages
    files = languages_of(task, settings.folder, wanted, named=bool(settings.languages))
    check_judge(profile.judge)
    asked, mine = {lang: read_instructions(path, settings.limit) for lang, path in files.items()}, name_of(one)
    if not is_reference(other):
        if mine == (called := name_of(other)):
            raise ProfileError(f"{one} against {other}: both are called {mine!r}; give two models")
        return Match(asked, files, mine, called, None, {})
    if len(files) > 1 and "{lang}" not in other:
        raise ProfileError(
            f"{other}: one file for {', '.join(files)}; write {{lang}} in its path for the language, or give one language"
        )
    sources = {lang: Path(other.replace("{lang}", lang)) for lang in files}
    found = {lang: read_reference(path, asked[lang]) for lang, path in sources.items()}
    called, texts = next(iter(found.values()))[0], {lang: outputs for lang, (_, outputs) in found.items()}
    return Match(asked, files, mine, called, texts, sources)


def compare(profile: Profile, one: str, other: str, task: str, way: str, out: Path | None = None) -> Compared:
    """Everything from the answers to the table, which is written as CSV; what is there is not made again."""
    match = read_match(profile, one, other, task)
    asked, files, mine, called = match.asked, match.files, match.mine, match.called
    talks = {lang: [Conversation(found.id, (found.text,)) for found in some] for lang, some in asked.items()}
    answers, against, sources = conversations(profile, one, task, talks, files), match.references, match.sources
    ours = {lang: read_answers(path)["text"].tolist() for lang, path in answers.items()}
    if against is None:
        sources = conversations(profile, other, task, talks, files)
        against = {lang: read_answers(path)["text"].tolist() for lang, path in sources.items()}
    verdicts = []
    for lang, some in asked.items():
        inputs = {"instructions": files[lang], "one": answers[lang], "other": sources[lang]}
        stage = f"verdicts-{task}-{mine}-{called}-{lang}-{profile.regime}".replace("/", "_")
        verdicts.append(_verdicts(profile, stage, lang, way, some, ours[lang], against[lang], inputs))
    found = outcomes(pd.concat(verdicts, ignore_index=True))
    lengths = pd.DataFrame(
        [
            {"lang": lang, "id": instruction.id, "one": len(a), "other": len(b)}
            for lang, some in asked.items()
            for instruction, a, b in zip(some, ours[lang], against[lang], strict=True)
        ]
    )
    table, notes, judge = head_to_head(found, lengths), [], judge_name(profile.judge)
    if task == XALPACAEVAL:
        table, notes = _with_length_control(table, found, ours, against)
    if profile.judge.name == "alignment":
        notes.append("The embedded judge compares calculations: what it says of other instructions is worth nothing.")
    else:
        judge += f" ({way})"
    out = out or RUNS / profile.name / file_name(
        "head-to-head", task, mine, called, judge_name(profile.judge), profile.regime
    )
    table = table.assign(one=mine, other=called, task=task, judge=judge)
    with atomic_path(out) as temporary:
        table.to_csv(temporary, index=False)
    return Compared(table, report(table, mine, called, judge, notes), out)


def _verdicts(
    profile: Profile,
    stage: str,
    lang: str,
    way: str,
    instructions: list[Instruction],
    ours: list[str],
    against: list[str],
    inputs: dict[str, Path],
) -> pd.DataFrame:
    """Of both orders of every pair of answers; a stage."""

    def work(directory: Path) -> None:
        judge = make_judge(profile.judge, run_label(directory), seed=profile.seed)
        pairs = [
            Contest(one.text, *(texts if order == "first" else texts[::-1]), lang=lang, way=way)
            for one, texts in zip(instructions, zip(ours, against, strict=True), strict=True)
            for order in _ORDERS
        ]
        rows = []
        for place, said in enumerate(ask_all(judge, pairs, label(profile, stage.removesuffix(f"-{profile.regime}")))):
            order, p = _ORDERS[place % 2], said.preference
            rows.append(
                {
                    "lang": lang, "id": instructions[place // 2].id, "order": order,
                    "preference": math.nan if p is None else p if order == "first" else 1 - p,
                    "reason": said.reason, "text": said.text, "judge": said.judge, "tokens_in": said.tokens_in,
                    "tokens_out": said.tokens_out, "usd": said.usd,
                }
            )  # fmt: skip
        with atomic_path(directory / VERDICTS) as temporary:
            pd.DataFrame(rows).to_parquet(temporary, index=False)

    settings = {"judge": profile.judge.measurement(), "way": way, "problems": len(instructions), "seed": profile.seed}
    return pd.read_parquet(make_stage(profile, stage, work, settings, inputs, _CODE, (VERDICTS,)) / VERDICTS)


def _with_length_control(
    table: pd.DataFrame, found: pd.DataFrame, ours: dict[str, list[str]], against: dict[str, list[str]]
) -> tuple[pd.DataFrame, list[str]]:
    """(the table with length-controlled win rates in percent, notes); without them, and with the reason, where it cannot be."""
    rows = {}
    for lang in ours:
        some = found[found["lang"] == lang].set_index("id")["preference"]
        ids = list(dict.fromkeys(some.index))
        made = length_controlled(ids, [None if math.isnan(p) else p for p in some], ours[lang], against[lang])
        if made.percent is None:
            return table, [f"LC (length-controlled win rate) is not computed: {made.reason}."]
        raw = 100 * some.mean()
        if abs(made.win_rate - raw) > _ROUNDING:
            raise StageError(
                f"{lang}: alpaca_eval's raw win rate is {made.win_rate}, ours {raw}: they do not see the same verdicts"
            )
        rows[lang] = {"lc_win_rate": made.percent, "lc_error": made.error}
    return table.merge(pd.DataFrame(rows).T.rename_axis("lang").reset_index(), on="lang", how="left"), [
        "LC: length-controlled win rate by alpaca_eval's length_controlled_v1, percent."
    ]

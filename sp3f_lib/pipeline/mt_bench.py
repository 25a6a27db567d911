"""MT-Bench of a model in several languages: conversations, ratings by a judge, table; each but the table a stage a language."""

from pathlib import Path

import pandas as pd

from sp3f_lib.evaluation.instructions import languages_of
from sp3f_lib.evaluation.mt_bench import Question, rating_of, read_questions, report, score_table
from sp3f_lib.judges import make_judge
from sp3f_lib.judges.evaluating import ask_all, check_judge, judge_name
from sp3f_lib.judges.recorded import run_label
from sp3f_lib.pipeline.conversations import conversations, file_name, name_of, read_answers
from sp3f_lib.profiles import Profile
from sp3f_lib.rewards.fidelity import language_share
from sp3f_lib.runs import atomic_path
from sp3f_lib.stages import RUNS, label, make_stage

TASK, RATINGS = "mt_bench", "ratings.parquet"
_CODE = (
    "judges/rating_prompt.py", "judges/face.py", "judges/prompts.py", "judges/asks.py", "judges/alignment.py", "judges/noise.py",
    "evaluation/mt_bench.py", "rewards", "languages.py",
)  # fmt: skip


def read_asked(profile: Profile, name: str) -> tuple[dict[str, Path], dict[str, list[Question]], str]:
    """(files, questions of each language, how the model is called): what can be checked before a model is loaded."""
    settings = profile.evaluation
    wanted = settings.languages or profile.data.eval_languages or profile.data.languages
    files = languages_of(TASK, settings.folder, wanted, named=bool(settings.languages))
    check_judge(profile.judge)
    asked = {}
    for lang, path in files.items():
        asked[lang], empty = read_questions(path, settings.limit)
        if empty:
            print(f"{path}: left out, as a turn is empty: question {', '.join(empty)}", flush=True)
    return files, asked, name_of(name)


def mt_bench(profile: Profile, name: str, repeats: int = 1, out: Path | None = None) -> tuple[pd.DataFrame, str, Path]:
    """(table, text, CSV); `repeats`: how often the judge rates each answer. What is there is not made again."""
    files, asked, called = read_asked(profile, name)
    talks = {lang: [one.conversation for one in some] for lang, some in asked.items()}
    answers = conversations(profile, name, TASK, talks, files)
    rated = [_ratings(profile, called, lang, some, files[lang], answers[lang], repeats) for lang, some in asked.items()]
    table = score_table(pd.concat(rated, ignore_index=True))
    judge, notes = judge_name(profile.judge), []
    if profile.judge.name == "alignment":
        notes.append("The embedded judge compares calculations: its ratings of anything but arithmetic are worth nothing.")
    out = out or RUNS / profile.name / file_name("mt-bench", called, judge, profile.regime)
    with atomic_path(out) as temporary:
        table.assign(model=called, judge=judge).to_csv(temporary, index=False)
    return table, report(table, called, judge, repeats, notes), out


def _ratings(
    profile: Profile, called: str, lang: str, questions: list[Question], file: Path, answers: Path, repeats: int
) -> pd.DataFrame:
    """A row for each answer and repeat; a stage."""
    stage = f"ratings-{TASK}-{called}-{lang}-{profile.regime}"

    def work(directory: Path) -> None:
        made = read_answers(answers)
        texts = made.groupby("id", sort=False)["text"].apply(list).to_dict()
        finished = made.set_index(["id", "turn"])["finished"].to_dict()
        asked = [(one, rating) for one in questions for rating in one.ratings(texts[one.id], lang, repeats)]
        judge = make_judge(profile.judge, run_label(directory), seed=profile.seed)
        verdicts = ask_all(judge, [rating for _, rating in asked], label(profile, f"{TASK} {called} {lang}"))
        rows = []
        for (question, rating), said in zip(asked, verdicts, strict=True):
            share, turn = language_share(rating.response, lang), len(rating.turns)
            rows.append(
                {
                    "lang": lang, "question": question.id, "category": question.category, "turn": turn, "sample": rating.sample,
                    "rating": rating_of(said.score), "fidelity": float(share is not None and share >= profile.rewards.threshold),
                    "finished": finished[question.id, turn], "reason": said.reason, "text": said.text, "judge": said.judge,
                    "tokens_in": said.tokens_in, "tokens_out": said.tokens_out, "usd": said.usd,
                }
            )  # fmt: skip
        with atomic_path(directory / RATINGS) as temporary:
            pd.DataFrame(rows).to_parquet(temporary, index=False)

    settings = {"judge": profile.judge.measurement(), "repeats": repeats, "threshold": profile.rewards.threshold}
    settings |= {"questions": len(questions), "seed": profile.seed}
    inputs = {"questions": file, "answers": answers}
    return pd.read_parquet(make_stage(profile, stage, work, settings, inputs, _CODE, (RATINGS,)) / RATINGS)

"""Self-translated rows: which answers are taken, which translations kept, what is counted; and the whole on the shipped base."""

import json
from dataclasses import dataclass

import pandas as pd
import pytest

from sp3f_lib.data.schema import read_rows, write_rows
from sp3f_lib.data.sources import lab_rows
from sp3f_lib.generation.sampling import Sampling
from sp3f_lib.generation.translation import CLOSE, OPEN
from sp3f_lib.lab.problems import Event, Problem, render_solution
from sp3f_lib.methods.self_translation import tokens_said
from sp3f_lib.methods.self_translation_rows import (
    AGAIN,
    ASTRAY,
    CUT,
    ENOUGH,
    FOREIGN,
    LOST,
    TAKEN,
    WRONG,
    english_prompts,
    kept_rows,
    losses,
    translate_taken,
    what_became_of,
)
from sp3f_lib.pipeline.models import model, steps_of
from sp3f_lib.profiles import load_profile
from sp3f_lib.runs import StageError
from sp3f_lib.training.tokens import generated_tokens

PROBLEMS = [Problem("maria", "apple", 5, 0, (Event("buy", 3), Event("lose", last))) for last in (4, 3)]
ROWS = lab_rows(PROBLEMS, ("en", "sw"))
FIRST, SECOND = (render_solution(problem, "en") for problem in PROBLEMS)
SHORT = r"Therefore, the answer is \boxed{4}."
IDS = [problem.id for problem in PROBLEMS]


@dataclass
class Reply:
    text: str
    tokens: int


def answers(*said):
    """(id, sample, text, finished) as `sample_responses` gives them; 10 tokens each."""
    columns = ["id", "sample", "text", "finished"]
    return pd.DataFrame(said, columns=columns).assign(lang="en", tokens=10, characters=0)


def test_one_english_prompt_a_problem():
    prompts = english_prompts(ROWS)
    assert [prompt.id for prompt in prompts] == IDS
    assert prompts[0].messages["en"] == ROWS[0]["input"]  # the English row's own prompt
    only = [row for row in ROWS if row["extra_info"]["lang"] == "sw"]
    assert english_prompts(only) == prompts  # also where no row is English


def test_finished_right_english_answers_are_taken_once():
    said = answers(
        (IDS[0], 0, SECOND, True),
        (IDS[0], 1, FIRST, False),
        (IDS[0], 2, render_solution(PROBLEMS[0], "sw"), True),
        (IDS[0], 3, FIRST, True),
        (IDS[0], 4, FIRST + " ", True),
        (IDS[0], 5, SHORT, True),
        (IDS[1], 0, SECOND, True),
    )
    assert what_became_of(said, ROWS, 0.7, wanted=1).became.tolist() == [WRONG, CUT, FOREIGN, TAKEN, AGAIN, ENOUGH, TAKEN]
    assert what_became_of(said, ROWS, 0.7, wanted=2).became.tolist() == [WRONG, CUT, FOREIGN, TAKEN, AGAIN, TAKEN, TAKEN]


def test_only_translations_with_every_calculation_in_the_language_are_kept_and_everything_is_counted(tmp_path):
    said = answers((IDS[0], 0, FIRST, True), (IDS[0], 1, SHORT, True), (IDS[1], 0, SECOND, True), (IDS[1], 1, FIRST, True))
    taken = what_became_of(said, ROWS, 0.7, wanted=2)
    swahili = [render_solution(problem, "sw") for problem in PROBLEMS]
    asked = []

    def generate(prompts, sampling, seed, prefill="", stop=None):
        asked.extend(prompts)
        replies = [swahili[0] + CLOSE, "Kwa hiyo, jibu ni \\boxed{4}.", swahili[0] + CLOSE]
        return [Reply(reply, 7) for reply in replies]

    made = translate_taken(tmp_path / "parts", generate, taken, ROWS, Sampling())
    assert made[["id", "sample", "lang"]].to_numpy().tolist() == [[IDS[0], 0, "sw"], [IDS[0], 1, "sw"], [IDS[1], 0, "sw"]]
    assert all("from English into Swahili" in prompt[0]["content"] for prompt in asked)
    rows, became = kept_rows(taken, made, ROWS, 0.7)
    assert became.became.tolist() == [TAKEN, OPEN, LOST]  # the last is another problem's chain
    found = [(row["extra_info"]["id"], row["extra_info"]["lang"], row["translated_solution"]) for row in rows]
    english = [(IDS[0], "en", FIRST), (f"{IDS[0]}/2", "en", SHORT)]
    assert found == [*english, (IDS[0], "sw", swahili[0]), (IDS[1], "en", SECOND)]
    assert all(row["messages"][-1]["content"] == row["output"] == row["translated_solution"] for row in rows)
    write_rows(rows, tmp_path / "rows.parquet")
    assert read_rows(tmp_path / "rows.parquet", for_sft=True) == rows
    report = losses(taken, became).set_index(["what", "lang", "became"])
    assert report.number.to_dict() == {
        ("answer", "en", TAKEN): 3,
        ("answer", "en", WRONG): 1,
        ("translation", "sw", TAKEN): 1,
        ("translation", "sw", OPEN): 1,
        ("translation", "sw", LOST): 1,
    }
    assert report.tokens.sum() == 4 * 10 + 3 * 7


def test_a_translation_into_another_language_is_not_kept():
    taken = what_became_of(answers((IDS[0], 0, FIRST, True)), ROWS, 0.7, wanted=1)
    made = pd.DataFrame([{"id": IDS[0], "sample": 0, "lang": "sw", "text": FIRST, "reason": None, "tokens": 5}])
    rows, became = kept_rows(taken, made, ROWS, 0.7)
    assert became.became.tolist() == [ASTRAY] and [row["extra_info"]["lang"] for row in rows] == ["en"]


@pytest.fixture(scope="module")
def small():
    """The lab with the shipped base, as little of it as there can be."""
    few = {"data.languages": ["en", "sw"], "data.sft_problems": 4, "data.rl_problems": 4, "data.eval_problems": 1}
    few |= {"sft.max_steps": 1, "sft.per_device_train_batch_size": 2, "self_translation.answers": 2}
    return load_profile(
        "lab", few | {"threads": 1, "tracking.report_to": [], "self_translation.start": "base"}, regime="cold"
    )


def test_the_shipped_base_makes_rows_of_its_own_answers_and_is_trained_on_them(small, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    made = model(small, "self_translate_sft")
    assert (made / "model.safetensors").is_file()
    said = capsys.readouterr().out
    steps = steps_of(small, "self_translate_sft")
    rows, report = read_rows(steps["rows"] / "rows.parquet"), pd.read_csv(steps["rows"] / "report.csv")
    assert 0 < len(rows) <= 8 and {row["extra_info"]["lang"] for row in rows} == {"en", "sw"}
    assert report[report.what == "answer"].number.sum() == 4 * 2
    assert f"{len(rows)} rows of 8; {report.tokens.sum():,} tokens generated (an arm of stage 2 at most 563,200)" in said
    assert "methods" in (made.parent / "README.md").read_text() and "2410.08964" in (made.parent / "README.md").read_text()
    stricter = small.model_copy(update={"rewards": small.rewards.model_copy(update={"threshold": 1.0})})
    assert steps_of(stricter, "self_translate_sft")["answers"] == steps["answers"]  # not asked again


def test_where_nothing_is_right_it_says_what_became_of_the_answers(small, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    short = small.model_copy(update={"methods": small.methods.model_copy(update={"max_new_tokens": 3})})
    with pytest.raises(StageError, match="no row is left; answer cut off 8"):
        steps_of(short, "self_translate_sft")


def test_tokens_of_an_arm_of_stage_2(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stage = tmp_path / "runs" / "lab" / "sp3f-cold" / "abc"
    stage.mkdir(parents=True)
    section = {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 2, "max_steps": 6}
    settings = {"grpo": section, "seed": 0, "launch": {"accelerate": "ddp", "processes": 2}}
    (stage / "manifest.json").write_text(json.dumps({"settings": settings, "outputs": {}}))
    logged = [{"step": 2, "completions/mean_length": 10.0}, {"step": 6, "completions/mean_length": 20.5}]
    (stage / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in logged))
    assert generated_tokens(stage) == 16 * (2 * 10 + 4 * 20.5)
    assert generated_tokens(stage, seed=1) is None
    assert generated_tokens(tmp_path) is None
    said = tokens_said(load_profile("lab", regime="cold"), 1234)
    assert said == "1,234 tokens generated (sp3f 1,632, an arm of stage 2 at most 563,200)"

"""The source `sp3f`: released rows from a folder of parquet files, cut into whole problems, evaluated on MGSM."""

import json
from collections import Counter

import pandas as pd
import pytest

from sp3f_lib.data.mgsm import MGSM_PROBLEMS, mgsm_splits
from sp3f_lib.data.schema import RowError, make_row, problem_id
from sp3f_lib.data.sources import load_splits
from sp3f_lib.languages import LANGUAGES
from sp3f_lib.profiles import load_profile
from sp3f_lib.profiles.sections import Data

LANGS = ("de", "en", "sw")


def released(number: int, lang: str, **changes) -> dict:
    """A row as the authors release it: no id, `output` in English, other fields beside ours."""
    row = make_row(
        id="", lang=lang, query=f"What is {number} + 1?", solution=f"{number} + 1 = {number + 1}",
        question=f"{lang}: {number} + 1?", translated=f"{lang}: {number} + 1 = {number + 1}",
        answer=str(number + 1), task="train_dataset",
    )  # fmt: skip
    row["extra_info"] = {"task": "train_dataset", "ground_truth": str(number + 1), "use_lang": False, "lang": lang}
    return row | {"output": row["solution"], "more": number} | changes


def write_mgsm(folder, langs=("de", "en", "sw"), indonesian=False):
    (folder / "mgsm").mkdir(parents=True)
    (folder / "gsm8k").mkdir()
    for lang in langs:
        lines = [f"{lang} question {k}\t{k}\n" for k in range(MGSM_PROBLEMS)]
        (folder / "mgsm" / f"mgsm_{lang}.tsv").write_text("".join(lines), encoding="utf-8")
    items = [{"question": f"question {k}", "answer": f"<<{k}+0={k}>>\n#### {k}"} for k in range(MGSM_PROBLEMS + 5)]
    (folder / "gsm8k" / "test.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    if indonesian:
        (folder / "mgsm_id").mkdir()
        items = [{"question": f"id question {k}", "answer_number": k} for k in range(MGSM_PROBLEMS)]
        (folder / "mgsm_id" / "mgsm_id.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))


@pytest.fixture
def folder(tmp_path):
    """40 problems in three languages, one file a language in folders of their own, and MGSM beside them."""
    for lang in LANGS:
        (tmp_path / lang).mkdir()
        pd.DataFrame([released(k, lang) for k in range(40)]).to_parquet(tmp_path / lang / "train.parquet")
    write_mgsm(tmp_path)
    return tmp_path


def data(folder, **changes) -> Data:
    settings = {"languages": LANGS, "sft_problems": 10, "rl_problems": 30, "eval_problems": 7}
    return Data(source="sp3f", folder=str(folder), **{**settings, **changes})


def by_language(rows) -> Counter:
    return Counter(row["extra_info"]["lang"] for row in rows)


def test_problems_are_whole_and_in_one_split_only(folder):
    splits = load_splits(data(folder), seed=0)
    assert by_language(splits["sft"]) == {"de": 10, "en": 10, "sw": 10}
    assert by_language(splits["rl"]) == {"de": 30, "en": 30, "sw": 30}
    assert by_language(splits["eval"]) == {"de": 7, "en": 7, "sw": 7}
    sft, rl = ({problem_id(row) for row in splits[name]} for name in ("sft", "rl"))
    assert (len(sft), len(rl), sft & rl) == (10, 30, set())


def test_rows_are_unchanged_but_for_unknown_columns(folder):
    row = next(row for row in load_splits(data(folder), seed=0)["sft"] if row["extra_info"]["lang"] == "sw")
    number = int(row["reward_model"]["ground_truth"]) - 1
    wanted = released(number, "sw")
    del wanted["more"]
    assert row == wanted
    assert row["input"][0]["content"] == LANGUAGES["sw"].instruction


def test_the_cut_depends_on_the_seed_and_the_evaluation_does_not(folder):
    splits = [load_splits(data(folder), seed) for seed in (0, 0, 1)]
    assert splits[0] == splits[1]
    assert {problem_id(row) for row in splits[0]["sft"]} != {problem_id(row) for row in splits[2]["sft"]}
    assert splits[0]["eval"] == splits[2]["eval"]


def test_numbers_are_caps_per_language(folder):
    splits = load_splits(data(folder, sft_problems=4, rl_problems=4, languages=("de",)), seed=0)
    assert (by_language(splits["sft"]), by_language(splits["rl"])) == ({"de": 4}, {"de": 4})
    # With fewer problems than asked for, both splits shrink in proportion: 40 problems, 1 to 3.
    splits = load_splits(data(folder, sft_problems=100, rl_problems=300), seed=0)
    assert (by_language(splits["sft"])["de"], by_language(splits["rl"])["de"]) == (10, 30)


def test_rl_may_have_languages_of_its_own(folder):
    splits = load_splits(data(folder, languages=("de", "en"), rl_languages=("sw",)), seed=0)
    assert (set(by_language(splits["sft"])), set(by_language(splits["rl"]))) == ({"de", "en"}, {"sw"})


def test_lost_texts_and_second_copies_are_left_out(folder, capsys):
    (folder / "sw" / "train.parquet").unlink()
    question = [{"role": "system", "content": "x"}, {"role": "user", "content": "None"}]
    rows = [
        *(released(k, "sw") for k in range(20)),
        *(released(k, "sw", translated_solution="None") for k in range(20, 40)),
        released(0, "sw"),
        released(50, "sw", solution=""),
        released(51, "sw", input=question),
    ]
    pd.DataFrame(rows).to_parquet(folder / "sw" / "train.parquet")
    splits = load_splits(data(folder, sft_problems=40, rl_problems=40), seed=0)
    assert "3 of 123 rows left out" in capsys.readouterr().out
    chosen = [row for name in ("sft", "rl") for row in splits[name] if row["extra_info"]["lang"] == "sw"]
    assert len({problem_id(row) for row in chosen}) == len(chosen)
    # Without a translated solution a row serves RL only: 20 rows less those that the cut put into sft.
    lost = [name for name in ("sft", "rl") for row in splits[name] if row["translated_solution"] == "None"]
    assert set(lost) == {"rl"}


def test_in_english_the_solution_is_its_own_translation(folder):
    rows = [released(k, "en", translated_solution="None") for k in range(40)]
    pd.DataFrame(rows).to_parquet(folder / "en" / "train.parquet")
    for row in load_splits(data(folder, languages=("en",)), seed=0)["sft"]:
        assert row["translated_solution"] == row["messages"][-1]["content"] == row["solution"]


def test_the_authors_evaluation_problems_are_never_trained_on(folder):
    pd.DataFrame([released(k, "de") for k in range(100, 140)]).to_parquet(folder / "de" / "test.parquet")
    splits = load_splits(data(folder), seed=0)
    assert all(int(row["reward_model"]["ground_truth"]) <= 40 for name in ("sft", "rl") for row in splits[name])


def test_the_evaluation_is_mgsm_in_the_languages_that_it_has(tmp_path):
    for lang in ("de", "id", "yo"):
        pd.DataFrame([released(k, lang) for k in range(8)]).to_parquet(tmp_path / f"{lang}.parquet")
    write_mgsm(tmp_path)
    chosen = {"languages": ("de", "id", "yo"), "sft_problems": 4, "rl_problems": 4}
    assert by_language(load_splits(data(tmp_path, **chosen), seed=0)["eval"]) == {"de": 7}
    assert by_language(load_splits(data(tmp_path, **chosen, eval_languages=("en", "sw")), seed=0)["eval"]) == {
        "en": 7,
        "sw": 7,
    }
    with pytest.raises(RowError, match="MGSM has no Yoruba"):
        load_splits(data(tmp_path, **chosen, eval_languages=("yo",)), seed=0)
    with pytest.raises(RowError, match=r"none of data\.languages: set data\.eval_languages"):
        load_splits(data(tmp_path, **chosen | {"languages": ("yo",)}), seed=0)


def test_indonesian_is_evaluated_where_its_file_is(tmp_path):
    pd.DataFrame([released(k, "id") for k in range(8)]).to_parquet(tmp_path / "id.parquet")
    write_mgsm(tmp_path, indonesian=True)
    chosen = data(tmp_path, languages=("id",), sft_problems=4, rl_problems=4, eval_problems=MGSM_PROBLEMS)
    rows = load_splits(chosen, seed=0)["eval"]
    assert [row["raw_prompt"] for row in rows] == [f"id question {k}" for k in range(MGSM_PROBLEMS)]
    assert rows[3]["query"] == "question 3"


def test_evaluation_rows_are_those_of_the_source_mgsm(folder):
    ours = {(problem_id(row), row["extra_info"]["lang"]): row for row in load_splits(data(folder), seed=0)["eval"]}
    mgsm = mgsm_splits(
        Data(source="mgsm", folder=str(folder), languages=LANGS, sft_problems=1, rl_problems=1, eval_problems=248), 0
    )
    theirs = {(problem_id(row), row["extra_info"]["lang"]): row for row in mgsm["eval"]}
    shared = ours.keys() & theirs.keys()
    assert len(shared) >= 15
    assert all(ours[key] == theirs[key] for key in shared)


def test_what_is_missing_is_named(folder, tmp_path):
    with pytest.raises(RowError, match="no row for sft in fr; found"):
        load_splits(data(folder, languages=("de", "fr")), seed=0)
    with pytest.raises(RowError, match=r"data\.eval_problems asks for 251"):
        load_splits(data(folder, eval_problems=251), seed=0)
    with pytest.raises(RowError, match="no parquet file with training rows in de"):
        load_splits(data(folder / "mgsm", languages=("de",)), seed=0)
    (folder / "de" / "train.parquet").write_bytes((folder / "de" / "train.parquet").read_bytes()[:500])
    with pytest.raises(RowError, match=r"train\.parquet: not a readable parquet file"):
        load_splits(data(folder), seed=0)
    pd.DataFrame({"text": ["x"]}).to_parquet(folder / "de" / "train.parquet")
    with pytest.raises(RowError, match=r"fields \['extra_info', 'input', 'reward_model', 'solution'\] are missing"):
        load_splits(data(folder), seed=0)


def test_without_the_hub_it_asks_for_a_folder(folder, monkeypatch):
    def offline(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr("huggingface_hub.snapshot_download", offline)
    with pytest.raises(RowError, match=r"set data\.folder .*no network"):
        load_splits(data(folder).model_copy(update={"folder": None}), seed=0)


@pytest.mark.parametrize(("name", "gpus", "completions", "rows"), [("paper", 8, 256, 16), ("gpu1", 1, 128, 16)])
def test_profiles_with_this_source_are_accepted_by_trl_and_make_whole_groups(tmp_path, name, gpus, completions, rows):
    trl = pytest.importorskip("trl")
    profile = load_profile(name)
    assert profile.data.source == "sp3f"
    here = {"output_dir": str(tmp_path), "report_to": [], "use_cpu": True}
    for cls, section, wanted in ((trl.SFTConfig, profile.sft, rows), (trl.GRPOConfig, profile.grpo, completions)):
        config = cls(**section, **here)
        assert config.per_device_train_batch_size * config.gradient_accumulation_steps * gpus == wanted
    # One optimiser step per batch: what is generated at once is what one step uses.
    assert (config.num_iterations, config.steps_per_generation) == (1, config.gradient_accumulation_steps)
    assert completions % config.num_generations == 0


def test_a_file_of_mismatched_rows_is_refused_by_its_name(folder):
    """The authors' runner writes results as they come, and their script joins the files by row number."""
    rows = [released(k, "sw") for k in range(40)]
    others = [*rows[7:], *rows[:7]]
    moved = [row | {"translated_solution": other["translated_solution"]} for row, other in zip(rows, others, strict=True)]
    pd.DataFrame(moved).to_parquet(folder / "sw" / "train.parquet")
    with pytest.raises(RowError, match=r"sw/train\.parquet: \d+% of the rows in 'sw' have a fault"):
        load_splits(data(folder), seed=0)


def test_a_lost_translation_that_got_a_closing_sentence_is_not_trained_on(folder, capsys):
    rows = [released(k, "sw") for k in range(200)]
    rows[3]["translated_solution"] = "None\n\nKwa hiyo, jibu ni \\boxed{4}."
    for row in rows:
        row["solution"] = f"He takes all of the apples that he has in his basket: {row['solution']}"
    pd.DataFrame(rows).to_parquet(folder / "sw" / "train.parquet")
    splits = load_splits(data(folder, max_suspect=1.0, sft_problems=300, rl_problems=300), seed=0)
    assert all(
        not row["translated_solution"].startswith("None")
        for rows in splits.values()
        for row in rows
        if row["translated_solution"]
    )
    assert "lost" in capsys.readouterr().out

"""`sp3f harness` and `sp3f harness-export`: real tasks of lm-evaluation-harness on local files, with a tiny model.

What needs lm_eval is skipped where it is not installed (the extra `harness`).
"""

import json

import pandas as pd
import pytest
import yaml

from sp3f_lib.commands.app import main
from sp3f_lib.data.schema import RowError
from sp3f_lib.evaluation.harness_tasks import local_file
from sp3f_lib.profiles import ProfileError

from ..toy import TOY

ROWS = [
    {"id": f"q{k}", "instruction": f"What is {k} + {k}?", "option_a": str(2 * k), "option_b": "none", "option_c": "many",
     "option_d": f"{3 * k + 1} of them", "option_e": None, "answer": "ABCD"[k % 4]}
    for k in range(8)
]  # fmt: skip


@pytest.fixture
def models(folder, tiny_families):
    """Two tiny models, and a task in a subfolder."""
    for name, model in (("one", tiny_families["qwen2"].policy), ("other", tiny_families["qwen2"].reference)):
        model.save_pretrained(folder / name)
        tiny_families["qwen2"].tokenizer.save_pretrained(folder / name)
    (folder / "data" / "okapi").mkdir(parents=True)
    (folder / "data" / "okapi" / "arc_de.test.first8.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return folder


def test_the_file_of_a_task(models):
    data = models / "data"
    assert local_file("arc_de", data).name == "arc_de.test.first8.jsonl"
    with pytest.raises(RowError, match=r"no file for arc_es; one is wanted, called arc_es.jsonl"):
        local_file("arc_es", data)
    with pytest.raises(ProfileError, match="arc_<lang>, hellaswag_<lang>"):
        local_file("winogrande", data)
    (data / "arc_de.jsonl").write_text("")
    with pytest.raises(RowError, match="several files for arc_de"):
        local_file("arc_de", data)


def test_two_models_and_their_difference(models, capsys):
    pytest.importorskip("lm_eval")
    command = ["harness", "one", "--against", "other", "--task", "arc_de", "--folder", "data", "--profile", str(TOY)]
    assert main(command) == 0
    said = capsys.readouterr().out
    table = pd.read_csv("runs/toy/harness-one-other-warm.csv").set_index(["model", "metric"])
    gaps = pd.read_csv("runs/toy/harness-one-other-warm-differences.csv").set_index("value")
    assert set(gaps.one) == {"one"} and set(gaps.other) == {"other"} and set(gaps.problems) == {8}
    assert set(table.index) == {(model, metric) for model in ("one", "other") for metric in ("acc", "acc_norm")}
    for metric in ("acc", "acc_norm"):
        one, other = table.loc[("one", metric)], table.loc[("other", metric)]
        assert gaps["mean"][metric] == pytest.approx(100 * (one["value"] - other["value"]))
        p = one["value"]
        assert one["stderr"] == pytest.approx((p * (1 - p) / 7) ** 0.5) and one["n"] == 8
    assert "one - other" in said and "correction for the tasks" in said
    # A finished task is not run again, another one is run alone.
    made = {path: path.stat().st_mtime_ns for path in models.glob("runs/toy/harness-*/*/scores.csv")}
    assert main(command) == 0
    assert {path: path.stat().st_mtime_ns for path in models.glob("runs/toy/harness-*/*/scores.csv")} == made
    assert main([*command, "--shots", "2"]) == 1
    assert "no rows to take examples from" in capsys.readouterr().err
    assert main(["harness", "one", "--task", "arc_dee", "--profile", str(TOY)]) == 1
    assert "nearest known: 'arc_de'" in capsys.readouterr().err


def test_our_tasks_for_lm_eval_give_the_same_accuracy(models, capsys):
    pytest.importorskip("lm_eval")
    import lm_eval
    from lm_eval.tasks import TaskManager

    from sp3f_lib.evaluation.harness import transformers_model
    from sp3f_lib.generation.local import load_model

    about = {
        "about": "sums",
        "kind": "number",
        "languages": {"en": "en"},
        "file": "{config}.jsonl",
        "question": "{q}",
        "gold": "a",
    }
    (models / "sums.yaml").write_text(yaml.safe_dump(about))
    (models / "en.jsonl").write_text(
        "".join(json.dumps({"q": f"What is {k} + 1?", "a": str(k + 1)}) + "\n" for k in range(6))
    )
    task = ["--task", "sums.yaml", "--folder", ".", "--profile", str(TOY), "--set", "evaluation.max_new_tokens=8"]
    assert main(["harness-export", "exported", *task]) == 0
    assert "sp3f_sums_en" in capsys.readouterr().out
    assert main(["evaluate", "base", *task, "--set", "base.max_steps=2", "--set", "lab.problems=32"]) == 0
    (path,) = models.glob("runs/toy/scores-sums-base-*/*/samples.parquet")
    ours = pd.read_parquet(path)
    ours = ours[ours["greedy"]].set_index("problem")
    (base,) = models.glob("runs/toy/base/*/model")
    found = lm_eval.simple_evaluate(
        model=transformers_model(*load_model(str(base)), 4), tasks=["sp3f_sums_en"], apply_chat_template=True,
        task_manager=TaskManager(include_path="exported", include_defaults=False), log_samples=True,
    )  # fmt: skip
    results = found["results"]["sp3f_sums_en"]
    assert {metric: results[f"{metric},none"] for metric in ("accuracy", "authors", "fidelity")} == {
        metric: ours[metric].mean() for metric in ("accuracy", "authors", "fidelity")
    }
    texts = {sample["doc"]["id"]: sample["resps"][0][0].strip() for sample in found["samples"]["sp3f_sums_en"]}
    assert texts == ours["text"].to_dict() and len(texts) == 6

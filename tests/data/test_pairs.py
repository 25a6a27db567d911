"""Exported pairs: read back by datasets, taken by our trainer and by TRL's, and in LLaMA-Factory's format."""

import copy
import json

import pytest
from datasets import load_dataset
from trl import DPOConfig, DPOTrainer

from sp3f_lib.data.pairs import export_llama_factory, export_pairs
from sp3f_lib.generation.scoring import sequence_logprobs
from sp3f_lib.runs import StageError
from sp3f_lib.training.preference import PreferenceTrainer, fitting_pairs

SYSTEM = {"role": "system", "content": "Be brief."}


def make_pair(id, lang, question, chosen, rejected, *before):
    sides = {"chosen": [{"role": "assistant", "content": chosen}], "rejected": [{"role": "assistant", "content": rejected}]}
    return {"id": id, "lang": lang, "partner": "en", "prompt": [*before, {"role": "user", "content": question}], **sides}


PAIRS = [
    make_pair("a", "de", "Wer?\u2028Und wo?", 'Die "Maria".', "Maria."),  # U+2028 ends a line for some readers
    make_pair("b", "th", "ใคร", "มาเรีย\n\nมาเรีย", "Maria.", SYSTEM),
]


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
@pytest.mark.parametrize("trainer_of", [PreferenceTrainer, DPOTrainer])
def test_the_files_are_read_by_datasets_and_taken_by_the_trainers(tmp_path, tiny, kind, trainer_of):
    path = export_pairs(PAIRS, tmp_path / f"pairs.{kind}")
    reader = "json" if kind == "jsonl" else "parquet"
    dataset = load_dataset(reader, data_files=str(path), split="train", cache_dir=str(tmp_path / "cache"))
    wanted = PAIRS
    assert dataset.to_list() == wanted
    settings = {
        "use_cpu": True,
        "bf16": False,
        "gradient_checkpointing": False,
        "per_device_train_batch_size": 2,
        "max_steps": 1,
    }
    quiet = {"report_to": [], "disable_tqdm": True, "save_strategy": "no", "logging_steps": 1}
    trainer = trainer_of(
        model=tiny.policy,
        ref_model=copy.deepcopy(tiny.reference),
        args=DPOConfig(str(tmp_path / "out"), loss_type=["sigmoid", "sft"], loss_weights=[1.0, 1.0], **settings, **quiet),
        train_dataset=dataset,
        processing_class=tiny.tokenizer,
    )
    prompts, chosen = [pair["prompt"] for pair in PAIRS], [pair["chosen"][0]["content"] for pair in PAIRS]
    scores = sequence_logprobs(tiny.policy, tiny.tokenizer, prompts, chosen, 2)
    trainer.train()
    logged = trainer.state.log_history[0]
    assert 0 < logged["loss"] < 1000
    if tiny.family == "llama":  # with Qwen's template the trainers count the newline after the end token as well
        assert logged["logps/chosen"] == pytest.approx(scores.mean().item(), abs=1e-3)
    assert len(fitting_pairs(dataset.to_list(), tiny.tokenizer, None, "test")) == 2


def test_llama_factory_reads_alpaca_rows_with_ranking(tmp_path):
    (tmp_path / "dataset_info.json").write_text('{"other": {"file_name": "other.json"}}')
    export_llama_factory(PAIRS, tmp_path, "lidr")
    info = json.loads((tmp_path / "dataset_info.json").read_text())
    assert set(info) == {"other", "lidr"}
    assert info["lidr"]["ranking"] is True
    rows = json.loads((tmp_path / info["lidr"]["file_name"]).read_text(encoding="utf-8"))
    columns = info["lidr"]["columns"]
    assert [{name: row[column] for name, column in columns.items()} for row in rows] == [
        {"prompt": "Wer?\u2028Und wo?", "query": "", "system": "", "chosen": 'Die "Maria".', "rejected": "Maria."},
        {"prompt": "ใคร", "query": "", "system": "Be brief.", "chosen": "มาเรีย\n\nมาเรีย", "rejected": "Maria."},
    ]


def test_what_cannot_be_written(tmp_path):
    with pytest.raises(StageError, match="there are no pairs to write"):
        export_pairs([], tmp_path / "pairs.jsonl")
    with pytest.raises(ValueError, match=r"written as .jsonl or .parquet"):
        export_pairs(PAIRS, tmp_path / "pairs.csv")
    longer = make_pair(
        "c", "de", "Wer?", "a", "b", {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hi"}
    )
    with pytest.raises(StageError, match=r"pair 0 \(id c\): its prompt has the messages \['user', 'assistant', 'user'\]"):
        export_llama_factory([longer], tmp_path, "lidr")
    assert list(tmp_path.iterdir()) == []

"""The same notebooks on MGSM's real text, with a randomly initialised Qwen2 in place of the lab model, at toy size."""

from pathlib import Path

import pandas as pd
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

from sp3f_lib.base.model import CHAT_TEMPLATE, SPECIAL
from sp3f_lib.commands import main
from sp3f_lib.data.mgsm import MGSM_LANGUAGES, read_mgsm

REPOSITORY = Path(__file__).parents[2]
TOY = REPOSITORY / "tests" / "toy.yaml"


def save_qwen2(path: Path, texts: list[str]) -> Path:
    """A Qwen2 with random weights and a byte-level tokenizer of its own: any model directory looks like this."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = list(SPECIAL[:4])
    trainer = trainers.BpeTrainer(vocab_size=3000, special_tokens=special, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=special[3], pad_token=special[0])
    fast.chat_template = CHAT_TEMPLATE
    fast.save_pretrained(path)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "max_position_embeddings": 4096}
    config = Qwen2Config(
        vocab_size=len(fast), num_attention_heads=4, num_key_value_heads=2, eos_token_id=fast.eos_token_id, **sizes
    )
    Qwen2ForCausalLM(config).save_pretrained(path)
    return path


def test_mgsm_is_trained_on_and_scored_with_any_model_directory(shared_data, tmp_path, monkeypatch):
    languages = (*MGSM_LANGUAGES, "id")
    texts = [question for lang in languages for question, _ in read_mgsm(lang, shared_data)[:60]]
    model = save_qwen2(tmp_path / "qwen2", texts)
    profile = tmp_path / "mgsm.yaml"
    text = TOY.read_text(encoding="utf-8").replace("languages: [en, sw]", f"languages: [{', '.join(languages)}]")
    for one, other in (
        ("arms: [rlvr, sp3f]", "arms: [sp3f]"),
        ("eval_problems: 3", "eval_problems: 2"),
        ("parallel: 2", "parallel: 1"),
    ):
        text = text.replace(one, other)
    profile.write_text(text, encoding="utf-8")
    (tmp_path / "notebooks").symlink_to(REPOSITORY / "notebooks")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    options = ["--source", "mgsm", "--folder", str(shared_data), "--model", str(model)]
    assert main(["--traceback", "reproduce", "--profile", str(profile), "03", "05", *options]) == 0
    table = pd.read_csv(tmp_path / "figures" / "toy-mgsm-qwen2" / "pareto.csv")
    assert set(table.method) == {"base", "sft", "sp3f"}
    assert set(table.problems) == {2}
    assert set(table.answers) == {2 * 12 * 2}  # problems, languages, samples
    by_language = pd.read_csv(tmp_path / "figures" / "toy-mgsm-qwen2" / "languages_mgsm.csv")
    assert set(by_language.lang) == set(languages)

"""What goes wrong from outside: a model without tokenizer, a full disk, a stage that fails in a child process."""

import errno
import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer
from tokenizers.models import BPE
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM, Trainer

from sp3f_lib.generation.local import load_model
from sp3f_lib.pipeline import models
from sp3f_lib.pipeline.launch import run_stages
from sp3f_lib.profiles import ProfileError, load_profile
from sp3f_lib.runs import MANIFEST, StageError
from sp3f_lib.training.common import MODEL

from ..toy import TOY


def save_qwen2(path: Path) -> Path:
    config = Qwen2Config(
        vocab_size=300,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
    )
    Qwen2ForCausalLM(config).save_pretrained(path)
    return path


def test_a_model_without_tokenizer_is_named(folder):
    with pytest.raises(ValueError, match="qwen' has no tokenizer"):
        load_model(str(save_qwen2(folder / "qwen")))


def test_a_tokenizer_without_chat_template_is_named(folder):
    path = save_qwen2(folder / "qwen")
    PreTrainedTokenizerFast(tokenizer_object=Tokenizer(BPE()), eos_token="</s>").save_pretrained(path)
    with pytest.raises(ValueError, match="has no chat template"):
        load_model(str(path))


def test_a_model_path_that_is_not_there_stops_before_any_work(folder):
    profile = load_profile(TOY, model="./nowhere")
    for stage in (
        models.data,
        lambda profile: models.model(profile, "base"),
        lambda profile: models.evaluation(profile, "sft"),
    ):
        with pytest.raises(ProfileError, match=r"no directory '\./nowhere'"):
            stage(profile)
    assert not list(folder.iterdir())


def test_an_unknown_model_stops_before_any_work(folder):
    for stage in (models.model, models.evaluation, models.steps_of):
        with pytest.raises(ProfileError, match="unknown model 'sp3'; nearest known: 'sp3f'"):
            stage(load_profile(TOY), "sp3")
    with pytest.raises(ProfileError, match="unknown model 'icr_0'; nearest known: 'icr_1'"):
        run_stages([(load_profile(TOY), "evaluate", "sft"), (load_profile(TOY), "evaluate", "icr_0")])
    assert not list(folder.iterdir())


def test_a_failing_child_tells_why(folder):
    profile = load_profile(TOY, model=str(save_qwen2(folder / "qwen")))
    with pytest.raises(StageError, match=r"evaluate base failed: model .* has no tokenizer"):
        run_stages([(profile, "evaluate", "base")])


def test_a_full_disk_keeps_the_last_checkpoint_and_the_run_goes_on(folder, monkeypatch, capsys):
    profile, saved = load_profile(TOY), []
    original = Trainer._save_checkpoint

    def full_disk(self, model, trial):
        if saved:
            # The disk fills in the middle of the second checkpoint.
            partial = Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}"
            partial.mkdir(parents=True)
            (partial / "model.safetensors").write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        saved.append(self.state.global_step)
        return original(self, model, trial)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_save_checkpoint", full_disk)
        with pytest.raises(StageError, match=r"No space left on device.*checkpoint-2"):
            models.model(profile, "base")
    (directory,) = folder.glob("runs/toy/base/*")
    assert not (directory / MANIFEST).exists()
    assert not (directory / MODEL).exists()
    model = models.model(profile, "base")
    assert "goes on from step 2" in capsys.readouterr().out
    assert json.loads((model.parent / MANIFEST).read_text())["outputs"]["model/model.safetensors"]["bytes"] > 1000

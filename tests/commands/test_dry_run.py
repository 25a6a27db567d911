"""`--dry-run`: says what a training or an evaluation would need, does nothing, and its exit status says whether it can fit."""

import pytest
from transformers import LlamaConfig

from sp3f_lib.commands import main
from sp3f_lib.profiles import load_profile, profile_names


@pytest.fixture(autouse=True)
def nothing_is_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield
    assert not (tmp_path / "runs").exists()


@pytest.fixture
def small(tmp_path) -> list[str]:
    """Options that choose a model which is not looked for on the hub. Its layers are timed where a profile uses the CPU."""
    sizes = {"hidden_size": 128, "intermediate_size": 256, "num_attention_heads": 4, "num_key_value_heads": 4}
    LlamaConfig(num_hidden_layers=2, vocab_size=4000, **sizes).save_pretrained(tmp_path / "model")
    return ["--model", "./model"]


def test_another_batch_is_noted(small, capsys):
    command = ["train", "sft", "--profile", "gpu1", *small, "--dry-run", "--set", "launch.gpu_memory_gb=200"]
    command += ["--set", "launch.accelerate=ddp", "--set", "launch.processes=4"]
    assert main(command) == 0
    note = (
        "note: 4 processes give 64 rows a step, the profile's 1 gives 16; set sft.gradient_accumulation_steps=2 to keep it"
    )
    assert note in capsys.readouterr().out
    assert main([*command, "--set", "sft.gradient_accumulation_steps=2"]) == 0
    assert "note:" not in capsys.readouterr().out


def test_a_plan_that_cannot_fit_ends_with_2(small, capsys):
    command = ["train", "sft", "--profile", "gpu1", *small, "--dry-run", "--set", "launch.gpu_memory_gb=0.05"]
    assert main(command) == 2
    assert "\nsft: CANNOT FIT" in capsys.readouterr().out


@pytest.mark.parametrize(
    "verb, name, stage", [("train", "sft", "sft"), ("train", "sp3f", "grpo"), ("evaluate", "sp3f", "evaluate")]
)
@pytest.mark.parametrize("profile", profile_names())
def test_it_says_what_would_be_done(small, capsys, profile, verb, name, stage):
    code = main([verb, name, "--profile", profile, *([] if profile == "lab" else small), "--dry-run"])
    said = capsys.readouterr()
    if verb == "train" and not getattr(load_profile(profile), stage):
        assert (code, said.out) == (1, "")
        assert f"{name} needs the section {stage}, which is empty" in said.err
        return
    assert code == 0
    assert f"\n{stage}: " in said.out and "  memory per " in said.out and "model:\n" in said.out
    counted = "with what comes before: " in said.out
    assert counted == (profile in ("lab", "laptop") and name == "sp3f")  # whose layers are timed
    left_out = {"train": "sft", "evaluate": "sft, sp3f"}[verb]  # in a plan of what is made from them
    assert (f"not counted: {left_out}, where" in said.out) == (name == "sp3f" and not counted)


def test_nothing_is_said_of_the_whole_where_a_part_is_not_counted(capsys):
    assert main(["evaluate", "icr_2", "--regime", "common", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "not counted: dpo, icr_1, icr_2, where" in said and "with what comes before" not in said


def test_a_folder_that_is_not_there_is_found(capsys, tmp_path):
    command = ["--source", "mgsm", "--folder", str(tmp_path / "nowhere"), "--dry-run"]
    for verb in ("evaluate", "train"):
        assert main([verb, "sp3f", *command]) == 1
        assert f"data.folder: there is no folder {tmp_path / 'nowhere'}" in capsys.readouterr().err


@pytest.mark.parametrize("family", ["Qwen2", "Qwen3"])
def test_a_model_with_a_type_for_each_layer_is_timed(capsys, tmp_path, family):
    import transformers

    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 6, "num_attention_heads": 2}
    config = getattr(transformers, f"{family}Config")(**sizes, num_key_value_heads=1, vocab_size=2304, head_dim=16)
    config.save_pretrained(tmp_path)
    assert len(config.layer_types) == 6
    assert main(["train", "sft", "--model", str(tmp_path), "--dry-run"]) == 0
    assert "2 layers timed on this CPU" in capsys.readouterr().out


def test_a_paid_judge_without_a_cap_is_told_of(capsys):
    command = ["train", "sp3f", "--profile", "paper", "--dry-run"]
    assert main(command) == 0 and "USD" in (said := capsys.readouterr().out) and "NO CAP: judge.max_usd" in said
    assert main([*command, "--set", "judge.max_usd=5"]) == 0
    assert "judge.max_usd stops it at 5 USD" in capsys.readouterr().out


@pytest.mark.parametrize(
    "profile, name", [("paper_icr", "icr_2"), ("paper_lidr", "lidr_sft"), ("gpu1", "dpo"), ("lab", "lidr_language_1")]
)
def test_it_says_what_icr_and_lidr_make_before_they_train(capsys, profile, name):
    regime = ["--regime", "common"] if profile == "lab" else []
    assert main(["train", name, "--profile", profile, *regime, "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert f"\n{name}: fits" in said and "made before, at most: " in said and "\nmethods:" in said


@pytest.mark.parametrize("name", ["base", "start"])
def test_what_is_not_trained_has_no_plan_of_a_training(capsys, name):
    assert main(["train", name, "--profile", "paper_icr", "--dry-run"]) == 1
    assert f"{name!r} is not trained, it is " in capsys.readouterr().err
    assert main(["evaluate", name, "--profile", "paper_icr", "--dry-run"]) == 0
    assert "\nevaluate: " in capsys.readouterr().out

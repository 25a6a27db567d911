"""The GPU check as it runs without a GPU: the whole program at toy size, and what it says where something is wrong or missing."""

import json
import shutil
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, TrainerCallback

from sp3f_lib.audits.gpu import result, several
from sp3f_lib.audits.gpu.device import Device, check_cuda, check_device
from sp3f_lib.audits.gpu.kill import KILLED, NOISE, SAVED, STEPS, compared, kill_check, kill_profile, resumed
from sp3f_lib.audits.gpu.numbers import Witness
from sp3f_lib.audits.gpu.program import checks_of, chosen
from sp3f_lib.audits.gpu.result import FAIL, NOT_POSSIBLE, PASS, Check, Measured, NotPossible, run_checks, summary, table
from sp3f_lib.audits.gpu.setting import alone_in, make_setting, tidy, with_attention
from sp3f_lib.audits.gpu.steps import GENERATION, REWARDS, Meter, judged, trained
from sp3f_lib.base import smollm2
from sp3f_lib.commands import main
from sp3f_lib.profiles import ProfileError
from sp3f_lib.runs import StageError

GB = 1e9
CPU = Device("cpu", "a CPU", 8 * GB, 8 * GB)
H100 = Device("cuda", "NVIDIA H100 80GB HBM3", 80 * GB, 79 * GB, capability="9.0", driver="580.65")


@pytest.fixture(scope="module")
def setting(tmp_path_factory):
    return make_setting(CPU, tmp_path_factory.mktemp("check"), None)


# ---- the program


def test_the_program_says_of_each_check_what_it_found_and_writes_its_report(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["bf16", "generation", "stock", "flash", "vLLM", "grpo step, sdpa, with c"]
    monkeypatch.setattr("sp3f_lib.audits.gpu.numbers.BF16", 0.0)  # a goal that rounding cannot meet
    assert main(["gpu-check", "--device", "cpu", *(part for word in words for part in ("--only", word))]) == 1
    said = capsys.readouterr().out
    report = json.loads((tmp_path / "runs" / "gpu-check" / "report.json").read_text())
    found = {check["name"]: check for check in report["checks"]}
    ran = [
        "bf16 logits",
        "generation against training",
        "grpo step, sdpa, with checkpointing",
        "grpo step against stock TRL",
    ]
    # How fast it is does not matter here, on a machine that does other things: the ratio to TRL may miss its goal.
    assert [found[name]["status"] for name in ran[:3]] == [FAIL, PASS, PASS]
    assert found["bf16 logits"]["reason"].startswith("bf16 weights differs from float32 by ")
    assert {found[name]["status"] for name in found if name not in ran} == {NOT_POSSIBLE}
    assert len(found) == 4 + 4 + 2 and f"{sum(check['status'] == PASS for check in found.values())} pass, " in said
    for name, check in found.items():
        assert f"| {name} | {check['status']}" in said
    assert 0 < found["bf16 logits"]["measured"]["autocast mean difference (nats)"] < 0.05
    assert found["generation against training"]["measured"]["tokens"] > 60
    step = found[ran[2]]["measured"]
    parts = step["of it generation s"] + step["rewards and judge s"] + step["rest s"]
    assert parts == pytest.approx(step["step s"])
    assert step["generated tokens/s"] == pytest.approx(8 * 16 / step["of it generation s"])
    assert found[ran[3]]["measured"]["ours s"] == step["step s"]  # measured once
    assert report["versions"]["torch"] == torch.__version__ and report["device"]["kind"] == "cpu"
    assert sorted(path.name for path in (tmp_path / "runs" / "gpu-check").iterdir()) == [".lock", "report.json"]


def test_what_is_not_possible_is_no_failure(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["gpu-check", "--device", "cpu", "--only", "flash", "--out", "mine.json"]) == 0
    assert "0 pass, 0 fail, 4 not possible here\nreport: mine.json\n" in capsys.readouterr().out
    assert {check["status"] for check in json.loads(Path("mine.json").read_text())["checks"]} == {NOT_POSSIBLE}


def test_a_killed_training_goes_on_and_ends_as_one_that_nobody_disturbed(setting):
    found = kill_check(setting, "sft")
    assert found.misses == ()
    assert (
        found.numbers | {"killed at step": 3, "last checkpoint": 2, "steps after it": 4, "largest difference": 0}
        == found.numbers
    )


class Interrupted(TrainerCallback):
    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == KILLED:
            raise KeyboardInterrupt


def test_an_optimizer_that_begins_anew_is_noticed_where_metrics_cannot_tell(setting, monkeypatch):
    profile = kill_profile(setting, "grpo")
    with pytest.raises(KeyboardInterrupt):
        trained(setting, profile, "grpo", "killed-grpo", [lambda trainer: trainer.add_callback(Interrupted())])
    killed = setting.folder / "killed-grpo"
    (killed / "checkpoints" / f"checkpoint-{SAVED}" / "optimizer.pt").unlink()
    # By the rule of a GPU: metrics within its noise, no weights.
    monkeypatch.setattr("sp3f_lib.audits.gpu.kill.compared", lambda *given: compared(*given[:3], NOISE["grpo"]))
    monkeypatch.setattr("sp3f_lib.audits.gpu.kill.different_weights", lambda *folders: [])
    found = resumed(setting, profile, "grpo", killed)
    assert found.misses == ("after step 2 the optimizer remembers nothing, undisturbed 2 steps of 26 tensors",)
    assert found.numbers["largest difference"] < 1e-3


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_a_gpu_it_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["gpu-check"]) == 1
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1
    assert said.err.startswith("error: no GPU") and "`--device cpu` runs the same program at toy size" in said.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--model", "./nowhere"], "--model: there is no directory './nowhere'"),
        (["--model", "smollm2"], "needs the package llm-not-on-this-machine, which is not installed: `make real`"),
        (["--model", "./half"], "model.safetensors is not whole, or no file of weights; was it half copied?"),
        (["--only", "fsdp3"], "--only fsdp3: no check has that in its name; nearest known: 'fsdp2'"),
    ],
)
def test_what_is_misspelt_or_broken_is_one_line(tmp_path, monkeypatch, capsys, setting, words, message):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(smollm2, "PACKAGE", "llm-not-on-this-machine")
    shutil.copytree(setting.model, "half")
    whole = Path("half", "model.safetensors").read_bytes()
    Path("half", "model.safetensors").write_bytes(whole[: len(whole) // 2])
    assert main(["gpu-check", "--device", "cpu", *words]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ") and message in said and said.count("\n") == 1


# ---- the device


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("2.13.0+cpu", None, 1, lambda: False), r"torch 2.13.0\+cpu was built without CUDA"),
        (("2.13.0", "12.8", 0, lambda: False), "no GPU is there, or CUDA_VISIBLE_DEVICES hides it"),
        (
            ("2.13.0", "12.8", 2, lambda: False),
            "2 GPUs are there, but torch 2.13.0 cannot use the driver: it was built for CUDA 12.8",
        ),
    ],
)
def test_why_there_is_no_gpu_is_said(given, message):
    with pytest.raises(StageError, match=message):
        check_cuda(*given)
    check_cuda("2.13.0", "12.8", 1, lambda: True)


def test_a_gpu_without_bf16_or_memory_is_refused():
    check_device(H100, 70 * GB)
    with pytest.raises(StageError, match=r"Tesla T4 \(compute capability 7.5, driver 580.65\) has no bf16"):
        check_device(replace(H100, name="Tesla T4", capability="7.5", bf16=False), 0)
    with pytest.raises(StageError, match=r"the GPU has too little memory: 79.0 of 80.0 GB are free, .* needs 79.5 GB"):
        check_device(H100, 79.5 * GB)


# ---- how checks are run


def failing():
    raise RuntimeError("CUDA error:\n  an illegal memory access")


def impossible():
    raise NotPossible("there is one GPU")


def test_a_check_that_raises_fails_with_its_reason_and_the_others_go_on(tmp_path, capsys):
    path, seen = tmp_path / "report.json", []

    def after(results):
        result.write_report(path, {"model": "m"}, results)
        seen.append(len(json.loads(path.read_text())["checks"]))

    missed = Measured({"ratio": 1.25, "where": None, "loss": float("nan")}, ("our step takes 1.250 x TRL's",))
    checks = [Check("a", "g", failing), Check("b", "g", impossible), Check("c", "at most 1.03 x", lambda: missed)]
    checks += [Check("d", "g", lambda: Measured({"tokens": 12345}))]
    found = run_checks(checks, 60, after)
    assert [one.status for one in found] == [FAIL, NOT_POSSIBLE, FAIL, PASS] and seen == [1, 2, 3, 4]
    assert found[0].reason == "RuntimeError: CUDA error: an illegal memory access"
    assert table(found).splitlines()[2:] == [
        f"| a | fail: RuntimeError: CUDA error: an illegal memory access | g | {found[0].seconds:g} |",
        f"| b | not possible here: there is one GPU | g | {found[1].seconds:g} |",
        f"| c | fail: our step takes 1.250 x TRL's; ratio 1.25, loss nan | at most 1.03 x | {found[2].seconds:g} |",
        f"| d | pass; tokens 12,345 | g | {found[3].seconds:g} |",
    ]
    assert summary(found) == "1 pass, 2 fail (a, c), 1 not possible here"
    assert "Traceback" in capsys.readouterr().err
    json.loads(path.read_text(), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def test_after_the_time_no_check_is_begun():
    clock = count(step=40)  # seconds pass from one look at the clock to the next
    checks = [Check(name, "g", lambda: Measured({})) for name in "abc"]
    found = run_checks(checks, 60, clock=lambda: float(next(clock)))
    assert [(one.status, one.reason) for one in found] == [
        (PASS, ""),
        *[(NOT_POSSIBLE, "the time is over (1 minutes; --minutes gives more)")] * 2,
    ]


def test_two_checks_do_not_work_in_one_folder(tmp_path):
    with alone_in(tmp_path), pytest.raises(StageError, match="another check is at work"), alone_in(tmp_path):
        pass


def test_what_a_failed_process_said_is_kept(tmp_path):
    (tmp_path / "killed-sft").mkdir()
    (tmp_path / "killed-sft" / "log.txt").write_text("out of memory")
    (tmp_path / "report.json").write_text("{}")
    (log,) = tidy(tmp_path)
    assert log.read_text() == "out of memory" and {path.name for path in tmp_path.iterdir()} == {log.name, "report.json"}


def test_checks_are_chosen_by_words(setting):
    checks = checks_of(setting, two_processes=True)
    assert len({check.name for check in checks}) == len(checks) == 19
    assert [check.name for check in chosen(checks, ["kill", "side by side"])] == [
        "kill and resume, sft", "kill and resume, grpo", "two trainings side by side",
    ]  # fmt: skip
    with pytest.raises(ProfileError, match="--only fsdp3"):
        chosen(checks, ["fsdp3"])


# ---- what is judged on a GPU, by numbers


def meter(peak: float, rest: float) -> Meter:
    steps = [30.0, 15.0 + rest, 15.0 + rest]  # the first one warms up
    return Meter(H100, steps, {GENERATION: [20.0, 14.0, 14.0], REWARDS: [9.0, 1.0, 1.0]}, [100.0, 200.0, 300.0], peak)


@pytest.mark.parametrize(
    ("factor", "rest", "misses"),
    [
        (1.14, 1.0, []),
        (0.86, 1.0, []),
        (1.16, 1.0, ["peak memory is 1.16 x the dry run's"]),
        (1.0, 1.49, []),
        (1.0, 1.51, ["1.51 s are not within 1.5 x of the dry run's 0.4 to 1 s"]),
        (1.0, 0.26, ["0.26 s are not within 1.5 x of the dry run's 0.4 to 1 s"]),
        (float("nan"), 1.0, ["peak memory is nan x the dry run's"]),
    ],
)
def test_memory_and_time_are_held_against_the_dry_run(setting, factor, rest, misses):
    on_gpu = replace(setting, device=H100)
    forecast = on_gpu.forecast(on_gpu.profile(), "grpo")
    forecast = replace(forecast, hours=replace(forecast.hours, low=1.2 / 3600, high=3 / 3600))  # of three steps
    found = judged(on_gpu, "grpo", meter(factor * forecast.needed, rest), forecast)
    assert list(found.misses) == pytest.approx(misses)
    assert found.numbers["training tokens/s"] == pytest.approx(100 / rest)
    unknown = replace(on_gpu, device=replace(H100, name="GPU of tomorrow"))
    assert [
        miss for miss in judged(unknown, "grpo", meter(factor * forecast.needed, 9.0), forecast).misses if " s " in miss
    ] == []


def rows(**changes) -> list[dict]:
    same = {"entropy": 2.0, "learning_rate": 1e-3, "loss": 3.0, "grad_norm": 1.0, "mean_token_accuracy": 0.1}
    return [{"step": step} | same | (changes if step == SAVED + 1 else {}) for step in range(1, STEPS + 1)]


@pytest.mark.parametrize(
    ("changes", "misses"),
    [
        ({"loss": 3.05, "grad_norm": 1.09, "mean_token_accuracy": 0.2}, []),
        ({"loss": 3.07}, ["loss at step 3 is 3.07, undisturbed 3"]),
        ({"grad_norm": float("nan")}, ["grad_norm at step 3 is nan, undisturbed 1"]),
        ({"learning_rate": 9e-4}, ["learning_rate at step 3 is 0.0009, undisturbed 0.001"]),
    ],
)
def test_the_remaining_steps_may_differ_by_noise_on_a_gpu_only(changes, misses):
    made = STEPS - SAVED
    assert list(compared(rows(), rows(**changes), made, NOISE["sft"]).misses) == misses
    assert compared(rows(), rows(**changes), made, None).misses
    assert compared(rows(), rows(), made, None).misses == ()
    assert compared(rows(), rows(), STEPS, None).misses == ("it did not go on from step 2: 6 steps were made",)
    assert compared(rows(), rows()[1:], made, None).misses == ("its metrics have the steps [2, 3, 4, 5, 6]",)


def test_several_processes_must_have_the_losses_and_gradients_of_one():
    assert several.compared(rows(), rows(loss=3.05), several.LIMITS)[1] == []
    gaps, misses = several.compared(rows(), rows(loss=3.75, grad_norm=0.8), several.LIMITS)
    assert gaps == pytest.approx({"loss": 0.2, "grad_norm": 0.2})
    assert misses == [f"{name} differs by 20.00% from that of one process" for name in ("loss", "grad_norm")]
    assert several.compared(rows(), rows(loss=float("nan")), several.LIMITS)[1]


def test_the_witness_remembers_what_each_token_had_when_it_was_drawn():
    witness, halves = Witness(pad=0), torch.log(torch.tensor([[0.25, 0.75], [0.5, 0.5]]))
    witness(torch.tensor([[0, 1], [1, 1]]), halves)
    witness(torch.tensor([[0, 1, 1], [1, 1, 0]]), halves)
    assert {ids: round(value, 4) for ids, value in witness.seen.items()} == {(1, 1): -0.2877, (1, 1, 0): -0.6931}


def test_the_attention_is_chosen_by_the_model_folder(setting):
    other = with_attention(setting, "eager")
    models = [AutoModelForCausalLM.from_pretrained(one.model) for one in (setting, other)]
    assert [model.config._attn_implementation for model in models] == ["sdpa", "eager"]
    assert all(torch.equal(*pair) for pair in zip(*(model.parameters() for model in models), strict=True))

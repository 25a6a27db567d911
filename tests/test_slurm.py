"""The sbatch scripts, run here with stand-ins for SLURM's commands: what they start, what they do with signals, two "machines"."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .toy import REPOSITORY, TOY

SCRIPTS = sorted((REPOSITORY / "slurm").glob("*.sbatch"))
# In place of Python: writes its arguments down; the model `sft` is there at once, another one waits with `--wait` for a signal and
# exits as a stage does that was stopped.
PYTHON = """#!/bin/bash
printf '%s\\n' "$*" >> calls
case " $* " in
    *" sft "*) mkdir -p model; echo "finished: model" ;;
    *" --wait "*) trap 'exit 75' USR1 TERM; echo ready; while :; do sleep 0.05; done ;;
    *" --fail "*) exit 3 ;;
esac
"""
# In place of srun: the command once for each task, all on this machine.
SRUN = """#!{python}
import os, subprocess, sys
options = [word for word in sys.argv[1:] if word.startswith("--")]
command = [word for word in sys.argv[1:]]
while command[0].startswith("--"):
    del command[0]
tasks = next(int(word[9:]) for word in options if word.startswith("--ntasks="))
started = [subprocess.Popen(command, env=os.environ | {{"SLURM_NODEID": str(n)}}) for n in range(tasks)]
sys.exit(max(process.wait() for process in started))
"""
LOG = """#!/bin/bash
echo "$(basename "$0") $*" >> calls
"""


@pytest.fixture
def cluster(tmp_path):
    """A folder with the scripts and SLURM's commands; gives a function that starts a script."""
    shutil.copytree(REPOSITORY / "slurm", tmp_path / "slurm")
    commands = tmp_path / "bin"
    commands.mkdir()
    scontrol = '#!/bin/bash\n[ "$2" = hostnames ] && { echo node1; echo node2; exit; }\necho "scontrol $*" >> calls\n'
    for name, text in (
        ("srun", SRUN.format(python=sys.executable)),
        ("vllm", LOG),
        ("python", PYTHON),
        ("scontrol", scontrol),
    ):
        (commands / name).write_text(text)
        (commands / name).chmod(0o755)

    def start(script: str, *arguments: str, python: str = "python", **told: str) -> subprocess.Popen:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SLURM_")}
        environment |= {"PATH": f"{commands}:{os.environ['PATH']}", "PYTHON": python, "PYTHONPATH": str(REPOSITORY)}
        environment |= {"SLURM_SUBMIT_DIR": str(tmp_path), "SLURM_JOB_ID": "7", "SLURM_JOB_NODELIST": "node[1-2]"} | told
        command = ["bash", str(tmp_path / "slurm" / script), *arguments]
        return subprocess.Popen(
            command, env=environment, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    start.folder = tmp_path
    return start


def finish(process: subprocess.Popen, folder: Path) -> tuple[int, str, list[str]]:
    """Exit code, output, and the calls that were written down."""
    said = process.communicate(timeout=120)[0]
    calls = folder / "calls"
    return process.returncode, said, calls.read_text().splitlines() if calls.is_file() else []


# ---- what stands in them


@pytest.mark.parametrize("path", [*SCRIPTS, REPOSITORY / "slurm" / "stage.sh"], ids=lambda path: path.name)
def test_bash_reads_the_script(path):
    done = subprocess.run(["bash", "-n", str(path)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shellcheck_finds_nothing():
    files = [str(path.relative_to(REPOSITORY)) for path in [*SCRIPTS, REPOSITORY / "slurm" / "stage.sh"]]
    done = subprocess.run(["shellcheck", "-x", *files], cwd=REPOSITORY, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_there_is_a_script_for_each_stage_and_all_go_back_into_the_queue():
    assert {path.stem for path in SCRIPTS} == {"data", "train", "evaluate", "gpu_check"}
    for path in SCRIPTS:
        lines = path.read_text().splitlines()
        options = [line.removeprefix("#SBATCH ") for line in lines if line.startswith("#SBATCH ")]
        assert "--requeue" in options
        assert "--open-mode=append" in options  # a requeued job would overwrite its log
        assert ("--signal=B:USR1@300" in options) == (path.stem == "train")
        first = next(number for number, line in enumerate(lines) if line and not line.startswith("#"))
        assert not [line for line in lines[first:] if line.startswith("#SBATCH")]  # SLURM reads no further


# ---- what they start


@pytest.mark.parametrize(
    "script, told, expected",
    [
        ("data.sbatch", {}, "data --profile paper --set a.b=1"),
        ("train.sbatch", {}, "train sp3f --profile paper --set a.b=1"),
        ("train.sbatch", {"MODELS": "sft"}, "train sft --profile paper --set a.b=1"),
        ("train.sbatch", {"MODELS": "sft", "LANGUAGES": "sw bn te", "SLURM_ARRAY_TASK_ID": "1"},
         "train sft --profile paper --set a.b=1 --set data.languages=[bn]"),
        ("train.sbatch", {"MODELS": "rlvr sp3f judge_only", "SLURM_ARRAY_TASK_ID": "2"},
         "train judge_only --profile paper --set a.b=1"),
        ("train.sbatch", {"MODELS": "rlvr", "LANGUAGES": "sw bn", "SLURM_ARRAY_TASK_ID": "0"},
         "train rlvr --profile paper --set a.b=1 --set data.languages=[sw]"),
        ("train.sbatch", {"MODELS": "icr_2"}, "train icr_2 --profile paper --set a.b=1"),
        ("train.sbatch", {"MODELS": "lidr_1 lidr_sft", "SLURM_ARRAY_TASK_ID": "1"},
         "train lidr_sft --profile paper --set a.b=1"),
        ("evaluate.sbatch", {}, "evaluate sp3f --profile paper --set a.b=1"),
        ("evaluate.sbatch", {"MODELS": "base sft", "SLURM_ARRAY_TASK_ID": "1"}, "evaluate sft --profile paper --set a.b=1"),
    ],
)  # fmt: skip
def test_a_script_starts_its_stage(cluster, script, told, expected):
    code, said, calls = finish(cluster(script, "paper", "--set", "a.b=1", **told), cluster.folder)
    assert (code, calls) == (0, [f"-m sp3f_lib {expected}"]), said


def test_the_gpu_check_gets_its_options(cluster):
    code, said, calls = finish(cluster("gpu_check.sbatch", "--model", "m", "--minutes", "20"), cluster.folder)
    assert (code, calls) == (0, ["-m sp3f_lib gpu-check --model m --minutes 20"]), said


def test_a_task_beyond_the_list_says_which_array_fits(cluster):
    code, said, calls = finish(cluster("train.sbatch", MODELS="rlvr sp3f", SLURM_ARRAY_TASK_ID="2"), cluster.folder)
    assert (code, calls) == (2, [])
    assert "only 2 to choose from: rlvr sp3f; submit with --array=0-1" in said


def test_vllm_serves_the_sft_model_on_the_last_node(cluster):
    process = cluster("train.sbatch", "paper", "--wait", VLLM_GPUS="4")
    assert process.stdout.readline() == "ready\n"
    calls = cluster.folder / "calls"
    for _ in range(200):
        if "vllm serve" in calls.read_text():
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, said, calls = finish(process, cluster.folder)
    assert calls[0] == "-m sp3f_lib train sft --profile paper --wait", said
    assert any(call.startswith("vllm serve model --port 8000 --tensor-parallel-size 4 ") for call in calls)
    (trained,) = [call for call in calls if " train sp3f " in call]
    assert "--set grpo.vllm_mode=server --set grpo.vllm_server_host=node2" in trained


# ---- signals


@pytest.mark.parametrize(
    "told, requeued", [({}, "7"), ({"SLURM_ARRAY_JOB_ID": "5", "SLURM_ARRAY_TASK_ID": "0", "MODELS": "sp3f"}, "5_0")]
)
def test_the_signal_before_the_limit_stops_the_stage_and_puts_the_job_back(cluster, told, requeued):
    process = cluster("train.sbatch", "paper", "--wait", **told)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGUSR1)
    code, _, calls = finish(process, cluster.folder)
    assert code == 0
    assert calls[-1] == f"scontrol requeue {requeued}"


def test_a_cancelled_job_stops_at_a_checkpoint_and_stays_cancelled(cluster):
    process = cluster("train.sbatch", "paper", "--wait")
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    code, _, calls = finish(process, cluster.folder)
    assert code == 75
    assert not [call for call in calls if call.startswith("scontrol")]


def test_a_stage_that_fails_is_not_put_back(cluster):
    code, _, calls = finish(cluster("train.sbatch", "paper", "--fail"), cluster.folder)
    assert code == 3
    assert not [call for call in calls if call.startswith("scontrol")]


# ---- the real thing, small


def test_two_machines_train_one_model(cluster):
    with socket.socket() as free:
        free.bind(("", 0))
        port = free.getsockname()[1]
    two = {"launch.accelerate": "ddp", "launch.processes": 2, "launch.machines": 2, "launch.port": port}
    two |= {"sft.max_steps": 3, "sft.per_device_train_batch_size": 2}
    changes = [part for key, value in two.items() for part in ("--set", f"{key}={value}")]
    code, said, calls = finish(
        cluster("train.sbatch", str(TOY), *changes, python=sys.executable, MODELS="sft"), cluster.folder
    )
    assert code == 0, said
    assert len(re.findall(r"^sft warm: step 3/3", said, re.MULTILINE)) == 1
    (manifest,) = cluster.folder.glob("runs/toy/sft-warm/*/manifest.json")
    assert json.loads(manifest.read_text())["settings"]["launch"] == {"accelerate": "ddp", "processes": 2}
    assert calls == []

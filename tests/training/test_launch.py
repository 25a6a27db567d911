"""How several processes are started: configurations that accelerate reads, commands, settings that cannot be."""

from pathlib import Path

import pytest
import yaml
from accelerate.commands.config.config_args import ClusterConfig, load_config_from_file
from accelerate.commands.launch import _validate_launch_command, launch_command_parser
from accelerate.utils import DistributedType

from sp3f_lib.profiles import FOLDER, ProfileError, load_profile, profile_names
from sp3f_lib.runs import StageError
from sp3f_lib.training.processes import _on_each_machine, launch_command

from ..toy import REPOSITORY, TOY

CONFIGURATIONS = sorted((FOLDER / "accelerate").glob("*.yaml"))
WORKER = "sp3f_lib.training.worker"
KINDS = {"single": "NO", "ddp": "MULTI_GPU", "fsdp2": "FSDP", "zero3": "DEEPSPEED"}


def parsed(profile, section="sft", **more):
    """What accelerate makes of our command, with its own parser and its own reading of the configuration."""
    command = launch_command(profile, section, Path("job.json"), WORKER, **more)
    assert command[1:3] == ["-m", "accelerate.commands.launch"]
    return _validate_launch_command(launch_command_parser().parse_args(command[3:]))[0]


# ---- the configurations


def test_there_is_a_configuration_for_each_way():
    assert {path.stem for path in CONFIGURATIONS} == set(KINDS)


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: path.stem)
def test_accelerate_reads_the_configuration(path):
    config = load_config_from_file(str(path))
    assert isinstance(config, ClusterConfig)
    assert config.distributed_type == DistributedType[KINDS[path.stem]]
    # accelerate takes any name below the nested sections and forgets it; its command line does not.
    known = {action.dest for action in launch_command_parser()._actions}
    assert set(config.fsdp_config) | set(config.deepspeed_config) <= known


def test_the_package_holds_the_configurations():
    given = (REPOSITORY / "pyproject.toml").read_text()
    assert '"profiles/accelerate/*.yaml"' in given


def test_fsdp2_exports_a_whole_model():
    parts = yaml.safe_load((FOLDER / "accelerate" / "fsdp2.yaml").read_text())["fsdp_config"]
    assert (parts["fsdp_version"], parts["fsdp_state_dict_type"]) == (2, "FULL_STATE_DICT")


# ---- the command


@pytest.mark.parametrize("way", ["ddp", "fsdp2", "zero3"])
def test_the_profile_decides_processes_and_precision(way):
    profile = load_profile(TOY, {"launch.accelerate": way, "launch.processes": 6, "sft.bf16": True})
    found = parsed(profile)
    assert (found.num_processes, found.num_machines, found.mixed_precision) == (6, 1, "bf16")
    assert (found.multi_gpu, found.use_fsdp, found.use_deepspeed) == (way == "ddp", way == "fsdp2", way == "zero3")
    assert (found.module, found.training_script, found.training_script_args) == (True, WORKER, ["job.json"])
    assert parsed(profile, "grpo").mixed_precision == "no"
    assert parsed(profile, None).mixed_precision == "no"  # a job that trains nothing


def test_the_paper_trains_with_fsdp2_on_eight():
    found = parsed(load_profile("paper"), "grpo")
    assert (found.use_fsdp, found.fsdp_version, found.num_processes, found.mixed_precision) == (True, 2, 8, "bf16")


def test_a_machine_is_told_its_place_and_the_first_ones_address():
    profile = load_profile(TOY, {"launch.accelerate": "ddp", "launch.processes": 4, "launch.machines": 2})
    found = parsed(profile, machine=1, address="node7")
    assert (found.num_machines, found.machine_rank, found.main_process_ip, found.main_process_port) == (2, 1, "node7", 29500)


def test_several_machines_are_started_by_slurm_only(monkeypatch):
    profile = load_profile(TOY, {"launch.accelerate": "ddp", "launch.processes": 4, "launch.machines": 2})
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    with pytest.raises(StageError, match=r"launch\.machines is 2, and this is no SLURM job"):
        _on_each_machine(profile, Path("job.json"), WORKER)
    monkeypatch.setenv("SLURM_JOB_ID", "1")
    command = _on_each_machine(profile, Path("job.json"), WORKER)
    assert command[:3] == ["srun", "--nodes=2", "--ntasks=2"]
    assert command[-4:] == ["-m", WORKER, "--launch", "job.json"]


# ---- settings


@pytest.mark.parametrize(
    "changes, wrong",
    [
        ({"launch.processes": 2}, "'single' is one process, not 2"),
        ({"launch.accelerate": "ddp"}, "'ddp' needs at least 2 processes"),
        ({"launch.accelerate": "fdsp2"}, "no configuration 'fdsp2'; nearest known: 'fsdp2'"),
        ({"launch.accelerate": "ddp", "launch.processes": 3, "launch.machines": 2}, "multiple of machines"),
        ({"launch.gpus": 2}, "unknown key launch.gpus"),
    ],
)
def test_a_launch_that_cannot_be_is_refused(changes, wrong):
    with pytest.raises(ProfileError, match=wrong):
        load_profile(TOY, changes)


def test_a_configuration_of_ones_own_is_a_path(tmp_path):
    own = tmp_path / "own.yaml"
    own.write_text((FOLDER / "accelerate" / "ddp.yaml").read_text())
    found = parsed(load_profile(TOY, {"launch.accelerate": str(own), "launch.processes": 2}))
    assert found.multi_gpu


@pytest.mark.parametrize("name", profile_names())
def test_no_shipped_profile_shards_twice(name):
    profile = load_profile(name)
    assert not {"fsdp", "fsdp_config", "deepspeed"} & {*profile.sft, *profile.grpo}

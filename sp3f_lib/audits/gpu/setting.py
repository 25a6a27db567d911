"""What is trained in the check: the model, the rows, the sizes, and the profile: `gpu1`, so what is measured is what users train.

The model is one that is given, or a Qwen2 with random weights, of the shape of Qwen2.5-0.5B on a GPU and a toy one on a CPU, with
the lab's tokenizer. The rows are the lab's problems; for SFT each solution is filled up to the length that is trained on, so that
the lengths which `--dry-run` is told are those that there are.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from filelock import FileLock, Timeout
from safetensors import SafetensorError, safe_open

from sp3f_lib.audits.gpu.device import Device
from sp3f_lib.audits.gpu.result import NotPossible
from sp3f_lib.data.schema import read_rows, write_rows
from sp3f_lib.data.sources import lab_rows
from sp3f_lib.forecast.memory import GB
from sp3f_lib.forecast.plan import Plan, plan
from sp3f_lib.forecast.shape import KNOWN, load_shape
from sp3f_lib.generation.local import load_tokenizer
from sp3f_lib.lab.problems import sample_problems
from sp3f_lib.lab.shipped import SHIPPED, shipped_base
from sp3f_lib.machine import set_up
from sp3f_lib.profiles import Profile, load_profile
from sp3f_lib.runs import LOCK, StageError

LANGUAGES = ("en", "es", "sw")
_TOY = {
    "model_type": "qwen2", "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "tie_word_embeddings": True,
}  # fmt: skip
_POSITIONS = 4096
_LOG = ".log"


@dataclass(frozen=True)
class Sizes:
    """Of a step. GRPO: completions, completions a group, tokens of each, sequences at once. SFT: rows, tokens, rows at once."""

    completions: int
    group: int
    tokens: int
    at_once: int
    rows: int
    row_tokens: int
    rows_at_once: int


GPU, CPU = Sizes(128, 8, 512, 4, 16, 1024, 2), Sizes(8, 4, 16, 4, 4, 256, 2)


@dataclass(frozen=True)
class Setting:
    """Everything that checks share. `folder`: where they work; `gpus`: all that are there, as CUDA_VISIBLE_DEVICES names them.

    `steps`: what was measured of trainings already, so that two checks that need the same one share it.
    """

    device: Device
    folder: Path
    model: str
    sizes: Sizes
    gpus: tuple[str, ...] = ()
    steps: dict = field(default_factory=dict)

    def profile(self, changes: dict | None = None) -> Profile:
        """Profile `gpu1` with the sizes of this check, in one process, without a judge's server, and with `changes`."""
        sizes, cpu = self.sizes, not self.device.on_gpu
        common = {"save_strategy": "no", "use_cpu": cpu, "bf16": not cpu, "logging_steps": 1, "max_steps": 3}
        sft = common | {
            "max_length": sizes.row_tokens, "per_device_train_batch_size": sizes.rows_at_once, "eos_token": None,
            "gradient_accumulation_steps": sizes.rows // sizes.rows_at_once, "warmup_steps": 0,
        }  # fmt: skip
        grpo = common | {
            "num_generations": sizes.group, "per_device_train_batch_size": sizes.at_once,
            "gradient_accumulation_steps": sizes.completions // sizes.at_once, "max_completion_length": sizes.tokens,
        }  # fmt: skip
        given = {f"sft.{key}": value for key, value in sft.items()} | {f"grpo.{key}": value for key, value in grpo.items()}
        given |= {
            "name": "gpu-check",
            "threads": 1 if cpu else None,
            "tracking.report_to": [],
            "tracking.samples_every": 0,
            "model.path": self.model,
        }
        return load_profile("gpu1", given | (changes or {}))

    def full_length(self, tokens: int | None = None) -> dict:
        """Changes of the profile: each completion has as many `tokens` as it may, and the dry run is told how long prompts are."""
        tokens = tokens or self.sizes.tokens
        return {"grpo.generation_kwargs": {"min_new_tokens": tokens}, "grpo.vllm_max_model_length": self.prompt + tokens}

    @cached_property
    def tokenizer(self):
        return load_tokenizer(self.model)

    def rows(self, kind: str) -> Path:
        """The file of rows for `sft` or `grpo`, made once."""
        path = self.folder / f"{kind}.parquet"
        if not path.is_file():
            found = lab_rows(sample_problems(64, 17, (2, 3, 4)), LANGUAGES)
            write_rows(
                [_filled(row, self.sizes.row_tokens, self.tokenizer) for row in found] if kind == "sft" else found, path
            )
        return path

    @cached_property
    def prompt(self) -> int:
        """Tokens of the longest prompt of the rows for GRPO."""
        prompts = [row["input"] for row in read_rows(self.rows("grpo"))]
        return max(
            len(self.tokenizer.apply_chat_template(one, add_generation_prompt=True, return_dict=True)["input_ids"])
            for one in prompts
        )

    def forecast(self, profile: Profile, kind: str) -> Plan:
        """What `--dry-run` says of a training on this device. No finished run is looked at: it would be measured by itself."""
        device = self.device
        return plan(
            profile, kind, load_shape(profile), self.folder / "none", device.total, device.name if device.on_gpu else ""
        )

    def room(self, name: str) -> Path:
        """An empty folder for one training."""
        path = self.folder / name
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        return path

    def disk(self, weights: float) -> None:
        """`NotPossible` if the disk has no room for so many copies of the model's weights in float32."""
        needed, free = weights * 4 * load_shape(self.profile()).weights, shutil.disk_usage(self.folder).free
        if needed > free:
            raise NotPossible(f"{self.folder} has {free / GB:.1f} GB free, checkpoints need {needed / GB:.1f} GB")


def make_setting(device: Device, folder: Path, model: str | None, gpus: tuple[str, ...] = ()) -> Setting:
    """The setting of a check in `folder`; the model is made if none is given.

    `ValueError` if the model's tokenizer or its chat template is missing.
    """
    for path in [*folder.glob(f"*{_LOG}"), *tidy(folder)]:  # of an earlier check, which was killed perhaps
        path.unlink()
    if model is None:
        model = str(random_qwen2(folder / "model", device.on_gpu))
    path = str(shipped_base(model)) if model in SHIPPED else model
    check_files(path)
    setting = Setting(device, folder.resolve(), path, GPU if device.on_gpu else CPU, gpus)
    _ = setting.tokenizer
    return setting


def check_files(model: str) -> None:
    """`StageError` if a model directory is not there, or a file of its weights is not whole. Hub ids are looked for when loaded."""
    folder = Path(model)
    if model.startswith((".", "/", "~")) and not folder.is_dir():
        raise StageError(f"--model: there is no directory {model!r}")
    for file in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(file, "pt"):
                pass
        except SafetensorError as error:
            raise StageError(f"--model: {file} is not whole, or no file of weights; was it half copied? ({error})") from None


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Makes the folder of a check; `StageError` while another check works there."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / LOCK, timeout=0):
            yield
    except Timeout:
        raise StageError(
            f"another check is at work in {folder.resolve()}; wait for it, or start this one elsewhere"
        ) from None


def tidy(folder: Path) -> list[Path]:
    """Removes model, rows, and trainings that failed; what the processes of these said is kept, and given: the files."""
    kept = []
    for path in sorted(folder.iterdir()):
        if (log := path / "log.txt").is_file():
            kept.append(log.rename(folder / f"{path.name}{_LOG}"))
        if path.is_dir():
            shutil.rmtree(path)
        elif path.suffix == ".parquet":
            path.unlink()
    return kept


def random_qwen2(path: Path, large: bool) -> Path:
    """A folder with a Qwen2 of random weights, of Qwen2.5-0.5B's shape or a toy one, and the lab's tokenizer."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig

    shutil.rmtree(path, ignore_errors=True)
    tokenizer = load_tokenizer(str(shipped_base("lab")))
    shape = KNOWN["Qwen/Qwen2.5-0.5B"] if large else _TOY | {"vocab_size": len(tokenizer)}
    set_up(None)
    special = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(
        AutoConfig.for_model(**shape, **special, bos_token_id=None, max_position_embeddings=_POSITIONS), dtype=torch.float32
    )
    model.generation_config = GenerationConfig(**special)
    model.save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


def with_attention(setting: Setting, name: str) -> Setting:
    """The same with a model whose configuration asks for an attention of transformers (`sdpa`, `flash_attention_2`, ...).

    A folder beside the others, with links to the weights: that is how a user chooses one too.
    """
    from huggingface_hub import snapshot_download

    source = Path(setting.model) if Path(setting.model).is_dir() else Path(snapshot_download(setting.model))
    path = setting.room(f"model-{name}")
    for file in source.iterdir():
        (path / file.name).symlink_to(file.resolve())
    told = json.loads((source / "config.json").read_text(encoding="utf-8")) | {"attn_implementation": name}
    (path / "config.json").unlink()
    (path / "config.json").write_text(json.dumps(told, indent=1), encoding="utf-8")
    return replace(setting, model=str(path))


def _filled(row: dict, tokens: int, tokenizer) -> dict:
    """The row with its solution again and again, until it has at least so many tokens: SFT cuts the rest."""
    solution = row["translated_solution"]
    times = 1 + tokens // max(1, len(tokenizer(solution, add_special_tokens=False)["input_ids"]))
    return row | {"translated_solution": "\n".join([solution] * times), "output": "\n".join([solution] * times)}

"""What is checked before the first step, so that a long run does not fail on what could have been seen at its start.

Each check raises an error that says what to change: `ProfileError` for settings, `StageError` for this machine and these
rows, `RewardError` for a reward function that fails or gives no number.
"""

import functools
import math
import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from sp3f_lib.data.schema import english_question, read_json_lines, read_rows
from sp3f_lib.profiles import Profile, ProfileError
from sp3f_lib.rewards.verifiable import verifiable_terms
from sp3f_lib.runs import StageError
from sp3f_lib.training.fitting import fitting_pairs
from sp3f_lib.training.hints import longest_hint

LOSS = ["sigmoid", "sft"]
# Fields of DPOConfig that change a loss of TRL which is not computed here, or move the reference.
_OTHER_LOSSES = {
    "discopop_tau",
    "f_alpha_divergence_coef",
    "f_divergence_type",
    "label_smoothing",
    "ld_alpha",
    "ref_model_mixup_alpha",
    "ref_model_sync_steps",
    "router_aux_loss_coef",
    "sync_ref_model",
    "use_weighting",
}


class RewardError(ValueError):
    """A reward function that raised, or gave something else than one finite number per response."""


def check_settings(profile: Profile, kind: str) -> None:
    """What the profile alone tells about section `kind`: `ProfileError` if it cannot train.

    `kind` is base, sft, alignment, grpo or preference.
    """
    section = getattr(profile, kind)
    for key in ("per_device_train_batch_size", "gradient_accumulation_steps", "save_steps"):
        if key in section and section[key] <= 0:
            raise ProfileError(f"{kind}.{key} is {section[key]}; give a number above 0")
    if kind == "preference":
        check_loss(section)
        # TRL writes them into a temporary folder of the first process, where the others do not find them.
        if section.get("precompute_ref_log_probs") and profile.launch.processes > 1:
            raise ProfileError(
                "preference.precompute_ref_log_probs works in one process, launch.processes is "
                f"{profile.launch.processes}; leave it away: the reference is then sharded like the model, and with section lora "
                "it is the model without its adapter, which takes no memory"
            )
    if kind == "grpo":
        _check_groups(profile, section)
        verifiable_terms(profile.rewards)  # names a term that is not there


def check_loss(section: dict) -> None:
    """`ProfileError` if section `preference` asks for another loss than DPO + alpha NLL (see preference.py)."""
    kinds, weights = section.get("loss_type"), section.get("loss_weights") or [1.0, 1.0]
    if kinds != LOSS:
        raise ProfileError(f"preference.loss_type must be [{', '.join(LOSS)}], not {kinds}; set it in the profile")
    if len(weights) != 2 or weights[0] != 1 or weights[1] < 0:
        raise ProfileError(f"preference.loss_weights must be [1.0, alpha] with alpha >= 0, not {weights}")
    if others := sorted(_OTHER_LOSSES & section.keys()):
        raise ProfileError(f"preference.{others[0]} belongs to a loss that is not computed here; remove it from the profile")


def _check_groups(profile: Profile, section: dict) -> None:
    """Whether GRPO's batch consists of whole groups, and vLLM has room for them."""
    group, batch = section.get("num_generations", 8), generation_batch(profile)
    if group < 2:
        raise ProfileError(f"grpo.num_generations is {group}; a group needs at least 2 responses to be compared")
    if batch % group:
        raise ProfileError(
            f"grpo: {batch} completions a step (per_device_train_batch_size x gradient_accumulation_steps x launch.processes) "
            f"are no whole groups of {group} (num_generations); choose numbers whose product is a multiple of {group}"
        )
    room = section.get("vllm_max_model_length")
    if section.get("use_vllm") and room and room <= section.get("max_completion_length", 256):
        raise ProfileError(
            f"grpo.vllm_max_model_length ({room}) must hold prompt and completion; "
            f"raise it above max_completion_length ({section.get('max_completion_length', 256)})"
        )
    parallel = section.get("vllm_tensor_parallel_size", 1)
    if (
        section.get("use_vllm")
        and section.get("vllm_mode", "colocate") == "colocate"
        and profile.launch.processes % parallel
    ):
        raise ProfileError(
            f"grpo.vllm_tensor_parallel_size ({parallel}) must divide launch.processes ({profile.launch.processes})"
        )


def generation_batch(profile: Profile) -> int:
    """Completions that are generated at once, over all processes."""
    section = profile.grpo
    if "generation_batch_size" in section:
        return section["generation_batch_size"]
    steps = section.get("steps_per_generation", section.get("gradient_accumulation_steps", 1))
    return section.get("per_device_train_batch_size", 8) * steps * profile.launch.processes


def check_machine(profile: Profile, kind: str) -> None:
    """Whether this machine has the GPUs and libraries that section `kind` of the profile asks for."""
    section, launch = getattr(profile, kind), profile.launch
    if kind == "grpo" and section.get("use_vllm") and find_spec("vllm") is None:
        raise StageError(
            "grpo.use_vllm: vLLM is not installed here; install it (environment.yml has the version that fits), "
            "or generate with transformers: --set grpo.use_vllm=false"
        )
    if launch.accelerate == "zero3" and find_spec("deepspeed") is None:
        raise StageError("launch.accelerate: zero3 needs DeepSpeed; pip install deepspeed, or set it to fsdp2")
    if section.get("use_cpu"):
        if launch.accelerate == "fsdp2":  # accelerate 1.15 takes it for ddp without a word
            raise StageError("launch.accelerate: fsdp2 does not shard on a CPU; set it to ddp, or use GPUs")
        return
    import torch

    wanted, there = launch.processes // launch.machines, torch.cuda.device_count()
    if wanted > there and (launch.accelerate != "single" or section.get("bf16") or section.get("use_vllm")):
        raise StageError(
            f"the profile trains on {wanted} GPU{'s' * (wanted > 1)} a machine, this one has {there}; set launch.processes "
            f"(and {kind}.gradient_accumulation_steps, to keep the batch), or train on the CPU: --set launch.accelerate=single "
            f"--set launch.processes=1 --set {kind}.use_cpu=true --set {kind}.bf16=false"
        )


def read_training_rows(path: Path, kind: str) -> list[dict]:
    """What a stage trains on: checked rows for `sft` and `grpo`; for `preference` pairs, for `alignment` rows without an answer,
    both from JSON lines. `RowError` or `StageError` if the file cannot be read."""
    path = Path(path)
    if kind in ("sft", "grpo"):
        return read_rows(path, for_sft=kind == "sft")
    if not path.is_file():
        raise StageError(f"{kind}: there is no file {path}; run the stage that makes it")
    return read_json_lines(path)


def check_rows(profile: Profile, kind: str, start: str, rows: Path) -> None:
    """Whether there are rows, each prompt leaves room for its answer, and every reward gives a number for each row's solution.

    Of pairs (`preference`): each has two different answers, and some fit into `max_length` and the model's context.
    """
    from transformers import AutoConfig

    from sp3f_lib.generation.local import load_tokenizer

    found = read_training_rows(rows, kind)
    if not found:
        raise StageError(f"{rows} has no {'pairs' if kind == 'preference' else 'rows'}; look at the stage that makes them")
    section, tokenizer = getattr(profile, kind), load_tokenizer(start, profile.model.revision)
    context = getattr(AutoConfig.from_pretrained(start, revision=profile.model.revision), "max_position_embeddings", None)
    if kind == "preference":
        _check_pairs(section, found, tokenizer, context)
        return
    if kind == "grpo":
        check_rewards(profile, found)
        room = section.get("vllm_max_model_length") if section.get("use_vllm") else None
        context = min((limit for limit in (room, context) if limit), default=None)
        left, change = section.get("max_completion_length", 256), "lower grpo.max_completion_length"
        change += ", raise grpo.vllm_max_model_length" if room else ""
    elif section.get("truncation_mode") == "keep_end":  # cuts the prompt
        return
    else:
        context = min((limit for limit in (section.get("max_length", 1024), context) if limit), default=None)
        left, change = 1, f"raise {kind}.max_length"
    prompts = [row["input"] for row in found]
    lengths = [
        len(tokenizer.apply_chat_template(p, add_generation_prompt=True, return_dict=True)["input_ids"]) for p in prompts
    ]
    if kind == "grpo" and profile.hint.use:
        hints = tokenizer([longest_hint(row, profile.hint) for row in found], add_special_tokens=False)["input_ids"]
        lengths = [length + len(hint) for length, hint in zip(lengths, hints, strict=True)]
    _check_room(lengths, left, context, kind, change)
    if kind == "grpo" and profile.teacher.use:
        _check_room(_teacher_lengths(profile, found, tokenizer), left, context, "teacher", change)


def _check_room(lengths: list[int], left: int, context: int | None, what: str, change: str) -> None:
    too_long = [length for length in lengths if context and length + left > context]
    if too_long:
        raise StageError(
            f"{what}: {len(too_long)} of {len(lengths)} prompts leave no room for {left} more tokens within {context}: the longest "
            f"has {max(too_long)} tokens; {change}, or leave those rows out"
        )


def _teacher_lengths(profile: Profile, rows: list[dict], tokenizer) -> list[int]:
    """Tokens of what the teacher reads before an answer; `StageError` if it has nothing to read for any row."""
    from sp3f_lib.training.teacher import context_ids, context_of

    kind = profile.teacher.context
    contexts = [context_of({"prompt": row["input"], "question": english_question(row), **row}, kind) for row in rows]
    if not any(contexts):
        raise StageError(
            f"teacher: none of {len(rows)} rows has a context {kind!r} (there is nothing to translate in English rows)"
        )
    return [len(context_ids(context, tokenizer)) for context in contexts if context]


def _check_pairs(section: dict, pairs: list[dict], tokenizer, context: int | None) -> None:
    limit = section.get("max_length", 1024)
    kept = fitting_pairs(pairs, tokenizer, limit, "preference")
    if context and (limit is None or limit > context):
        short = fitting_pairs(kept, tokenizer, context, "preference")
        if len(short) < len(kept):
            raise StageError(
                f"preference: {len(kept) - len(short)} of {len(pairs)} pairs have more tokens than the model's context of "
                f"{context}; set preference.max_length to {context}, which leaves them out"
            )


def check_rewards(profile: Profile, rows: list[dict]) -> None:
    """Asks every verifiable reward about each language's first solution; `RewardError` if one fails."""
    first = list({row["extra_info"]["lang"]: row for row in reversed(rows)}.values())
    texts = [row.get("translated_solution") or row["solution"] for row in first]
    for term in guarded(verifiable_terms(profile.rewards)):
        term(
            completions=[[{"role": "assistant", "content": text}] for text in texts],
            reward_model=[row["reward_model"] for row in first],
            extra_info=[row["extra_info"] for row in first],
        )


def guarded(terms: list[Callable]) -> list[Callable]:
    """The reward functions, each of which raises `RewardError` with its name and the response where it fails.

    TRL counts a missing reward beside others as 0, that is, as a loss; a reward that fails is not the model's fault.
    """
    return [_guarded(term) for term in terms]


def _guarded(term: Callable) -> Callable:
    name = term.__name__

    @functools.wraps(term)
    def checked(completions, **columns):
        try:
            values = term(completions=completions, **columns)
        except Exception as error:
            raise RewardError(
                f"the reward {name} failed on {len(completions)} responses: {type(error).__name__}: {error}. Mend it and run the "
                f"same command again; it goes on from the last checkpoint. First response: {_text(completions[0])}"
            ) from error
        if len(values) != len(completions):
            raise RewardError(
                f"the reward {name} gave {len(values)} values for {len(completions)} responses; it must give one each"
            )
        for value, completion in zip(values, completions, strict=True):
            if value is None or not math.isfinite(value):
                raise RewardError(f"the reward {name} gave {value}, not a number, for the response {_text(completion)}")
        return values

    return checked


def _text(completion) -> str:
    return repr(completion[-1]["content"][:200])


def check_started_once() -> None:
    """`StageError` under torchrun or `accelerate launch`: each of its processes would wait for the first one's stage for ever."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and "LOCAL_RANK" in os.environ:
        raise StageError(
            "this was started several times, by torchrun or accelerate launch; start it once, as `sp3f ...`: the "
            "profile says in how many processes it trains (launch.accelerate, launch.processes), and it starts them itself"
        )

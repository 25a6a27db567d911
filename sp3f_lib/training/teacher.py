"""A teacher that sees the English solution, token by token (section `teacher`): the third place for a reference.

    A_it = A_i + w clip( log pi_T(y_it | c, y_i<t) - log pi(y_it | x, y_i<t), -d, d )            without gradient

pi is the policy that wrote y from the question x; pi_T has the solution in its context c. It is the policy itself (OPSD, arXiv
2601.18734; SDFT, 2601.19897), or a frozen model (COPSD, 2605.09548, the nearest multilingual rival: the initial policy).
In expectation the second part is the gradient of -w KL(pi || pi_T) of the next token, on the policy's own prefixes (what a token
does to later prefixes is left out): the sampled-token form of OPSD, and of SDPO (2601.20802). A_i is the group's advantage of
rewards, 0 for all where every weight is 0 (arm `opsd`).

Contexts: `solve`, the question with the solution beside it and the request to answer in the language oneself (after COPSD, in our
words); `translate`, the solution in self-translation's prompt, which is what the lab's base model reads. There the reply stands
between tags, so the teacher would end it with another token than the policy: the last tokens, which the closing tag changes,
and the end token get no advantage. Nor do English rows, of which there is nothing to translate.

Scale: with `dr_grpo` a token's advantage is divided by max_completion_length, whichever part it comes from.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from trl.models import prepare_deepspeed, prepare_fsdp
from trl.trainer.utils import add_fused_lm_head, pad

from sp3f_lib.generation.local import load_model
from sp3f_lib.generation.translation import CLOSE, PREFILL, TAGS, translation_prompt
from sp3f_lib.languages import get_language
from sp3f_lib.profiles import Profile
from sp3f_lib.profiles.sections import Teacher
from sp3f_lib.runs import StageError

POLICY = "policy"
_SOLVE = (
    "{question}\n\nThe same problem in English, with a solution:\n\n{english}\n\n{solution}\n\n"
    "Understand the solution and do not copy it. Solve the problem yourself, step by step, in {language}."
)


@dataclass(frozen=True)
class Context:
    """What the teacher reads before the policy's answer: chat messages and the beginning of its turn; `close` ends its turn."""

    messages: list[dict]
    begin: str = ""
    close: str = ""


def context_of(row: dict, kind: str) -> Context | None:
    """The context of a row of the trainer (`prompt`, `question`, `solution`); None where there is none.

    `translate`: none in English, and none for a solution that holds the tags.
    """
    lang, solution = row["extra_info"]["lang"], row["solution"]
    if kind == "translate":
        if lang == "en" or any(tag in solution for tag in TAGS):
            return None
        return Context(translation_prompt(solution, "en", lang), PREFILL, CLOSE)
    *before, last = row["prompt"]
    texts = {"question": last["content"], "english": row["question"], "solution": solution}
    # One pass: the texts may hold braces.
    content = _SOLVE.format(language=get_language(lang).name, **texts)
    return Context([*before, last | {"content": content}])


def context_ids(context: Context, tokenizer) -> list[int]:
    """The token ids of a context, the assistant's turn begun."""
    text = tokenizer.apply_chat_template(context.messages, add_generation_prompt=True, tokenize=False) + context.begin
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def scored_tokens(ids: Sequence[int], close: str, tokenizer) -> int:
    """How many of a completion's tokens the teacher would write as the policy does: all, or all before what `close` changes."""
    if not close:
        return len(ids)
    special = set(tokenizer.all_special_ids)
    end = next((place for place, token in enumerate(ids) if token in special), len(ids))
    text = tokenizer.decode(ids[:end])
    alone, closed = (tokenizer(one, add_special_tokens=False)["input_ids"] for one in (text, text + close))
    same = next((k for k, (a, b) in enumerate(zip(alone, closed, strict=False)) if a != b), len(alone))
    return max(0, end - (len(alone) - same))


def teacher_batch(
    rows: Sequence[dict], completion_ids: torch.Tensor, completion_mask: torch.Tensor, kind: str, tokenizer
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(input_ids, attention_mask), each (B, context + T), and which tokens of the completions (B, T) are scored, 0 or 1.

    `completion_ids` and `completion_mask` (B, T), padded on the right, are those of TRL's batch; contexts are padded on the left.
    """
    contexts = [context_of(row, kind) for row in rows]
    device, number = completion_ids.device, completion_mask.sum(1).tolist()
    read = [context_ids(context, tokenizer) if context else [tokenizer.pad_token_id] for context in contexts]
    prompts = [torch.tensor(ids, device=device) for ids in read]
    prompt_ids = pad(prompts, padding_value=tokenizer.pad_token_id, padding_side="left")
    prompt_mask = pad([torch.ones_like(ids) for ids in prompts], padding_value=0, padding_side="left")
    scored = torch.zeros_like(completion_mask)
    for place, (context, length) in enumerate(zip(contexts, number, strict=True)):
        if context:
            ids = completion_ids[place, :length].tolist()
            scored[place, : scored_tokens(ids, context.close, tokenizer)] = 1
    return torch.cat([prompt_ids, completion_ids], 1), torch.cat([prompt_mask, completion_mask], 1), scored


def token_advantages(
    advantages: torch.Tensor, teacher: torch.Tensor, policy: torch.Tensor, scored: torch.Tensor, settings: Teacher
) -> torch.Tensor:
    """Advantages (B, T): those of the rewards (B,) for every token, and the teacher's where `scored` (B, T) is 1.

    `teacher`, `policy`: log-probabilities (B, T) of the same tokens, nats.

    >>> one = torch.ones(1, 3)
    >>> token_advantages(torch.tensor([2.0]), -1 * one, torch.tensor([[-2.0, -9.0, -2.0]]), torch.tensor([[1, 1, 0]]), Teacher())
    tensor([[3., 7., 2.]])
    """
    gap = (teacher - policy).clamp(-settings.clip, settings.clip)
    return advantages[:, None] + settings.weight * gap * scored


def taught_advantages(
    rows: Sequence[dict],
    batch: dict,
    logps: Callable[[bool, torch.Tensor, torch.Tensor], torch.Tensor],
    unsolved: torch.Tensor,
    settings: Teacher,
    tokenizer,
) -> tuple[torch.Tensor, torch.Tensor]:
    """(`token_advantages` (B, T) of TRL's batch of the trainer's `rows`, counts for `teacher_metrics`, which processes may add up).

    `logps(teacher, ids, mask)` gives the log-probabilities (B, T) of the completions at the end of `ids`, of the teacher or the
    policy. `unsolved` (B,): whether no answer of the row's group is right.
    """
    mask = batch["completion_mask"]
    with torch.no_grad():
        *read, scored = teacher_batch(rows, batch["completion_ids"], mask, settings.context, tokenizer)
        teacher, policy = logps(True, *read), batch.get("old_per_token_logps")
        if policy is None:
            policy = logps(False, *(torch.cat([batch[f"prompt_{x}"], batch[f"completion_{x}"]], 1) for x in ("ids", "mask")))
    if settings.groups == "unsolved":
        scored = scored * unsolved[:, None]
    gap = (teacher - policy)[scored.bool()]
    counts = torch.stack([mask.sum(), scored.sum(), gap.sum(), (gap.abs() > settings.clip).sum()])
    return token_advantages(batch["advantages"], teacher, policy, scored, settings), counts


def teacher_metrics(counts: Sequence[float]) -> dict[str, float]:
    """What is logged: from tokens, tokens scored, the sum of their log-ratios before clipping, and how many were clipped.

    >>> teacher_metrics([100, 80, -40.0, 4])
    {'teacher/tokens': 0.8, 'teacher/gap': -0.5, 'teacher/clipped': 0.05}
    """
    tokens, scored, gap, clipped = counts
    found = {"teacher/tokens": scored / max(tokens, 1)}
    return found | ({"teacher/gap": gap / scored, "teacher/clipped": clipped / scored} if scored else {})


def frozen_teacher(profile: Profile, tokenizer):
    """The model `teacher.model` (a directory or hub id), frozen; `StageError` if it reads other tokens than the policy."""
    settings = profile.teacher
    model, own = load_model(settings.model, profile.model.torch_dtype, settings.revision)
    if own.get_vocab() != tokenizer.get_vocab():
        raise StageError(
            f"teacher.model: {settings.model} has another vocabulary than the policy, whose tokens it is to score; name a model "
            "of the same family, or policy"
        )
    return model.eval().requires_grad_(False)


def placed(model, trainer):
    """A frozen model where the trainer's own is, on its device or sharded as it is, with the head that TRL scores by.

    As TRL does with its reference model.
    """
    add_fused_lm_head(model, temperature=trainer.temperature, cast_lm_head_to_fp32=trainer.args.cast_lm_head_to_fp32)
    if trainer.is_deepspeed_enabled:
        return prepare_deepspeed(model, trainer.accelerator)
    if trainer.is_fsdp_enabled:
        return prepare_fsdp(model, trainer.accelerator)
    return trainer.accelerator.prepare_model(model, evaluation_mode=True)

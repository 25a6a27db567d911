"""Are the numbers right: bf16 against float32, and what generation thought of its tokens against what training thinks of them.

The second is what GRPO's ratio stands on: its gradient takes the sampled tokens for samples of the policy whose log-probabilities
training computes. Generation reads tokens one by one from a cache; training reads them all at once, perhaps in another precision.
"""

import shutil

import torch

from sp3f_lib.audits.gpu.device import Device, free
from sp3f_lib.audits.gpu.result import Measured, within
from sp3f_lib.audits.gpu.setting import Setting
from sp3f_lib.audits.gpu.steps import trained
from sp3f_lib.data.schema import read_rows
from sp3f_lib.generation.local import load_model
from sp3f_lib.machine import set_up

BF16 = 0.05  # nats: mean difference of a token's log-probability
FLOAT32 = 1e-3
_ROWS = 6


def logits_check(setting: Setting) -> Measured:
    """Log-probabilities of the rows' tokens with bf16 weights, and with float32 weights under autocast, against float32."""
    set_up(setting.profile().threads)
    exact, whole = logprobs(setting, "float32"), logprobs(setting, "float32", autocast=True)
    numbers, misses = {"tokens": len(exact)}, []
    for name, found in (("bf16 weights", logprobs(setting, "bfloat16")), ("autocast", whole)):
        gap = (found - exact).abs()
        numbers |= {f"{name} mean difference (nats)": gap.mean().item(), f"{name} largest": gap.max().item()}
        if not within(gap.mean().item(), 0, BF16):
            misses.append(f"{name} differs from float32 by {gap.mean().item():.3g} nats a token")
    return Measured(numbers, tuple(misses))


@torch.inference_mode()
def logprobs(setting: Setting, dtype: str, autocast: bool = False) -> torch.Tensor:
    """Log-probabilities (tokens,) in nats, float32 on the CPU, of the first rows' questions and solutions."""
    model, tokenizer = load_model(setting.model, dtype)
    device = setting.device.kind
    model.to(device).eval()
    found = []
    for row in read_rows(setting.rows("grpo"))[:_ROWS]:
        chat = [*row["input"], {"role": "assistant", "content": row["translated_solution"]}]
        ids = torch.tensor([tokenizer.apply_chat_template(chat, return_dict=True)["input_ids"]], device=device)
        with torch.autocast(device, torch.bfloat16, enabled=autocast):
            logits = model(input_ids=ids, use_cache=False).logits
        scores = torch.log_softmax(logits[0, :-1].float(), -1)
        found.append(scores.gather(1, ids[0, 1:, None]).squeeze(1).cpu())
    del model
    free(setting.device)
    return torch.cat(found)


class Witness:
    """A logits processor that only looks: the log-probability of each token when it was sampled, by the tokens before it.

    A sampled token is seen when the next one is due, so the last one of an answer is not.
    """

    def __init__(self, pad: int):
        self.pad, self.seen, self._before = pad, {}, {}

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        logps, now = torch.log_softmax(scores.float(), -1), {}
        for place, row in enumerate(input_ids.tolist()):
            begun = bare(row, self.pad)
            if (earlier := self._before.get(begun[:-1])) is not None:
                self.seen[begun] = earlier[begun[-1]].item()
            now[begun] = logps[place]
        self._before = now
        return scores


def bare(ids: list[int], pad: int) -> tuple[int, ...]:
    """The ids without the padding before them.

    >>> bare([0, 0, 5, 0], 0)
    (5, 0)
    """
    return tuple(ids[next((k for k, token in enumerate(ids) if token != pad), len(ids)) :])


def generation_check(setting: Setting) -> Measured:
    """One step of GRPO, whose generation is watched, and its completions scored by the trainer as it does in its loss."""
    batch = 2 * setting.sizes.group
    changes = {"grpo.max_steps": 1, "grpo.per_device_train_batch_size": setting.sizes.group}
    changes |= {"grpo.gradient_accumulation_steps": 2, "grpo.max_completion_length": min(64, setting.sizes.tokens)}
    gaps: list[float] = []

    def watch(trainer):
        witness, generate, score = Witness(setting.tokenizer.pad_token_id), trainer.model.generate, None

        def watched(*args, **kwargs):
            from transformers import LogitsProcessorList

            return generate(*args, **kwargs, logits_processor=LogitsProcessorList([witness]))

        def scored(inputs):
            found = score(inputs)
            gaps.extend(differences(trainer, found, witness))
            return found

        score = trainer._generate_and_score_completions
        trainer.model.generate, trainer._generate_and_score_completions = watched, scored

    profile = setting.profile(changes)
    shutil.rmtree(trained(setting, profile, "grpo", "generation", [watch]))
    if not gaps:
        return Measured({"tokens": 0}, ("no token of generation was found again in training",))
    mean, goal = sum(gaps) / len(gaps), generation_goal(setting.device)
    numbers = {"completions": batch, "tokens": len(gaps), "mean difference (nats)": mean, "largest": max(gaps)}
    missed = not within(mean, 0, goal)
    return Measured(numbers, (f"they differ by {mean:.3g} nats a token",) if missed else ())


def generation_goal(device: Device) -> float:
    """Nats: rounding of bf16 on a GPU, of float32 on a CPU."""
    return BF16 if device.on_gpu else FLOAT32


@torch.no_grad()
def differences(trainer, batch: dict, witness: Witness) -> list[float]:
    """|log-probability in training - when sampled| of each token that the witness saw, in nats, of a batch of the trainer."""
    ids, mask = (torch.cat([batch[f"prompt_{x}"], batch[f"completion_{x}"]], 1) for x in ("ids", "mask"))
    length, size = batch["completion_ids"].shape[1], trainer.args.per_device_train_batch_size
    logps = trainer._get_per_token_logps_and_entropies(trainer.model_wrapped, ids, mask, length, size)[0]
    found = []
    for row, kept, values in zip(ids.tolist(), mask.bool().tolist(), logps.tolist(), strict=True):
        real = [token for token, one in zip(row, kept, strict=True) if one]
        begin = len(real) - sum(kept[-length:])
        for place in range(begin, len(real)):
            seen = witness.seen.get(tuple(real[: place + 1]))
            if seen is not None:
                found.append(abs(values[place - begin] - seen))
    return found

"""Preference optimisation of ICR and LIDR: DPO with the likelihood of the chosen response beside it.

    L = mean_i { -log sigmoid( beta [ (log pi(y+|x) - log pi_ref(y+|x)) - (log pi(y-|x) - log pi_ref(y-|x)) ] )
                 + alpha ( -log pi(y+|x) / |y+| ) }                       (arXiv 2503.04647 and 2410.08964)

The DPO part sums log-probabilities over the tokens of a response, the NLL takes their mean *per response*, then the mean over
responses. The reference is the model that the training starts from, frozen; with LoRA, that model without its adapter.

Section `preference` of the profile holds fields of TRL's DPOConfig. The loss is `loss_type: [sigmoid, sft]`, and
`loss_weights: [1.0, alpha]` (both papers: alpha 1). `PreferenceTrainer` is TRL's DPOTrainer with `compute_loss` replaced:

1. TRL's `sft` part is the mean over all chosen tokens of the batch, so a short response weighs less in it, and the loss of
   a pair depends on its neighbours. Here each chosen response weighs the same.
2. TRL's other losses (`ld_alpha`, `f_divergence_type`, ...) are not computed; a profile that sets their fields is refused.
3. TRL cuts what is longer than `max_length`, and drops pairs whose prompt alone is. Here a pair that does not fit is left out
   as a whole, and the number of them is printed.
4. TRL loads the reference again by the model's name, without the profile's revision. Here it is loaded as the model was.

As in TRL: log-softmax in float32 whatever the model's dtype; dropout off in both models; a response is what the chat template
puts after the generation prompt, with its end token and whatever follows that in the template; gradients of micro-batches
are averaged, so in a last micro-batch of an epoch that is not full, each pair weighs more.

A pair has `prompt` (chat messages), `chosen` and `rejected` (lists of messages, each ending with the assistant's), and may have
`id`, which errors then name.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from trl import DPOConfig, DPOTrainer

from sp3f_lib.profiles import Profile
from sp3f_lib.training.checks import check_settings
from sp3f_lib.training.fitting import fitting_pairs


def dpo_nll_loss(
    chosen_logps: torch.Tensor,
    rejected_logps: torch.Tensor,
    ref_chosen_logps: torch.Tensor,
    ref_rejected_logps: torch.Tensor,
    chosen_lengths: torch.Tensor,
    beta: float,
    alpha: float,
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """(loss, metrics) of a batch of pairs; the loss is a scalar, each metric has one number per pair, without gradient.

    All tensors have shape (pairs,): log-probabilities in nats, summed over the tokens of a response, and the number of
    those tokens in the chosen response. Metrics have TRL's names; `rewards/...` are beta times the log-ratios. Equal
    rewards do not count as right, so before the first update `rewards/accuracies` is 0.

    With policy = reference the DPO part is log 2; here the NLL of 6 nats over 3 tokens adds 2:

    >>> one = torch.tensor([-6.0])
    >>> round(dpo_nll_loss(one, one, one, one, torch.tensor([3]), beta=0.1, alpha=1.0)[0].item(), 4)
    2.6931
    """
    chosen_rewards = beta * (chosen_logps - ref_chosen_logps)
    rejected_rewards = beta * (rejected_logps - ref_rejected_logps)
    margins = chosen_rewards - rejected_rewards
    dpo = -F.logsigmoid(margins)
    nll = -chosen_logps / chosen_lengths
    metrics = {
        "loss/dpo": dpo,
        "loss/nll": nll,
        "rewards/chosen": chosen_rewards,
        "rewards/rejected": rejected_rewards,
        "rewards/margins": margins,
        "rewards/accuracies": (margins > 0).float(),
        "logps/chosen": chosen_logps,
        "logps/rejected": rejected_logps,
    }
    return (dpo + alpha * nll).mean(), {name: values.detach() for name, values in metrics.items()}


class PreferenceTrainer(DPOTrainer):
    """DPOTrainer whose loss is `dpo_nll_loss`, with alpha in `loss_weights[1]`."""

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        if return_outputs:
            raise ValueError("PreferenceTrainer returns no logits; leave compute_metrics away")
        mask = inputs["completion_mask"]  # (2 pairs, tokens): the chosen responses, then the rejected ones
        labels = inputs["input_ids"].masked_fill(mask == 0, -100)
        outputs = model(
            input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], labels=labels, fused_lm_head=True
        )
        # Zero where the label is -100, that is, in the prompt and the padding.
        chosen, rejected = outputs.log_probs.sum(1).chunk(2)
        if self.precompute_ref_logps:
            reference = inputs["ref_chosen_logps"], inputs["ref_rejected_logps"]
        else:
            # Without a model of its own (LoRA) the reference is the policy with its adapter off.
            reference = self.compute_ref_log_probs(self.ref_model or self.model, inputs)
        lengths = mask.sum(1).chunk(2)[0]
        loss, metrics = dpo_nll_loss(chosen, rejected, *reference, lengths, self.beta, self.loss_weights[1])
        for name, values in metrics.items():
            mean = self.accelerator.gather(values).mean().item()
            self._metrics["train" if self.model.training else "eval"][name].append(mean)
        return loss


def train_preference(directory: Path, profile: Profile, start: str, pairs: list[dict], label: str = "preference") -> None:
    """Trains the model at `start` (a directory or hub id), which is also the reference, on `pairs`, into `directory/model`.

    With section `lora` only an adapter is trained, the reference is the model without it, and what is written is a whole model.
    Before the first step: `ValueError` if the profile or the model cannot be used, `StageError` if a pair cannot.
    """
    from datasets import Dataset

    from sp3f_lib.generation.local import load_model
    from sp3f_lib.training.common import lora_config, train, trainer_settings

    check_settings(profile, "preference")
    args = DPOConfig(**trainer_settings(profile.preference, directory, profile.seed))
    load = (start, profile.model.torch_dtype, profile.model.revision)
    model, tokenizer = load_model(*load)
    lora = lora_config(profile)
    kept = fitting_pairs(pairs, tokenizer, args.max_length, label)
    if args.process_index == 0 and len(kept) < len(pairs):
        print(
            f"{label}: {len(pairs) - len(kept)} of {len(pairs)} pairs are left out: with the longer response they have more "
            f"than {args.max_length} tokens (preference.max_length)",
            flush=True,
        )
    trainer = PreferenceTrainer(
        model=model,
        ref_model=None if args.precompute_ref_log_probs or lora else load_model(*load)[0],
        args=args,
        train_dataset=Dataset.from_list(kept),
        processing_class=tokenizer,
        peft_config=lora,
    )
    train(trainer, directory, label, profile)

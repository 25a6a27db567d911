"""Stage 2: GRPO in its Dr. GRPO form, with verifiable rewards and the win rate of a pairwise judge.

    R_i = accuracy + parseable + fidelity + win rate,   advantage_i = R_i - mean of the group        (arXiv 2601.18722)

`SP3FTrainer` is TRL's GRPOTrainer with its rewards changed, in these ways:

1. TRL's reward functions see only the rows of their own process. Here whole groups are gathered, judged once on the main
   process, and handed back.
2. TRL turns a missing reward beside another into 0, that is, a loss. Here a group without any verdict gets the same win rate
   for everyone, which cancels in the advantage. A judge that cannot go on (failing endpoint, cap reached) stops the training
   at a checkpoint of the last finished step.
3. An API judge is asked as soon as completions are there, while other work goes on: see early.py.
4. Prompts are shuffled by seed and epoch, so that a run resumed in a later epoch sees what it would have seen.
5. On one CPU a group's prompt goes through the model once: see shared_prompts.py.
6. What the paper argues about is measured: groups without a correct answer, and groups without any signal (group_metrics.py).
7. Where arms ask for it, the reference goes elsewhere than to the judge: into the prompt (hints.py), into a teacher's context
   (teacher.py); and the language term has another shape (rewards/shapes.py).

TRL's defaults are not the paper's: the profiles set `loss_type: dr_grpo`, `scale_rewards: none`, `beta: 0`, `epsilon: 0.2`,
`epsilon_high: 0.28`, and bf16 and gradient checkpointing explicitly. What makes a trainer of a profile: policy.py.
"""

from itertools import chain
from pathlib import Path

import torch
from accelerate.utils import broadcast_object_list, gather_object, is_peft_model
from trl import GRPOTrainer
from trl.trainer.utils import RepeatSampler

from sp3f_lib.data.schema import problem_id
from sp3f_lib.generation.decode import is_plain
from sp3f_lib.judges.base import Judge
from sp3f_lib.profiles.judge_section import Judge as JudgeSettings
from sp3f_lib.profiles.sections import Hint, Rewards, Teacher
from sp3f_lib.rewards.shapes import shape_term
from sp3f_lib.runs import StageError
from sp3f_lib.training.common import StopAtCheckpoint
from sp3f_lib.training.early import Judging, parts_of, places_of
from sp3f_lib.training.group_metrics import group_metrics, judge_metrics, unsolved
from sp3f_lib.training.hints import add_hints, hint_metrics, with_hints
from sp3f_lib.training.samples import add_verdicts, sample_rows, write_samples
from sp3f_lib.training.shared_prompts import shared_prompt_logps
from sp3f_lib.training.teacher import placed, taught_advantages, teacher_metrics

# What a group without any verdict gets: the same for all, so it cancels.
NO_VERDICT = 0.5


def win_rate(completions, **_) -> list[float]:
    """The place of the judge's term among TRL's reward functions; SP3FTrainer fills it once whole groups are together."""
    return [NO_VERDICT] * len(completions)


def score(completions, **_) -> list[float]:
    """The same place where a response gets its own score or agreement and no win rate (`judge.reward`), under its own name."""
    return [NO_VERDICT] * len(completions)


class EpochSampler(RepeatSampler):
    """TRL's sampler, shuffled anew in each epoch by seed and epoch.

    TRL's own draws on one stream over all epochs, which a run that goes on in a later epoch has at its beginning: it would see
    other prompts than a run that nobody disturbed.
    """

    def set_epoch(self, epoch: int) -> None:
        if self.shuffle:
            self.generator.manual_seed(self.seed + epoch)


class SP3FTrainer(StopAtCheckpoint, GRPOTrainer):
    """GRPOTrainer whose last reward, if there is a `judge`, is the win rate within the group.

    Rows need `question` and `reference` (what the judge is shown, or None) beside the columns that the verifiable rewards read;
    with a hint `translated_solution`, with a teacher `solution`. `teacher_model`: a frozen one, not the policy.
    """

    def __init__(
        self,
        *args,
        judge: Judge | None,
        judge_settings: JudgeSettings,
        samples_every: int = 0,
        rewards: Rewards = Rewards(),  # noqa: B008 (frozen)
        hint: Hint = Hint(),  # noqa: B008
        teacher: Teacher = Teacher(),  # noqa: B008
        teacher_model=None,
        **kwargs,
    ):
        super().__init__(*args, **kwargs)
        self.judge, self.judge_settings, self.samples_every = judge, judge_settings, samples_every
        self.rewards, self.hint, self.teacher = rewards, hint, teacher
        self.teacher_model = None if teacher_model is None else placed(teacher_model, self)
        self._judging, self._asked_early, self._judged = None, False, []
        one_cpu = self.accelerator.device.type == "cpu" and self.accelerator.num_processes == 1
        as_it_is = not self.args.gradient_checkpointing and self.accelerator.mixed_precision == "no"
        plain = all(is_plain(one) for one in (self.model, self.teacher_model) if one is not None)
        self._reads_prompts_once = one_cpu and as_it_is and plain

    def _get_train_sampler(self, dataset=None):
        plain = super()._get_train_sampler(dataset)
        return EpochSampler(
            plain.data_source, plain.mini_repeat_count, plain.batch_size, plain.repeat_count, plain.shuffle, plain.seed
        )

    def _generate_and_score_completions(self, inputs):
        training = self.model.training
        if self.hint.use and training:
            state = self.state
            inputs = with_hints(inputs, self.hint, self.args.seed, state.global_step, state.max_steps)
        self._inputs, self._asked_early = inputs, False
        batch = super()._generate_and_score_completions(inputs)
        if self.teacher.use and training:
            batch["advantages"] = self._taught_advantages(inputs, batch)
        return batch

    def _tokenize_prompts(self, prompts):
        ids, *others = super()._tokenize_prompts(prompts)
        return add_hints(ids, self._inputs, self.processing_class) if "hint" in self._inputs[0] else ids, *others

    def _generate_single_turn(self, prompt_ids, images, multimodal_fields, num_generations, **kwargs):
        if not self._can_ask_early():
            return super()._generate_single_turn(prompt_ids, images, multimodal_fields, num_generations, **kwargs)
        completions, logprobs = [], []
        for part in parts_of(len(prompt_ids), num_generations, self.judge_settings.overlap):
            ids, given = super()._generate_single_turn(
                prompt_ids[part], images, multimodal_fields, num_generations, **kwargs
            )
            completions, logprobs = completions + ids, logprobs + (given or [])
            texts = self.processing_class.batch_decode(ids, skip_special_tokens=True)
            self._ask(self._inputs[part], texts, part, len(prompt_ids))
        self._asked_early = True
        return completions, logprobs or None

    def _get_per_token_logps_and_entropies(
        self, model, input_ids, attention_mask, logits_to_keep, batch_size=None, **others
    ):
        if not self._reads_prompts_once:
            return super()._get_per_token_logps_and_entropies(
                model, input_ids, attention_mask, logits_to_keep, batch_size, **others
            )
        plain = model.get_base_model() if is_peft_model(model) else model
        return *shared_prompt_logps(plain, input_ids, attention_mask, logits_to_keep, self.temperature), None

    def _can_ask_early(self) -> bool:
        """Whether the judge is an endpoint, and completions read as TRL will read them (no response template)."""
        tokenizer = self.processing_class
        templated = getattr(tokenizer, "response_template", None) or getattr(tokenizer, "response_schema", None)
        return self.judge is not None and self.judge_settings.name == "api" and not templated

    def _ask(self, inputs: list[dict], texts: list[str], part: slice, rows: int) -> None:
        """Gathers a part of this step's `rows` a process and sends its groups to the judge."""
        local = [
            (row["question"], row["reference"], row["extra_info"]["lang"], row.get("hint", "") + text)
            for row, text in zip(inputs, texts, strict=True)
        ]
        gathered = gather_object(local)
        if self.accelerator.is_main_process:
            self._judging = self._judging or Judging(self.judge, self.judge_settings)
            self._judging.ask(gathered, self._group_size(), places_of(part, rows, self.accelerator.num_processes))

    def _calculate_rewards(self, inputs, prompts, completions, completion_ids_list):
        rewards = super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)  # (all rows, terms)
        if self.judge is not None:
            if self.judge_settings.model == "policy":
                self.judge.bind(self.accelerator.unwrap_model(self.model), self.processing_class, self.state.global_step)
            if not self._asked_early:
                self._ask(inputs, [c[-1]["content"] for c in completions], slice(0, len(inputs)), len(inputs))
            outcome = [self._win_rates(len(rewards)) if self.accelerator.is_main_process else None]
            rates, error = broadcast_object_list(outcome)[0]
            if error is not None:  # in every process, so that none waits for the others
                raise error
            rewards[:, -1] = torch.tensor(rates, device=rewards.device)
        if self.rewards.language_shape != "add":
            self._shape(rewards)
        self._log_metrics(group_metrics(rewards, self.reward_weights, self._group_size()))
        self._unsolved = unsolved(rewards, self._group_size()).repeat_interleave(self._group_size())
        if self.hint.use and self.model.training:
            given = gather_object([row["hint_chunks"] for row in inputs])
            self._log_metrics(hint_metrics(rewards[:, 0].tolist(), given))
        if self.samples_every and self.model.training and self.state.global_step % self.samples_every == 0:
            self._write_samples(inputs, completions, rewards)
        return rewards

    def _shape(self, rewards: torch.Tensor) -> None:
        """Fills the term `shape` of rewards (rows, terms) from all others."""
        accuracy, fidelity, shape = (self.reward_func_names.index(name) for name in ("accuracy", "fidelity", "shape"))
        weights = self.reward_weights.to(rewards.device).clone()
        weights[[fidelity, shape]] = 0
        progress = self.state.global_step / max(self.state.max_steps, 1)
        others = (rewards * weights).sum(1)
        rewards[:, shape] = shape_term(self.rewards, others, rewards[:, accuracy], rewards[:, fidelity], progress)

    def _taught_advantages(self, inputs: list[dict], batch: dict) -> torch.Tensor:
        """The advantages (B, T) of a batch as TRL makes it, with those of the teacher."""

        def logps(teacher: bool, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            model = self.teacher_model if teacher and self.teacher_model is not None else self.model
            length, size = batch["completion_ids"].size(1), self.args.per_device_train_batch_size
            return self._get_per_token_logps_and_entropies(model, ids, mask, length, size)[0]

        first = self.accelerator.process_index * len(inputs)
        unsolved = self._unsolved[first : first + len(inputs)]
        advantages, counts = taught_advantages(inputs, batch, logps, unsolved, self.teacher, self.processing_class)
        self._log_metrics(teacher_metrics(self.accelerator.reduce(counts, "sum").tolist()))
        return advantages

    def _log_metrics(self, found: dict[str, float]) -> None:
        metrics = self._metrics["train" if self.model.training else "eval"]
        for name, value in found.items():
            metrics[name].append(value)

    def _win_rates(self, rows: int) -> tuple[list[float] | None, StageError | None]:
        """The win rate of each row of all processes, or the error that all are to raise."""
        try:
            parts = self._judging.results()
        except StageError as error:
            return None, error
        rates, terms, self._judged = [NO_VERDICT] * rows, [], parts
        for places, groups in parts:
            asked = self.judge_settings.schedule, self.judge_settings.reward
            found = [group.rates(*asked) or [NO_VERDICT] * len(group.responses) for group in groups]
            for place, rate in zip(places, chain.from_iterable(found), strict=True):
                rates[place] = rate
            terms += found
        self._log_metrics(judge_metrics([group for _, groups in parts for group in groups], terms, self.judge_settings))
        return rates, None

    def _write_samples(self, inputs, completions, rewards: torch.Tensor) -> None:
        local = [
            {
                "id": problem_id({"query": row["question"], "extra_info": row["extra_info"]}),
                "lang": row["extra_info"]["lang"],
                "gold": row["reward_model"]["ground_truth"],
                "question": row["question"],
                "prompt": row["prompt"][-1]["content"],
                "completion": completion[-1]["content"],
            }
            | ({"hint": row["hint"]} if "hint" in row else {})
            for row, completion in zip(inputs, completions, strict=True)
        ]
        rows = gather_object(local)
        if self.accelerator.is_main_process:
            lines = sample_rows(
                self.state.global_step,
                rows,
                rewards.tolist(),
                self.reward_func_names,
                self.reward_weights.tolist(),
                self._group_size(),
            )
            add_verdicts(lines, self._judged)
            write_samples(Path(self.args.output_dir).parent, self.state.global_step, lines)

    def _group_size(self) -> int:
        return self.num_generations if self.model.training else self.num_generations_eval

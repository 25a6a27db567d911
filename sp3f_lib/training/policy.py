"""Stage 2 from a profile: the rows as `SP3FTrainer` reads them, the rewards, the judge and what it will cost, and the training."""

import os
from pathlib import Path

from datasets import Dataset
from trl import GRPOConfig

from sp3f_lib.data.schema import english_question
from sp3f_lib.generation.local import load_model
from sp3f_lib.judges import make_judge
from sp3f_lib.judges.base import Judge, JudgeError
from sp3f_lib.judges.pairs import calls_per_group
from sp3f_lib.judges.privilege import privileged_text
from sp3f_lib.judges.recorded import RecordedJudge, run_label
from sp3f_lib.judges.spend import cap_note, forecast
from sp3f_lib.profiles import Profile
from sp3f_lib.rewards.verifiable import term_weights, verifiable_terms
from sp3f_lib.training.checks import guarded
from sp3f_lib.training.common import lora_config, train, trainer_settings
from sp3f_lib.training.grpo import SP3FTrainer, score, win_rate
from sp3f_lib.training.teacher import POLICY, frozen_teacher


def train_policy(directory: Path, profile: Profile, start: str, rows: list[dict], label: str = "grpo") -> None:
    """Trains the model at `start` on `rows` with the rewards and the judge of the profile, into `directory/model`."""
    train(policy_trainer(directory, profile, start, rows, label), directory, label, profile)


def policy_trainer(directory: Path, profile: Profile, start: str, rows: list[dict], label: str = "grpo") -> SP3FTrainer:
    """The trainer of `train_policy`, the model at `start` loaded. The judge is used only if its weight is not 0."""
    judge = judge_for_training(profile, rows, run_label(directory), label) if profile.rewards.win_rate else None
    model, tokenizer = load_model(start, profile.model.torch_dtype, profile.model.revision)
    terms = verifiable_terms(profile.rewards)
    settings = trainer_settings(profile.grpo, directory, profile.seed) | {
        "reward_weights": term_weights(profile.rewards, judged=judge is not None)
    }
    examples = [
        {
            "prompt": row["input"],
            "question": english_question(row),
            "reference": privileged_text(row, profile.judge.privilege) if judge else None,
            "reward_model": row["reward_model"],
            "extra_info": row["extra_info"],
        }
        | ({"translated_solution": row["translated_solution"]} if profile.hint.use else {})
        | ({"solution": row["solution"]} if profile.teacher.use else {})
        for row in rows
    ]
    frozen = profile.teacher.use and profile.teacher.model != POLICY
    return SP3FTrainer(
        model=model,
        args=GRPOConfig(**settings),
        reward_funcs=[*guarded(terms), *([win_rate if profile.judge.reward == "win_rate" else score] if judge else [])],
        train_dataset=Dataset.from_list(examples),
        processing_class=tokenizer,
        judge=judge,
        judge_settings=profile.judge,
        samples_every=profile.tracking.samples_every,
        rewards=profile.rewards,
        hint=profile.hint,
        teacher=profile.teacher,
        teacher_model=frozen_teacher(profile, tokenizer) if frozen else None,
        peft_config=lora_config(profile),
    )


def judge_for_training(profile: Profile, rows: list[dict], run: str, label: str) -> Judge:
    """The judge, made before anything is loaded so that a missing key stops at once; says what it will cost."""
    grpo, size = profile.grpo, profile.grpo.get("num_generations", 8)
    calls_per_group(profile.judge.schedule, size, profile.judge.calls)  # an impossible budget stops here
    judge = make_judge(profile.judge, run, seed=profile.seed)
    if not isinstance(judge, RecordedJudge):
        return judge
    if profile.judge.model == "policy" and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise JudgeError("judge.model=policy: self-judging works in one process; serve the model and use the judge 'api'")
    batch = grpo.get("per_device_train_batch_size", 8) * grpo.get("gradient_accumulation_steps", 1)
    prompts = grpo.get("max_steps", 0) * batch * int(os.environ.get("WORLD_SIZE", "1")) // size
    texts = [english_question(row) + (privileged_text(row, profile.judge.privilege) or "") for row in rows]
    answers = [row.get("translated_solution") or row["solution"] for row in rows]
    lengths = (sum(len(text.encode(errors="replace")) for text in some) / len(some) for some in (texts, answers))
    expected = forecast(profile.judge, prompts, size, *lengths, judge.ledger)
    if int(os.environ.get("RANK", "0")) == 0:
        print(f"{label}: judge {judge.name}, {expected}{cap_note(profile.judge, expected)}", flush=True)
        spent = judge.ledger.spent(run)
        if spent.calls:
            print(f"{label}: {spent.calls:,} calls of this run are in the ledger already, {spent.usd:.2f} USD", flush=True)
    return judge

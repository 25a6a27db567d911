"""The teacher's part of the advantages against log-probabilities taken one by one, without padding, on a tiny model."""

from types import SimpleNamespace

import pytest
import torch
from datasets import Dataset
from trl import GRPOConfig

from sp3f_lib.base.model import new_model
from sp3f_lib.data.sources import lab_rows
from sp3f_lib.generation.local import load_tokenizer
from sp3f_lib.generation.translation import CLOSE, PREFILL, translation_prompt
from sp3f_lib.lab.problems import sample_problems
from sp3f_lib.lab.shipped import shipped_base
from sp3f_lib.profiles import load_profile
from sp3f_lib.profiles.judge_section import Judge
from sp3f_lib.profiles.sections import Teacher
from sp3f_lib.runs import StageError
from sp3f_lib.training.checks import check_rows
from sp3f_lib.training.grpo import SP3FTrainer
from sp3f_lib.training.teacher import context_of, frozen_teacher, scored_tokens

from ..toy import TOY

CONSTANT = 12  # toy.yaml: max_completion_length
ROWS = [
    {"prompt": row["input"], "question": row["query"], "solution": row["solution"], "extra_info": row["extra_info"]}
    | {"reward_model": row["reward_model"]}
    for row in lab_rows(sample_problems(1, 11, (2,)), ("sw", "en"))
]
TEXTS = ["Ana 5 + 3 = 8.", "5 + 4 = 9. Jibu ni \\boxed{9}.", "Ana", "8 - 4 = 4. \\boxed{4}."]


def ids_of(tokenizer, text):
    return [*tokenizer(text)["input_ids"], tokenizer.eos_token_id]


class Fixed(SP3FTrainer):
    """Samples nothing: every prompt gets the texts above in turn; the reward is the length."""

    def _generate_single_turn(self, prompt_ids, *_, **__):
        return [ids_of(self.processing_class, TEXTS[k % 4]) for k in range(len(prompt_ids))], None


def lengths(completion_ids, **_):
    return [float(len(ids)) for ids in completion_ids]


def make_model(tokenizer, seed=0):
    """The toy model with weights large enough that no two words are about equally likely."""
    model = new_model(load_profile(TOY).lab, tokenizer, seed)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                weight *= 8
    return model


def make_trainer(tokenizer, folder, rows=ROWS, teacher=Teacher(use=True, context="translate"), frozen=None, reward=lengths):  # noqa: B008
    trainer = Fixed(
        model=make_model(tokenizer),
        args=GRPOConfig(**load_profile(TOY).grpo | {"output_dir": str(folder), "report_to": []}),
        reward_funcs=[reward],
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        judge=None,
        judge_settings=Judge(),
        teacher=teacher,
        teacher_model=frozen,
    )
    trainer.model.train()
    return trainer


def batch_of(trainer, rows=ROWS):
    return trainer._generate_and_score_completions([dict(row) for row in rows for _ in range(4)])


def alone(model, prompt: str, completion: list[int], tokenizer) -> torch.Tensor:
    """Log-probabilities of the tokens of one completion behind a prompt, without padding."""
    begin = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    with torch.no_grad():
        each = model(torch.tensor([begin + completion])).logits[0, len(begin) - 1 : -1].log_softmax(-1)
    return each[range(len(completion)), completion]


def prompts_of(tokenizer, row) -> tuple[str, str]:
    """(what the policy reads, what the teacher reads), written out."""
    asked = translation_prompt(row["solution"], "en", row["extra_info"]["lang"])
    return tuple(
        tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False) + begin
        for messages, begin in ((row["prompt"], ""), (asked, PREFILL))
    )


def gaps(tokenizer, policy, teacher, row=ROWS[0]) -> list[torch.Tensor]:
    """log pi_T - log pi of every token of every text behind one row."""
    asked, given = prompts_of(tokenizer, row)
    completions = [ids_of(tokenizer, text) for text in TEXTS]
    return [alone(teacher, given, ids, tokenizer) - alone(policy, asked, ids, tokenizer) for ids in completions]


def test_contexts():
    swahili, english = ROWS
    read = context_of(swahili, "translate")
    assert read.messages == translation_prompt(swahili["solution"], "en", "sw")
    assert (read.begin, read.close) == (PREFILL, CLOSE)
    assert context_of(english, "translate") is None
    assert context_of(swahili | {"solution": f"one {CLOSE} two"}, "translate") is None
    for row, language in ((swahili, "Swahili"), (english, "English")):
        read = context_of(row | {"solution": "{braces} stay"}, "solve")
        assert read.messages[:-1] == row["prompt"][:-1] and (read.begin, read.close) == ("", "")
        said = read.messages[-1]["content"]
        assert said.startswith(row["prompt"][-1]["content"]) and "{braces} stay" in said and f"in {language}." in said


def test_the_end_which_the_teacher_writes_otherwise_is_not_scored(tokenizer):
    shipped = load_tokenizer(str(shipped_base("lab")))
    for one, whole in ((shipped, False), (tokenizer, True)):
        ids = ids_of(one, "5 + 3 = 8. \\boxed{8}.")
        kept = one.decode(ids[: scored_tokens(ids, CLOSE, one)])
        # In the shipped tokenizer the last stop is one word with the beginning of the closing tag.
        assert kept == "5 + 3 = 8. \\boxed{8" + "}." * whole
    ids = ids_of(tokenizer, "5 + 3 = 8.")
    assert scored_tokens(ids, "", tokenizer) == len(ids)
    cut = ids_of(tokenizer, "5 + 3 =")[:-1]
    assert scored_tokens(cut, CLOSE, tokenizer) in (len(cut), len(cut) - 1)
    assert scored_tokens([tokenizer.eos_token_id], CLOSE, tokenizer) == 0


def test_each_token_gets_the_clipped_log_ratio_of_the_teacher_beside_the_groups_advantage(tokenizer, tmp_path):
    settings = Teacher(use=True, context="translate", weight=0.5, clip=1.0)
    trainer = make_trainer(tokenizer, tmp_path, teacher=settings)
    batch = batch_of(trainer)
    found, mask = batch["advantages"], batch["completion_mask"]
    assert found.shape == mask.shape == (8, max(len(ids_of(tokenizer, text)) for text in TEXTS))
    numbers = [len(ids_of(tokenizer, text)) for text in TEXTS]
    rewards = [number - sum(numbers) / 4 for number in numbers]
    expected, unclipped = gaps(tokenizer, trainer.model, trainer.model), []
    for place, text in enumerate(TEXTS):
        scored = scored_tokens(ids_of(tokenizer, text), CLOSE, tokenizer)
        assert 0 < scored < numbers[place]
        part = expected[place][:scored].clamp(-1, 1)
        torch.testing.assert_close(found[place, :scored], rewards[place] + 0.5 * part, rtol=1e-4, atol=1e-4)
        unclipped += expected[place][:scored].tolist()
        # Behind it, as in English, of which there is nothing to translate: the rewards alone.
        assert found[place, scored:].tolist() == pytest.approx([rewards[place]] * (found.shape[1] - scored))
        assert found[4 + place].tolist() == pytest.approx([rewards[place]] * found.shape[1])
    assert not found.requires_grad
    assert any(abs(gap) > 1 for gap in unclipped) and any(abs(gap) < 1 for gap in unclipped)
    logged = {name: values[-1] for name, values in trainer._metrics["train"].items() if name.startswith("teacher")}
    assert logged["teacher/tokens"] == pytest.approx(len(unclipped) / (2 * sum(numbers)))
    assert logged["teacher/gap"] == pytest.approx(sum(unclipped) / len(unclipped), rel=1e-3)
    assert logged["teacher/clipped"] == pytest.approx(sum(abs(gap) > 1 for gap in unclipped) / len(unclipped))


@pytest.mark.parametrize("prompts_once", [True, False], ids=["prompts read once", "as TRL reads them"])
def test_a_frozen_teacher_is_another_model(tokenizer, tmp_path, prompts_once):
    frozen = make_model(tokenizer, seed=5).eval().requires_grad_(False)
    trainer = make_trainer(
        tokenizer, tmp_path, [ROWS[0]], frozen=frozen, reward=lambda completions, **_: [0.0] * len(completions)
    )
    assert trainer._reads_prompts_once
    trainer._reads_prompts_once = prompts_once
    found, expected = batch_of(trainer, [ROWS[0]])["advantages"], gaps(tokenizer, trainer.model, frozen)
    for place, text in enumerate(TEXTS):
        scored = scored_tokens(ids_of(tokenizer, text), CLOSE, tokenizer)
        torch.testing.assert_close(found[place, :scored], expected[place][:scored].clamp(-5, 5), rtol=1e-4, atol=1e-4)


def test_it_teaches_where_no_answer_of_the_group_is_right_if_so_asked(tokenizer, tmp_path):
    def accuracy(completions, question, **_):
        return [float(row == "solved" and k % 4 == 1) for k, row in enumerate(question)]

    settings = Teacher(use=True, context="translate", groups="unsolved")
    rows = [ROWS[0] | {"question": name} for name in ("solved", "unsolved")]
    found = batch_of(make_trainer(tokenizer, tmp_path, rows, settings, reward=accuracy), rows)["advantages"]
    assert (found[:4] - torch.tensor([-0.25, 0.75, -0.25, -0.25])[:, None]).abs().max() < 1e-6
    assert found[4:].abs().max() > 0.1


def test_without_a_teacher_and_outside_of_training_advantages_are_trls(tokenizer, tmp_path):
    assert batch_of(make_trainer(tokenizer, tmp_path, teacher=Teacher()))["advantages"].shape == (8,)
    trainer = make_trainer(tokenizer, tmp_path)
    trainer.model.eval()
    assert batch_of(trainer)["advantages"].shape == (8,)


def test_the_loss_takes_one_advantage_a_token(tokenizer, tmp_path, monkeypatch):
    """-A_it / (B C) is the gradient of each log-probability on the policy's own samples."""
    trainer = make_trainer(tokenizer, tmp_path)
    logps = torch.full((2, 3), -2.0, requires_grad=True)
    monkeypatch.setattr(trainer, "_get_per_token_logps_and_entropies", lambda *_, **__: (logps, torch.zeros(2, 3), None))
    ones = torch.ones(2, 3, dtype=torch.long)
    inputs = {"prompt_ids": ones, "prompt_mask": ones, "completion_ids": ones, "completion_mask": ones.clone()}
    inputs["completion_mask"][1, 2] = 0
    advantages = torch.tensor([[2.0, -1.0, 0.5], [-3.0, 1.0, 7.0]])
    trainer.current_gradient_accumulation_steps = 1
    trainer.compute_loss(
        trainer.model, inputs | {"advantages": advantages, "num_items_in_batch": torch.tensor(5)}
    ).backward()
    expected = -advantages * inputs["completion_mask"] / (2 * CONSTANT)
    assert torch.allclose(logps.grad, expected, atol=1e-7)


def test_a_teacher_with_other_words_is_refused(tokenizer, start):
    profile = load_profile(TOY, {"teacher.use": True, "teacher.model": str(start / "model")})
    assert not any(weight.requires_grad for weight in frozen_teacher(profile, tokenizer).parameters())
    with pytest.raises(StageError, match="has another vocabulary than the policy"):
        frozen_teacher(profile, SimpleNamespace(get_vocab=lambda: {"one": 1}))


def test_what_the_teacher_reads_is_checked_before_the_training(start):
    solve = {"teacher.use": True, "teacher.context": "solve"}
    check_rows(load_profile(TOY, solve), "grpo", str(start / "model"), start / "rows.parquet")
    long = load_profile(TOY, solve | {"grpo.max_completion_length": 1950})
    with pytest.raises(StageError, match="teacher: 12 of 12 prompts leave no room for 1950 more tokens within 2048"):
        check_rows(long, "grpo", str(start / "model"), start / "rows.parquet")
    translate = load_profile(TOY, solve | {"teacher.context": "translate"})
    with pytest.raises(StageError, match="none of 12 rows has a context 'translate'"):  # they are English
        check_rows(translate, "grpo", str(start / "model"), start / "rows.parquet")

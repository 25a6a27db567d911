"""Hints: what is given of a solution, when, to whom; what the rewards and the judge read then. Hand-made completions."""

from collections import Counter

import pytest
from datasets import Dataset
from trl import GRPOConfig

from sp3f_lib.base.model import new_model
from sp3f_lib.data.schema import RowError
from sp3f_lib.data.sources import lab_rows
from sp3f_lib.judges.base import Verdict
from sp3f_lib.lab.problems import lab_languages, render_solution, sample_problems
from sp3f_lib.profiles import load_profile
from sp3f_lib.profiles.judge_section import Judge
from sp3f_lib.profiles.sections import Hint, Rewards
from sp3f_lib.rewards.verifiable import verifiable_terms
from sp3f_lib.training.checks import check_rows
from sp3f_lib.training.grpo import SP3FTrainer, win_rate
from sp3f_lib.training.hints import chunks_of, hint_length, longest_hint, with_hints

from ..toy import TOY

PROBLEMS = sample_problems(4, 11, (4,))
ROWS = lab_rows(PROBLEMS, ("en",))


@pytest.mark.parametrize("lang", lab_languages())
def test_chunks_are_the_solution_and_the_answer_is_in_the_last_one(lang):
    for problem in PROBLEMS:
        solution = render_solution(problem, lang)
        parts = chunks_of(solution, 5)
        assert "".join(parts) == solution and len(parts) == 5 and all(parts)
        assert [part for part in parts if "boxed" in part] == parts[-1:]


def test_nothing_from_the_first_box_on_is_given():
    solution = r"One. Two. So it is \boxed{4}. Let us check. Four is right. Done."
    parts = chunks_of(solution, 5)
    assert parts == ["One.", " Two.", r" So it is \boxed{4}. Let us check. Four is right. Done."]
    assert longest_hint({"translated_solution": solution}, Hint()) == "One. Two."
    assert chunks_of(r"\boxed{4}", 5) == [r"\boxed{4}"]


def test_at_first_every_length_but_all_is_as_frequent_and_from_until_on_there_is_none():
    hint = Hint(until=0.5)
    problems = [f"lab-{k}" for k in range(4000)]
    first = Counter(hint_length(hint, 5, 0.0, 0, 0, problem) for problem in problems)
    assert (
        set(first) == {0, 1, 2, 3, 4} and max(first.values()) - min(first.values()) < 160
    )  # 800 each, five standard deviations
    later = Counter(hint_length(hint, 5, 0.375, 0, 30, problem) for problem in problems)  # a quarter is left: 0 to 2
    assert set(later) == {0, 1} and 0.45 < later[0] / 4000 < 0.55
    for progress in (0.5, 0.6, 1.0):
        assert not any(hint_length(hint, 5, progress, 0, 40, problem) for problem in problems)


def test_a_hint_depends_on_seed_step_and_problem_and_on_nothing_else():
    rows = [{"question": row["query"], **row} for row in ROWS] * 25
    drawn = [row["hint_chunks"] for row in with_hints(rows, Hint(), 3, 7, 100)]
    assert drawn == [row["hint_chunks"] for row in with_hints(rows, Hint(), 3, 7, 100)]
    assert [row["hint_chunks"] for row in with_hints(rows[::-1], Hint(), 3, 7, 100)] == drawn[::-1]
    per_problem = [set(drawn[k::4]) for k in range(4)]
    assert all(len(numbers) == 1 for numbers in per_problem)  # all copies of a problem have the same
    by_step = [tuple(r["hint_chunks"] for r in with_hints(rows[:4], Hint(), 3, step, 100)) for step in range(12)]
    by_seed = [tuple(r["hint_chunks"] for r in with_hints(rows[:4], Hint(), seed, 0, 100)) for seed in range(12)]
    assert len(set(by_step)) > 6 and len(set(by_seed)) > 6
    assert "hint" not in rows[0]  # the rows of the data set are left as they are


class Listening:
    """A judge that remembers what it was shown."""

    name = "listening"

    def __init__(self):
        self.pairs = []

    async def compare(self, pairs):
        self.pairs += pairs
        return [Verdict(0.5) for _ in pairs]


class Fixed(SP3FTrainer):
    """Samples nothing: remembers what it is asked, and answers every prompt with the closing sentence and the right answer."""

    def _generate_single_turn(self, prompt_ids, *_, **__):
        self.asked = prompt_ids
        tokenizer = self.processing_class
        ends = [" Therefore, the answer is \\boxed{" + row["reward_model"]["ground_truth"] + "}." for row in self._inputs]
        return [tokenizer(text)["input_ids"] + [tokenizer.eos_token_id] for text in ends], None


@pytest.fixture
def trainer(tokenizer, tmp_path):
    profile = load_profile(TOY)
    examples = [
        {"prompt": row["input"], "question": row["query"], "reference": row["solution"], "reward_model": row["reward_model"]}
        | {"extra_info": row["extra_info"], "translated_solution": row["translated_solution"]}
        for row in ROWS
    ]
    settings = {"output_dir": str(tmp_path / "checkpoints"), "report_to": [], "reward_weights": [1.0] * 4, "max_steps": 100}
    trainer = Fixed(
        model=new_model(profile.lab, tokenizer, 0),
        args=GRPOConfig(**profile.grpo | {"num_generations": 2} | settings),
        reward_funcs=[*verifiable_terms(Rewards()), win_rate],
        train_dataset=Dataset.from_list(examples),
        processing_class=tokenizer,
        judge=Listening(),
        judge_settings=Judge(),
        samples_every=1,
        hint=Hint(use=True),
    )
    trainer.state.max_steps = 100
    trainer.model.train()
    return trainer


MIXED = 3  # a step in which some problems have a hint and others have none


def groups(trainer):
    return [dict(row) for row in trainer.train_dataset for _ in range(2)]


def test_the_policy_goes_on_from_the_hint_and_the_judge_reads_both(trainer):
    trainer.state.global_step = MIXED
    expected = with_hints(groups(trainer), trainer.hint, trainer.args.seed, MIXED, 100)
    trainer._generate_and_score_completions(groups(trainer))
    hints, tokenizer = [row["hint"] for row in expected], trainer.processing_class
    assert "" in hints and any("=" in hint for hint in hints)
    for row, ids in zip(expected, trainer.asked, strict=True):
        prompt = tokenizer.apply_chat_template(row["prompt"], add_generation_prompt=True, tokenize=False)
        assert tokenizer.decode(ids) == prompt + row["hint"]
    gold = [row["reward_model"]["ground_truth"] for row in expected[::2]]
    read = [pair.response_a for pair in trainer.judge.pairs]
    assert read == [f"{hint} Therefore, the answer is \\boxed{{{a}}}." for hint, a in zip(hints[::2], gold, strict=True)]


def test_accuracy_without_a_hint_is_logged_apart(trainer):
    rows = groups(trainer)
    trainer.state.global_step = MIXED
    given = [row["hint_chunks"] for row in with_hints(rows, trainer.hint, trainer.args.seed, MIXED, 100)]
    assert 0 < given.count(0) < len(given)
    for row, number in zip(rows, given, strict=True):  # wrong where there was none
        row["reward_model"] = row["reward_model"] if number else {"ground_truth": "4711"}
    texts = [f"the answer is \\boxed{{{row['reward_model']['ground_truth']}}}" for row in groups(trainer)]
    hinted = with_hints(rows, trainer.hint, trainer.args.seed, MIXED, 100)
    trainer._inputs = hinted
    completions = [[{"role": "assistant", "content": text}] for text in texts]
    trainer._calculate_rewards(hinted, [row["prompt"] for row in hinted], completions, [[1]] * len(texts))
    logged = {name: values[-1] for name, values in trainer._metrics["train"].items()}
    assert logged["rewards/accuracy/no_hint"] == 0.0
    assert logged["hint/chunks"] == sum(given) / len(given)


def test_no_hint_after_the_schedule_nor_outside_of_training(trainer):
    tokenizer = trainer.processing_class
    plain = [
        tokenizer.apply_chat_template(row["prompt"], add_generation_prompt=True, return_dict=True)["input_ids"]
        for row in groups(trainer)
    ]
    trainer.state.global_step = 60
    trainer._generate_and_score_completions(groups(trainer))
    assert trainer.asked == plain
    trainer.state.global_step = 0
    trainer._generate_and_score_completions(groups(trainer))
    assert trainer.asked != plain
    trainer.model.eval()
    trainer.num_generations_eval = 2
    trainer._generate_and_score_completions(groups(trainer))
    assert trainer.asked == plain


def test_a_row_without_a_solution_and_a_hint_that_is_too_long_are_named_before_the_training(start):
    with pytest.raises(RowError, match=r"hint: row 'lab-.*' \(en\) has no 'translated_solution'"):
        longest_hint(ROWS[0] | {"translated_solution": None}, Hint())
    profile = load_profile(TOY, {"hint.use": True, "grpo.max_completion_length": 1980})
    without = load_profile(TOY, {"grpo.max_completion_length": 1980})
    check_rows(without, "grpo", str(start / "model"), start / "rows.parquet")
    with pytest.raises(RuntimeError, match="prompts leave no room for 1980 more tokens"):
        check_rows(profile, "grpo", str(start / "model"), start / "rows.parquet")

"""The implicit judge on two small models made here: what it prefers and why, what it cannot say, and a training with it."""

import json
import math
import random
import shutil
from dataclasses import replace
from itertools import combinations

import pytest

from sp3f_lib.judges import JudgeError, Pair, make_judge
from sp3f_lib.judges.ledger import request_key
from sp3f_lib.profiles import load_profile
from sp3f_lib.profiles.judge_section import Judge as Settings

from ..toy import TOY
from .asking import compare

torch = pytest.importorskip("torch")
QUESTION = "Maria has 5 apples and buys 3. How many has she?"
RESPONSES = [
    r"5 + 3 = 8. Jibu ni \boxed{8}.", r"She has \boxed{8}.", "Maria ana matufaa manane.", r"5 - 3 = 2. \boxed{2}", "8",
    "I do not know.", "Maria " * 20, "Tano na tatu ni nane.",
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """`dpo` and `sft`: two Llamas with weights large enough that no two responses are about equally likely."""
    from transformers import LlamaForCausalLM

    from sp3f_lib.base.model import new_model, train_tokenizer
    from sp3f_lib.machine import set_up

    set_up(1)
    folder, recipe = tmp_path_factory.mktemp("models"), load_profile(TOY).lab
    tokenizer = train_tokenizer(recipe, ("en", "sw"), folder / "sft")
    tokenizer.save_pretrained(folder / "dpo")
    for seed, name in enumerate(("sft", "dpo")):
        config = new_model(recipe, tokenizer, seed).config
        config.initializer_range = 0.2
        torch.manual_seed(seed)
        LlamaForCausalLM(config).save_pretrained(folder / name)
    return folder


@pytest.fixture(scope="module")
def models(folder):
    """(pi0, pi_sft, their tokenizer), loaded apart from the judge."""
    from sp3f_lib.generation.local import load_model

    (tuned, tokenizer), (reference, _) = (load_model(str(folder / name)) for name in ("dpo", "sft"))
    return tuned, reference, tokenizer


def test_both_models_are_loaded_in_the_settings_dtype(folder):
    half = judge(folder, torch_dtype="bfloat16")
    pair = Pair(QUESTION, RESPONSES[0], RESPONSES[1], lang="sw")
    (rounded,), (exact,) = (compare(one, [pair]) for one in (half, judge(folder)))
    assert {model.dtype for model in half._loaded[:2]} == {torch.bfloat16}
    assert rounded.text != exact.text


def judge(folder, **settings):
    given = {"model": str(folder / "dpo"), "reference_model": str(folder / "sft"), "batch_size": 4}
    return make_judge(Settings(name="implicit", **given | settings))


def preferences(judge, pairs):
    return [verdict.preference for verdict in compare(judge, pairs)]


def every_pair(lang="sw"):
    return [Pair(QUESTION, a, b, lang=lang) for a, b in combinations(RESPONSES, 2)]


def rewards(models, lang, responses, system=True):
    """ICR's rewards of the responses, the English prompt written out by hand."""
    from sp3f_lib.generation.implicit_reward import conditioning_prompt, implicit_rewards

    chat = [{"role": "system", "content": r"Reason step by step and put your final answer within \boxed{}."}] * system
    condition = conditioning_prompt([*chat, {"role": "user", "content": QUESTION}], lang)
    return implicit_rewards(*models, [condition], [responses], 1)[0]


@pytest.mark.parametrize(
    ("lang", "settings"), [("sw", {}), ("en", {"beta": 0.02}), ("sw", {"system": False}), ("sw", {"length_penalty": 0.5})]
)
def test_the_preference_is_that_of_bradley_and_terry_on_icrs_rewards(folder, models, lang, settings):
    found = preferences(judge(folder, **settings), every_pair(lang))
    reward = rewards(models, lang, RESPONSES, settings.get("system", True))
    reward = [r - settings.get("length_penalty", 0) * len(text) for r, text in zip(reward, RESPONSES, strict=True)]
    expected = [1 / (1 + math.exp(-settings.get("beta", 0.1) * (a - b))) for a, b in combinations(reward, 2)]
    assert found == pytest.approx(expected, abs=1e-4)
    assert max(found) > 0.6 and min(found) < 0.4  # the models do disagree


def test_a_swap_turns_the_preference_round_and_the_order_of_pairs_does_not_matter(folder):
    asking, pairs = judge(folder), every_pair()
    found = preferences(asking, pairs)
    swapped = [replace(pair, response_a=pair.response_b, response_b=pair.response_a) for pair in pairs]
    assert preferences(asking, swapped) == pytest.approx([1 - p for p in found], abs=1e-4)
    order = random.Random(0).sample(range(len(pairs)), len(pairs))
    assert preferences(asking, [pairs[k] for k in order]) == pytest.approx([found[k] for k in order], abs=1e-4)


def test_preferences_do_not_depend_on_the_batch(folder):
    one, three, all_at_once = (preferences(judge(folder, batch_size=size), every_pair()) for size in (1, 3, 16))
    assert three == pytest.approx(one, abs=1e-4)
    assert all_at_once == pytest.approx(one, abs=1e-4)


def test_a_response_is_scored_once_by_each_model_however_many_pairs_it_is_in(folder, monkeypatch):
    from sp3f_lib.generation import implicit_reward

    scored, score = [], implicit_reward.sequence_logprobs

    def counting(model, tokenizer, prompts, responses, batch_size):
        scored.append(responses)
        return score(model, tokenizer, prompts, responses, batch_size)

    monkeypatch.setattr(implicit_reward, "sequence_logprobs", counting)
    pairs = every_pair()
    assert len(compare(judge(folder), pairs + pairs)) == 56
    assert scored == [RESPONSES, RESPONSES]


def test_the_language_decides_and_the_reference_is_not_read(folder):
    asking, (pair, *_) = judge(folder), every_pair()
    swahili, german, told = preferences(
        asking, [pair, replace(pair, lang="de"), replace(pair, reference="8", level="answer")]
    )
    assert abs(swahili - german) > 1e-3
    assert told == swahili


def test_equal_texts_tie_and_an_empty_one_loses_without_any_model(folder, monkeypatch):
    asking = judge(folder)
    monkeypatch.setattr(asking, "_load", lambda: pytest.fail("the models were loaded for what needs none"))
    texts = [("8", "8 "), ("", " \n"), ("", "8"), ("8", " ")]
    found = compare(asking, [Pair(QUESTION, a, b, lang="sw") for a, b in texts])
    assert [verdict.preference for verdict in found] == [0.5, 0.5, 0.0, 1.0]
    assert [verdict.reason for verdict in found] == ["both responses have the same text"] * 2 + [
        "the other response is empty"
    ] * 2


def test_what_is_too_long_gives_no_verdict_and_spoils_no_other(folder):
    asking, pairs = judge(folder), every_pair()
    long = "apples " * 2100
    found = compare(
        asking, [*pairs[:5], Pair(QUESTION, long, "8", lang="sw"), Pair(QUESTION, long, "", lang="sw"), *pairs[5:]]
    )
    assert found[5].preference is None
    assert found[5].reason.startswith("A: with its prompt it has ") and "the model has 2048 positions" in found[5].reason
    assert found[6].preference == 1.0
    assert [verdict.preference for verdict in found[:5] + found[7:]] == pytest.approx(preferences(asking, pairs), abs=1e-4)


def test_training_does_not_notice_the_judge(folder):
    torch.manual_seed(7)
    undisturbed = torch.rand(3)
    asking = judge(folder)
    torch.manual_seed(7)
    (verdict,) = compare(asking, every_pair()[:1])  # loads the models too
    assert torch.equal(torch.rand(3), undisturbed)
    assert verdict.judge == asking.name == f"implicit/{folder / 'dpo'}"
    assert (verdict.usd, verdict.tokens_in, verdict.replayed) == (0, 0, False)
    assert not any(parameter.requires_grad for model in asking._loaded[:2] for parameter in model.parameters())


def test_other_judges_find_their_verdicts_whatever_the_language():
    pair = Pair(QUESTION, "a", "b", "reference")
    assert request_key(pair, "m", "chat", "{}") == request_key(replace(pair, lang="sw"), "m", "chat", "{}")


def test_what_cannot_judge_says_so(folder, tmp_path):
    from sp3f_lib.generation.local import load_tokenizer

    for settings, message in (
        ({"model": str(folder / "dpo")}, r"needs judge\.reference_model: the SFT model it was tuned from"),
        ({"reference_model": str(folder / "sft")}, r"needs judge\.model: the preference-tuned model"),
        ({"model": "policy", "reference_model": str(folder / "sft")}, r"needs judge\.model"),
    ):
        with pytest.raises(ValueError, match=message):
            Settings(name="implicit", **settings)
    with pytest.raises(JudgeError, match=r"there is no directory .*nowhere' \(judge\.reference_model\)"):
        judge(folder, reference_model=str(tmp_path / "nowhere"))
    shutil.copytree(folder / "sft", tmp_path / "other")
    tokenizer = load_tokenizer(str(folder / "sft"))
    tokenizer.chat_template += "{# another #}"
    tokenizer.save_pretrained(tmp_path / "other")
    with pytest.raises(JudgeError, match=r"judge\.reference_model .*different chat templates"):
        compare(judge(folder, reference_model=str(tmp_path / "other")), every_pair())
    for lang, message in ((None, r"set Pair\.lang"), ("xx", "xx")):
        with pytest.raises(JudgeError, match=message):
            compare(judge(folder), every_pair(lang))


def test_the_settings_that_decide_verdicts_belong_to_the_measurement(folder):
    asked = judge(folder, beta=0.2, length_penalty=0.1, system=False).settings
    measured = asked.measurement()
    assert {name: measured[name] for name in ("name", "model", "reference_model", "beta", "length_penalty", "system")} == {
        "name": "implicit", "model": str(folder / "dpo"), "reference_model": str(folder / "sft"), "beta": 0.2,
        "length_penalty": 0.1, "system": False,
    }  # fmt: skip
    assert "batch_size" not in measured


def test_a_policy_is_trained_with_it_and_each_problem_is_judged_in_its_language(folder, tmp_path):
    from sp3f_lib.data.sources import lab_rows
    from sp3f_lib.lab.problems import sample_problems
    from sp3f_lib.training.policy import train_policy
    from sp3f_lib.training.samples import read_samples

    changes = {"grpo.max_steps": 2, "tracking.samples_every": 1, "judge.name": "implicit", "judge.beta": 0.01}
    changes |= {"judge.model": str(folder / "dpo"), "judge.reference_model": str(folder / "sft")}
    rows = lab_rows(sample_problems(4, 5, (2,)), ("sw", "de"))
    train_policy(tmp_path, load_profile(TOY, changes), str(folder / "sft"), rows)
    assert (tmp_path / "model" / "model.safetensors").is_file()
    steps = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [(step["judge/no_verdict"], step["judge/comparisons"], step["judge/usd"]) for step in steps] == [(0, 12, 0)] * 2
    samples = read_samples(tmp_path)
    assert set(samples.lang) == {"sw", "de"}
    asking, pairs, said = judge(folder, beta=0.01), [], []
    for group in range(0, len(samples), 4):
        texts = samples.completion[group : group + 4].tolist()
        for own, row in enumerate(samples.iloc[group : group + 4].itertuples()):
            for verdict in row.verdicts:
                pairs.append(Pair(row.question, texts[own], texts[verdict["other"]], lang=row.lang))
                said.append(verdict["preference"])
    assert len(said) == 2 * 2 * 12  # steps, groups, both sides of six pairs
    assert said == pytest.approx(preferences(asking, pairs), abs=1e-4)
    assert len(set(said)) > 4

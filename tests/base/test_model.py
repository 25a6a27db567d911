"""The lab's base mix: it is the one that the shipped base has seen, and what ICR and LIDR add is what those methods ask for."""

import hashlib
import json
from collections import Counter

import pytest

from sp3f_lib.base.model import base_problems, base_rows, train_tokenizer
from sp3f_lib.generation.implicit_reward import conditioning_prompt
from sp3f_lib.generation.translation import CLOSE, PREFILL, TAGS, read_translation, translation_prompt
from sp3f_lib.lab.problems import render_question, render_solution
from sp3f_lib.lab.shipped import read_card, shipped_base
from sp3f_lib.profiles.sections import LabModel

SHARES = {"es": 0.04, "ru": 0.04, "zh": 0.05, "sw": 0.012, "bn": 0.02}
PLAIN = LabModel(problems=600, shares=SHARES, vocab_size=1536)
MIXED = PLAIN.model_copy(update={"translations": 0.3, "instructed": 0.2})


def kind(row):
    user = row["prompt"][-1]["content"]
    return "translation" if user.startswith("Translate ") else "instructed" if user.startswith("Write your ") else "plain"


def test_the_mix_is_the_one_that_the_shipped_base_was_trained_on():
    card = read_card(shipped_base("lab").parent)
    recipe = LabModel(**card["recipe"]["lab"]).model_copy(update={"problems": 600})
    found = hashlib.sha256(json.dumps(base_rows(recipe, card["seed"])).encode()).hexdigest()
    assert found == "aec162b6f8f5ae83ad9a2207e38dc1fd8890efc8222b0da9a4256bee4a36248f"


def test_the_tokenizer_is_the_one_of_the_shipped_base(tmp_path):
    recipe = LabModel(**read_card(shipped_base("lab").parent)["recipe"]["lab"])
    train_tokenizer(recipe, tuple(recipe.shares), tmp_path)
    made, shipped = (json.loads((path / "tokenizer.json").read_text()) for path in (tmp_path, shipped_base("lab")))
    assert made["model"] == shipped["model"]


def test_the_other_rows_stay_as_they_are_and_the_shares_are_met():
    plain, mixed = base_rows(PLAIN, 0), base_rows(MIXED, 0)
    assert all(one == other for one, other in zip(plain, mixed, strict=True) if kind(other) == "plain")
    counts = Counter(map(kind, mixed))
    # 600 draws: the standard deviation of a count is at most 11.
    assert abs(counts["translation"] - 180) < 45 and abs(counts["instructed"] - 120) < 45


def test_a_translation_is_asked_for_and_read_as_lidr_does():
    languages, seen = ("en", *SHARES), Counter()
    for problem, row in zip(base_problems(MIXED, 0), base_rows(MIXED, 0), strict=True):
        if kind(row) != "translation":
            continue
        (answer,) = row["completion"]
        reply = answer["content"].removeprefix(PREFILL)
        assert reply != answer["content"] and reply.endswith(CLOSE)
        found = [
            (source, target, steps)
            for source in languages
            for target in languages
            for steps in (True, False)
            if row["prompt"] == translation_prompt(render_solution(problem, source, steps), source, target)
            and read_translation(reply).text == render_solution(problem, target, steps)
        ]
        assert len(found) == 1, row
        seen[found[0]] += 1
    directions = {(source, target) for source, target, _ in seen}
    assert directions == {pair for lang in SHARES for pair in (("en", lang), (lang, "en"))}
    assert {steps for _, _, steps in seen} == {True, False}


def test_an_instructed_question_is_icrs_and_its_answer_is_in_the_language_of_the_sentence():
    seen = Counter()
    for problem, row in zip(base_problems(MIXED, 0), base_rows(MIXED, 0), strict=True):
        if kind(row) != "instructed":
            continue
        system, _ = row["prompt"]
        english = [system, {"role": "user", "content": render_question(problem, "en")}]
        answers = {lang: [render_solution(problem, lang, steps) for steps in (True, False)] for lang in SHARES}
        (lang,) = (lang for lang in SHARES if row["prompt"] == conditioning_prompt(english, lang))
        assert "Reason step by step" in system["content"] and row["completion"][0]["content"] in answers[lang]
        seen[lang] += 1
    assert set(seen) == set(SHARES)


def test_the_tokenizer_reads_and_writes_the_tags_and_splits_a_begun_reply_as_in_training(tmp_path):
    tokenizer = train_tokenizer(MIXED, tuple(SHARES), tmp_path / "mixed")
    plain = train_tokenizer(PLAIN, tuple(SHARES), tmp_path / "plain")
    assert "translated" in tokenizer.get_vocab() and "translated" not in plain.get_vocab()
    for row in base_rows(MIXED, 0)[:200]:
        if kind(row) != "translation":
            continue
        answer = row["completion"][0]["content"]
        ids = tokenizer(answer)["input_ids"]
        # Tags must outlive the decoding that drops special tokens, and the text must begin with a token of its own.
        assert tokenizer.decode(ids, skip_special_tokens=True) == answer
        begun = tokenizer(PREFILL)["input_ids"]
        assert ids[: len(begun)] == begun
        whole = tokenizer.apply_chat_template(row["prompt"] + row["completion"], return_dict=True)["input_ids"]
        assert len(whole) <= 256  # of base.max_length 512
    assert all(len(tokenizer(tag)["input_ids"]) <= 3 for tag in TAGS)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"translations": 0.7, "instructed": 0.4}, "at most 1, not 1.1"),
        ({"instructed": 0.1, "shares": {}}, "need a language besides English"),
        ({"translations": -0.1}, "greater than or equal to 0"),
    ],
)
def test_shares_that_cannot_be_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        LabModel(**{"shares": SHARES} | changes)

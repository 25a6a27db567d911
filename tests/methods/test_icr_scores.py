"""ICR on files: what is stored, what another reward costs, and what the report counts."""

import numpy as np
import pandas as pd
import pytest

from sp3f_lib.generation.implicit_reward import PREFIX
from sp3f_lib.generation.local import Completion
from sp3f_lib.generation.sampling import Sampling
from sp3f_lib.generation.scoring import ScoringError, sequence_logprobs
from sp3f_lib.methods.icr_scores import icr_pairs, sample_responses, score_responses
from sp3f_lib.runs import StageError

from ..tiny_models import make_tokenizer, parallel

PROMPTS = parallel(
    ("a", {"en": "Who?", "sw": "Nani?"}), ("b", {"en": "Why?", "sw": "Kwa nini?"}), ("c", {"en": "How?", "sw": "Vipi?"})
)
TWO = Sampling(samples=2, temperature=0.9, max_new_tokens=4)


def canned(prompts, sampling, seed, prefill="", stop=None):
    """Replies that depend on the prompt and the sample only; translations are the text in capitals, but fail for `Nani?`."""
    if not prefill:
        texts = [
            (p, k, f"{prompt[-1]['content']} {k}" + "!" * k)
            for p, prompt in enumerate(prompts)
            for k in range(sampling.samples)
        ]
    else:
        asked = [prompt[-1]["content"].split("<sentence>")[-1].removesuffix("</sentence>") for prompt in prompts]
        texts = [(p, 0, text.upper() + ("" if "Nani?" in text else "</translated>")) for p, text in enumerate(asked)]
    return [Completion(p, k, False, text, len(text), True) for p, k, text in texts]


@pytest.fixture
def responses(tmp_path):
    return sample_responses(tmp_path / "responses", canned, PROMPTS, ("en", "sw"), TWO, 42, prompts_per_part=4)


def score(tmp_path, tiny, responses, *rewards, **more):
    other = more.pop("reference_tokenizer", tiny.tokenizer)
    models = (tiny.policy, tiny.tokenizer), (tiny.reference, other)
    return score_responses(tmp_path / "scores", responses, PROMPTS, *models, rewards, batch_size=3, **more)


def test_one_row_a_response(responses):
    assert responses.columns.tolist() == ["id", "lang", "sample", "text", "finished", "tokens", "characters"]
    assert len(responses) == 2 * 3 * 2
    row = responses[(responses.id == "b") & (responses.lang == "sw") & (responses["sample"] == 1)].iloc[0]
    assert (row.text, row.characters) == ("Kwa nini? 1!", 12)


def test_sampling_seeds_belong_to_parts(tmp_path):
    seeds = []

    def generate(prompts, sampling, seed):
        seeds.append(seed)
        return canned(prompts, sampling, seed)

    sample_responses(tmp_path / "whole", generate, PROMPTS, ("en", "sw"), TWO, 42, prompts_per_part=2)
    first = seeds[:]
    (tmp_path / "whole" / "part-00001.parquet").unlink()
    sample_responses(tmp_path / "whole", generate, PROMPTS, ("en", "sw"), TWO, 42, prompts_per_part=2)
    assert len(set(first)) == 3
    assert seeds[3:] == [first[1]]
    with pytest.raises(StageError, match="other prompts or settings"):
        sample_responses(tmp_path / "whole", generate, PROMPTS, ("en", "sw"), TWO, 43, prompts_per_part=2)


def test_all_three_rewards_are_those_of_their_conditions(tmp_path, tiny, responses):
    scores = score(tmp_path, tiny, responses, "R_c", "R_m", "R_t", generate=canned, prompts_per_part=2)
    prefix = PREFIX.format(language="Swahili") + "\n\n"
    row = scores[(scores.id == "b") & (scores.lang == "sw") & (scores["sample"] == 1)].iloc[0]
    for reward, prompt, text in (
        ("R_c", prefix + "Why?", "Kwa nini? 1!"),
        ("R_m", "Kwa nini?", "Kwa nini? 1!"),
        ("R_t", "Why?", "KWA NINI? 1!"),
    ):
        chat = [[{"role": "user", "content": prompt}]]
        policy, reference = (
            sequence_logprobs(m, tiny.tokenizer, chat, [text], 1).item() for m in (tiny.policy, tiny.reference)
        )
        assert row[f"policy_{reward[-1]}"] == pytest.approx(policy, abs=1e-4)
        assert row[reward] == pytest.approx(policy - reference, abs=1e-4)
    english = scores[scores.lang == "en"]
    assert np.allclose(english.R_c, english.R_m, atol=1e-4)
    assert english.R_t.isna().all()
    # The translations of the responses to `Nani?` failed: no reward, and not an error.
    assert scores[(scores.lang == "sw") & scores.R_t.isna()].id.tolist() == ["a", "a"]


def test_scores_that_are_there_need_no_forward_pass(tmp_path, tiny, responses, monkeypatch):
    first = score(tmp_path, tiny, responses, "R_c")
    monkeypatch.setattr("sp3f_lib.methods.icr_scores.response_scores", None)
    pd.testing.assert_frame_equal(score(tmp_path, tiny, responses, "R_c"), first)


def test_what_cannot_be_scored(tmp_path, tiny, responses):
    with pytest.raises(ValueError, match="unknown reward 'R_x'; known: R_c, R_m, R_t"):
        score(tmp_path, tiny, responses, "R_x")
    with pytest.raises(ValueError, match="R_t needs generate"):
        score(tmp_path, tiny, responses, "R_t")
    with pytest.raises(ScoringError, match="different tokenizers"):
        score(tmp_path, tiny, responses, "R_c", reference_tokenizer=make_tokenizer(tiny.tokenizer.chat_template, merges=50))
    with pytest.raises(ScoringError, match="different chat templates"):
        score(tmp_path, tiny, responses, "R_c", reference_tokenizer=make_tokenizer("{{ messages }}"))


def scored(rows):
    names = ["id", "lang", "sample", "text", "finished", "R_c", "R_t"]
    frame = pd.DataFrame(rows, columns=names)
    return frame.assign(characters=frame.text.str.len(), tokens=1)


SCORES = scored([
    ("a", "en", 0, "long answer", True, 5.0, None), ("a", "en", 1, "short", True, 1.0, None),
    ("b", "en", 0, "same", True, 1.0, None), ("b", "en", 1, "same", True, 1.0, None),
    ("a", "sw", 1, "tatu", True, 1.0, 3.0), ("a", "sw", 0, "nne", True, 2.0, 2.0),
    ("b", "sw", 0, "cut o", False, 9.0, 9.0), ("b", "sw", 1, "whole", True, 1.0, None),
])  # fmt: skip


def test_pairs_and_what_the_report_counts():
    pairs, report = icr_pairs(SCORES, PROMPTS)
    assert [(p["id"], p["lang"], p["chosen"][0]["content"], p["rejected"][0]["content"]) for p in pairs] == [
        ("a", "en", "long answer", "short"),
        ("a", "sw", "nne", "tatu"),
    ]
    assert pairs[1]["prompt"] == [{"role": "user", "content": "Nani?"}]  # the plain prompt, without a word on the language
    assert set(pairs[0]) == {"id", "lang", "prompt", "chosen", "rejected", "reward_margin"}
    report = report.set_index("lang")
    assert pairs[0]["reward_margin"] == pytest.approx(5.0 - 1.0 - report.loc["en", "alpha"] * (11 - 5))
    assert report["prompts"].tolist() == [2, 2]
    assert report["pairs"].tolist() == [1, 1]
    assert report.loc["en", "prompts: all responses are the same text"] == 1
    assert report.loc["sw", "prompts: chosen and rejected are the same text"] == 1
    assert report.loc["sw", "responses: cut off, not chosen"] == 1
    assert report["characters chosen"].tolist() == [11, 3]
    totals = report.filter(like="prompts: ").sum(axis=1) + report["pairs"]
    assert totals.tolist() == report["prompts"].tolist()


def test_another_reward_is_another_call_and_english_has_no_r_t():
    pairs, report = icr_pairs(SCORES, PROMPTS, "R_t")
    assert [(p["lang"], p["chosen"][0]["content"]) for p in pairs] == [("sw", "tatu")]
    assert report["lang"].tolist() == ["sw"]
    assert report["prompts: fewer than two responses with a reward"].tolist() == [1]
    with pytest.raises(ValueError, match="no 'R_m'; they have R_c, R_t"):
        icr_pairs(SCORES, PROMPTS, "R_m")


def test_the_penalty_is_fitted_for_each_language():
    rows = [("a", "en", 0, "x" * 60, True, 5.2, None), ("a", "en", 1, "y" * 10, True, 0.0, None)]
    rows += [("b", "en", 0, "x" * 60, True, 90.0, None), ("b", "en", 1, "y" * 10, True, 0.0, None)]
    other = [(id, "sw", k, text, end, reward / 2, t) for id, _, k, text, end, reward, t in rows]
    _, report = icr_pairs(scored(rows + other), PROMPTS)
    assert report["alpha"].tolist() == [0.105, 0.053]
    # Cut off, the long responses are best nowhere: the short ones are best and worst from the start.
    cut = [(*row[:4], "x" not in row[3], *row[5:]) for row in rows]
    assert icr_pairs(scored(cut), PROMPTS)[1]["alpha"].tolist() == [0.0]
    _, report = icr_pairs(scored(rows + other), PROMPTS, length_control=False)
    assert report["alpha"].tolist() == [0.0, 0.0]


def test_scores_with_missing_samples_are_an_error():
    with pytest.raises(ValueError, match="the prompts in 'sw' have different numbers of responses"):
        icr_pairs(SCORES.drop(index=7), PROMPTS)

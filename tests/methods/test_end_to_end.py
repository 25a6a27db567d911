"""Both methods from released prompts to pairs that the trainer takes, on tiny random models. Nothing here is about quality."""

from dataclasses import replace

import numpy as np
import pytest

from sp3f_lib.data.parallel import read_prompts
from sp3f_lib.generation.sampling import ICR, LIDR, TRANSLATION, local_generator
from sp3f_lib.generation.translation import CLOSE, CUT, NOT_NEEDED, failure_table
from sp3f_lib.methods.icr_scores import icr_pairs, sample_responses, score_responses
from sp3f_lib.methods.lidr_controls import fidelity_control_pairs
from sp3f_lib.methods.lidr_pairs import alignment_rows, answer_prompts, lidr_pairs, translate_answers
from sp3f_lib.training.preference import fitting_pairs

LANGUAGES = ("en", "de", "ru")


@pytest.fixture
def generate(tiny):
    """The tiny policy; one token in nine ends an answer. It closes no tag, so four of five replies are closed for it."""
    tiny.policy.generation_config.eos_token_id = [tiny.tokenizer.eos_token_id, *range(10, len(tiny.tokenizer), 9)]
    local = local_generator(tiny.policy, tiny.tokenizer)

    def generate(prompts, sampling, seed, prefill="", stop=None):
        found = local(prompts, sampling, seed, prefill=prefill, stop=stop)
        return [replace(c, text=c.text + CLOSE) if prefill and c.prompt % 5 else c for c in found]

    return generate


def check_pairs(pairs, prompts, tokenizer):
    """Well-formed: the trainer takes them, and every one stands on the plain prompt of its language."""
    assert pairs
    messages = {prompt.id: prompt.messages for prompt in prompts}
    assert all(pair["prompt"] == messages[pair["id"]][pair["lang"]] for pair in pairs)
    assert all(pair["chosen"] != pair["rejected"] for pair in pairs)
    assert len(fitting_pairs(pairs, tokenizer, None, "test")) == len(pairs)


def test_icr_on_ultrafeedback(shared_data, tmp_path, tiny, generate):
    prompts, _ = read_prompts(shared_data / "ultrafeedback_prompts_multilingual", LANGUAGES, limit=4)
    sampling = replace(ICR, samples=4, max_new_tokens=12)
    responses = sample_responses(tmp_path / "responses", generate, prompts, LANGUAGES, sampling, 42, prompts_per_part=5)
    models = (tiny.policy, tiny.tokenizer), (tiny.reference, tiny.tokenizer)
    short = replace(TRANSLATION, max_new_tokens=12)
    scores = score_responses(
        tmp_path / "scores", responses, prompts, *models, ("R_c", "R_m", "R_t"), batch_size=8,
        generate=generate, translation=short, prompts_per_part=5,
    )  # fmt: skip
    assert len(scores) == 4 * 3 * 4
    written = scores["text"].str.strip() != ""
    assert np.isfinite(scores.loc[written, ["R_c", "R_m"]]).all().all()
    assert scores.loc[~written, "R_c"].isna().all()
    assert (scores["R_t"].notna() & written).equals(scores["english"].notna())
    assert scores.loc[scores.lang == "en", "R_t"].isna().all()
    assert scores["finished"].nunique() == 2
    for reward in ("R_c", "R_m", "R_t"):
        pairs, report = icr_pairs(scores, prompts, reward)
        check_pairs(pairs, prompts, tiny.tokenizer)
        assert report["pairs"].sum() == len(pairs)
        assert (report["pairs"] + report.filter(like="prompts: ").sum(axis=1) == 4).all()


def test_lidr_on_alpagasus(shared_data, tmp_path, tiny, generate):
    prompts, _ = read_prompts(shared_data / "alpagasus_multilingual", LANGUAGES, limit=20)
    prompts = prompts[12:]  # with number 19, which asks for a translation
    answers = answer_prompts(tmp_path / "answers", generate, prompts, LANGUAGES, replace(LIDR, max_new_tokens=60), 10)
    short = replace(TRANSLATION, max_new_tokens=12)
    translations = translate_answers(tmp_path / "translations", generate, prompts, answers, short, 10)
    assert len(answers) == 8 * 3
    assert len(translations) == 8 * 2 * 2
    assert (translations["text"].isna() == translations["reason"].notna()).all()
    pairs, report = lidr_pairs(prompts, answers, translations)
    check_pairs(pairs, prompts, tiny.tokenizer)
    assert {pair["lang"] for pair in pairs} == set(LANGUAGES)
    counted = report.drop(columns=["lang", "prompts"]).sum(axis=1)
    assert (counted == 2 * report["prompts"]).all()
    table = failure_table(translations)
    assert table["translations"].sum() == len(translations) - translations["reason"].isin((CUT, NOT_NEEDED)).sum()
    assert 0 < table["failed"].sum() < table["translations"].sum()
    rows = alignment_rows(prompts, answers, translations)
    assert rows and all(row["translated_solution"].strip() for row in rows)
    _, counts = fidelity_control_pairs(prompts, pairs, answers, translations)
    assert counts["pairs"].sum() >= len([pair for pair in pairs if pair["id"] != "alpagasus-19"])

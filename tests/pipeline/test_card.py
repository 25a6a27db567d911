"""Model cards: what was trained on, what it cost, and results with intervals; nothing that is not known."""

from pathlib import Path

import pandas as pd
import pytest
import yaml

from sp3f_lib.judges.base import Pair
from sp3f_lib.judges.ledger import Entry, Ledger, request_key
from sp3f_lib.pipeline.card import CARD, write_card
from sp3f_lib.profiles import load_profile

from ..toy import TOY

RESULTS = pd.DataFrame(
    [
        {"lang": "sw", "metric": "accuracy", "mean": 0.5, "low": 0.4, "high": 0.6, "answers": 80, "problems": 10},
        {"lang": "sw", "metric": "fidelity", "mean": 0.99, "low": 0.9, "high": 1.0, "answers": 80, "problems": 10},
    ]
)


def card(stage: Path, method="sp3f", results=None, **overrides) -> str:
    stage.mkdir(parents=True)
    profile = load_profile(TOY, overrides)
    return write_card(stage, profile, method, {"sw": 12, "en": 12}, results).read_text()


def test_the_head_is_what_model_hubs_read(tmp_path):
    text = card(tmp_path / "sp3f-warm" / "abc")
    head = yaml.safe_load(text.split("---")[1])
    assert head["language"] == ["en", "sw"]
    assert head["library_name"] == "transformers"
    assert "base_model" not in head  # the lab's base model is not on a hub
    assert (tmp_path / "sp3f-warm" / "abc" / CARD).is_file()


def test_results_stand_with_their_intervals_and_their_absence_is_said(tmp_path):
    assert "| sw | accuracy | 50.0 | 40.0 to 60.0 | 10 | 80 |" in card(tmp_path / "a", results=RESULTS)
    assert "Not evaluated yet." in card(tmp_path / "b")


def test_only_what_was_used_is_told(tmp_path):
    assert "## Judge" not in card(tmp_path / "a", "sft")
    assert "## Judge" not in card(tmp_path / "b", "rlvr", **{"rewards.win_rate": 0})
    text = card(tmp_path / "c")
    assert "Embedded, no prompt, no cost." in text
    assert "max_completion_length: 12" in text


def test_a_preference_model_names_its_paper_its_iteration_and_its_own_settings(tmp_path):
    text = card(tmp_path / "a", "icr_m_2", **{"preference.beta": 0.37})
    assert "ICR with the reward conditioned on the prompt in the language, iteration 2 ([arXiv 2503.04647]" in text
    assert "beta: 0.37" in text
    assert "## Judge" not in text
    assert "beta: 0.61" in card(tmp_path / "b", "dpo", **{"dpo.beta": 0.61})
    assert "[arXiv 2410.08964]" in card(tmp_path / "c", "lidr_sft")


@pytest.mark.parametrize("usd", [0.25, None])
def test_the_judges_cost_is_that_of_this_run(tmp_path, usd):
    ledger = Ledger(tmp_path / "verdicts.sqlite")
    for k, run in enumerate(("sp3f-warm/abc", "sp3f-warm/abc", "another/run")):
        key = request_key(Pair(f"q{k}", "a", "b"), "m", "chat/completions", "{}")
        ledger.write(
            Entry(
                key, "verdict", 1.0, "", r"\boxed{A}", "m", "chat/completions", "p", "none", "{}", 0,
                tokens_in=1000, tokens_out=10, usd=usd, run=run,
            )
        )  # fmt: skip
    judge = {"judge.name": "api", "judge.model": "gpt-4o-mini", "judge.ledger": str(tmp_path / "verdicts.sqlite")}
    text = card(tmp_path / "sp3f-warm" / "abc", **judge)
    assert "2 calls, 2 of them with a verdict (0 more failed), 2,000 tokens in, 20 out" in text
    assert ("0.50 USD" if usd else "2 calls of unknown price") in text

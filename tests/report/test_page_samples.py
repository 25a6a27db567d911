"""What the page is given of samples: every text once, the judge's words found again, no more bytes than allowed."""

import base64
import gzip
import json

import pytest

from sp3f_lib.report.page import browser, results
from sp3f_lib.report.page.folder import read_run


@pytest.fixture(scope="module")
def groups(run_folder):
    run = read_run(run_folder)
    return browser.collect(run, results.read_scores(run), run_folder.parent / "verdicts.sqlite")


def unpacked(packed: str) -> dict:
    return json.loads(gzip.decompress(base64.b64decode(packed)))


def test_every_group_is_there_with_its_reference(groups):
    count = {kind: sum(group["kind"] == kind for group in groups) for kind in browser.KINDS}
    # Two seeds, two steps, two groups; 5 evaluations of 8 prompts, one of 4; a pair of each of two files.
    assert count == {"training": 8, "evaluation": 44, "pairs": 2}
    assert {(group["question"], group["reference"]) for group in groups if group["problem"] == "sum-1"} == {
        ("What is 1 + 1?", "1 + 1: \\boxed{2}.")
    }
    one = next(group for group in groups if group["kind"] == "evaluation" and group["lang"] == "de")
    assert [sample["label"] for sample in one["samples"]] == ["greedy", "", ""]
    assert one["prompt"].startswith("de: ")


def test_a_verdict_stands_once_with_what_the_judge_wrote(groups, said):
    arabic = [group for group in groups if group["kind"] == "training" and group["lang"] == "ar"]
    assert [len(group["verdicts"]) for group in arabic] == [7] * 4  # and not 14: each comparison has two sides
    first, *_, last = arabic[0]["verdicts"]
    assert first == {"a": 0, "b": 1, "preference": 1.0, "why": said["reason"]}
    assert last == {"a": 6, "b": 7, "preference": None, "why": "no verdict in the reply"}
    assert arabic[0]["verdicts"][1]["why"] == ""


def test_columns_lead_back_to_every_sample(groups):
    found = browser.columns(groups)
    strings, samples, table = found["strings"], found["samples"], found["groups"]
    assert len(strings) == len(set(strings))
    texts = [sample["text"] for group in groups for sample in group["samples"]]
    assert [strings[number] for number in samples["text"]] == texts
    langs = [found["names"]["lang"][table["lang"][number]] for number in samples["group"]]
    assert langs == [group["lang"] for group in groups for _ in group["samples"]]
    assert found["terms"] == [
        "accuracy", "parseable", "fidelity", "share", "win_rate", "reward", "steps", "tokens", "reward_margin"
    ]  # fmt: skip
    pairs = [number for number, group in enumerate(groups) if group["kind"] == "pairs"]
    margins = [samples["reward_margin"][k] for k, number in enumerate(samples["group"]) if number in pairs]
    assert margins == [0.25, None] * 2


def test_neither_nan_nor_a_lone_surrogate_breaks_the_packing():
    sample = {"text": "half \ud83d", "label": "", "values": {"accuracy": float("nan"), "reward": 2.0, "share": 0.12345}}
    group = {"kind": "training", "method": "sp3f", "regime": "warm", "seed": 0, "step": 0, "lang": "de", "problem": "p"}
    packed, _ = browser.pack([group | {"samples": [sample], "verdicts": []}], {})
    samples = unpacked(packed)["samples"]
    assert (samples["accuracy"], samples["reward"], samples["share"]) == ([None], [2], [0.123])


def test_what_is_too_large_loses_first_words_then_groups(groups):
    packed, kept = browser.pack(groups, {})
    everything = sum(len(group["samples"]) for group in groups)
    assert kept == {"samples": everything, "all_samples": everything, "words": True}
    without, kept = browser.pack(groups, {}, len(packed) - 1)
    assert kept == {"samples": everything, "all_samples": everything, "words": False}
    assert set(unpacked(without)["verdicts"]["why"]) == {None}
    least, kept = browser.pack(groups, {}, 2 * len(packed) // 3)
    assert 0 < kept["samples"] < everything and len(least) <= 2 * len(packed) // 3
    found = unpacked(least)
    assert len(found["names"]["kind"]) > 1  # drawn evenly: not the last kinds cut off
    assert set(found["samples"]["group"]) == set(range(len(found["groups"]["kind"])))

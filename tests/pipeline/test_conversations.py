"""Conversations are shared by processes as tasks are: the same answers, none given twice, and none again for another language."""

import pandas as pd
import pytest

from sp3f_lib.generation.conversations import Conversation
from sp3f_lib.pipeline import conversations as answering
from sp3f_lib.pipeline.conversations import conversations
from sp3f_lib.profiles import load_profile

from .test_task_answers import TWO

TALKS = {
    lang: [Conversation(f"{k}", (f"{lang}: {k}?", "And then?")[: 1 + k % 2], 0.7 * (k == 3)) for k in range(6)]
    for lang in ("en", "sw")
}


@pytest.fixture
def asked(folder, tiny_families, monkeypatch):
    """`asked(changes, languages)`: {language: answers} of a tiny model, two conversations to a part."""
    monkeypatch.setitem(answering.BLOCK_SIZES, "transformers", 2)
    tiny_families["qwen2"].policy.save_pretrained(folder / "model")
    tiny_families["qwen2"].tokenizer.save_pretrained(folder / "model")
    for lang in TALKS:
        (folder / lang).write_text(lang)

    def asked(changes: dict, languages=tuple(TALKS)) -> dict[str, pd.DataFrame]:
        profile = load_profile("lab", {"evaluation.max_new_tokens": 5, "threads": 1} | changes)
        some = {lang: TALKS[lang] for lang in languages}
        found = conversations(profile, "./model", "talk", some, {lang: folder / lang for lang in languages})
        return {lang: pd.read_parquet(path) for lang, path in found.items()}

    return asked


def test_processes_that_share_answer_as_one_does(asked, launched, folder, monkeypatch):
    commands, made = launched
    alone = asked({})
    assert not commands and alone["sw"]["id"].tolist() == ["0", "1", "1", "2", "3", "3", "4", "5", "5"]
    assert alone["sw"]["turn"].tolist() == [1, 1, 2, 1, 1, 2, 1, 1, 2]
    (folder / "runs").rename(folder / "alone")
    shared = asked(TWO)
    for lang, answers in alone.items():
        pd.testing.assert_frame_equal(shared[lang], answers)
    # A language: 2 parts of one turn, one of two turns, and one of two turns at another temperature.
    assert made == [6, 12] and commands[0][-2] == "sp3f_lib.pipeline.conversations"
    # One language of them: it is there.
    pd.testing.assert_frame_equal(asked(TWO, ["sw"])["sw"], alone["sw"])
    assert len(commands) == 1


def test_a_process_that_is_killed_costs_a_turn(asked, folder, monkeypatch):
    calls, make = [], answering.make_chain

    def dies(directory, chain, generate):
        def counted(prompts, sampling, seed):
            if len(calls) == 3:
                raise KeyboardInterrupt
            calls.append(len(prompts))
            return generate(prompts, sampling, seed)

        make(directory, chain, counted)

    monkeypatch.setattr(answering, "make_chain", dies)
    with pytest.raises(KeyboardInterrupt):
        asked({})
    there = {path: path.stat().st_mtime_ns for path in folder.glob("runs/lab/answers-*/*/blocks/part-*")}
    assert len(there) == 3
    monkeypatch.setattr(answering, "make_chain", make)
    resumed = asked({})
    assert all(path.stat().st_mtime_ns == time for path, time in there.items())
    (folder / "runs").rename(folder / "killed")
    for lang, answers in asked({}).items():
        pd.testing.assert_frame_equal(resumed[lang], answers)

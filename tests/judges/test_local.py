"""The local judge on a real model made here: verdicts, batches, the ledger, and what it leaves untouched."""

from dataclasses import replace

import pytest

from sp3f_lib.judges import JudgeError, Ledger, make_judge
from sp3f_lib.profiles.judge_section import Judge as Settings

from .asking import compare
from .taught_model import SECRET, expected, made_once, questions

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return made_once(tmp_path_factory)


def test_another_dtype_is_another_judge(folder, tmp_path):
    pair, ledger = questions(1), Ledger(tmp_path / "verdicts.sqlite")
    for dtype in ("float32", "bfloat16"):
        judge = make_judge(Settings(name="local", model=str(folder), max_tokens=8, torch_dtype=dtype), ledger=ledger)
        compare(judge, pair)
        assert judge._loaded[0].dtype == getattr(torch, dtype)  # asked, not read from the other's verdicts


@pytest.fixture(scope="module")
def loaded(folder):
    from sp3f_lib.generation.local import load_model

    return load_model(str(folder))


def judge(path, model, **settings):
    given = {"model": str(model), "ledger": str(path), "max_tokens": 12, "batch_size": 4}
    judge = make_judge(Settings(name="local", **given | settings), run="run")
    judge.ledger.secret = SECRET
    return judge


def test_verdicts_come_in_order_and_the_ledger_replays_them(tmp_path, folder, monkeypatch):
    pairs = questions(10)
    found = compare(judge(tmp_path / "l", folder), pairs)
    assert [verdict.preference for verdict in found] == expected(pairs)
    assert {verdict.text for verdict in found} == {r"\boxed{A}", r"\boxed{B}"}
    # \boxed{, A or B, }, the end token; a prompt has hundreds.
    assert all(2 < verdict.tokens_out <= 12 and verdict.tokens_in > 300 and verdict.usd == 0 for verdict in found)
    again = judge(tmp_path / "l", folder)
    monkeypatch.setattr(again, "_load", lambda: pytest.fail("the model was loaded for what is in the ledger"))
    assert compare(again, pairs) == [replace(verdict, replayed=True) for verdict in found]


def test_replies_do_not_depend_on_the_batch_at_temperature_0(tmp_path, folder, loaded):
    replies = []
    for size in (1, 3, 10):
        asking = judge(tmp_path / f"{size}", folder, batch_size=size)
        asking.bind(*loaded, 0)
        replies.append([verdict.text for verdict in compare(asking, questions(10))])
    assert replies[0] == replies[1] == replies[2]


def test_a_restart_repeats_sampled_replies_and_training_does_not_notice_the_judge(tmp_path, loaded):
    model, tokenizer = loaded
    model.train()
    tokenizer.padding_side = "right"
    torch.manual_seed(7)
    undisturbed = torch.rand(3)
    texts = []
    for name in ("one", "two"):
        asking = judge(tmp_path / name, "policy", temperature=2.0, max_tokens=6)
        asking.bind(model, tokenizer, 3)
        torch.manual_seed(7)
        texts.append([verdict.text for verdict in compare(asking, questions(6))])
        assert torch.equal(torch.rand(3), undisturbed)
    assert texts[0] == texts[1]
    assert len(set(texts[0])) > 2
    assert model.training
    assert tokenizer.padding_side == "right"
    assert all(parameter.grad is None for parameter in model.parameters())
    model.eval()


def test_the_policys_verdicts_are_remembered_for_its_step_only(tmp_path, loaded):
    asking = judge(tmp_path / "l", "policy")
    asking.bind(*loaded, 1)
    first = compare(asking, questions(2))
    assert first[0].judge.startswith("policy of run at step 1/")
    assert all(verdict.replayed for verdict in compare(asking, questions(2)))
    asking.bind(*loaded, 2)
    assert not any(verdict.replayed for verdict in compare(asking, questions(2)))


def test_a_reply_without_an_end_is_cut_off_and_no_verdict(tmp_path, folder):
    (verdict,) = compare(judge(tmp_path / "l", folder, max_tokens=2), questions(1))
    assert (verdict.preference, verdict.reason) == (None, "cut off at 2 tokens (judge.max_tokens)")
    assert Ledger(tmp_path / "l").spent().calls == 1


def test_what_cannot_judge_says_so(tmp_path, folder):
    with pytest.raises(JudgeError, match=r"the judge 'local': there is no directory .*nowhere"):
        compare(judge(tmp_path / "l", tmp_path / "nowhere"), questions(1))
    with pytest.raises(JudgeError, match=r"judge\.model=policy judges with the model in training"):
        compare(judge(tmp_path / "l", "policy"), questions(1))
    with pytest.raises(JudgeError, match=r"exceed the 2048 positions.*lower judge\.max_tokens"):
        compare(judge(tmp_path / "l", folder, max_tokens=2000), questions(1))
    assert Ledger(tmp_path / "l").spent().calls == 0

"""From a file to a folder: rows, report, card, provenance, the plan before, and everything that can be wrong with the input."""

import json
from dataclasses import replace

import pandas as pd
import pytest
from filelock import FileLock

from sp3f_lib.commands import main
from sp3f_lib.data.english import read_problems
from sp3f_lib.data.schema import problem_id, read_rows
from sp3f_lib.data.sources import load_splits
from sp3f_lib.endpoint.ledger import ANSWERED, Call, Ledger
from sp3f_lib.profiles import ProfileError, load_profile
from sp3f_lib.profiles.sections import Data
from sp3f_lib.runs import StageError
from sp3f_lib.translation.flags import JUDGE, SOLVER
from sp3f_lib.translation.forecast import forecast
from sp3f_lib.translation.make import make_rows, open_ledger, plan
from sp3f_lib.translation.output import band, losses
from sp3f_lib.translation.requests import VERSION, first_request

from .conftest import LANGS, Table, english_problems, write_problems


def profile(tmp_path, **settings):
    given = {"model": "m", "ledger": str(tmp_path / "ledger.sqlite")}
    return load_profile("lab", {f"translate.{name}": value for name, value in (given | settings).items()})


@pytest.fixture
def source(tmp_path):
    return write_problems(tmp_path / "problems.jsonl", english_problems(40))


@pytest.fixture
def made(tmp_path, source):
    """The folder that a translator with faults leaves."""
    resolved = profile(tmp_path)
    make_rows(
        resolved, source, list(LANGS), tmp_path / "out", translator=Table(resolved.translate, mistakes=0.3, stubborn=True)
    )
    return tmp_path / "out"


def test_the_rows_are_read_as_ones_own(made, capsys):
    data = Data(source="rows", folder=str(made), languages=("en", *LANGS), sft_problems=1, rl_problems=1, eval_problems=1)
    splits = load_splits(data, 0)
    assert capsys.readouterr().out == ""  # no word of doubt
    assert {row["extra_info"]["lang"] for row in splits["sft"]} == {"en", *LANGS}
    ids = [{problem_id(row) for row in rows} for rows in splits.values()]
    assert sum(map(len, ids)) == len(set.union(*ids)) == 40


def test_every_row_says_where_it_comes_from(made):
    rows = read_rows(made / "sft.parquet")
    for row in rows:
        by = row["extra_info"]["translation"]
        assert (by is None) == (row["extra_info"]["lang"] == "en")
        if by:
            assert {name: by[name] for name in ("by", "prompt", "date", "candidate")} == {
                "by": "m", "prompt": "translate-1", "date": "2026-01-01", "candidate": 1,
            }  # fmt: skip
            assert "placeholders, lost" in by["checks"]


def test_the_report_counts_every_row_and_every_try(made):
    table = pd.read_csv(made / "report.csv")
    assert list(table) == ["lang", "length", "reason", "tries", "rows"]
    assert table.groupby("lang")["rows"].sum().to_dict() == dict.fromkeys(("en", *LANGS), 40)
    lost = table[table.reason != "kept"]
    assert (lost.tries >= lost.rows).all()
    # Each lost row had two tries, but refusals.
    twice = lost[lost.reason != "refused"]
    assert twice.tries.sum() == 2 * twice.rows.sum()
    wide = losses(table)
    assert (wide.drop(columns="lost").sum(axis=1) == 40).all()


def test_lengths_have_bands():
    assert [band(length) for length in (0, 249, 250, 3999, 4000)] == ["0-249", "0-249", "250-499", "2000-3999", "4000+"]


def test_the_hub_reads_the_folder(made):
    datasets = pytest.importorskip("datasets")
    found = datasets.load_dataset(str(made), cache_dir=str(made / "cache"))
    assert {name: len(found[name]) for name in found} == {
        name: len(read_rows(made / f"{name}.parquet")) for name in ("sft", "rl", "eval")
    }
    assert found["sft"][0]["extra_info"]["lang"] == "en"


def test_the_card_tells_languages_checks_and_losses(made):
    card = (made / "README.md").read_text()
    assert "| sw | Swahili |" in card
    assert "with m, prompt translate-1, 2026-01-01" in card
    assert "| de | placeholders |" in card or "| de | language |" in card


def test_the_same_replies_make_the_same_bytes(tmp_path, source, made):
    resolved = profile(tmp_path)
    make_rows(
        resolved, source, list(LANGS), tmp_path / "again", translator=Table(resolved.translate, mistakes=0.3, stubborn=True)
    )
    for name in ("sft.parquet", "rl.parquet", "eval.parquet", "report.csv", "README.md"):
        assert (tmp_path / "again" / name).read_bytes() == (made / name).read_bytes()


def test_the_plan_asks_nobody_and_names_rows_tokens_money_and_hours(tmp_path, source, monkeypatch):
    monkeypatch.delenv("LLM_API_URL", raising=False)
    told = plan(profile(tmp_path, price=[1, 2], max_usd=0.001), source, list(LANGS))
    assert told.startswith("120 rows to translate, about 138 requests, ")
    for part in ("M tokens in", "USD", "min (ESTIMATE", "translate.max_usd stops it at 0.001 USD"):
        assert part in told
    assert not (tmp_path / "ledger.sqlite").exists()
    assert "price unknown (translate.price)" in plan(profile(tmp_path), source, ["de"])
    assert "0.00 USD" in plan(profile(tmp_path, name="local"), source, ["de"])
    assert plan(profile(tmp_path), source, ["de"], limit=5).startswith("5 rows")


def test_the_plan_counts_what_the_flags_cost(tmp_path, source):
    plain, langs = profile(tmp_path, price=[1, 2]), list(LANGS)
    flagged = profile(tmp_path, price=[1, 2], judge=True, solver="s", max_usd=0.001)
    problems, _ = read_problems(source)
    without, found = (forecast(one.translate, problems, LANGS) for one in (plain, flagged))
    assert found.translation == without.translation and not without.flags
    # 40 problems in three languages; the solver is asked in English, too.
    assert {name: cost.requests for name, cost in found.flags.items()} == {"judge": 120, "solver s": 160}
    for cost in found.flags.values():
        assert cost.usd == pytest.approx((cost.tokens_in + 2 * cost.tokens_out) / 1e6, abs=1e-5)
    assert found.usd == pytest.approx(without.usd + sum(cost.usd for cost in found.flags.values()))
    told = plan(flagged, source, langs)
    assert "judge: at most 120 requests" in told and "solver s: at most 160 requests" in told
    assert f"together: at most {found.usd:,.2f} USD" in told and told.endswith("translate.max_usd stops it at 0.001 USD")
    assert "price unknown (translate.price)" in plan(profile(tmp_path, model="gpt-5-nano", solver="s"), source, langs)


def test_a_ledger_with_replies_is_the_basis_of_each_kind_of_request(tmp_path, source):
    settings = profile(tmp_path, judge=True, solver="s", price=[1, 1], candidates=1).translate
    ledger = Ledger(settings.ledger, "x")
    for model, prompt, tokens in (("m", VERSION, 100), ("m", JUDGE, 10), ("s", SOLVER, 1)):
        ledger.write(
            Call(
                prompt, ANSWERED, "", "", model, "e", prompt, "de", "{}", 1, tokens_in=tokens, tokens_out=tokens, seconds=3.6
            )
        )
    found = forecast(settings, read_problems(source)[0], LANGS)
    costs = [found.translation, *found.flags.values()]
    assert [cost.tokens_in for cost in costs] == [120 * 100, 120 * 10, 160 * 1]
    assert found.usd == pytest.approx(2 * (120 * 100 + 120 * 10 + 160) / 1e6)
    assert [cost.hours for cost in costs] == pytest.approx([n * 3.6 / 3600 / settings.concurrency for n in (120, 120, 160)])


# ---- bad input


def test_nobody_to_translate_or_a_split_without_problems_is_said(tmp_path, source):
    with pytest.raises(StageError, match="who translates"):
        make_rows(profile(tmp_path, model=None), source, ["de"], tmp_path / "out")
    few, resolved = write_problems(tmp_path / "few.jsonl", english_problems(3)), profile(tmp_path)
    with pytest.raises(StageError, match="3 problems leave none for 'eval'"):
        make_rows(resolved, few, ["de"], tmp_path / "few", translator=Table(resolved.translate))


def test_a_batch_needs_a_model_at_an_endpoint(tmp_path, source):
    files = (tmp_path / "requests.jsonl", None)
    for settings, wrong in (({"model": None}, "who translates"), ({"name": "local"}, "batches are for an endpoint")):
        with pytest.raises(StageError, match=wrong):
            make_rows(profile(tmp_path, **settings), source, ["de"], tmp_path / "out", batch=files)
    assert not files[0].exists()


def test_an_endpoint_without_address_is_named(tmp_path, source, monkeypatch):
    pytest.importorskip("openai")
    monkeypatch.delenv("LLM_API_URL", raising=False)
    with pytest.raises(StageError, match=r"translate\.name: api needs LLM_API_URL"):
        make_rows(profile(tmp_path), source, ["de"], tmp_path / "out")


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        ({"request": "tags"}, "tags begins the reply"),
        ({"shares": [0.5, 0.5, 0.5]}, "add up to 1"),
        ({"name": "local", "judge": True}, "asked at an endpoint"),
        ({"candidate": 3}, "unknown key translate.candidate; nearest known: 'candidates'"),
        ({"candidates": 0}, "greater than 0"),
    ],
)
def test_settings_that_cannot_be_right_are_refused(tmp_path, settings, wrong):
    with pytest.raises(ProfileError, match=wrong):
        profile(tmp_path, **settings)


def test_two_processes_do_not_write_one_folder(tmp_path, source):
    (tmp_path / "out").mkdir()
    with FileLock(tmp_path / "out" / ".lock"), pytest.raises(StageError, match="another process is writing there"):
        make_rows(profile(tmp_path), source, ["de"], tmp_path / "out")


def test_a_full_disk_leaves_the_old_files(tmp_path, source, made, monkeypatch):
    resolved, before = profile(tmp_path), (made / "sft.parquet").read_bytes()

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sp3f_lib.data.schema.pd.DataFrame.to_parquet", full)
    with pytest.raises(StageError, match=r"could not write to .*No space left.*the same command goes on"):
        make_rows(resolved, source, ["de"], made, translator=Table(resolved.translate))
    assert (made / "sft.parquet").read_bytes() == before
    assert not list(made.glob("*.tmp"))


def test_a_ledger_of_another_prompt_is_kept_named_and_counted(tmp_path, source, capsys):
    settings = profile(tmp_path).translate
    ledger, table = Ledger(settings.ledger, "translate.ledger"), Table(settings)
    requests = [first_request(problem, "de", settings) for problem in english_problems(3)]
    table.ask(requests, lambda request, call: ledger.write(replace(call, prompt="translate-0")))
    open_ledger(settings)
    assert "holds 3 replies to translate-0; this is translate-1: they are kept and not used" in capsys.readouterr().out


# ---- the command


def test_the_command_takes_languages_as_words_or_with_commas(tmp_path, source, capsys):
    common = ["--set", "translate.model=m", "--set", f"translate.ledger={tmp_path}/l", "--dry-run"]
    for languages in (["--languages", "sw", "bn", "de"], ["--languages", "sw,bn", "--languages", "de"]):
        assert main(["translate", str(source), *languages, *common]) == 0
        assert "120 rows to translate" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "--languages: name at least one"),
        (["--languages", "sw"], "--out: name the folder"),
        (["--languages", "klingon", "--out", "x"], "unknown language 'klingon'"),
        (["--languages", "en", "--out", "x"], "translations are from English"),
        (["--languages", "sw", "--out", "x"], "who translates"),
    ],
)
def test_commands_that_lack_something_end_with_one_message(tmp_path, source, arguments, told, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["translate", str(source), *arguments]) == 1
    assert told in capsys.readouterr().err


def test_rows_that_cannot_be_used_are_told_before_anything_is_asked(tmp_path, capsys):
    good = english_problems(2)
    path = write_problems(tmp_path / "p.jsonl", [*good, good[0]])
    with path.open("a") as file:
        file.write(json.dumps({"question": "What is 1 + 1?", "answer": "2"}) + "\n")
    assert main(["translate", str(path), "--languages", "sw", "--dry-run", "--set", f"translate.ledger={tmp_path}/l"]) == 0
    told = capsys.readouterr().out
    assert "2 rows of" in told
    assert "1 x question there twice, first: p.jsonl, row 2" in told
    assert "1 x no solution, first: p.jsonl, row 3" in told
    assert "2 rows to translate" in told

"""An endpoint translates: late, out of order, with outages; by batch; with flags."""

import json

import pytest

from sp3f_lib.data.schema import read_rows
from sp3f_lib.endpoint.ledger import Ledger
from sp3f_lib.profiles import load_profile
from sp3f_lib.profiles.translate_section import Translate
from sp3f_lib.runs import StageError
from sp3f_lib.translation.batch import BatchTranslator, Waiting
from sp3f_lib.translation.endpoint import EndpointTranslator
from sp3f_lib.translation.make import make_rows
from sp3f_lib.translation.stage import translate

from .conftest import LANGS, Table, english_problems, write_problems
from .fake_translator import translation


def settings(tmp_path, **changes) -> Translate:
    given = {"model": "m", "ledger": str(tmp_path / "ledger.sqlite"), "concurrency": 8, "patience_seconds": 0.0}
    return Translate(**given | changes)


def through(tmp_path, **changes):
    chosen = settings(tmp_path, **changes)
    translator = EndpointTranslator(chosen, Ledger(chosen.ledger, "translate.ledger"), "run")
    return translate(english_problems(20), LANGS, translator, chosen)


def test_late_replies_out_of_order_and_outages_give_what_a_table_gives(server, tmp_path):
    endpoint = server("--mistakes", 0.3, "--latency", 0.01, "--jitter", "--faults", 0.1, "--kinds", 503, "--stubborn")
    found = through(tmp_path)
    chosen = settings(tmp_path)
    day = found.kept[0].date
    assert found == translate(
        english_problems(20), LANGS, Table(chosen, day=f"{day}T00:00:00", mistakes=0.3, stubborn=True), chosen
    )
    assert max(endpoint.stats()["paid"]) == 1


def test_what_is_in_the_ledger_is_not_asked_again(server, tmp_path):
    endpoint = server("--mistakes", 0.2)
    first = through(tmp_path)
    paid = endpoint.stats()["paid"]
    assert through(tmp_path, concurrency=2, max_usd=1.0, price=(1, 1)) == first
    assert endpoint.stats()["paid"] == paid
    through(tmp_path, temperature=0.5)
    assert len(endpoint.stats()["paid"]) == 2 * len(paid)


def test_more_problems_and_languages_pay_only_for_what_is_new(server, tmp_path):
    endpoint = server()
    through(tmp_path)
    chosen = settings(tmp_path)
    translator = EndpointTranslator(chosen, Ledger(chosen.ledger, "x"), "run")
    translate(english_problems(25), (*LANGS, "te"), translator, chosen)
    assert len(endpoint.stats()["paid"]) == 25 * 4


def test_a_wrong_address_stops_at_once_and_says_what_to_look_at(server, tmp_path, monkeypatch):
    server()
    monkeypatch.setenv("LLM_API_URL", "http://127.0.0.1:9/v1")
    with pytest.raises(StageError, match=r"translator m: .*no connection.*LLM_API_URL.*Every reply is kept"):
        through(tmp_path, max_retries=0)
    with pytest.raises(StageError, match=r"translate\.max_usd: the price of 'm' is not in"):
        through(tmp_path, max_usd=1.0)


# ---- batches


def provider(requests: str, reverse: bool = True) -> str:
    """What a provider makes of a file of requests, in another order."""
    lines = []
    for line in map(json.loads, requests.splitlines()):
        text, finish = translation(line["body"], Table(settings_of_batch, mistakes=0.3).options)
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
        answer = {"choices": [choice], "usage": {"prompt_tokens": 100, "completion_tokens": 50}}
        lines.append({"custom_id": line["custom_id"], "response": {"status_code": 200, "body": answer}, "error": None})
    return "".join(json.dumps(line) + "\n" for line in (lines[::-1] if reverse else lines))


settings_of_batch = Translate(model="m")


def test_requests_go_out_as_a_file_and_replies_come_back_in_any_order(tmp_path):
    chosen = settings(tmp_path, price=(2, 4))
    ledger, out, back = Ledger(chosen.ledger, "x"), tmp_path / "out.jsonl", tmp_path / "back.jsonl"
    problems, rounds = english_problems(20), 0
    while True:
        inbox = back if rounds else None
        try:
            results = translate(problems, LANGS, BatchTranslator(chosen, ledger, "run", out, inbox), chosen)
            break
        except Waiting:
            rounds += 1
            back.write_text((back.read_text() if inbox else "") + provider(out.read_text()))
    assert rounds == 2  # the second tries are a file of their own
    wanted = translate(problems, LANGS, Table(chosen, day=f"{results.kept[0].date}T", mistakes=0.3), chosen)
    assert results == wanted
    spent = ledger.spent("run")
    assert spent.usd == pytest.approx(spent.calls * (100 * 2 + 50 * 4) / 1e6 / 2)  # half the price


def test_broken_and_foreign_lines_of_a_batch_are_asked_for_again(tmp_path, capsys):
    chosen = settings(tmp_path)
    ledger, out, back = Ledger(chosen.ledger, "x"), tmp_path / "out.jsonl", tmp_path / "back.jsonl"
    with pytest.raises(Waiting, match="60 requests are in"):
        translate(english_problems(20), LANGS, BatchTranslator(chosen, ledger, "run", out, None), chosen)
    lines = [json.loads(line) for line in provider(out.read_text()).splitlines()]
    lines[0]["error"] = {"code": "batch_expired"}
    lines[1]["response"]["body"] = {"no": "completion"}
    lines[2]["custom_id"] = "of another run"
    back.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(Waiting, match="3 requests are in"):
        translate(english_problems(20), LANGS, BatchTranslator(chosen, ledger, "run", out, back), chosen)
    told = capsys.readouterr().out
    assert "1 lines of" in told
    assert "57 of the batch's 59 replies are new to the ledger" in told


# ---- flags


def test_flags_are_columns_and_drop_nothing(server, tmp_path):
    server("--mistakes", 0.1)
    source = write_problems(tmp_path / "p.jsonl", english_problems(20))
    common = {"translate.model": "m", "translate.ledger": str(tmp_path / "l")}
    flagged = load_profile("lab", common | {"translate.judge": True, "translate.solver": "solver"})
    make_rows(load_profile("lab", common), source, ["de", "sw"], tmp_path / "plain")
    make_rows(flagged, source, ["de", "sw"], tmp_path / "flagged")
    for name in ("sft", "rl", "eval"):
        plain, rows = (read_rows(tmp_path / folder / f"{name}.parquet") for folder in ("plain", "flagged"))
        assert [row["translated_solution"] for row in plain] == [row["translated_solution"] for row in rows]
        for row in rows:
            by = row["extra_info"]["translation"]
            if by is None:
                continue
            # The server answers 4 to a judge, but not always; and it solves in German only.
            assert by["judge"] in (4.0, None)
            assert by["solved_english"] is True
            assert by["solved"] is (row["extra_info"]["lang"] == "de")

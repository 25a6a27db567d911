"""`sp3f report --regime --set` on real stages at toy size: the newest of a model, or the one that was made with these settings."""

import re

import pytest

from sp3f_lib.commands import main

from ..toy import TOY

LONGER = ["--set", "sft.max_steps=7"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_page_shows_what_was_made_with_these_settings(folder, capsys):
    common = ["--profile", str(TOY)]
    for changes in (LONGER, []):
        assert main(["evaluate", "sft", *common, "--regime", "cold", *changes]) == 0
    capsys.readouterr()

    def page(*options: str) -> str:
        assert main(["report", *common, "--regime", "cold", *options]) == 0
        return (folder / re.search(r"written: (\S+)", capsys.readouterr().out)[1]).read_text()

    newest = page()
    assert page("--set", "sft.max_steps=6") == newest != page(*LONGER)
    # A setting that nothing was made with, and a regime of which there is nothing.
    assert main(["report", *common, "--set", "sft.max_steps=8", "--set", "data.eval_seed=5"]) == 1
    assert "no model in this folder was made with the settings of --set" in capsys.readouterr().err
    assert main(["report", *common, "--regime", "warm"]) == 1
    assert "nothing is finished of regime 'warm'" in capsys.readouterr().err

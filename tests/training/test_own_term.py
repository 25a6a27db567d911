"""A reward term of one's own, in a real training: it is in the line of each step, and in the metrics."""

import json
import re

from sp3f_lib.commands import main
from sp3f_lib.rewards.own import OWN, text_of

from ..toy import TOY


def test_the_mean_of_an_own_term_is_in_the_line_of_each_step(start, tmp_path, monkeypatch, capfd):
    def few_words(completions, **_):
        return [1 / (1 + len(text_of(completion))) for completion in completions]

    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(OWN, "few_words", few_words)
    changes = ["rewards.more={few_words: 0.5}", f"model.path={start / 'model'}", "sft.max_steps=1"]
    command = ["train", "rlvr", "--profile", str(TOY), *(part for one in changes for part in ("--set", one))]
    assert main(command) == 0
    said = re.findall(r"^rlvr warm: step (\d)/6, .*few words (\d\.\d\d)", capfd.readouterr().out, re.MULTILINE)
    (stage,) = tmp_path.glob("runs/toy/rlvr-warm/*")
    logged = [json.loads(line)["rewards/few_words/mean"] for line in (stage / "metrics.jsonl").open()]
    # A step ends before it is logged: its line has what was logged last.
    assert dict(said)["6"] == f"{logged[4]:.2f}"

"""Address and key of the endpoint, as they are checked before the first stage: no client library is needed, nothing is asked."""

import subprocess
import sys

import pytest

from sp3f_lib.endpoint.client import JudgeError, check_before_training
from sp3f_lib.profiles.judge_section import Judge as Settings

pytest.importorskip("openai")
KEY = "sk-a-very-secret-key"


def test_a_missing_key_is_found_before_the_first_stage(monkeypatch, tmp_path):
    settings = Settings(name="api", model="some-model")
    monkeypatch.setenv("LLM_API_URL", "http://127.0.0.1:1/v1")
    monkeypatch.setenv("LLM_API_KEY", KEY)
    check_before_training(settings, tmp_path)
    monkeypatch.delenv("LLM_API_KEY")
    with pytest.raises(JudgeError, match="needs LLM_API_KEY"):
        check_before_training(settings, tmp_path)
    check_before_training(Settings(), tmp_path)  # the embedded judge
    check_before_training(settings.model_copy(update={"offline": True}), tmp_path)


def test_a_finished_stage_2_needs_no_key_and_an_unfinished_one_does(monkeypatch, tmp_path):
    monkeypatch.delenv("LLM_API_URL", raising=False)
    settings, run = Settings(name="api", model="some-model"), tmp_path / "sp3f-warm" / "0123456789ab"
    run.mkdir(parents=True)
    with pytest.raises(JudgeError, match="needs LLM_API_URL"):
        check_before_training(settings, run.parent)
    (run / "manifest.json").write_text("{}")
    check_before_training(settings, run.parent)


def test_the_check_imports_no_client_library():
    code = "import sys, sp3f_lib.endpoint.client; sys.exit(bool({'openai', 'aiohttp', 'torch'} & {*sys.modules}))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0

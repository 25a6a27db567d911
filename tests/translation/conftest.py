"""English problems, a translator in this process, and an endpoint in another one."""

import json
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import pytest

from sp3f_lib.data.english import Problem
from sp3f_lib.endpoint.transport import Reply
from sp3f_lib.lab.problems import render_question, render_solution, sample_problems
from sp3f_lib.profiles.translate_section import Translate
from sp3f_lib.translation.endpoint import received

from ..serving import FakeTranslator
from .fake_translator import MISTAKES, translation

LANGS = ("de", "sw", "bn")


def english_problems(count: int, seed: int = 3) -> list[Problem]:
    return [
        Problem(problem.id, render_question(problem, "en"), render_solution(problem, "en"), str(problem.answer), "lab")
        for problem in sample_problems(count, seed)
    ]


def write_problems(path: Path, problems: list[Problem]) -> Path:
    lines = [{"id": one.id, "question": one.question, "solution": one.solution, "answer": one.answer} for one in problems]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


class Table:
    """Translates in this process as the server does, last request first; counts what it was asked."""

    def __init__(self, settings: Translate, day: str = "2026-01-01T00:00:00+0000", **options):
        self.settings, self.day, self.asked = settings, day, []
        self.options = Namespace(**{"mistakes": 0.0, "which": list(MISTAKES), "stubborn": False} | options)

    def ask(self, requests, seen):
        for request in requests[::-1]:
            self.asked.append(request.key)
            text, finish = translation({"messages": request.messages}, self.options)
            reply = Reply(text, finish, finish == "content_filter", 0, 0, 0, [], 0.0, 1)
            seen(request, replace(received(request, self.settings, "", reply, 0.0), asked=self.day))


@pytest.fixture
def server(monkeypatch):
    """Starts an endpoint, as often as a test calls it, and sets the environment to it."""
    pytest.importorskip("openai")
    started = []

    def start(*options) -> FakeTranslator:
        started.append(FakeTranslator(*options))
        monkeypatch.setenv("LLM_API_URL", started[-1].url)
        return started[-1]

    monkeypatch.setenv("LLM_API_KEY", "any")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield start
    for one in started:
        one.stop()

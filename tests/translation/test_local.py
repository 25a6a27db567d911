"""A model in this process translates: parts on disk, and the lab's own model on problems whose questions are translated already."""

from dataclasses import replace

import pytest

from sp3f_lib.audits.lab_translator import lab_model, lab_problems
from sp3f_lib.generation.local import Completion
from sp3f_lib.profiles.translate_section import Translate
from sp3f_lib.runs import StageError
from sp3f_lib.translation.local import LocalTranslator
from sp3f_lib.translation.stage import translate

from .conftest import LANGS, Table, english_problems
from .fake_translator import translation

SETTINGS = Translate(name="local", model="some-model", batch_size=4)


class Model:
    """In place of a model: translates as the server does, and can be killed."""

    def __init__(self, dies_after: int = 10**9):
        self.calls, self.dies_after = 0, dies_after

    def __call__(self, chats, sampling, seed, **begun):
        if self.calls == self.dies_after:
            raise KeyboardInterrupt
        self.calls += 1
        options = Table(SETTINGS, mistakes=0.2).options
        replies = [translation({"messages": chat}, options) for chat in chats]
        return [Completion(number, 0, True, text, 9, finish == "stop") for number, (text, finish) in enumerate(replies)]


def translator(folder, model, settings=SETTINGS) -> LocalTranslator:
    one = LocalTranslator(settings, folder, "run")
    one._generate = model
    return one


def test_parts_that_are_done_are_not_made_again(tmp_path):
    problems = english_problems(20)
    calm = translate(problems, LANGS, translator(tmp_path / "calm", Model()), SETTINGS)
    assert min(len(calm.kept), len(calm.failures)) > 0
    with pytest.raises(KeyboardInterrupt):
        translate(problems, LANGS, translator(tmp_path / "killed", Model(dies_after=2)), SETTINGS)
    again = Model()
    found = translate(problems, LANGS, translator(tmp_path / "killed", again), SETTINGS)
    assert [replace(kept, date="") for kept in found.kept] == [replace(kept, date="") for kept in calm.kept]
    assert again.calls == 4 - 2 + 1  # of four parts of the first round two were there, then the second round
    assert translate(problems, LANGS, translator(tmp_path / "killed", Model(dies_after=0)), SETTINGS) == found


def test_other_settings_or_problems_have_parts_of_their_own(tmp_path):
    for settings in (SETTINGS, Translate(name="local", model="some-model", batch_size=4, temperature=0.5)):
        translate(english_problems(3), ("de",), translator(tmp_path, Model(), settings), settings)
    translate(english_problems(4), ("de",), translator(tmp_path, Model()), SETTINGS)
    assert len(list(tmp_path.iterdir())) >= 3


def test_a_model_must_be_named(tmp_path):
    with pytest.raises(StageError, match=r"set translate\.model to a model directory"):
        LocalTranslator(Translate(name="local"), tmp_path, "run")


def test_the_labs_own_model_translates_solutions_and_solves_questions(tmp_path):
    settings = lab_model()
    known = translate(lab_problems(24, ("sw",)), ("sw",), LocalTranslator(settings, tmp_path / "known", "run", 1), settings)
    assert len(known.kept) >= 18
    assert all(kept.question == kept.problem.questions["sw"] for kept in known.kept)
    # It was never taught to translate a question: what it makes of one is not kept.
    plain = [replace(problem, questions={}) for problem in lab_problems(8, ("sw",))]
    solved = translate(plain, ("sw",), LocalTranslator(settings, tmp_path / "solved", "run", 1), settings)
    assert not solved.kept
    assert set(solved.lost()) <= {"format", "placeholders", "misaligned", "numbers", "calculations"}

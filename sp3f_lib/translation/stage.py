"""The stage: every problem into every language, candidates checked, those that fail sent back once, the rest counted.

    round 1     a request for each problem and language; each reply is checked as it comes, lengths when all are there
    round 2     what failed goes back with its reason, up to `translate.candidates` tries
    then        rows of what passed, and for what did not: language, length, reason

What is usual in a language (its lengths, its words) is taken from round 1, so that it does not depend on what came later.
Everything follows from problems, settings and replies alone: a run that was killed and goes on ends with the same rows as
one that was not.
"""

from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field, replace

from sp3f_lib.data.checks import look
from sp3f_lib.data.english import Problem, with_box
from sp3f_lib.data.lengths import Look, Usual, Usuals, late_fault
from sp3f_lib.data.numbers import ascii_digits
from sp3f_lib.data.texts import Fault, Texts
from sp3f_lib.data.vocabulary import Vocabulary, believe
from sp3f_lib.endpoint.ledger import ANSWERED, CUT_OFF, REFUSED, Call
from sp3f_lib.endpoint.store import FAILED
from sp3f_lib.languages import get_language
from sp3f_lib.profiles.translate_section import Translate
from sp3f_lib.rewards.detector import covered
from sp3f_lib.runs import StageError
from sp3f_lib.translation.masks import MaskError
from sp3f_lib.translation.requests import ReplyError, Request, first_request, next_request, read_reply

REQUEST_FAILED = "request failed"
OWN_MARKS = "marks in the English text"
_MARGIN = 0.08  # stricter than a reader with other rows around (data/suspects.py), so that it believes what was kept here
_GIVE_UP_FROM = 50  # tries of a language


@dataclass(frozen=True)
class Candidate:
    """One try: what came of it. `texts` is None where there is no translation; `fault` is the reason why it is not used."""

    request: Request
    call: Call
    texts: Texts | None
    found: Look


@dataclass(frozen=True)
class Kept:
    """A translation that passed every check."""

    problem: Problem
    lang: str
    question: str
    solution: str
    candidate: int
    date: str


@dataclass
class Results:
    """What was kept, in the order of problems and languages, and every try that was not: (problem, language, reason, final)."""

    kept: list[Kept] = field(default_factory=list)
    failures: list[tuple[Problem, str, Fault, bool]] = field(default_factory=list)
    unanswered: int = 0  # rows lost because a request failed: the same command asks again

    def lost(self) -> Counter[str]:
        """Rows that were dropped, by reason."""
        return Counter(fault.reason for _, _, fault, final in self.failures if final)


def check_languages(languages: list[str]) -> tuple[str, ...]:
    """The languages, each once; `StageError` for English and for one whose texts the detector cannot tell."""
    codes = tuple(dict.fromkeys(get_language(code).code for code in languages))
    if "en" in codes:
        raise StageError(
            "translations are from English: 'en' is no language to translate into (its rows are written anyway)"
        )
    if strange := [code for code in codes if code not in covered()]:
        raise StageError(
            f"no text can be recognised as {', '.join(strange)}: tell their script in sp3f_lib/rewards/detector.py"
        )
    return codes


def translate(problems: list[Problem], languages: tuple[str, ...], translator, settings: Translate) -> Results:
    """Translations of every problem into every language, by `translator.ask` (endpoint.py, local.py, batch.py)."""
    results, usual, words = Results(), None, None
    pending: list[Request] = []
    for problem in problems:
        for lang in languages:
            try:
                pending.append(first_request(problem, lang, settings))
            except MaskError as error:
                results.failures.append((problem, lang, Fault(OWN_MARKS, str(error)), True))
    place = {
        (problem.id, lang): number for number, (problem, lang) in enumerate((p, la) for p in problems for la in languages)
    }
    for number in range(1, settings.candidates + 1):
        tries = _ask(pending, translator, settings, first=number == 1)
        words = _words(tries) if words is None else words
        tries = [_second_look(one, words) for one in tries]
        usual = _usual(tries) if usual is None else usual
        pending = []
        for one in tries:
            fault = late_fault(one.request.lang, one.found, usual, _MARGIN)
            if fault is None:
                results.kept.append(_kept(one))
                continue
            again = number < settings.candidates and one.call.status not in (FAILED, REFUSED)
            results.failures.append((one.request.problem, one.request.lang, fault, not again))
            results.unanswered += one.call.status == FAILED
            if again:
                pending.append(next_request(one.request, one.call.text, fault.detail or fault.reason, settings))
    results.kept.sort(key=lambda kept: place[kept.problem.id, kept.lang])
    results.failures.sort(key=lambda failure: (place[failure[0].id, failure[1]], failure[3]))
    return results


def _ask(requests: list[Request], translator, settings: Translate, first: bool) -> list[Candidate]:
    """The candidates of one round, in the order of the requests."""
    found: dict[str, Candidate] = {}
    doubt = _Doubt(requests if first else [], settings)

    def seen(request: Request, call: Call) -> None:
        found[request.key] = check(request, call, settings)
        doubt.look(request.lang, found)

    translator.ask(requests, seen)
    return [found[request.key] for request in requests]


class _Doubt:
    """Stops when hardly anything in a language passes: whoever answers in another language would be paid for nothing.

    What counts is the order of the requests, not that of the replies, so that a run which goes on stops where another would.
    """

    def __init__(self, requests: list[Request], settings: Translate):
        self._settings = settings
        self._waiting: dict[str, deque[str]] = defaultdict(deque)
        self._tried: Counter[str] = Counter()
        self._failed: dict[str, Counter[str]] = defaultdict(Counter)
        for request in requests:
            self._waiting[request.lang].append(request.key)

    def look(self, lang: str, found: dict[str, Candidate]) -> None:
        """`StageError` if too many of the first candidates in a language cannot be used."""
        waiting, failed = self._waiting[lang], self._failed[lang]
        while waiting and waiting[0] in found:
            fault = found[waiting.popleft()].found.fault
            self._tried[lang] += 1
            failed.update([fault.reason] if fault else [])
            if self._tried[lang] >= _GIVE_UP_FROM and failed.total() > self._settings.give_up * self._tried[lang]:
                told = ", ".join(f"{count} x {reason}" for reason, count in failed.most_common(3))
                raise StageError(
                    f"translate: {failed.total()} of the first {self._tried[lang]} translations into {lang!r} cannot be used "
                    f"({told}). Every reply is kept. Does {self._settings.model} know the language? Another model, or "
                    "translate.give_up=1 to go on all the same"
                )


def check(request: Request, call: Call, settings: Translate) -> Candidate:
    """What a reply is worth: its texts, and its first fault but for those that need the other rows."""
    if call.status != ANSWERED:
        reason = {FAILED: REQUEST_FAILED, CUT_OFF: "cut off", REFUSED: "refused"}[call.status]
        return Candidate(request, call, None, Look(Fault(reason, call.reason)))
    try:
        question, solution = read_reply(call.text, request)
    except ReplyError as error:
        return Candidate(request, call, None, Look(Fault(error.reason, str(error))))
    if settings.digits == "ascii":
        question, solution = ascii_digits(question), ascii_digits(solution)
    problem, lang = request.problem, request.lang
    solution = with_box(solution, lang, problem.answer)
    texts = Texts(lang, problem.question, question, problem.solution, solution, problem.answer)
    return Candidate(request, call, texts, look(texts))


def _words(tries: list[Candidate]) -> Vocabulary:
    """The words of what passed in the first round."""
    words = Vocabulary()
    for one in tries:
        if one.found.fault is None:
            words.learn(one.texts)
    return words


def _second_look(one: Candidate, words: Vocabulary) -> Candidate:
    """A candidate that was taken for another language's, though its words are known, is looked at again."""
    fault = one.found.fault
    if fault and fault.reason == "language" and words.knows(one.texts):
        return replace(one, found=look(one.texts, believe))
    return one


def _usual(tries: list[Candidate]) -> dict[tuple[str, str], Usual]:
    usuals = Usuals()
    for one in tries:
        usuals.add(one.request.lang, one.found)
    return usuals.settle()


def _kept(one: Candidate) -> Kept:
    day = one.call.asked[:10]
    return Kept(one.request.problem, one.request.lang, one.texts.question, one.texts.translated, one.request.candidate, day)

"""A judge asked about all answers of an evaluation: says first what it will cost, and asks again once for what failed on the way.

Every reply is in the ledger before it is used, so an evaluation that was stopped (a kill, a cap, an endpoint that is down)
asks only for what is missing when it is started again.
"""

from collections.abc import Sequence

from sp3f_lib.endpoint.loop import wait_for
from sp3f_lib.judges import face
from sp3f_lib.judges.base import Asked, Judge, Pair, Verdict
from sp3f_lib.judges.ledger import Ledger, request_key
from sp3f_lib.judges.recorded import RecordedJudge
from sp3f_lib.judges.spend import Forecast, cap_note, price_of
from sp3f_lib.profiles.judge_section import Judge as Settings
from sp3f_lib.profiles.section import ProfileError

# Before anything was measured; the same guesses as for trainings (spend.py).
_BYTES_PER_TOKEN = 3.5
_TOKENS_OUT = {"reasons": 250, "verdict": 8, "scores": 250, "rating": 200}


def check_judge(settings: Settings) -> None:
    """`ProfileError` if this judge cannot judge the answers of an evaluation."""
    if settings.name == "implicit":
        raise ProfileError(
            "judge.name: the judge 'implicit' compares answers to English prompts by two models' log-ratio, which is a training's "
            "reward; give alignment, local or api"
        )
    if settings.model == "policy":
        raise ProfileError(
            "judge.model: 'policy' judges itself in a training; give the judge of an evaluation by its own path"
        )


def judge_name(settings: Settings) -> str:
    """How the judge is called in tables: no number is worth anything without it."""
    return (settings.model or settings.name) if settings.name != "alignment" else settings.name


def ask_all(judge: Judge, asked: Sequence[Asked], label: str) -> list[Verdict]:
    """A verdict for each of `asked` (all pairs, or all single answers), in order; `JudgeError` where the judge gives up."""
    if isinstance(judge, RecordedJudge):
        print(f"{label}: {_what_it_costs(judge, asked)}", flush=True)
    ask = judge.compare if isinstance(asked[0], Pair) else judge.score
    verdicts = wait_for(ask(asked))
    if isinstance(judge, RecordedJudge) and not all(verdict.given for verdict in verdicts):
        verdicts = wait_for(ask(asked))  # what was answered, readable or not, is in the ledger: this asks for failures alone
    return verdicts


def _what_it_costs(judge: RecordedJudge, asked: Sequence[Asked]) -> str:
    keys = {request_key(one, judge.model, judge.endpoint, judge.sampling): one for one in asked}
    known = judge.ledger.find(keys)
    new = [one for key, one in keys.items() if key not in known]
    said = f"{len(known)} of {len(keys)} replies are in {judge.ledger.path}"
    if not new:
        return said
    expected = calls_of(judge.settings, new, judge.ledger)
    return f"{said}; asking for {expected}{cap_note(judge.settings, expected)}"


def calls_of(settings: Settings, new: Sequence[Asked], ledger: Ledger | None, more: float = 0.0) -> Forecast:
    """What asking about `new` takes, from their texts; replies are those of the ledger, once it has some of this kind.

    `more`: tokens of a call for texts that are not there yet.
    """
    kind, secret = face.version(new[0]).split("-")[0], ledger.secret if ledger else bytes(16)
    sizes = [sum(len(message["content"].encode(errors="replace")) for message in face.messages(one, secret)) for one in new]
    tokens_in, basis = sum(sizes) / len(sizes) / _BYTES_PER_TOKEN + more, "estimated from the texts' length"
    guess = _TOKENS_OUT.get(getattr(new[0], "way", kind), _TOKENS_OUT["reasons"])
    tokens_out = min(guess, settings.max_tokens or guess)
    if measured := ledger and ledger.mean_tokens(settings.model, kind):
        (tokens_in, tokens_out), basis = measured, "from the mean of the calls in the ledger"
    price = price_of(settings)
    usd = price.usd(tokens_in, tokens_out) * len(new) if price else None
    return Forecast(len(new), round(len(new) * tokens_in), round(len(new) * tokens_out), usd, basis)

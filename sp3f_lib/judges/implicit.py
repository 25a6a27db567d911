r"""The implicit judge: the reward that an English preference-tuned model carries compares two responses; no text is generated.

    --set judge.name=implicit --set judge.model=path/to/dpo --set judge.reference_model=path/to/sft

    r(y) = log pi0(y | G(x)) - log pi_sft(y | G(x)) - length_penalty * characters
    preference of A = sigmoid(beta * (r(A) - r(B)))         what DPO's Bradley-Terry model says

This is ICR's reward R_c (arXiv 2503.04647, methods/icr.py) in the place of SP3F's judge (arXiv 2601.18722): the English prompt is
the privilege, and no reference text is read, whatever judge.privilege says. G puts ICR's sentence before the English question,
and our system instruction in English before both, as rows of `data.schema.make_row` have it; `judge.system: false` leaves the
instruction out, for rows without one. `beta` is that of the DPO that made pi0.

Each response is scored once, however many pairs it is in. A response without text loses to any other; one that cannot be
scored (too long) gives no verdict. Nothing is sampled, so there is no ledger: judging again gives the same verdicts.
"""

import math
import time
from collections.abc import Sequence
from pathlib import Path

from sp3f_lib.judges.base import JudgeError, Pair, Verdict
from sp3f_lib.judges.recorded import SAME_TEXT
from sp3f_lib.languages import get_language
from sp3f_lib.profiles.judge_section import Judge as Settings

Asked = tuple[str, str, str]  # question, language, response


def english_chat(question: str, system: bool) -> list[dict]:
    """The English prompt as rows hold it: the English instruction, if they have one, and the question.

    >>> english_chat("What is 1 + 2?", system=False)
    [{'role': 'user', 'content': 'What is 1 + 2?'}]
    """
    instruction = [{"role": "system", "content": get_language("en").instruction}] if system else []
    return [*instruction, {"role": "user", "content": question}]


def preference(reward_a: float, reward_b: float, beta: float) -> float:
    """The probability that A is preferred, from rewards in nats.

    >>> round(preference(14.0, 4.0, beta=0.1), 3)  # 1 / (1 + exp(-1))
    0.731
    """
    # sigmoid(z), in a form that neither overflows nor loses antisymmetry
    return 0.5 + 0.5 * math.tanh(beta * (reward_a - reward_b) / 2)


class ImplicitJudge:
    """Compares by the log-ratio of `settings.model` to `settings.reference_model`, both frozen, in `settings.torch_dtype`.

    `JudgeError` at once if one is no directory; the models are loaded when the first pair comes, in the process that judges.
    """

    def __init__(self, settings: Settings):
        self.settings, self._loaded = settings, None
        for name in ("model", "reference_model"):
            path = getattr(settings, name)
            if path.startswith((".", "/", "~")) and not Path(path).is_dir():
                raise JudgeError(f"the judge 'implicit': there is no directory {path!r} (judge.{name})")

    @property
    def name(self) -> str:
        """The preference-tuned model; what it is compared with stands in the settings."""
        return f"implicit/{self.settings.model}"

    async def compare(self, pairs: Sequence[Pair]) -> list[Verdict]:
        """One verdict per pair, in order. `JudgeError` if a pair has no language, or the models cannot be used together."""
        import torch

        began = time.monotonic()
        for pair in pairs:
            _check_language(pair)
        decided = [_without_scores(pair) for pair in pairs]
        asked = dict.fromkeys(key for pair, said in zip(pairs, decided, strict=True) if said is None for key in _keys(pair))
        # Training goes on as if it had not been judged: loading a model may draw random weights.
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            rewards = self._rewards(list(asked)) if asked else {}
        seconds = (time.monotonic() - began) / max(len(pairs), 1)
        return [
            self._verdict(*(rewards[key] for key in _keys(pair)), seconds) if said is None else said
            for pair, said in zip(pairs, decided, strict=True)
        ]

    def _verdict(self, a: float | str, b: float | str, seconds: float) -> Verdict:
        if failed := [f"{slot}: {reward}" for slot, reward in (("A", a), ("B", b)) if isinstance(reward, str)]:
            return Verdict(None, "; ".join(failed), self.name, seconds=seconds)
        text = f"rewards {a:.3f} and {b:.3f}"
        return Verdict(preference(a, b, self.settings.beta), judge=self.name, text=text, seconds=seconds)

    def _rewards(self, asked: list[Asked]) -> dict[Asked, float | str]:
        """The reward of each response in nats, or why it has none."""
        from sp3f_lib.generation.implicit_reward import conditioning_prompt, implicit_rewards
        from sp3f_lib.generation.scoring import ScoringError

        if self._loaded is None:
            self._loaded = self._load()
        conditions = [conditioning_prompt(english_chat(question, self.settings.system), lang) for question, lang, _ in asked]
        try:
            found = implicit_rewards(*self._loaded, conditions, [[text] for *_, text in asked], self.settings.batch_size)
        except ScoringError as error:
            if len(asked) == 1:
                return {asked[0]: str(error).removeprefix("response 0: ")}
            # One of them cannot be scored: halves, until it is alone.
            middle = len(asked) // 2
            return self._rewards(asked[:middle]) | self._rewards(asked[middle:])
        penalty = self.settings.length_penalty
        return {key: reward - penalty * len(key[2]) for key, reward in zip(asked, found[:, 0].tolist(), strict=True)}

    def _load(self) -> tuple:
        """(pi0, pi_sft, their tokenizer)."""
        import torch

        from sp3f_lib.generation.local import load_model
        from sp3f_lib.generation.scoring import check_same_tokenizer

        device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            loaded = [
                load_model(path, self.settings.torch_dtype) for path in (self.settings.model, self.settings.reference_model)
            ]
            (tuned, tokenizer), (reference, other) = loaded
            check_same_tokenizer(tokenizer, other)
        except ValueError as error:  # a ScoringError is one
            names = f"judge.model {self.settings.model!r}, judge.reference_model {self.settings.reference_model!r}"
            raise JudgeError(f"the judge 'implicit' ({names}): {error}") from None
        return *(model.to(device).eval().requires_grad_(False) for model in (tuned, reference)), tokenizer


def _keys(pair: Pair) -> tuple[Asked, Asked]:
    return (pair.question, pair.lang, pair.response_a), (pair.question, pair.lang, pair.response_b)


def _check_language(pair: Pair) -> None:
    try:
        if pair.lang is None:
            raise ValueError("the pair does not say in which language its responses should be; set Pair.lang")
        get_language(pair.lang)
    except ValueError as error:
        raise JudgeError(f"the judge 'implicit', question {pair.question[:60]!r}: {error}") from None


def _without_scores(pair: Pair) -> Verdict | None:
    """The verdict where texts alone decide it: equal texts tie, and an empty one loses."""
    a, b = pair.response_a.strip(), pair.response_b.strip()
    if a == b:
        return SAME_TEXT
    if not a or not b:
        return Verdict(float(bool(a)), reason="the other response is empty")
    return None

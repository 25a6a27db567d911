"""The reward that a preference-tuned model carries: a log-ratio of two models, conditioned on a prompt of one's choice.

    r(y) = S(pi; G(x), y) - S(pi_ref; G(x), y)        S: sequence_logprobs; no beta, no length normalisation

ICR (arXiv 2503.04647) conditions on the English prompt: `conditioning_prompt`, whose wording is ours. What is made of the rewards:
methods/icr.py (pairs), judges/implicit.py (a judge).
"""

import numpy as np

from sp3f_lib.generation.scoring import sequence_logprobs
from sp3f_lib.languages import get_language

PREFIX = (
    "Write your answer to what follows in {language} and in no other language, unless you are told there to use another one."
)


def conditioning_prompt(english_prompt: list[dict], lang: str) -> list[dict]:
    """G(x): English unchanged; for another language its user turn with the sentence in front.

    >>> conditioning_prompt([{"role": "user", "content": "Name a fruit."}], "sw")[0]["content"][:59]
    'Write your answer to what follows in Swahili and in no othe'
    """
    language = get_language(lang)
    if lang == "en":
        return english_prompt
    *before, user = english_prompt
    if user["role"] != "user":
        raise ValueError(f"the English prompt must end with a user message, not {user['role']!r}")
    return [*before, user | {"content": f"{PREFIX.format(language=language.name)}\n\n{user['content']}"}]


def response_scores(
    model, tokenizer, conditions: list[list[dict]], responses: list[list[str | None]], batch_size: int
) -> np.ndarray:
    """S of every response behind the condition of its prompt: shape (prompts, n), nats; NaN where there is no text.

    Equal responses to a prompt are scored once, so their scores are equal too.
    """
    places: dict[tuple[int, str], list[int]] = {}
    for prompt, row in enumerate(responses):
        for sample, text in enumerate(row):
            if text and text.strip():
                places.setdefault((prompt, text), []).append(sample)
    prompts, texts = [conditions[prompt] for prompt, _ in places], [text for _, text in places]
    found = sequence_logprobs(model, tokenizer, prompts, texts, batch_size).tolist()
    scores = np.full((len(responses), max(map(len, responses), default=0)), np.nan)
    for ((prompt, _), samples), score in zip(places.items(), found, strict=True):
        scores[prompt, samples] = score
    return scores


def implicit_rewards(
    policy, reference, tokenizer, conditions: list[list[dict]], responses: list[list[str | None]], batch_size: int
) -> np.ndarray:
    """log pi(y | condition) - log pi_ref(y | condition): shape (prompts, n), nats; NaN where there is no text.

    The condition decides the reward: `conditioning_prompt(...)` R_c, the prompt in language l R_m, and for R_t the English prompt,
    with the English translations as `responses`. `check_same_tokenizer` first.
    """
    of_policy, of_reference = (
        response_scores(model, tokenizer, conditions, responses, batch_size) for model in (policy, reference)
    )
    return of_policy - of_reference

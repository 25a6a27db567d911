"""ICR on files: sample, score, pair. Each step writes parquet and goes on after a kill; the next one only reads.

    policy, reference = load_model("pi0"), load_model("sft")
    responses = sample_responses(folder / "responses", local_generator(*policy), prompts, ("en", "sw"), sampling.ICR, seed=42)
    scores = score_responses(folder / "scores", responses, prompts, policy, reference, ("R_c", "R_m"), batch_size=8)
    pairs, report = icr_pairs(scores, prompts, "R_c")

One row is one response: id, lang, sample, text, finished, tokens, characters; scored, it also has R_c (R_m, R_t) and the two
log-probabilities that it is the difference of (`policy_c`, `reference_c`), and for R_t its translation (`english`). Another
reward, penalty or bound is therefore another call of `icr_pairs`, without a model.

Iteration 2 samples from pi^1 and scores with pi^1 against the SFT model (arXiv 2503.04647): other arguments, the same functions.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from sp3f_lib.data.parallel import ParallelPrompt
from sp3f_lib.generation.implicit_reward import conditioning_prompt, response_scores
from sp3f_lib.generation.parts import in_parts, part_seed
from sp3f_lib.generation.sampling import TRANSLATION, Generate, Sampling
from sp3f_lib.generation.scoring import check_same_tokenizer
from sp3f_lib.generation.translation import self_translate
from sp3f_lib.methods.icr_pairs import fit_length_penalty, select_pairs

REWARDS = ("R_c", "R_m", "R_t")


def sample_responses(
    folder: Path,
    generate: Generate,
    prompts: list[ParallelPrompt],
    languages: Sequence[str],
    sampling: Sampling,
    seed: int,
    prompts_per_part: int = 32,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> pd.DataFrame:
    """`sampling.samples` responses to every prompt x^l, one row each, languages one after the other."""
    items = [(lang, prompt.id, prompt.messages[lang]) for lang in languages for prompt in prompts]

    def work(chunk, number):
        completions = generate([messages for _, _, messages in chunk], sampling, part_seed(seed, number))
        return [
            {
                "id": chunk[c.prompt][1],
                "lang": chunk[c.prompt][0],
                "sample": c.sample,
                "text": c.text,
                "finished": c.finished,
                "tokens": c.tokens,
                "characters": len(c.text),
            }
            for c in completions
        ]

    return in_parts(folder, items, prompts_per_part, work, {"sampling": asdict(sampling), "seed": seed}, progress)


def score_responses(
    folder: Path,
    responses: pd.DataFrame,
    prompts: list[ParallelPrompt],
    policy: tuple,
    reference: tuple,
    rewards: Sequence[str] = ("R_c",),
    *,
    batch_size: int,
    generate: Generate | None = None,
    translation: Sampling = TRANSLATION,
    prompts_per_part: int = 32,
    progress: Callable[[int, int], None] = lambda done, total: None,
    share: tuple[int, int] = (0, 1),
) -> pd.DataFrame:
    """The rows of `responses` with their rewards; a model's pass is made once per part and reward. `share`: see `in_parts`.

    `policy` and `reference` are (model, tokenizer), as `load_model` gives them; their tokenizers must be the same. R_t needs
    `generate`, which translates with the model that wrote the responses. Which models scored is not written into the parts:
    `folder` belongs to a stage whose inputs they are.
    """
    if unknown := set(rewards) - set(REWARDS):
        raise ValueError(f"unknown reward {min(unknown)!r}; known: {', '.join(REWARDS)}")
    if "R_t" in rewards and generate is None:
        raise ValueError("R_t needs generate: it scores the model's own English translations of the responses")
    tokenizer = policy[1]
    check_same_tokenizer(tokenizer, reference[1])
    by_id = {prompt.id: prompt for prompt in prompts}
    items = [rows.to_dict("records") for _, rows in responses.groupby(["lang", "id"], sort=False)]

    def work(chunk, number):
        texts = [[row["text"] for row in rows] for rows in chunk]
        columns = {}
        for reward in rewards:
            scored, kind = texts, reward[-1]
            if reward == "R_t":
                scored = columns["english"] = _in_english(chunk, generate, translation)
            conditions = [_condition(reward, by_id[rows[0]["id"]], rows[0]["lang"]) for rows in chunk]
            one, other = (
                response_scores(model, tokenizer, conditions, scored, batch_size) for model, _ in (policy, reference)
            )
            columns |= {f"policy_{kind}": one, f"reference_{kind}": other, reward: one - other}
        return [
            row | {name: _plain(values[p][k]) for name, values in columns.items()}
            for p, rows in enumerate(chunk)
            for k, row in enumerate(rows)
        ]

    settings = {"rewards": sorted(rewards), "translation": asdict(translation)}
    return in_parts(folder, items, prompts_per_part, work, settings, progress, share)


def icr_pairs(
    scores: pd.DataFrame,
    prompts: list[ParallelPrompt],
    reward: str = "R_c",
    upper_bound: float | None = None,
    length_control: bool = True,
) -> tuple[list[dict], pd.DataFrame]:
    """(pairs for `train_preference`, one row per language on how they came about).

    A pair's `reward_margin` is the reward of the chosen response minus that of the rejected one, length penalty included, in nats.
    The report: prompts, alpha (the length penalty), pairs, mean characters of chosen and rejected, then a column for every reason
    why a prompt gave no pair (`prompts: ...`) or a response was not used or not chosen (`responses: ...`).
    """
    if reward not in scores:
        raise ValueError(f"the scores have no {reward!r}; they have {', '.join(c for c in scores if c in REWARDS)}")
    by_id = {prompt.id: prompt for prompt in prompts}
    pairs, report = [], []
    for lang, rows in scores.groupby("lang", sort=False):
        if reward == "R_t" and lang == "en":
            continue
        groups = [group for _, group in rows.groupby("id", sort=False)]
        if len({len(group) for group in groups}) > 1:
            raise ValueError(f"the prompts in {lang!r} have different numbers of responses; were the scores cut off?")
        values, lengths, finished = (
            np.array([group[name].to_numpy() for group in groups]) for name in (reward, "characters", "finished")
        )
        texts = [group["text"].tolist() for group in groups]
        alpha = fit_length_penalty(values, lengths, finished) if length_control else 0.0
        found = select_pairs(values, lengths, alpha, texts, upper_bound, finished)
        for prompt, chosen, rejected in found.pairs:
            id = groups[prompt]["id"].iloc[0]
            controlled = values[prompt] - alpha * lengths[prompt]
            pairs.append(
                {
                    "id": id,
                    "lang": lang,
                    "prompt": by_id[id].messages[lang],
                    "chosen": [{"role": "assistant", "content": texts[prompt][chosen]}],
                    "rejected": [{"role": "assistant", "content": texts[prompt][rejected]}],
                    "reward_margin": float(controlled[chosen] - controlled[rejected]),
                }
            )
        p, best, worst = np.array(found.pairs, int).reshape(-1, 3).T
        report.append(
            {"lang": lang, "reward": reward, "prompts": len(groups), "alpha": alpha, "pairs": len(found.pairs)}
            | {
                f"characters {side}": lengths[p, k].mean() if len(p) else None
                for side, k in (("chosen", best), ("rejected", worst))
            }
            | {f"prompts: {reason}": count for reason, count in found.prompts.items()}
            | {f"responses: {reason}": count for reason, count in found.responses.items()}
        )
    table = pd.DataFrame(report)
    counts = [column for column in table if column.startswith(("prompts: ", "responses: "))]
    table[counts] = table[counts].fillna(0).astype(int)
    return pairs, table


def _condition(reward: str, prompt: ParallelPrompt, lang: str) -> list[dict]:
    if reward == "R_m":
        return prompt.messages[lang]
    return prompt.messages["en"] if reward == "R_t" else conditioning_prompt(prompt.messages["en"], lang)


def _in_english(chunk: list[list[dict]], generate: Generate, translation: Sampling) -> list[list[str | None]]:
    """The English translation of each response; None where it failed, and for responses to English prompts."""
    places = [(p, k) for p, rows in enumerate(chunk) for k, row in enumerate(rows) if row["lang"] != "en"]
    jobs = [(chunk[p][k]["text"], chunk[p][k]["lang"], "en") for p, k in places]
    texts: list[list[str | None]] = [[None] * len(rows) for rows in chunk]
    for (p, k), found in zip(places, self_translate(generate, jobs, translation), strict=True):
        texts[p][k] = found.text
    return texts


def _plain(value):
    return value.item() if isinstance(value, np.generic) else value

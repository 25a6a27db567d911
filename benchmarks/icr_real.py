"""ICR's reward on a real model: does it prefer the answer in the right language, and the better one, outside English?

    sp3f train dpo_reference --profile laptop --folder ../shared/data --set methods.start=dpo_reference
    python benchmarks/icr_real.py runs/laptop/dpo_reference-all/KEY/model --folder ../shared/data         about 15 minutes of a core

The preference step is English alone: solutions by people over wrong answers of the model's own. Three contests, by language:

- *own*: two answers of the tuned model to one UltraFeedback prompt, one in the language of the prompt and one that is not. The
  reward should be higher for the first. There are few such pairs.
- *language*: an answer in the language of its prompt, and an English one that was given to the same prompt in English.
- *quality*: GPT-4's answer to a question of MT-Bench (mathematics, reasoning, code; translated where it is not English) beside the
  tuned model's own, both in the language. The reward should be higher for GPT-4's; but a sample of the tuned model has a high
  log-ratio only because it was drawn from it, which the other two contests give to both sides.

Rewards as ICR has them (generation/implicit_reward.py): R_c conditions on the English prompt, R_m on the one in the language; R_t
on the English one, with the response translated by the model itself. Without a length penalty; `a character` divides by the length
instead. Everything is kept in runs/icr-real and goes on after a kill.
"""

import argparse
import json
from itertools import product
from pathlib import Path

import pandas as pd

from sp3f_lib.audits.icr import share
from sp3f_lib.data.parallel import ParallelPrompt, read_prompts
from sp3f_lib.data.schema import read_json_lines
from sp3f_lib.generation.local import load_model
from sp3f_lib.generation.sampling import Sampling, local_generator
from sp3f_lib.machine import set_up
from sp3f_lib.methods.icr_scores import sample_responses, score_responses
from sp3f_lib.pipeline.models import model
from sp3f_lib.profiles import load_profile
from sp3f_lib.rewards.fidelity import is_faithful

LANGUAGES = ("en", "es", "de", "fr")
ENGLISH, GPT4 = 100, 200  # sample numbers: answers to the English prompt, and of GPT-4; the model's own begin at 0
RESPONSE = ["id", "lang", "sample"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("policy", help="the preference-tuned model's directory")
    parser.add_argument("--folder", type=Path, required=True, help="with ultrafeedback_prompts_multilingual and mt_bench")
    parser.add_argument("--prompts", type=int, default=10, help="of UltraFeedback, of at most --characters in English")
    parser.add_argument("--characters", type=int, default=160)
    parser.add_argument("--questions", type=int, default=20, help="of MT-Bench, those with the shortest references")
    parser.add_argument("--samples", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--rewards", nargs="+", default=["R_c", "R_m", "R_t"])
    asked = parser.parse_args()
    set_up(1)
    policy, reference = load_model(asked.policy), load_model(str(model(load_profile("laptop"), "base")))
    sampling = Sampling(samples=asked.samples, temperature=0.9, max_new_tokens=asked.tokens, batch_size=16)
    where, generate = Path("runs", "icr-real"), local_generator(*policy)
    prompts = short_prompts(asked.folder / "ultrafeedback_prompts_multilingual", asked.prompts, asked.characters)
    questions, references = mt_bench(asked.folder / "mt_bench", asked.questions)
    texts = {
        "language": with_english(said(where / "answers", generate, prompts, sampling)),
        "quality": pd.concat([said(where / "mt-bench", generate, questions, sampling), references]),
    }
    for contest, responses in texts.items():
        found, about = responses, {"language": prompts, "quality": questions}[contest]
        for reward in asked.rewards:
            kinds = (
                {"generate": generate, "translation": Sampling(max_new_tokens=2 * asked.tokens)} if reward == "R_t" else {}
            )
            folder = where / f"{contest}-{reward}"
            part = {"batch_size": 8, "prompts_per_part": 8, "progress": progress(f"{contest} {reward}")} | kinds
            scored = score_responses(folder, responses, about, policy, reference, [reward], **part)
            found = found.merge(scored[[*RESPONSE, reward]], on=RESPONSE, how="left", validate="one_to_one")
        found.to_parquet(where / f"{contest}.parquet", index=False)
        for kind in ("own", "language") if contest == "language" else ("quality",):
            print(f"\n{kind}: {len(about)} prompts, {asked.samples} answers each")
            print(results(contests(found, kind), asked.rewards).to_string(index=False), flush=True)


def short_prompts(folder: Path, number: int, characters: int) -> list[ParallelPrompt]:
    """The first prompts that are short in English: scoring long ones takes the time."""
    return [prompt for prompt in read_prompts(folder, LANGUAGES)[0] if len(prompt.english) <= characters][:number]


def mt_bench(folder: Path, number: int) -> tuple[list[ParallelPrompt], pd.DataFrame]:
    """(first turns as parallel prompts, GPT-4's answers to them as rows of responses)."""
    rows = {lang: {row["question_id"]: row for row in read_json_lines(folder / f"{lang}.jsonl")} for lang in LANGUAGES}
    answered = [id for id, row in rows["en"].items() if row["reference"]]
    ids = sorted(answered, key=lambda id: len(rows["en"][id]["reference"][0]))[:number]
    turns = {id: {lang: [{"role": "user", "content": rows[lang][id]["turns"][0]}] for lang in LANGUAGES} for id in ids}
    replies = [(id, lang, rows[lang][id]["reference"][0]) for lang, id in product(LANGUAGES, ids)]
    given = [
        {"id": f"mt-{id}", "lang": lang, "sample": GPT4, "text": text, "finished": True, "characters": len(text)}
        for id, lang, text in replies
    ]
    return [ParallelPrompt(f"mt-{id}", turns[id]) for id in ids], pd.DataFrame(given)


def said(folder: Path, generate, prompts: list[ParallelPrompt], sampling: Sampling) -> pd.DataFrame:
    """The model's own answers."""
    return sample_responses(folder, generate, prompts, LANGUAGES, sampling, 42, 8, progress(folder.name))


def with_english(responses: pd.DataFrame) -> pd.DataFrame:
    """Beside the answers to each prompt in another language those to the English one."""
    english = responses[responses["lang"] == "en"].assign(sample=responses["sample"] + ENGLISH)
    return pd.concat([responses, *(english.assign(lang=lang) for lang in LANGUAGES if lang != "en")], ignore_index=True)


def contests(found: pd.DataFrame, contest: str) -> pd.DataFrame:
    """Every pair of a prompt's responses of which one should be preferred: `better` and `worse` beside each other."""
    right = [is_faithful(text, code) for text, code in zip(found["text"], found["lang"], strict=True)]
    found = found.assign(right=right, english=[is_faithful(text, "en") for text in found["text"]])
    own = found["sample"] < ENGLISH
    better, worse = {
        "own": (own & found["right"], own & ~found["right"]),
        "language": (own & found["right"] & (found["lang"] != "en"), (found["sample"] >= ENGLISH) & found["english"]),
        "quality": (found["sample"] == GPT4, own & found["right"]),
    }[contest]
    better, worse = found[better], found[worse]
    return better.merge(worse, on=["lang", "id"], suffixes=(" better", " worse"))


def results(table: pd.DataFrame, rewards: list[str]) -> pd.DataFrame:
    """Share of contests that the better one wins, by reward and language; Wilson's interval, each prompt being a cluster."""
    lines = []
    for reward, by in product(rewards, ("nats", "a character")):
        sides = []
        for side in ("better", "worse"):
            value = table[f"{reward} {side}"]
            sides.append(value / table[f"characters {side}"] if by == "a character" else value)
        gap = sides[0] - sides[1]
        for lang in (*LANGUAGES, "es, de, fr"):
            part = table["lang"] == lang if lang in LANGUAGES else table["lang"] != "en"
            known = part & gap.notna()
            if known.any():
                counted = share((gap[known] > 0).astype(float), table["id"][known])
                lines.append({"reward": reward, "by": by, "lang": lang} | counted | {"mean gap": gap[known].mean()})
    return pd.DataFrame(lines).round(3)


def progress(what: str):
    return lambda done, total: print(json.dumps({"at": what, "parts": done, "of": total}), flush=True)


if __name__ == "__main__":
    main()

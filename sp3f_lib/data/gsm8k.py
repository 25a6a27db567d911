"""GSM8K's training problems in translation for SFT and stage 2, MGSM for the evaluation: real text without overlap.

Questions: LIDR's machine translations (`gsm8k_translated/train_<lang>*.jsonl`; English: GSM8K itself). They come without
solutions, so `translated_solution` is `equations_solution` of the English one. Evaluated on MGSM's 250 problems, which are from
GSM8K's test set and were translated by people.
"""

import random
from pathlib import Path

from sp3f_lib.data.files import find_file, split_languages
from sp3f_lib.data.mgsm import MGSM_PROBLEMS, mgsm_rows
from sp3f_lib.data.parallel import read_prompts
from sp3f_lib.data.schema import RowError, make_row, read_json_lines
from sp3f_lib.data.translate import equations_solution
from sp3f_lib.profiles.sections import Data
from sp3f_lib.rewards.calculations import reference_answer


def gsm8k_splits(data: Data, seed: int) -> dict[str, list[dict]]:
    """Rows of three splits; `data.folder` holds `gsm8k`, `gsm8k_translated` and `mgsm`.

    Which training problems depends on `seed`; the evaluation is the same for all seeds (`data.eval_seed`).
    """
    if data.folder is None:
        raise RowError("data.source is 'gsm8k': the translated questions are on no hub; set data.folder (docs/data.md)")
    if data.eval_problems > MGSM_PROBLEMS:
        raise RowError(f"data.eval_problems: MGSM has {MGSM_PROBLEMS} problems, not {data.eval_problems}")
    folder, languages = Path(data.folder), split_languages(data)
    read = tuple(dict.fromkeys(("en", *languages["sft"], *languages["rl"])))
    prompts, _ = read_prompts(folder / "gsm8k_translated", read, intersect=True)  # the translations are of the first 2,000
    random.Random(f"gsm8k {seed}").shuffle(prompts)
    english = read_json_lines(find_file(folder, "gsm8k/train.jsonl", "train.jsonl"))
    solved = {f"gsm8k-{number}": item for number, item in enumerate(english)}
    prompts = [
        prompt for prompt in prompts if "<<" in solved[prompt.id]["answer"]
    ]  # 1 of 100 has no calculation to take over
    wanted = data.sft_problems + data.rl_problems
    if wanted > len(prompts):
        raise RowError(f"{folder}/gsm8k_translated: {len(prompts)} problems, fewer than the {wanted} that data asks for")

    def rows(chosen, codes) -> list[dict]:
        return [_row(prompt, solved[prompt.id], lang) for prompt in chosen for lang in codes]

    order = list(range(MGSM_PROBLEMS))
    random.Random(f"mgsm {data.eval_seed}").shuffle(order)
    return {
        "sft": rows(prompts[: data.sft_problems], languages["sft"]),
        "rl": rows(prompts[data.sft_problems : wanted], languages["rl"]),
        "eval": mgsm_rows(sorted(order[: data.eval_problems]), languages["eval"], folder),
    }


def _row(prompt, english: dict, lang: str) -> dict:
    answer = reference_answer(english["answer"])
    return make_row(
        id=prompt.id,
        lang=lang,
        query=english["question"],
        solution=english["answer"],
        question=prompt.messages[lang][-1]["content"],
        translated=equations_solution(english["answer"], lang, answer),
        answer=answer,
        task="gsm8k",
    )

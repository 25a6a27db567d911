"""How good the fidelity reward is on real text: who is accepted as what, and how well shares of mixtures are measured.

Texts: MGSM in 12 languages (hub or folder) and, where the folder has them, UltraFeedback prompts in 9 languages, X-AlpacaEval in
13, and the Indonesian responses of the SP3F authors' judge probes. UltraFeedback and X-AlpacaEval hold prompts that are not in
one language in any of their translations (translation tasks, code): `one_language` drops them by their English original alone.
"""

import json
import random
import re
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from sp3f_lib.data.mgsm import MGSM_LANGUAGES, read_mgsm
from sp3f_lib.data.schema import read_json_lines
from sp3f_lib.lab.problems import lab_languages, render_question, render_solution, sample_problems
from sp3f_lib.rewards.fidelity import THRESHOLD

LONG = 60  # characters from which a text is judged in the confusion table
COLUMNS = ["source", "lang", "id", "text"]
_NAMED = re.compile(
    r"translat|\b(?:Afrikaans|Arabic|Assamese|Basque|Bengali|Bulgarian|Catalan|Chinese|Croatian|Czech|Danish|Dutch|Esperanto|Farsi"
    r"|Filipino|Finnish|French|Galician|German|Greek|Gujarati|Hausa|Hebrew|Hindi|Hungarian|Igbo|Indonesian|Irish|Italian|Japanese"
    r"|Kannada|Khmer|Khamer|Korean|Kurdish|Latin|Malay|Malayalam|Mandarin|Marathi|Nepali|Norwegian|Odia|Oriya|Panjabi|Pashto|Persian"
    r"|Polish|Portugu?ese|Punjabi|Romanian|Russian|Sanskrit|Serbian|Sinhala|Slovak|Somali|Spanish|Swahili|Swedish|Tagalog|Tamil"
    r"|Telugu|Thai|Turkish|Ukrainian|Urdu|Vietnamese|Welsh|Xhosa|Yoruba|Zulu)\b",
    re.IGNORECASE,
)
_CODE = re.compile(
    r"```|[{};|]\s*$|</|/>|\w\(.*\)|==|=>|\\\\|<\w+>|\w_\w|\bhttps?:|\w\.\w+\(|\.(?:com|py|js|html)\b|::|\|", re.MULTILINE
)


def read_texts(folder: Path | str | None) -> pd.DataFrame:
    """Real texts, one line each: `source`, `lang`, `id` (the same for translations of one text), `text`."""
    rows, folder = [], Path(folder) if folder else None
    languages = [*MGSM_LANGUAGES, "id"] if folder else MGSM_LANGUAGES
    for lang in languages:
        rows += [("MGSM", lang, str(number), question) for number, (question, _) in enumerate(read_mgsm(lang, folder))]
    for path in sorted(folder.glob("ultrafeedback_prompts_multilingual/*.jsonl")) if folder else ():
        rows += [("UltraFeedback", path.stem, r["instruction_id"], r["instruction"]) for r in read_json_lines(path)]
    for path in sorted(folder.glob("xalpacaeval/*.json")) if folder else ():
        rows += [("X-AlpacaEval", path.stem, str(r["id"]), r["instruction"]) for r in json.loads(path.read_text("utf-8"))]
    for path in sorted(folder.glob("sp3f_judge_grounding/t_v_en_right.jsonl")) if folder else ():
        rows += [("probes", "id", str(number), r["yes"]) for number, r in enumerate(read_json_lines(path)) if r["yes"]]
    return pd.DataFrame(rows, columns=COLUMNS)


def lab_texts(number: int) -> pd.DataFrame:
    """The lab's own problems with their solutions, `number` in each of its languages: a check that needs no data."""
    problems = sample_problems(number, 3_000_003)
    rows = [
        ("lab", lang, problem.id, f"{render_question(problem, lang)}\n{render_solution(problem, lang)}")
        for problem in problems
        for lang in lab_languages()
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def one_language(texts: pd.DataFrame) -> pd.DataFrame:
    """Without the texts whose English original names a language, holds code or foreign letters; in all their translations."""
    english = texts[texts.lang == "en"]
    mixed = english[english.text.map(lambda text: bool(_NAMED.search(text) or _CODE.search(text) or _foreign(text)))]
    keys = pd.MultiIndex.from_frame(texts[["source", "id"]])
    return texts[~keys.isin(pd.MultiIndex.from_frame(mixed[["source", "id"]]))]


def accepted(texts: pd.DataFrame, targets: Sequence[str], share: Callable[[str, str], float | None]) -> pd.DataFrame:
    """Per language of the texts (rows) and target (columns): how many were accepted as the target; `texts`: how many there are."""
    unknown = set(texts.lang) - set(targets)
    if unknown:
        raise ValueError(f"texts in {sorted(unknown)}, which are not among the targets")
    counts = pd.DataFrame(0, index=sorted(texts.lang.unique()), columns=list(targets))
    for lang, text in zip(texts.lang, texts.text, strict=True):
        for target in targets:
            found = share(text, target)
            counts.loc[lang, target] += found is not None and found >= THRESHOLD
    counts["texts"] = texts.groupby("lang").size()
    return counts


def summary(counts: pd.DataFrame) -> dict[str, float]:
    """`own`: the share of texts accepted in their own language; `other`: acceptances as another language, per text."""
    own, texts = sum(counts.loc[lang, lang] for lang in counts.index), counts["texts"].sum()
    other = counts.drop(columns="texts").to_numpy().sum() - own
    return {"texts": int(texts), "own": own / texts, "other": other / texts}


def mixtures(texts: pd.DataFrame, number: int, seed: int = 0) -> pd.DataFrame:
    """Texts put together from real ones of two languages: `text`, `lang` (the target), `other`, `first`, `second` (the parts)."""
    chosen, by_lang = random.Random(seed), {lang: sorted(part.text) for lang, part in texts.groupby("lang")}
    rows = []
    for _ in range(number):
        lang, other = chosen.sample(sorted(by_lang), 2)
        first, second = ([_sentence(chosen, by_lang[one]) for _ in range(chosen.randint(1, 4))] for one in (lang, other))
        together = first + second
        chosen.shuffle(together)
        rows.append(
            {"lang": lang, "other": other, "text": " ".join(together), "first": " ".join(first), "second": " ".join(second)}
        )
    return pd.DataFrame(rows)


def mixture_errors(
    mixed: pd.DataFrame, share: Callable[[str, str], float | None], size: Callable[[str, str], float]
) -> pd.Series:
    """|measured share - true share| of each mixture. `size(text, target)` is the amount of text in the method's own unit."""
    errors = []
    for row in mixed.itertuples():
        first, second = size(row.first, row.lang), size(row.second, row.lang)
        errors.append(abs((share(row.text, row.lang) or 0.0) - first / (first + second)))
    return pd.Series(errors, index=mixed.index)


def letters(text: str, _: str = "") -> int:
    """Letters and marks of `text`, nothing masked; Chinese, Japanese and Korean characters count twice."""
    wide = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL")
    written = [char for char in text if unicodedata.category(char)[0] in "LM"]
    return len(written) + sum(unicodedata.name(char, "").startswith(wide) for char in written)


def _sentence(chosen: random.Random, texts: list[str]) -> str:
    """A sentence of 20 to 300 letters of a random text, with a full stop."""
    while True:
        pieces = re.split(r"(?<=[.!?。？！।])\s*|\n+", chosen.choice(texts))
        fitting = [piece for piece in pieces if 20 <= letters(piece) <= 300]
        if fitting:
            return chosen.choice(fitting).rstrip(".") + "."


def _foreign(text: str) -> bool:
    """Letters of another script, or more than three with diacritics, in an English text."""
    odd = [char for char in text if ord(char) > 127 and char.isalpha()]
    return len(odd) > 3 or any(ord(char) > 0x24F for char in odd)

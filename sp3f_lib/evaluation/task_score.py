"""What is measured of one answer to one row of a task: right by our rule and by the authors', and in which language."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from sp3f_lib.evaluation.authors_verifier import authors_verified
from sp3f_lib.evaluation.choices import LETTERS, authors_rule, read_choice
from sp3f_lib.evaluation.score import SAMPLES
from sp3f_lib.evaluation.two_class import two_class_share
from sp3f_lib.generation.blocks import SCHEMA as ANSWER
from sp3f_lib.rewards.answers import extract_answer, is_correct, normalise
from sp3f_lib.rewards.fidelity import language_parts, language_share

# The columns of a scored answer: those of the answer (generation/blocks.py), and those of `score_answer`.
_TEXTS = ("task", "lang", "problem", "subset", "cluster", "gold", "vote", "how")
_NUMBERS = ("accuracy", "authors", "share", "fidelity", "two_class")
SCORED = pa.schema(
    [
        *ANSWER,
        *((name, pa.string()) for name in _TEXTS),
        *((name, pa.float64()) for name in _NUMBERS),
        ("other", pa.string()),
    ]
)
_NOT_IN_TABLES = ("prompt", "text", "gold")
NO_TEXT, UNKNOWN = "none", "unknown"  # in place of a language's code
_LEAST = 4  # letters: less than this is no text, as in rewards/fidelity.py


def score_answer(row: dict, text: str, threshold: float) -> dict:
    r"""The columns of one answer; shares are 0 or 1 where nothing else is said.

    `accuracy` by our rule, `authors` by theirs; `vote`: the answer in one form, None where there is none; `how` it was read:
    letter, text, number, ambiguous or nothing. `share` of the row's language (NaN if there is no language), `fidelity`: whether
    it reaches `threshold`; `two_class`: the same by the authors' detector. `other`: the language of most of the rest where it is
    not faithful: a code, `unknown`, or `none` where there is no text. A bare `\boxed{B}` has no language, and is not faithful.
    """
    lang, gold, options = row["lang"], row["gold"], row["options"]
    if row["kind"] == "choice":
        vote, how = read_choice(text, options, lang)
        right, authors = vote == gold, authors_rule(text, gold, options[LETTERS.index(gold)])
    else:
        answer = extract_answer(text)
        vote, how = (None, "nothing") if answer is None else (normalise(answer, lang), "number")
        right, authors = is_correct(text, gold, lang), authors_verified(text, gold)
    share, theirs = language_share(text, lang), two_class_share(text.rpartition("</think>")[2], lang)
    faithful = share is not None and share >= threshold
    return {
        "task": row["task"],
        "lang": lang,
        "problem": row["id"],
        "subset": row["subset"],
        "cluster": row["cluster"],
        "gold": gold,
        "vote": vote,
        "how": how,
        "accuracy": float(right),
        "authors": float(authors),
        "share": float("nan") if share is None else share,
        "fidelity": float(faithful),
        "two_class": float(theirs is not None and theirs >= threshold),
        "other": None if faithful else other_language(text, lang),
    }


def score_file(
    answers: Path, rows: list[dict], threshold: float, scored: Path, progress: Callable[[int, int], None]
) -> None:
    """Scores the answers of a parquet file into another one, columns `SCORED`, row group by row group: memory does not grow."""
    file, done = pa.parquet.ParquetFile(answers), 0
    with pa.parquet.ParquetWriter(scored, SCORED) as out:
        for number in range(file.num_row_groups):
            found = file.read_row_group(number).to_pylist()
            lines = [one | score_answer(rows[one["prompt"]], one["text"], threshold) for one in found]
            out.write_table(pa.Table.from_pylist(lines, SCORED))
            done += len(found)
            progress(done, file.metadata.num_rows)


def read_scored(found: Mapping[str, Iterable[Path]]) -> pd.DataFrame:
    """The scored answers of finished stages, by method, without texts: what tables are made of, with a column `method`."""
    columns = [name for name in SCORED.names if name not in _NOT_IN_TABLES]
    parts = [
        pd.read_parquet(path / SAMPLES, columns=columns).assign(method=method)
        for method, paths in found.items()
        for path in paths
    ]
    return pd.concat(parts, ignore_index=True)


def other_language(text: str, lang: str) -> str:
    """The language besides `lang` that most letters of `text` are in.

    >>> other_language("Sie hat drei Äpfel gekauft, also sind es sieben.", "fr"), other_language("18", "fr")
    ('de', 'none')
    """
    letters: Counter[str] = Counter()
    for part in language_parts(text):
        if part.language != lang:
            letters[part.language or UNKNOWN] += part.letters
    return max(letters, key=letters.get) if letters.total() >= _LEAST else NO_TEXT

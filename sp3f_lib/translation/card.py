"""The dataset card: what the rows are, how they were made and what was lost, with the header by which `load_dataset` reads
the folder."""

from collections import Counter

import pandas as pd
import yaml

from sp3f_lib.data.texts import REASONS
from sp3f_lib.languages import get_language
from sp3f_lib.profiles.translate_section import Translate
from sp3f_lib.translation.requests import VERSION


def card(splits: dict[str, list[dict]], table: pd.DataFrame, settings: Translate, dates: list[str]) -> str:
    """README.md of the folder."""
    counts = {name: Counter(row["extra_info"]["lang"] for row in rows) for name, rows in splits.items()}
    languages = list(dict.fromkeys(lang for rows in splits.values() for lang in (row["extra_info"]["lang"] for row in rows)))
    header = {
        "language": languages,
        "task_categories": ["text-generation"],
        "pretty_name": "Problems of mathematics with solutions, translated",
        "tags": ["mathematics", "multilingual", "machine-translated"],
        "configs": [
            {"config_name": "default", "data_files": [{"split": name, "path": f"{name}.parquet"} for name in splits]}
        ],
    }  # fmt: skip
    rows = [
        f"| {lang} | {get_language(lang).name} | " + " | ".join(str(counts[name][lang]) for name in splits) + " |"
        for lang in languages
    ]
    lost = table[(table.reason != "kept") & (table.rows > 0)].groupby(["lang", "reason"], sort=False)["rows"].sum()
    lost_lines = [f"| {lang} | {reason} | {count} |" for (lang, reason), count in lost.items()] or ["| | nothing | 0 |"]
    when = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
    return "\n".join(
        [
            "---",
            yaml.safe_dump(header, sort_keys=False, allow_unicode=True).rstrip(),
            "---",
            "",
            "# Problems of mathematics with solutions, translated",
            "",
            f"Made by `sp3f translate` with {settings.model}, prompt {VERSION}, {when}. English problems and their solutions went "
            "to the translator together, formulas masked; what did not pass the checks went back with its reason, and was dropped "
            "and counted when it failed again. Translations are by a machine and no person has read them all.",
            "",
            "```python",
            "from datasets import load_dataset",
            f'rows = load_dataset("path/to/this/folder")  # {", ".join(splits)}',
            "```",
            "",
            "| code | language | " + " | ".join(splits) + " |",
            "| --- | --- |" + " --- |" * len(splits),
            *rows,
            "",
            "No problem is in two splits. `solution` is the English solution as it came, `translated_solution` that in the row's "
            "language, `input` the prompt, `reward_model.ground_truth` the answer; `extra_info.translation` says by whom, when, "
            "with which prompt and at which try a row was translated.",
            "",
            f"**Checks** that every row passed: {', '.join(REASONS)} (see `sp3f_lib/data/checks.py`).",
            "",
            "**Lost** (rows; by length of the text in `report.csv`):",
            "",
            "| language | reason | rows |",
            "| --- | --- | --- |",
            *lost_lines,
            "",
            "Licence: that of the English problems, and the terms of the translator.",
            "",
        ]
    )

"""Our tasks (evaluation/tasks.py) as files for lm-evaluation-harness, for people who evaluate with that.

    sp3f harness-export FOLDER --task mgsm --languages de,en --folder DATA
    lm_eval --model hf --model_args pretrained=MODEL --tasks sp3f_mgsm_de --include_path FOLDER --apply_chat_template

A task in one language is its rows as JSON lines and a YAML file: the same messages (the instruction is lm_eval's
`description`, which with a chat template is the system message), greedy or `samples` answers, and our scorer (`sp3f_lib` must
be installed where lm_eval runs).
"""

import json
from pathlib import Path

import yaml

from sp3f_lib.evaluation.tasks import Task
from sp3f_lib.profiles.sections import Evaluation
from sp3f_lib.runs import write_text

SCORES = "sp3f_scores"
_METRICS = ("accuracy", "authors", "fidelity")
_MODULE = f'''"""How answers to the tasks of this folder are scored: as `sp3f evaluate` does. Written by `sp3f harness-export`."""

from sp3f_lib.evaluation.task_score import score_answer


def process(doc, results):
    """The mean over the answers to one question: `results` is a list of them, or holds one list where there are several."""
    answers = results[0] if isinstance(results[0], list) else results
    scored = [score_answer(doc, text, doc["threshold"]) for text in answers]
    return {{metric: sum(one[metric] for one in scored) / len(scored) for metric in {_METRICS}}}
'''


class _Function(str):
    """A function that lm_eval finds in a module beside the YAML file."""


class _Dumper(yaml.SafeDumper):
    pass


_Dumper.add_representer(_Function, lambda dumper, name: dumper.represent_scalar("!function", name))


def export_task(
    task: Task, rows: list[dict], folder: Path, sampling: Evaluation, threshold: float, samples: int | None
) -> list[str]:
    """Writes the task in the languages of its `rows` into `folder`; the names for lm_eval.

    `samples`: sampled answers to a question, by the temperature and top_p of `sampling`; None: one greedy answer.
    """
    names = []
    write_text(folder / f"{SCORES}.py", _MODULE)
    for lang in dict.fromkeys(row["lang"] for row in rows):
        name = f"sp3f_{task.name}_{lang}"
        lines = [_line(row, threshold) for row in rows if row["lang"] == lang]
        write_text(folder / f"{name}.jsonl", "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
        write_text(folder / f"{name}.yaml", _yaml(name, task, folder / f"{name}.jsonl", sampling, samples))
        names.append(name)
    return names


def _line(row: dict, threshold: float) -> dict:
    """A row without its messages: they are taken apart into instruction and question, as lm_eval puts them together."""
    system, user = row["input"]
    texts = {"instruction": system["content"], "question": user["content"]}
    return texts | {key: value for key, value in row.items() if key != "input"} | {"threshold": threshold}


def _yaml(name: str, task: Task, file: Path, sampling: Evaluation, samples: int | None) -> str:
    how = {"do_sample": False}
    if samples:
        how = {"do_sample": True, "temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": 0}
    about = {
        "task": name,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(file.resolve())}},
        "test_split": "test",
        "output_type": "generate_until",
        "description": "{{instruction}}",
        "doc_to_text": "{{question}}",
        "doc_to_target": "gold",
        "generation_kwargs": how | {"until": [], "max_gen_toks": sampling.max_new_tokens},
        "process_results": _Function(f"{SCORES}.process"),
        "metric_list": [{"metric": metric, "aggregation": "mean", "higher_is_better": True} for metric in _METRICS],
        "metadata": {"version": 1.0},
    }
    if samples:  # without the filter lm_eval scores the first answer and throws the others away
        about |= {
            "repeats": samples,
            "filter_list": [{"name": "all", "filter": [{"function": "take_first_k", "k": samples}]}],
        }
    return f"# {' '.join(task.about.split())}\n" + yaml.dump(about, Dumper=_Dumper, sort_keys=False)

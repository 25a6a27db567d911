"""One task of lm-evaluation-harness with one model: `lm_eval.simple_evaluate`, and its scores as rows.

The standard errors are the package's, for which items are independent. Belebele asks about two questions a passage, so the interval
beside them is clustered by passage. `acc_norm` divides a log-probability by the option's characters: not to be compared over
languages.
"""

import logging
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from sp3f_lib.evaluation.harness_tasks import manager_of
from sp3f_lib.evaluation.statistics import clustered_mean

_PASSAGE = "flores_passage"  # field of a row of Belebele


@dataclass(frozen=True)
class Shots:
    """How a task is asked: examples before each question, the first `limit` rows, whether as a chat."""

    shots: int | None = None
    limit: int | None = None
    chat: bool = False


def transformers_model(model, tokenizer, batch_size: int):
    """A loaded model as lm_eval takes it."""
    from lm_eval.models.huggingface import HFLM

    said = logging.getLogger(HFLM.__module__)
    level = said.level
    said.setLevel(logging.ERROR)  # it warns that the model is loaded already, which is why it is given
    try:
        return HFLM(pretrained=model, tokenizer=tokenizer, batch_size=batch_size)
    finally:
        said.setLevel(level)


def vllm_model(path: str, dtype: str, revision: str | None, engine: dict):
    """A model that lm_eval runs through vLLM; `engine`: fields of vLLM's LLM."""
    from lm_eval.models.vllm_causallms import VLLM

    return VLLM(pretrained=path, dtype=dtype, revision=revision, **engine)


def run_task(model, task: str, folder: Path | None, asked: Shots) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(scores, items) of a task; `folder`: of its YAML, None for the package's own.

    Scores, a row a metric: task, metric, value, stderr (NaN where the package gives none), low, high (95 %, clustered), n,
    clusters, undefined (items to which the package gives no number; the value is then NaN too), shots, too_long (items with a
    request longer than the model's context, which the package cuts). Items: task, doc, cluster,
    and each metric.
    """
    import lm_eval

    with _bars_on_terminals_only():
        found = lm_eval.simple_evaluate(
            model=model, tasks=[task], task_manager=manager_of(task, folder), num_fewshot=asked.shots, limit=asked.limit,
            apply_chat_template=asked.chat, log_samples=True,
        )  # fmt: skip
    scores, items = [], []
    for name, samples in found["samples"].items():
        metrics = [key.split(",")[0] for key in found["results"][name] if "," in key and "_stderr" not in key]
        made = pd.DataFrame([_item(name, sample, metrics) for sample in samples])
        too_long = sum(_is_too_long(model, sample) for sample in samples)
        beside = {"n": found["n-samples"][name]["effective"], "shots": found["n-shot"].get(name, 0), "too_long": too_long}
        scores += [score_of(name, metric, found["results"][name], made) | beside for metric in metrics]
        items.append(made)
    return pd.DataFrame(scores), pd.concat(items, ignore_index=True)


@contextmanager
def _bars_on_terminals_only():
    """Elsewhere, in a notebook or a log, every state of the package's progress bars would stay as a line.

    The package switches them on by itself, which no setting of tqdm undoes.
    """
    original = tqdm.__init__

    def init(self, *given, **options):
        original(self, *given, **options | {"disable": options.get("disable") or None})  # None: unless it is a terminal

    tqdm.__init__ = init
    try:
        yield
    finally:
        tqdm.__init__ = original


def _item(task: str, sample: dict, metrics: list[str]) -> dict:
    cluster = sample["doc"].get(_PASSAGE) or str(sample["doc_id"])
    return {"task": task, "doc": sample["doc_id"], "cluster": cluster} | {
        metric: float(sample[metric]) for metric in metrics
    }


def score_of(task: str, metric: str, results: dict, items: pd.DataFrame) -> dict:
    """The row of one metric: `results` are the package's (`acc,none`, `acc_stderr,none`), `items` have the metric and `cluster`."""
    key = next(key for key in results if key.split(",")[0] == metric)
    stderr = results.get(key.replace(metric, f"{metric}_stderr", 1), np.nan)
    undefined = int(items[metric].isna().sum())
    # truthfulqa's mc2 divides by the sum of probabilities, which of a weak model's long options is 0.
    interval = clustered_mean(items[metric], items["cluster"]) if not undefined else {"low": np.nan, "high": np.nan}
    return {
        "task": task, "metric": metric, "value": float(results[key]),
        "stderr": float(stderr) if isinstance(stderr, int | float) else np.nan,
        "low": interval["low"], "high": interval["high"], "clusters": items["cluster"].nunique(), "undefined": undefined,
    }  # fmt: skip


def _is_too_long(model, sample: dict) -> bool:
    """Whether any request about an item has more tokens than the model's context."""
    texts = {"".join(part for part in request if isinstance(part, str)) for request in sample["arguments"]}
    return any(len(model.tok_encode(text)) > model.max_length for text in texts)

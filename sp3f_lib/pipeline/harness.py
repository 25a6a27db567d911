"""Tasks of lm-evaluation-harness for one or two models: a stage a task, one table (alignment tax: a model against its start)."""

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pandas as pd

from sp3f_lib.evaluation.comparisons import COLUMNS, in_points, with_holm
from sp3f_lib.evaluation.harness import Shots, run_task, transformers_model, vllm_model
from sp3f_lib.evaluation.harness_tasks import check_installed, local_file, manager_of, write_local
from sp3f_lib.evaluation.statistics import clustered_difference
from sp3f_lib.evaluation.task_report import comparison_report
from sp3f_lib.generation.engines import free_gpu, loaded_model, which_model
from sp3f_lib.pipeline.conversations import file_name, model_at, name_of
from sp3f_lib.profiles import Profile, ProfileError
from sp3f_lib.runs import atomic_path
from sp3f_lib.stages import RUNS, label, make_stage

SCORES, ITEMS = "scores.csv", "items.parquet"
_CODE = ("evaluation/harness.py", "evaluation/harness_tasks.py")
_HEAD = """Scores by lm_eval {version}, percent, with its standard error and [95 % intervals, clustered by passage where there
are any]. acc_norm is per character of an option, not to be compared over languages; n: items, of these undefined: without a
number by the package, too_long: longer than the model's context."""


@dataclass(frozen=True)
class Scored:
    """Scores (shares), differences between the two models in the format of `comparisons.compare` (None of one model), the text that
    shows both, and where the scores are written; the differences are beside, `...-differences.csv`."""

    scores: pd.DataFrame
    differences: pd.DataFrame | None
    text: str
    path: Path


def harness(
    profile: Profile,
    name: str,
    tasks: list[str],
    folder: str | None,
    asked: Shots,
    against: str | None = None,
    out: Path | None = None,
) -> Scored:
    """The tasks for a model, and for the model `against` which it is held, if there is one; tables are written as CSV."""
    check_installed()
    if asked.shots and folder:
        raise ProfileError("--shots: a local file has no rows to take examples from; give it without --folder")
    if profile.evaluation.generator == "server":
        raise ProfileError(
            "evaluation.generator: lm_eval asks for log-probabilities of given answers; give transformers or vllm"
        )
    files = {task: local_file(task, Path(folder)) if folder else None for task in dict.fromkeys(tasks)}
    for task, file in files.items():
        if file is None:
            manager_of(task)
    names = {one: name_of(one) for one in (name, against) if one}
    if against and len(set(names.values())) < 2:
        raise ProfileError(f"{name} against {against}: both are called {names[name]!r}; give two models")
    made = {one: _of_model(profile, one, files, asked) for one in names}
    table = pd.concat([scores.assign(model=names[one]) for one, (scores, _) in made.items()], ignore_index=True)
    table.insert(0, "model", table.pop("model"))
    told = [_HEAD.format(version=metadata.version("lm_eval")), _shown(table).to_string(index=False)]
    out = out or RUNS / profile.name / file_name("harness", *names.values(), profile.regime)
    _write(table, out)
    if not against:
        return Scored(table, None, "\n".join(told), out)
    differences = _differences(made[name][1], made[against][1], names[name], names[against])
    _write(differences, out.with_name(f"{out.stem}-differences.csv"))
    told += ["", comparison_report(differences, "the tasks")]
    return Scored(table, differences, "\n".join(told), out)


def _write(table: pd.DataFrame, path: Path) -> None:
    with atomic_path(path) as temporary:
        table.to_csv(temporary, index=False)


def _of_model(profile: Profile, name: str, files: dict[str, Path | None], asked: Shots) -> tuple[pd.DataFrame, pd.DataFrame]:
    called, path = name_of(name), model_at(profile, name)
    scores, items = [], []
    with _loaded_when_needed(profile, path) as load:
        for task, file in files.items():

            def work(directory: Path, task=task, file=file) -> None:
                print(f"{label(profile, f'lm_eval {called}')}: {task}", flush=True)
                if file:
                    write_local(task, file, directory / "task")
                found, each = run_task(load(), task, directory / "task" if file else None, asked)
                each.to_parquet(directory / ITEMS, index=False)
                found.assign(data="folder" if file else "hub").to_csv(directory / SCORES, index=False)

            settings = {"task": task, "asked": vars(asked), "lm_eval": metadata.version("lm_eval"), **_how(profile, path)}
            inputs = {"model": path, "data": file or "hub"}
            stage = f"harness-{task}-{called}-{profile.regime}"
            directory = make_stage(profile, stage, work, settings, inputs, _CODE, (SCORES, ITEMS))
            scores.append(pd.read_csv(directory / SCORES))
            items.append(pd.read_parquet(directory / ITEMS))
    return pd.concat(scores, ignore_index=True), pd.concat(items, ignore_index=True)


def _how(profile: Profile, path: Path | str) -> dict:
    found = {"generator": profile.evaluation.generator, "model": which_model(profile, path)}
    return found | ({"threads": profile.threads} if profile.evaluation.generator == "transformers" else {})


@contextmanager
def _loaded_when_needed(profile: Profile, path: Path | str):
    """A function that gives the model as lm_eval takes it, loaded by its first call."""
    with ExitStack() as stack:
        loaded = []

        def load():
            if not loaded:
                free_gpu()
                stack.callback(loaded.clear)
                if profile.evaluation.generator == "vllm":
                    how = which_model(profile, path)
                    loaded.append(vllm_model(str(path), how["dtype"], how["revision"], profile.evaluation.engine))
                else:
                    loaded.append(transformers_model(*loaded_model(profile, path), profile.methods.scoring_batch_size))
            return loaded[0]

        yield load


def _differences(one: pd.DataFrame, other: pd.DataFrame, name: str, against: str) -> pd.DataFrame:
    """Of every metric of every task, in the format of `compare`, corrected for the tasks; clusters are those of the intervals."""
    rows = []
    for task in dict.fromkeys(one["task"]):
        a, b = (found[found["task"] == task].set_index("doc") for found in (one, other))
        metrics = [name for name in a.columns if name not in ("task", "cluster")]
        for metric in [name for name in metrics if a[name].notna().all() and b[name].notna().all()]:
            found = in_points(clustered_difference(a[metric] - b[metric], a["cluster"]))
            rows.append({"task": task, "lang": "", "one": name, "other": against, "value": metric} | found)
    return with_holm(pd.DataFrame(rows, columns=COLUMNS), ["value"])


def _shown(table: pd.DataFrame) -> pd.DataFrame:
    lines = []
    for row in table.to_dict("records"):
        line = {"model": row["model"], "task": row["task"], "metric": row["metric"]}
        interval = f"[{100 * row['low']:.1f}, {100 * row['high']:.1f}]"
        score = f"{100 * row['value']:.1f} ± {100 * row['stderr']:.1f} {interval}"
        line["score"] = "-" if pd.isna(row["value"]) else score
        lines.append(line | {name: row[name] for name in ("n", "shots", "undefined", "too_long", "data")})
    return pd.DataFrame(lines)

"""Runs the notebooks headless with papermill, those that are not up to date, and prints the result.

A notebook is up to date if it was run with these parameters by this code and the figures it wrote are still there. The
executed copies, with their outputs, are kept beside the runs: `runs/<profile>/notebooks/<name>/<key>/<name>.ipynb`.
"""

import io
import json
import logging
import re
import time
from pathlib import Path

import pandas as pd

from sp3f_lib.evaluation.claims import COMMITTED, beside_committed, sentences
from sp3f_lib.machine import processor
from sp3f_lib.plots.pareto import MEAN
from sp3f_lib.plots.theme import METHOD_NAMES
from sp3f_lib.profiles import ProfileError, load_profile, nearest
from sp3f_lib.runs import MANIFEST, StageError, run_stage, sha256_file, write_text
from sp3f_lib.stages import ARMS, ITERATION, ONCE, RUNS, STAGES, check_model

NOTEBOOKS = Path("notebooks")
MAIN_JOB = ("01_data_prep", "02_sft", "03_rl_sp3f", "05_pareto")
ARTEFACTS = "artefacts.json"
_STAGE_LINE = re.compile(
    rf"({'|'.join((*STAGES, *ARMS, *ONCE, 'ICR', 'LIDR', 'prompts', 'picture'))}|{ITERATION.pattern})[ \w]*: "
)


def reproduce(profile: str, parameters: dict, names: list[str], seeds: int | None = None) -> int:
    """Runs `names` (numbers or names; the main job if empty) in order. `parameters` go to every notebook.

    `seeds` is the number of seeds in every regime; None leaves it to the profile.
    """
    if not NOTEBOOKS.is_dir():
        raise StageError(f"there is no {NOTEBOOKS}/ here: run this in the repository's folder")
    overrides = {"seeds": seeds} if seeds else {}
    resolved = load_profile(profile, overrides, **parameters)
    check_model(resolved)
    folder = figures_folder(resolved)
    parameters = {**parameters, "overrides": overrides} if overrides else parameters
    chosen = [_find(name) for name in names or MAIN_JOB]
    began, ran = time.monotonic(), 0
    for number, path in enumerate(chosen, 1):
        head = f"[{number}/{len(chosen)}] {path.stem}"
        done = _run(path, resolved, {"profile": profile, **parameters, "figures": str(folder)}, head)
        ran += done
    minutes = (time.monotonic() - began) / 60
    print(f"\n{ran} of {len(chosen)} notebooks run in {minutes:.1f} min." if ran else "\nNothing to do: all is up to date.")
    if chosen[-1].stem == MAIN_JOB[-1]:
        _print_result(folder)
    return 0


def figures_folder(profile) -> Path:
    """`figures/` for the lab's default, a folder of its own for everything else, so that no run overwrites another's."""
    changes = [profile.data.source] if profile.data.source != "lab" else []
    changes += [Path(profile.model.path).name] if profile.model.path != "lab" else []
    changes += [f"seed{profile.seed}"] if profile.seed else []
    changes = changes if profile.name == "lab" else [profile.name, *changes]
    return Path("figures") / "-".join(changes) if changes else Path("figures")


def _find(name: str) -> Path:
    known = {path.stem: path for path in sorted(NOTEBOOKS.glob("*.ipynb"))}
    matches = [path for stem, path in known.items() if stem == name or stem.split("_")[0] == name]
    if not matches:
        raise ProfileError(f"unknown notebook {name!r}{nearest(name, known)}")
    return matches[0]


def _run(path: Path, profile, parameters: dict, head: str) -> bool:
    """Executes one notebook unless it is up to date; returns whether it was executed."""
    executed = []

    def work(directory: Path) -> None:
        executed.append(True)
        print(f"\n{head}: running", flush=True)
        _execute(path, directory, parameters)
        written = json.loads((directory / ARTEFACTS).read_text()) if (directory / ARTEFACTS).is_file() else {}
        print(f"{head}: wrote {len(written)} files" if written else f"{head}: done", flush=True)

    settings = {"profile": profile.model_dump(mode="json"), "parameters": parameters}
    where = {"settings": settings, "inputs": {"notebook": path}, "code": (".",), "outputs": ("*.ipynb", ARTEFACTS)}
    directory = run_stage(RUNS / profile.name / "notebooks", path.stem, work, **where)
    if not executed and (lost := _lost(directory)):
        print(f"{head}: {lost} is gone or was changed; writing it again", flush=True)
        (directory / MANIFEST).unlink()
        run_stage(RUNS / profile.name / "notebooks", path.stem, work, **where)
    elif not executed:
        print(f"{head}: up to date", flush=True)
    return bool(executed)


def _execute(path: Path, directory: Path, parameters: dict) -> None:
    import papermill

    logging.getLogger("papermill").setLevel(logging.WARNING)
    out, before = directory / path.name, _snapshot(Path(parameters["figures"]))
    try:
        papermill.execute_notebook(
            str(path),
            str(out),
            parameters=parameters,
            progress_bar=False,
            stdout_file=_Progress(),
            extra_arguments=["--IPKernelApp.log_level=50"],  # the kernel's own warnings say nothing about the run
        )
    except papermill.PapermillExecutionError as error:
        raise StageError(f"{path.name}, cell {error.exec_count}: {error.ename}: {error.evalue}\n(see {out})") from None
    after = _snapshot(Path(parameters["figures"]))
    written = {name: hash for name, hash in after.items() if before.get(name, (0, ""))[0] != hash[0]}
    write_text(directory / ARTEFACTS, json.dumps({name: hash for name, (_, hash) in written.items()}, indent=1))


class _Progress(io.TextIOBase):
    """Passes on what stages print while they work; what else a notebook prints is in its executed copy."""

    def __init__(self):
        self.rest = ""

    def write(self, text: str) -> int:
        *lines, self.rest = (self.rest + text).split("\n")
        for line in lines:
            if _STAGE_LINE.match(line):
                print(f"  {line}", flush=True)
        return len(text)


def _snapshot(folder: Path) -> dict[str, tuple[int, str]]:
    files = [p for p in folder.glob("*") if p.suffix in (".png", ".pdf", ".csv")]
    return {str(p): (p.stat().st_mtime_ns, sha256_file(p)) for p in files}


def _lost(directory: Path) -> str | None:
    written = json.loads((directory / ARTEFACTS).read_text())
    return next((n for n, hash in written.items() if not Path(n).is_file() or sha256_file(Path(n)) != hash), None)


def _print_result(folder: Path) -> None:
    table, figure = folder / "pareto.csv", folder / "pareto.png"
    if not table.is_file():
        return
    points, gaps = pd.read_csv(table), pd.read_csv(folder / "differences.csv")
    print("\nAccuracy and language fidelity in %, mean over languages and seeds, 95 % interval over seeds and problems:\n")
    print(f"{'regime':<9}{'method':<26}{'accuracy':>20}{'fidelity':>22}{'seeds':>7}{'problems':>10}{'answers':>9}")
    for row in points[points.seed == MEAN].itertuples():
        accuracy = f"{row.accuracy:6.1f} [{row.accuracy_low:5.1f}, {row.accuracy_high:5.1f}]"
        fidelity = f"{row.fidelity:6.1f} [{row.fidelity_low:5.1f}, {row.fidelity_high:5.1f}]"
        name = METHOD_NAMES.get(row.method, row.method)
        print(f"{row.regime:<9}{name:<26}{accuracy:>20}{fidelity:>22}{row.seeds:>7}{row.problems:>10}{row.answers:>9}")
    print("", *sentences(gaps[gaps.value == "accuracy"]), sep="\n")
    if folder == Path("figures") and COMMITTED.is_file():
        committed = pd.read_csv(COMMITTED)
        print("\nBeside the committed seeds (" + committed.processor.iloc[0] + "; here: " + processor() + "):")
        print(*beside_committed(gaps, committed), sep="\n")
    print(f"\nFigure: {figure}  (and .pdf; the table: {table})")

"""Runs the notebooks headless with papermill, those that are not up to date, and prints the result.

A notebook is up to date if it was run with these parameters by this code and the figures it wrote are still there. The
executed copies, with their outputs, are kept beside the runs: `runs/<profile>/notebooks/<name>/<key>/<name>.ipynb`.
"""

import io
import json
import logging
import os
import re
import time
from contextlib import contextmanager
from pathlib import Path

from sp3f_lib.display import PLAIN, shown
from sp3f_lib.methods.models import MODELS
from sp3f_lib.pipeline.checks import check_model
from sp3f_lib.pipeline.models import STAGES
from sp3f_lib.profiles import Profile, ProfileError, load_profile, nearest
from sp3f_lib.runs import MANIFEST, NotFinished, StageError, finished_only, run_stage, sha256_file, write_text
from sp3f_lib.stages import RUNS

NOTEBOOKS = Path("notebooks")
MAIN_JOB = ("01_data_prep", "02_sft", "03_rl_sp3f", "05_pareto")
ARTEFACTS = "artefacts.json"
# The kernel's own warnings say nothing about the run, nor does what asyncio says of the kernel's sockets when it ends. No names are
# left in the notebook.
_AT_START = (
    "__import__('logging').getLogger('asyncio').addFilter(lambda r: 'Task was destroyed' not in r.getMessage()); "
    "__import__('sp3f_lib.machine').machine.collect_seldom()"
)
_QUIET_KERNEL = ["--IPKernelApp.log_level=50", f"--IPKernelApp.exec_lines={_AT_START}"]
_STAGE_LINE = re.compile(rf"({'|'.join((*STAGES, *MODELS, 'ICR', 'LIDR', 'judge', 'prompts', 'picture'))})(_\d+)?[ \w]*: ")


def run_notebooks(profile: str, parameters: dict, names: list[str], seeds: int | None = None) -> tuple[Path, str]:
    """Runs `names` (numbers or names; the main job if empty) in order. `parameters` go to every notebook.

    `seeds` is the number of seeds in every regime; None leaves it to the profile. Returns the folder of the figures, and the name
    of the last notebook.
    """
    if not NOTEBOOKS.is_dir():
        raise StageError(f"there is no {NOTEBOOKS}/ here: run this in the repository's folder")
    resolved, parameters = _resolve(profile, parameters, seeds)
    check_model(resolved)
    chosen = [_find(name) for name in names or MAIN_JOB]
    began, ran = time.monotonic(), 0
    with shown(RUNS / resolved.name):
        for number, path in enumerate(chosen, 1):
            head = f"[{number}/{len(chosen)}] {path.stem}"
            ran += _run(path, resolved, parameters, head)
    minutes = (time.monotonic() - began) / 60
    print(f"\n{ran} of {len(chosen)} notebooks run in {minutes:.1f} min." if ran else "\nNothing to do: all is up to date.")
    return Path(parameters["figures"]), chosen[-1].stem


def up_to_date(profile: str, parameters: dict, seeds: int | None = None) -> dict[str, bool]:
    """Of the notebooks of the main job, by name: whether `run_notebooks` would find it done. Empty where there are none."""
    resolved, parameters = _resolve(profile, parameters, seeds)
    return {
        name: _is_done(path, resolved, parameters) for name in MAIN_JOB if (path := NOTEBOOKS / f"{name}.ipynb").is_file()
    }


def _resolve(profile: str, parameters: dict, seeds: int | None) -> tuple[Profile, dict]:
    """The profile, and the parameters that papermill writes into a notebook."""
    overrides = {"seeds": seeds} if seeds else {}
    resolved = load_profile(profile, overrides, **parameters)
    given = {"profile": profile, **parameters} | ({"overrides": overrides} if overrides else {})
    return resolved, given | {"figures": str(figures_folder(resolved))}


def figures_folder(profile: Profile) -> Path:
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


def _run(path: Path, profile: Profile, parameters: dict, head: str) -> bool:
    """Executes one notebook unless it is up to date; returns whether it was executed."""
    executed = []

    def work(directory: Path) -> None:
        executed.append(True)
        print(f"\n{head}: running", flush=True)
        _execute(path, directory, parameters)
        written = json.loads((directory / ARTEFACTS).read_text()) if (directory / ARTEFACTS).is_file() else {}
        print(f"{head}: wrote {len(written)} files" if written else f"{head}: done", flush=True)

    where = _stage(path, profile, parameters)
    directory = run_stage(work=work, **where)
    if not executed and (lost := _lost(directory)):
        print(f"{head}: {lost} is gone or was changed; writing it again", flush=True)
        (directory / MANIFEST).unlink()
        run_stage(work=work, **where)
    elif not executed:
        print(f"{head}: up to date", flush=True)
    return bool(executed)


def _is_done(path: Path, profile: Profile, parameters: dict) -> bool:
    where = _stage(path, profile, parameters)
    if not any(where["root"].glob(f"{path.stem}/*/{MANIFEST}")):  # and to hash all code takes half a second
        return False
    try:
        with finished_only():
            return _lost(run_stage(work=lambda directory: None, **where)) is None
    except NotFinished:
        return False


def _stage(path: Path, profile: Profile, parameters: dict) -> dict:
    """A notebook as a stage: what `run_stage` is told beside the work."""
    settings = {"profile": profile.model_dump(mode="json"), "parameters": parameters}
    where = {"root": RUNS / profile.name / "notebooks", "stage": path.stem, "outputs": ("*.ipynb", ARTEFACTS)}
    return where | {"settings": settings, "inputs": {"notebook": path}, "code": (".",)}


def _execute(path: Path, directory: Path, parameters: dict) -> None:
    import papermill

    logging.getLogger("papermill").setLevel(logging.ERROR)  # it warns of `seed`, which the notebook does not list
    out, before = directory / path.name, _snapshot(Path(parameters["figures"]))
    try:
        with _plain_lines():
            papermill.execute_notebook(
                str(path),
                str(out),
                parameters=parameters,
                progress_bar=False,
                stdout_file=_Progress(),
                extra_arguments=_QUIET_KERNEL,
            )
    except papermill.PapermillExecutionError as error:
        raise StageError(f"{path.name}, cell {error.exec_count}: {error.ename}: {error.evalue}\n(see {out})") from None
    after = _snapshot(Path(parameters["figures"]))
    written = {name: hash for name, hash in after.items() if before.get(name, (0, ""))[0] != hash[0]}
    write_text(directory / ARTEFACTS, json.dumps({name: hash for name, (_, hash) in written.items()}, indent=1))


@contextmanager
def _plain_lines():
    """The kernel shows no bars: its lines come here, and are shown in place here."""
    before = os.environ.get(PLAIN)
    os.environ[PLAIN] = "1"
    try:
        yield
    finally:
        os.environ.pop(PLAIN) if before is None else os.environ.update({PLAIN: before})


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

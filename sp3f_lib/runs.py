"""Run directories: every stage of the flow is a folder `runs/<profile>/<stage>/<key>/` that is either finished or not.

The key is a hash of the stage's settings, of its inputs' contents, of the code it depends on (comments and docstrings do
not count) and of the versions of the libraries that decide numbers. So a finished stage is found and skipped, a changed
setting or input gets a folder of its own beside the old one, and nothing is ever overwritten. `manifest.json` is written
last: where it stands, the stage is complete.

Whole models are inputs, and a 7B model takes a minute to hash: hashes of large files are kept in `.hashes.json` beside the
stages, each with the file's size, times and inode, and are used as long as these are the same.
"""

import ast
import hashlib
import json
import os
import platform
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib import metadata
from pathlib import Path

from filelock import FileLock, Timeout

from sp3f_lib import progress

MANIFEST = "manifest.json"
PACKAGE = Path(__file__).parent
LIBRARIES = ("torch", "transformers", "trl", "datasets", "accelerate", "math-verify", "lingua-language-detector")
HASHES = ".hashes.json"
OWNER = ".owner"
LOCK = ".lock"
_PROCESSES = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)  # the largest one: training may be in processes of its own
_LARGE_BYTES = 1_000_000  # smaller files are hashed each time
_SETTLED_SECONDS = 2.0  # the coarsest clock of a file system: a younger file could change without a new time


class StageError(RuntimeError):
    """A stage that cannot start or go on; the message says what to change."""


class Stopped(StageError):
    """A stage that a signal stopped at a checkpoint: the same command goes on from there."""


class NotFinished(StageError):
    """A stage that would have to be made, where only finished ones are wanted."""


_ASKED_FOR = ContextVar("stages that were asked for", default=None)


@contextmanager
def finished_only():
    """Within the block `run_stage` finds finished stages, and raises `NotFinished` where one would have to be made.

    Gives the stages that were asked for, in order: {directory: its manifest, or None where it is not finished}.
    """
    token = _ASKED_FOR.set({})
    try:
        yield _ASKED_FOR.get()
    finally:
        _ASKED_FOR.reset(token)


def only_looking() -> bool:
    """Whether this is within a block of `finished_only`, where nothing is made, and so nothing that making needs is checked."""
    return _ASKED_FOR.get() is not None


@contextmanager
def atomic_path(path: Path):
    """Gives a temporary path beside `path`, renamed to it if the block succeeds and removed if it does not.

    A full disk therefore leaves the old file (or none), never half of the new one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Writes a small text file atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def sha256_file(path: Path) -> str:
    """Content hash of one file, read in blocks."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Hashes:
    """Content hashes of files, those of large ones remembered in the file `path` (None: in none).

    A hash is used again only for the same path, size, inode, time of change (`mtime`) and time of any change of its record
    (`ctime`, which no program can set back). Processes may write at once: the last one wins, what is lost is hashed again.
    """

    def __init__(self, path: Path | None = None):
        self.path = path

    def of(self, file: Path) -> str:
        """The SHA-256 of a file."""
        now, status = time.time(), file.stat()
        if self.path is None or status.st_size < _LARGE_BYTES:
            return sha256_file(file)
        name = str(file.resolve())
        seen = [status.st_size, status.st_ino, status.st_mtime_ns, status.st_ctime_ns]
        known = self._read().get(name)
        if known and known[:-1] == seen:
            return known[-1]
        found = sha256_file(file)
        if now - max(status.st_mtime, status.st_ctime) > _SETTLED_SECONDS:
            write_text(self.path, json.dumps(self._read() | {name: [*seen, found]}, indent=1))
        return found

    def _read(self) -> dict[str, list]:
        return json.loads(self.path.read_text(encoding="utf-8")) if self.path.is_file() else {}


def content_hash(value) -> str:
    """Hash of a JSON-like value; the order of keys does not matter."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def code_hash(*names: str) -> str:
    """Hash of the named files or folders of the package (`"rewards"`, `"training/sft.py"`) without comments and docstrings."""
    files = []
    for name in names:
        path = PACKAGE / name
        files += sorted(p for p in path.rglob("*") if p.suffix in (".py", ".yaml")) if path.is_dir() else [path]
    return _hash_of(tuple((path, path.stat().st_mtime_ns) for path in files))


@cache
def _hash_of(files: tuple[tuple[Path, int], ...]) -> str:
    digest = hashlib.sha256()
    for path, changed in files:
        digest.update(str(path.relative_to(PACKAGE)).encode())
        digest.update(_without_prose(path, changed).encode())
    return digest.hexdigest()


@cache
def _without_prose(path: Path, _time: int) -> str:
    """What of a file decides results; remembered, as every stage asks for it again and parsing takes a tenth of a second."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        return text
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
                node.body = node.body[1:] or [ast.Pass()]
    return ast.dump(tree)


@cache
def versions() -> dict[str, str]:
    """Versions of the libraries that decide numbers; those not installed are left out."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def read_manifest(directory: Path) -> dict | None:
    """The manifest of a finished stage, or None. A finished stage whose files were lost or cut raises `StageError`."""
    path = directory / MANIFEST
    if not path.is_file():
        return None
    manifest = json.loads(path.read_text(encoding="utf-8"))
    for name, entry in manifest["outputs"].items():
        file = directory / name
        size = file.stat().st_size if file.is_file() else None
        if size != entry["bytes"]:
            found = "missing" if size is None else f"{size} bytes"
            raise StageError(
                f"{file} is {found}, but the finished stage wrote {entry['bytes']} bytes. "
                f"Remove {directory} to make it again."
            )
    return manifest


def outputs_hash(directory: Path, hashes: Hashes | None = None) -> str:
    """What a stage that reads `directory` (a finished stage, or any model or data folder or file) depends on."""
    directory, hashes = Path(directory), hashes or Hashes()
    if (manifest := read_manifest(directory)) is not None:
        return content_hash({name: entry["sha256"] for name, entry in manifest["outputs"].items()})
    if directory.is_file():
        return hashes.of(directory)
    files = sorted(p for p in directory.rglob("*") if p.is_file())
    return content_hash({str(p.relative_to(directory)): hashes.of(p) for p in files})


def run_stage(
    root: Path,
    stage: str,
    work: Callable[[Path], None],
    *,
    settings: Mapping,
    inputs: Mapping[str, Path | str] | None = None,
    code: Iterable[str] = (),
    outputs: Iterable[str] = ("*",),
) -> Path:
    """Runs `work(directory)` unless it was finished before; returns the stage's directory.

    `inputs` maps names to finished stages, folders, files, or a plain string such as a hub id. `outputs` are the globs of
    the files that later stages read: these are hashed into the manifest, checkpoints and logs are not.
    An interrupted stage is entered again with what it left: `work` resumes from its own checkpoints.
    """
    hashes = Hashes(Path(root) / HASHES)
    described = {
        "stage": stage,
        "settings": dict(settings),
        "inputs": {k: outputs_hash(Path(v), hashes) if Path(v).exists() else str(v) for k, v in (inputs or {}).items()},
        "code": code_hash(*code) if code else "",
        "versions": versions(),
    }
    directory = Path(root) / stage / content_hash(described)[:12]
    manifest = read_manifest(directory)
    if only_looking():
        _ASKED_FOR.get().setdefault(directory, manifest)
        if manifest is None:
            raise NotFinished(f"{stage} is not made yet")
    if manifest is not None:
        return directory
    directory.mkdir(parents=True, exist_ok=True)
    lock = FileLock(directory / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print(f"{stage}: another process is at work in {directory} ({owner(directory)}); waiting for it", flush=True)
        lock.acquire()
    try:
        if read_manifest(directory) is not None:
            return directory
        command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])
        since = time.strftime("%Y-%m-%d %H:%M:%S")
        write_text(directory / OWNER, f"process {os.getpid()} on {socket.gethostname()} since {since}: {command}")
        started = time.time()
        work(directory)
        progress.finished(directory)
        files = sorted({p for glob in outputs for p in directory.glob(glob) if p.is_file() and not p.name.startswith(".")})
        if not files:
            raise StageError(f"{stage} wrote none of {list(outputs)} in {directory}")
        manifest = described | {
            "outputs": {str(p.relative_to(directory)): {"bytes": p.stat().st_size, "sha256": hashes.of(p)} for p in files},
            "git_commit": _git_commit(),
            "finished": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "wall_seconds": round(time.time() - started, 1),
            "peak_memory_mb": round(max(resource.getrusage(who).ru_maxrss for who in _PROCESSES) / 1024),
            "cpu": platform.processor() or platform.machine(),
        }
        write_text(directory / MANIFEST, json.dumps(manifest, indent=1, ensure_ascii=False, default=str))
        return directory
    finally:
        lock.release()


def owner(directory: Path) -> str:
    """Who holds a stage's lock, as it wrote itself down; between lock and writing it is not known yet."""
    path = directory / OWNER
    return path.read_text(encoding="utf-8") if path.is_file() else "just started"


def is_held(directory: Path) -> bool:
    """Whether a process is at work on a stage, that is, holds its lock."""
    if not (directory / LOCK).is_file():
        return False
    try:
        with FileLock(directory / LOCK, timeout=0):
            return False
    except Timeout:
        return True


def _git_commit() -> str | None:
    """The commit of the checkout, with `+` where files differ from it; None outside a checkout."""
    command = ["git", "-C", str(PACKAGE), "describe", "--always", "--abbrev=40", "--dirty=+", "--exclude=*"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or None

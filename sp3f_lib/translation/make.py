"""`sp3f translate`: from a file of English problems to a folder of rows, or to what that would cost."""

from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from sp3f_lib.data.english import read_problems
from sp3f_lib.endpoint.ledger import Ledger
from sp3f_lib.profiles import Profile
from sp3f_lib.profiles.translate_section import Translate
from sp3f_lib.runs import StageError
from sp3f_lib.translation.batch import BatchTranslator
from sp3f_lib.translation.endpoint import EndpointTranslator
from sp3f_lib.translation.flags import flags, summary
from sp3f_lib.translation.forecast import forecast
from sp3f_lib.translation.output import losses, report, write_dataset
from sp3f_lib.translation.requests import VERSION
from sp3f_lib.translation.stage import Results, check_languages, translate

WORK = ".work"


def make_rows(
    profile: Profile,
    source: Path,
    languages: list[str],
    out: Path,
    limit: int | None = None,
    batch: tuple[Path | None, Path | None] = (None, None),
    translator=None,
) -> Results:
    """Translates the problems of `source` into `out`: the same command goes on where a killed one was. Returns what came of it.

    `batch`: the files of requests and of replies, for a provider's batch interface. `translator`: in place of the profile's.
    """
    settings, codes = profile.translate, check_languages(languages)
    problems, left = read_problems(source, limit)
    _tell(source, problems, left)
    out = Path(out)
    with _alone(out):
        translator = translator or make_translator(profile, out, *batch)
        print(f"translate: {forecast(settings, problems, codes)}", flush=True)
        results = translate(problems, codes, translator, settings)
        found = flags(results.kept, settings, open_ledger(settings), str(out)) if settings.judge or settings.solver else {}
        splits = write_dataset(out, problems, left, results, settings, found)
    print(losses(report(problems, left, results)).to_string(), flush=True)
    if results.unanswered:
        print(f"translate: {results.unanswered} requests failed; the same command asks for their rows again", flush=True)
    if found:
        print(f"translate: flags, which drop nothing\n{summary(found)}", flush=True)
    told = ", ".join(f"{len(rows)} rows for {name}" for name, rows in splits.items())
    print(f"translate: {told}: {out}", flush=True)
    return results


def plan(profile: Profile, source: Path, languages: list[str], limit: int | None = None) -> str:
    """What that would need: rows, requests, tokens, USD, hours. Nothing is asked."""
    problems, left = read_problems(source, limit)
    _tell(source, problems, left)
    return str(forecast(profile.translate, problems, check_languages(languages)))


def make_translator(profile: Profile, out: Path, outbox: Path | None = None, inbox: Path | None = None):
    """The translator that the section `translate` names, by batches if a file is given for one."""
    settings = profile.translate
    if not settings.model:
        raise StageError(
            "translate: who translates? --set translate.model=NAME (at LLM_API_URL), or translate.name=local and a directory"
        )
    if outbox or inbox:
        if settings.name != "api":
            raise StageError(f"translate: batches are for an endpoint; translate.name is {settings.name!r}")
        return BatchTranslator(settings, open_ledger(settings), str(out), outbox, inbox)
    if settings.name != "api":
        from sp3f_lib.translation.local import LocalTranslator

        return LocalTranslator(settings, out / WORK, str(out), profile.threads)
    return EndpointTranslator(settings, open_ledger(settings), str(out))


def open_ledger(settings: Translate) -> Ledger:
    """The ledger of translations; says if it holds replies to another version of the prompt."""
    ledger = Ledger(settings.ledger, "translate.ledger")
    for prompt, count in ledger.other_prompts(VERSION).items():
        print(
            f"translate: {settings.ledger} holds {count} replies to {prompt}; this is {VERSION}: they are kept and not used",
            flush=True,
        )
    return ledger


def _tell(source: Path, problems: list, left) -> None:
    if left.rows:
        print(f"translate: {len(left.rows)} rows of {source} are left out\n{left}", flush=True)
    print(f"translate: {len(problems)} problems", flush=True)


@contextmanager
def _alone(out: Path):
    """One process at a time writes a folder."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = FileLock(out / ".lock")
        lock.acquire(timeout=0)
    except Timeout:
        raise StageError(f"{out}: another process is writing there") from None
    except OSError as error:
        raise StageError(f"{out} cannot be written: {error}") from None
    try:
        yield
    except OSError as error:
        raise StageError(
            f"translate: could not write to {out}: {error}. Nothing that was paid for is lost: free some space, and the same "
            "command goes on"
        ) from error
    finally:
        lock.release()

"""A model's answers to instructions or conversations in several languages, a stage; what judged evaluations begin with.

Like the answers to tasks they are blocks on disk that processes share (shares.py): a kill costs one.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from sp3f_lib.generation.conversations import Chain, Conversation, answers, chains_of, make_chain, take_over
from sp3f_lib.generation.engines import BLOCK_SIZES, EVALUATION, generation_settings, generator
from sp3f_lib.generation.sampling import Sampling
from sp3f_lib.methods.models import find, is_model
from sp3f_lib.pipeline.checks import check_answerer
from sp3f_lib.pipeline.models import model
from sp3f_lib.pipeline.shares import CODE, deal_out, made_by, work_on_share
from sp3f_lib.profiles import Profile
from sp3f_lib.progress import progress_printer
from sp3f_lib.runs import atomic_path, content_hash, write_text
from sp3f_lib.stages import label, make_stage

BLOCKS, _ASKED = "blocks", ".asked.json"
_CODE = (*CODE, "generation/conversations.py")


def name_of(name: str) -> str:
    """What a model of the table, a directory, or a hub id is called; `ProfileError` for others. Nothing is made."""
    return Path(name).name if _is_elsewhere(name) else find(name).name


def model_at(profile: Profile, name: str) -> Path | str:
    """The directory or hub id of such a model; one of the table is made if it is not there."""
    return (Path(name) if Path(name).is_dir() else name) if _is_elsewhere(name) else model(profile, name)


def file_name(*parts: str) -> str:
    """A file's name from what it is about; of a path its last part.

    >>> file_name("mt-bench", "sft", "judges/gpt-4o-mini", "warm")
    'mt-bench-sft-gpt-4o-mini-warm.csv'
    """
    return "-".join(part.rsplit("/", 1)[-1] for part in parts) + ".csv"


def _is_elsewhere(name: str) -> bool:
    return not is_model(name) and (Path(name).is_dir() or name.count("/") == 1)


def conversations(
    profile: Profile,
    name: str,
    task: str,
    asked: Mapping[str, Sequence[Conversation]],
    files: Mapping[str, Path],
) -> dict[str, Path]:
    """{language: file of answers}: id, turn, text, finished, tokens, in the order of the conversations; a stage.

    `asked`: the conversations of each language, `files`: where they come from. Another language reuses what is there.
    """
    check_answerer(profile, lambda: conversations(profile, name, task, asked, files))
    called, path = name_of(name), model_at(profile, name)

    def work(directory: Path) -> None:
        write_text(directory / _ASKED, json.dumps({lang: [asdict(one) for one in some] for lang, some in asked.items()}))
        job = {"model": str(path), "by": made_by(profile, path, _CODE), "label": label(profile, f"{task} {called}")}
        chains, folder = _chains(directory, profile, job), directory / BLOCKS
        wanted = [one.file for some in chains.values() for one in some if not take_over(folder, one)]
        if files := list(dict.fromkeys(wanted)):
            deal_out(directory, profile, job | {"files": files}, _make, "sp3f_lib.pipeline.conversations")
        for lang, some in chains.items():
            order = {one.id: number for number, one in enumerate(asked[lang])}
            found = answers(folder, some)
            found = found.iloc[found["id"].map(order).argsort(kind="stable")]
            with atomic_path(directory / f"{lang}.parquet") as temporary:
                found.to_parquet(temporary, index=False)

    settings = generation_settings(profile, path, "max_new_tokens", section=EVALUATION)
    settings |= {"asked": content_hash({lang: [asdict(one) for one in some] for lang, some in asked.items()})}
    inputs = {"model": path} | {f"questions {lang}": files[lang] for lang in asked}
    stage = f"answers-{task}-{called}-{profile.regime}".replace("/", "_")
    directory = make_stage(profile, stage, work, settings, inputs, _CODE, tuple(f"{lang}.parquet" for lang in asked))
    return {lang: directory / f"{lang}.parquet" for lang in asked}


def _chains(directory: Path, profile: Profile, job: dict) -> dict[str, list[Chain]]:
    """What is asked in each language, as the stage has written it down."""
    asked, settings = json.loads((directory / _ASKED).read_text(encoding="utf-8")), profile.evaluation
    sampling = Sampling(max_new_tokens=settings.max_new_tokens, batch_size=settings.batch_size)
    found = {}
    for lang, some in asked.items():
        talks = [Conversation(one["id"], tuple(one["questions"]), one["temperature"]) for one in some]
        found[lang] = chains_of(talks, BLOCK_SIZES[settings.generator], sampling, job["by"])
    return found


def _make(directory: Path, profile: Profile, job: dict, files: list[str], says: bool) -> None:
    """The chains that begin with some files; `says` how far it is."""
    chains = [one for some in _chains(directory, profile, job).values() for one in some if one.file in set(files)]
    said = f"parts{' in each process' if len(files) < len(job['files']) else ''}"
    show = progress_printer(job["label"], said, directory) if says else lambda done, total: None
    with generator(profile, job["model"], section=EVALUATION) as generate:
        for number, chain in enumerate(chains, 1):
            make_chain(directory / BLOCKS, chain, generate)
            show(number, len(chains))


def read_answers(path: Path) -> pd.DataFrame:
    """Answers that were made here."""
    return pd.read_parquet(path)


if __name__ == "__main__":
    work_on_share(_make)

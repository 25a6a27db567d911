"""`sp3f pairs NAME`: preference pairs without the training on them, for other trainers."""

from pathlib import Path
from typing import Annotated

import typer

from sp3f_lib.commands.app import MAKE, verb
from sp3f_lib.commands.options import BaseModel, Changes, Folder, ModelName, ProfileName, Regime, Seed, Source, chosen
from sp3f_lib.data.pairs import FORMATS, export_llama_factory, export_pairs
from sp3f_lib.profiles import ProfileError


@verb(MAKE)
def pairs(
    name: ModelName,
    profile: ProfileName = "lab",
    regime: Regime = None,
    seed: Seed = None,
    source: Source = None,
    folder: Folder = None,
    model: BaseModel = None,
    changes: Changes = None,
    export: Annotated[
        Path | None, typer.Option(metavar="FILE", help="copy as .jsonl or .parquet, as TRL's DPOTrainer reads it")
    ] = None,
    llama_factory: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="write them and their dataset_info.json there")
    ] = None,
) -> None:
    """Make the preference pairs of one model of ICR or LIDR, and export them."""
    import pandas as pd

    from sp3f_lib.data.schema import read_json_lines
    from sp3f_lib.methods.models import MODELS, find
    from sp3f_lib.pipeline.checks import check_pairs
    from sp3f_lib.pipeline.models import rows_of

    if find(name).entry.section not in ("preference", "dpo"):
        some = [
            f"{one}_1" if entry.iterated else one for one, entry in MODELS.items() if entry.section in ("preference", "dpo")
        ]
        raise ProfileError(f"{name!r} is not trained on pairs; pairs have {', '.join(some)}")
    if export and export.suffix not in FORMATS:
        raise ProfileError(f"--export {export}: pairs are written as {' or '.join(FORMATS)}")
    resolved = chosen(profile, changes, regime=regime, seed=seed, source=source, folder=folder, model=model)
    check_pairs(resolved, name)
    file = rows_of(resolved, name)
    found = read_json_lines(file)
    report = file.with_name("report.csv" if file.name == "pairs.jsonl" else "controls.csv")
    print(pd.read_csv(report).to_string(index=False))
    print(f"{len(found)} pairs: {file}")
    if export:
        print(f"written: {export_pairs(found, export)}")
    if llama_factory:
        print(f"written for LLaMA-Factory: {export_llama_factory(found, llama_factory, f'{resolved.name}_{name}')}")

"""The first stage: the rows of the three splits, from the profile's source, as files."""

from pathlib import Path

from sp3f_lib.data.schema import write_rows
from sp3f_lib.data.sources import load_splits
from sp3f_lib.profiles import Profile
from sp3f_lib.stages import make_stage


def splits(profile: Profile) -> Path:
    """The directory of `sft.parquet`, `rl.parquet` and `eval.parquet`."""

    def work(directory: Path) -> None:
        for name, rows in load_splits(profile.data, profile.seed).items():
            write_rows(rows, directory / f"{name}.parquet")
            print(f"data: {len(rows)} rows for {name}", flush=True)

    settings = {"data": profile.data.model_dump(), "seed": profile.seed}
    inputs = {"folder": profile.data.folder} if profile.data.folder else {}
    doubted = ("rewards",) if profile.data.source in ("rows", "sp3f") else ()  # what the checks of rows read with
    code = ("data", "lab/problems.py", "lab/text", "languages.py", *doubted)
    return make_stage(profile, "data", work, settings, inputs, code, ("*.parquet",))

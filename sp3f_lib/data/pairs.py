"""Pairs as files, for training elsewhere.

    export_pairs(pairs, folder / "icr.jsonl")                        TRL: load_dataset("json", data_files=...) -> DPOTrainer
    export_pairs(pairs, folder / "icr.parquet")                      the same as parquet
    export_llama_factory(pairs, folder, "icr")                       LLaMA-Factory: icr.json and dataset_info.json in `folder`

TRL reads `prompt`, `chosen` and `rejected` as chat messages. LLaMA-Factory reads its alpaca format with `ranking: true`
(data/README.md there): one instruction, an optional system message, and two texts.
"""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from sp3f_lib.runs import StageError, atomic_path, write_text

FORMATS = (".jsonl", ".parquet")
COLUMNS = ("id", "lang", "prompt", "chosen", "rejected")
_MORE = ("reward_margin", "partner")


def export_pairs(pairs: list[dict], path: Path) -> Path:
    """Writes id, lang, prompt, chosen and rejected of every pair as `.jsonl` or `.parquet`, atomically.

    With ICR's `reward_margin` and LIDR's `partner` where pairs have them.
    """
    path = Path(path)
    rows = [{column: pair[column] for column in (*COLUMNS, *_MORE) if column in pair} for pair in _some(pairs, path)]
    if path.suffix == ".jsonl":
        write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    elif path.suffix == ".parquet":
        with atomic_path(path) as temporary:
            pa.parquet.write_table(pa.Table.from_pylist(rows), temporary)
    else:
        raise ValueError(f"{path}: pairs are written as {' or '.join(FORMATS)}")
    return path


def export_llama_factory(pairs: list[dict], folder: Path, name: str) -> Path:
    """Writes `folder/<name>.json` and its entry in `folder/dataset_info.json` (other entries stay); returns the folder.

    Train with `dataset_dir: <folder>`, `dataset: <name>`, `stage: dpo`, and the template of the model.
    """
    folder = Path(folder)
    rows = [_alpaca(pair, number) for number, pair in enumerate(_some(pairs, folder / name))]
    write_text(folder / f"{name}.json", json.dumps(rows, ensure_ascii=False, indent=1))
    info = folder / "dataset_info.json"
    entries = json.loads(info.read_text(encoding="utf-8")) if info.is_file() else {}
    columns = {"prompt": "instruction", "query": "input", "system": "system", "chosen": "chosen", "rejected": "rejected"}
    entries[name] = {"file_name": f"{name}.json", "ranking": True, "columns": columns}
    write_text(info, json.dumps(entries, ensure_ascii=False, indent=2))
    return folder


def _some(pairs: list[dict], where: Path) -> list[dict]:
    if not pairs:
        raise StageError(f"{where}: there are no pairs to write; look at the counts of what was left out")
    return pairs


def _alpaca(pair: dict, number: int) -> dict:
    roles = [message["role"] for message in pair["prompt"]]
    if roles not in (["user"], ["system", "user"]):
        raise StageError(
            f"pair {number} (id {pair['id']}): its prompt has the messages {roles}; LLaMA-Factory's format holds one user "
            "message, with or without a system message before it"
        )
    system = pair["prompt"][0]["content"] if len(roles) == 2 else ""
    sides = {side: pair[side][-1]["content"] for side in ("chosen", "rejected")}
    return {
        "instruction": pair["prompt"][-1]["content"],
        "input": "",
        "system": system,
        **sides,
        "id": pair["id"],
        "lang": pair["lang"],
    }

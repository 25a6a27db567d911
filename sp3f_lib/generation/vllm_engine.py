"""vLLM in this process samples in place of transformers; the engine is started at the first prompt and stopped by `close`.

    with vllm_generator("runs/lab/dpo/model", dtype="bfloat16") as generate:
        generate(prompts, Sampling(samples=10, temperature=0.9, max_new_tokens=2400), seed=42)

Nothing is started for work that is on disk already. While it runs, the engine holds `gpu_memory_utilization` of the GPU: `close`
it before the model is loaded for scoring or training. Prompts go in and answers come out as token ids, so text, length and end are
those of `sampling.complete`. Each answer has its own seed, as in `server`, which says how far the same call gets the same answers.
Written for vLLM 0.31 (on a GPU: environment.yml), from its documentation and source; not run with it yet.
"""

import gc
from importlib.util import find_spec

from sp3f_lib.generation.local import Completion, load_tokenizer
from sp3f_lib.generation.sampling import Sampling
from sp3f_lib.generation.server import check_end, end_ids_of, place, render, request_seed
from sp3f_lib.runs import StageError


def vllm_generator(path: str, dtype: str = "bfloat16", revision: str | None = None, **engine) -> "VllmGenerator":
    """A generator that runs the model directory or hub id `path` on vLLM's `LLM`, which gets `engine` as it stands.

    Such as `max_model_len` (prompt and answer), `gpu_memory_utilization`, `tensor_parallel_size`. `StageError` at once if vLLM is
    not installed, `ValueError` if `path` has no tokenizer with a chat template.
    """
    check_vllm()
    return VllmGenerator(path, dtype, revision, engine)


def check_vllm() -> None:
    """`StageError` if vLLM is not installed."""
    if find_spec("vllm") is None:
        raise StageError(
            "methods.generator: vllm needs the package vllm, which is for machines with a GPU (environment.yml); elsewhere set "
            "methods.generator to transformers, or to server for a vLLM that runs on another machine"
        )


class VllmGenerator:
    """A `Generate` that owns an engine; leaving its `with` block closes it."""

    def __init__(self, path: str, dtype: str, revision: str | None, engine: dict):
        self.path, self._engine = str(path), None
        self._tokenizer = load_tokenizer(path, revision)
        self._ends = end_ids_of(path, self._tokenizer, revision)
        # "vllm": the model's own generation settings (Qwen: a repetition penalty of 1.1) do not come in.
        self._options = {"model": self.path, "dtype": dtype, "revision": revision, "generation_config": "vllm"} | engine

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self) -> None:
        """Stops the engine and its process, which frees the GPU's memory; the next prompt starts another one."""
        self._engine = None
        gc.collect()  # vLLM ends its process when the last reference is gone

    def __call__(
        self, prompts: list[list[dict]], sampling: Sampling, seed: int, prefill: str = "", stop: str | None = None
    ) -> list[Completion]:
        """As `sampling.complete`; `StageError` names the first prompt that does not fit into the model's length."""
        from vllm import SamplingParams

        if not prompts:
            return []
        engine = self._start()
        _, ids = render(self._tokenizer, prompts, prefill)
        longest = engine.llm_engine.model_config.max_model_len
        for number, tokens in enumerate(ids):
            if len(tokens) + sampling.max_new_tokens > longest:
                raise StageError(
                    f"{place(prompts, number, 0)} has {len(tokens)} tokens; with {sampling.max_new_tokens} of an answer they do "
                    f"not fit into the model's {longest} (max_model_len)"
                )
        common = {
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": 0,
            "repetition_penalty": sampling.repetition_penalty,
            "max_tokens": sampling.max_new_tokens,
            "stop_token_ids": self._ends,
            "stop": [stop] if stop else None,
            "detokenize": bool(stop),  # `stop` is looked for in the text; otherwise only the ids are needed
        }
        jobs = [(number, sample) for number in range(len(prompts)) for sample in range(sampling.samples)]
        outputs = engine.generate(
            [{"prompt_token_ids": ids[number]} for number, _ in jobs],
            [SamplingParams(**common, seed=request_seed(seed, *job) if sampling.temperature else None) for job in jobs],
            use_tqdm=False,
        )
        found = []
        for (number, sample), output in zip(jobs, outputs, strict=True):
            row = output.outputs[0]
            finished = check_end(place(prompts, number, sample), row.finish_reason, len(row.token_ids), sampling)
            text = self._tokenizer.decode(list(row.token_ids), skip_special_tokens=True).strip()
            found.append(Completion(number, sample, sampling.temperature == 0, text, len(row.token_ids), finished))
        return found

    def _start(self):
        if self._engine is None:
            from vllm import LLM

            try:
                self._engine = LLM(**self._options)
            except (OSError, RuntimeError, ValueError) as error:
                raise StageError(f"vLLM could not start with the model {self.path}: {error}") from error
        return self._engine

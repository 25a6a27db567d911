"""What a model's answers to tasks, instructions or conversations will need: `sp3f evaluate|compare|mt-bench ... --dry-run`.

Memory is that of the generator; hours are estimated for vLLM, from what a GPU can do. With N weights of w bytes, b answers at a
time on one engine of g GPUs:

    a step (one token of b answers)    reads N w / g bytes of weights and the keys and values of b texts, at 50 to 80 % of the GPU's
                                       bandwidth, and costs 2 N b / g FLOP at 20 to 50 % of its peak; the longer of the two counts
    a prompt                           2 N / g FLOP a token, once: all its answers share it (vLLM's prefix cache)

The time to load the model and to compile comes on top, and what several GPUs of one engine tell each other; b is the size of a
block, less where the cache cannot hold as many.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sp3f_lib.forecast.hours import GPUS, UTILISATION, Hours, likely_gpu
from sp3f_lib.forecast.memory import GB, GPU_SIZES, WIDTH, cache_memory, engine_share, evaluation_memory, smallest_gpu
from sp3f_lib.forecast.shape import Shape
from sp3f_lib.generation.engines import BLOCK_SIZES, answering_processes
from sp3f_lib.profiles import Profile

# GB/s, from NVIDIA's data sheets (A100: 80 GB SXM; H100: SXM).
BANDWIDTH = {"L40S": 864, "A100": 2039, "H100": 3350}
BYTES_PER_TOKEN = 3.5
ANSWER_TOKENS, PROMPT_TOKENS = 300, 300  # on average, assumptions; prompts are counted where they are read
_READING = 0.5, 0.8  # of the bandwidth


@dataclass(frozen=True)
class AnswersPlan:
    """`lines` for people; whether the generator `fits` on the GPU that there is (or on any)."""

    lines: tuple[str, ...]
    fits: bool

    def __str__(self) -> str:
        return "\n".join(self.lines)


@dataclass(frozen=True)
class Prompts:
    """Prompts and answers of one kind, and how people are told of them; `tokens` are those of all prompts."""

    said: str
    prompts: int
    tokens: int
    answers: int


def in_languages(codes: Collection[str]) -> str:
    """How many, and which.

    >>> in_languages(["de"]), in_languages(["de", "sw"])
    ('in 1 language (de)', 'in 2 languages (de sw)')
    """
    return f"in {len(codes)} language{'s' * (len(codes) != 1)} ({' '.join(codes)})"


def answers_plan(
    profile: Profile, shape: Shape, asked: Sequence[Prompts], how: str, memory: float | None = None, gpu: str = ""
) -> AnswersPlan:
    """The plan of one model's answers. `how` they come about, in words; `memory`: bytes of one GPU, `gpu`: its name, as in
    `plan.plan`."""
    settings, answers, processes = profile.evaluation, sum(one.answers for one in asked), answering_processes(profile)
    memory = profile.launch.gpu_memory_gb * GB if profile.launch.gpu_memory_gb else memory
    smallest = smallest_gpu(lambda size: (evaluation_memory(profile, shape, size),))
    needed = sum(evaluation_memory(profile, shape, memory or (smallest or GPU_SIZES[-1]) * GB).values())
    fits = needed <= memory if memory else smallest is not None
    lines = [one.said for one in asked]
    lines.append(
        f"  {answers:,} answers in all ({how}), at most "
        f"{answers * settings.max_new_tokens:,} tokens; {settings.generator}, {processes} process{'es' * (processes > 1)}"
    )
    place = (
        f"{memory / GB:.0f} GB there"
        if memory
        else f"a GPU of {smallest} GB or more"
        if smallest
        else "more than any GPU has"
    )
    lines.append(f"  memory: {'fits' if fits else 'CANNOT FIT'}: {needed / GB:.1f} GB needed, {place}")
    if settings.generator != "vllm":
        return AnswersPlan((*lines, "  time: estimated for vLLM only (evaluation.generator=vllm)"), fits)
    kind = likely_gpu(gpu, memory or (smallest or GPU_SIZES[-1]) * GB)
    for tokens, said in (
        (min(ANSWER_TOKENS, settings.max_new_tokens), "tokens an answer on average (ASSUMED)"),
        (settings.max_new_tokens, "tokens each, the most there can be"),
    ):
        lines.append(f"  time: {vllm_hours(profile, shape, asked, tokens, kind, processes)}; {tokens:,} {said}")
    return AnswersPlan((*lines, *([f"  assumed: {shape.note}"] if shape.note else [])), fits)


def vllm_hours(profile: Profile, shape: Shape, asked: Sequence[Prompts], tokens: int, kind: str, processes: int) -> Hours:
    """Hours of so many `tokens` an answer, on engines in so many processes, each on GPUs of this `kind` (see above)."""
    prompts, answers = sum(one.prompts for one in asked), sum(one.answers for one in asked)
    prompt_tokens, width = sum(one.tokens for one in asked), WIDTH[profile.model.torch_dtype]
    gpus, (size, peak) = profile.evaluation.engine.get("tensor_parallel_size", 1), GPUS[kind]
    one_text = cache_memory(shape, 1, round(prompt_tokens / prompts + tokens / 2), width)  # half way through its answer
    room = gpus * engine_share(profile.evaluation.engine) * size * GB - width * shape.weights
    at_once = max(1, min(BLOCK_SIZES["vllm"], -(-answers // processes), int(room / one_text)))
    steps, read = answers / processes * tokens / at_once, (width * shape.weights + at_once * one_text) / gpus
    seconds = []
    for reading, computing in zip(reversed(_READING), reversed(UTILISATION), strict=True):
        flop = 2 * shape.weights / gpus / (peak * 1e12 * computing)
        step = max(read / (BANDWIDTH[kind] * 1e9 * reading), at_once * flop)
        seconds.append(steps * step + prompt_tokens / processes * flop)
    basis = (
        f"ESTIMATE for {processes} engine{'s' * (processes > 1)} of {gpus} {kind}, {at_once} answers at a time, "
        f"{_READING[0]:.0%} to {_READING[1]:.0%} of {BANDWIDTH[kind]} GB/s; loading comes on top"
    )
    return Hours(seconds[0] / 3600, seconds[1] / 3600, basis)

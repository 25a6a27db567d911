"""The scores of ICR's responses, made in this process or shared by the processes of section `launch`.

Scoring is two forward passes of two whole models over every response: with more than one process each scores its own parts
(generation/parts.py) on its own GPU, and what one of them has finished stays when another fails. A score does not depend on who
makes it. vLLM's engine for R_t's translations wants all GPUs, so then one process scores.
"""

import os
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from sp3f_lib.data.parallel import load_prompts
from sp3f_lib.generation.engines import free_gpu, generator, loaded_model
from sp3f_lib.generation.parts import read_parts
from sp3f_lib.profiles import Profile
from sp3f_lib.progress import progress_printer
from sp3f_lib.training.processes import launch, work_on


def make_scores(directory: Path, profile: Profile, job: dict) -> None:
    """`directory/scores/*.parquet` for a job: `policy`, `reference` (directories or hub ids), `prompts` and `responses` (finished
    stages), `reward`, and `label` for what it prints."""
    if makes_alone(profile, job["reward"]):
        score_share(directory, profile, job)
        return
    free_gpu()
    # Every process by itself: no weights are sharded, whatever the training does.
    apart = profile.launch.model_copy(update={"accelerate": "ddp"})
    together = profile.model_copy(update={"launch": apart})
    launch(directory, together, job | {"section": None}, "sp3f_lib.methods.icr_scoring")


def makes_alone(profile: Profile, reward: str) -> bool:
    """Whether one process makes all scores of a reward; else those of section `launch` share them."""
    single = profile.launch.accelerate == "single" or profile.launch.processes == 1
    return single or (reward == "R_t" and profile.methods.generator == "vllm")


def score_share(directory: Path, profile: Profile, job: dict, share: tuple[int, int] = (0, 1)) -> None:
    """The parts of `make_scores` that fall to the first of `share`'s numbers, of so many processes as the second says."""
    import torch

    from sp3f_lib.generation.sampling import TRANSLATION
    from sp3f_lib.methods.icr_scores import score_responses

    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    methods, reward = profile.methods, job["reward"]
    models = [loaded_model(profile, path) for path in (job["policy"], job["reference"])]
    translator = generator(profile, job["policy"], models[0]) if reward == "R_t" else nullcontext()
    show = {"progress": progress_printer(job["label"], "parts", directory)} if share[0] == 0 else {}
    with translator as generate:
        score_responses(
            directory / "scores",
            read_parts(Path(job["responses"]) / "responses"),
            load_prompts(Path(job["prompts"]) / "prompts.jsonl"),
            *models,
            [reward],
            batch_size=methods.scoring_batch_size,
            generate=generate,
            translation=replace(TRANSLATION, max_new_tokens=methods.translation_tokens, batch_size=methods.batch_size),
            share=share,
            **show,
        )


def _job(directory: Path, profile: Profile, job: dict) -> None:
    score_share(directory, profile, job, (int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])))


if __name__ == "__main__":
    work_on(sys.argv[1:], _job)

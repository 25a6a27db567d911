"""`self_translate_sft`: the honest baseline of stage 2, rejection-sampled self-translation as stages (self_translation_rows.py).

    answers (self_translation.model) -> translations (the same) -> rows, losses counted -> SFT of self_translation.start

It starts from the SFT model and sees the problems of the rl split, as the arms of stage 2 do, and no solution. Its tokens are
counted and printed beside those of the arms. QAlign (arXiv 2401.07817) warns that translated chains of thought are bad where the
translator is; here those that lost a calculation are left out. The nearest published method is LIDR's baseline (`lidr_sft`,
arXiv 2410.08964), which verifies nothing.
"""

from dataclasses import replace
from pathlib import Path

from sp3f_lib.data.schema import read_rows, write_rows
from sp3f_lib.data.splits import splits
from sp3f_lib.generation.engines import generation_settings, generator
from sp3f_lib.generation.parts import read_parts
from sp3f_lib.methods.named import Given, Named, Work
from sp3f_lib.methods.shared import GENERATION_CODE, languages_of, progress_of
from sp3f_lib.profiles import Profile
from sp3f_lib.runs import StageError
from sp3f_lib.stages import RUNS, label, make_stage
from sp3f_lib.training.tokens import generated_tokens, most_tokens

NAME, ROWS, REPORT = "self_translate_sft", "rows.parquet", "report.csv"
_CODE = (
    "methods/self_translation_rows.py",
    "judges/alignment.py",
    "rewards",
    "data/parallel.py",
    "data/schema.py",
    "languages.py",
)


def answers(profile: Profile, model: Path | str) -> Path:
    """`self_translation.answers` English answers to every problem of the rl split: `answers/*.parquet`."""
    chosen, methods, source = profile.self_translation, profile.methods, splits(profile) / "rl.parquet"

    def work(directory: Path) -> None:
        from sp3f_lib.generation.sampling import Sampling
        from sp3f_lib.methods.icr_scores import sample_responses
        from sp3f_lib.methods.self_translation_rows import english_prompts

        sampling = Sampling(
            samples=chosen.answers,
            temperature=chosen.temperature,
            max_new_tokens=methods.max_new_tokens,
            batch_size=methods.batch_size,
        )
        show = progress_of(profile, f"{NAME} answers", directory)
        with generator(profile, model) as generate:
            found = english_prompts(read_rows(source))
            sample_responses(directory / "answers", generate, found, ("en",), sampling, profile.seed, progress=show)

    settings = generation_settings(profile, model, "max_new_tokens")
    settings |= {"self_translation": chosen.model_dump(include={"answers", "temperature"}), "seed": profile.seed}
    code = ("methods/icr_scores.py", "methods/self_translation_rows.py", *GENERATION_CODE, "data/schema.py", "languages.py")
    inputs = {"model": model, "rows": source}
    return make_stage(profile, f"self-translate-answers-{profile.regime}", work, settings, inputs, code, ("answers/*",))


def translations(profile: Profile, model: Path | str) -> Path:
    """The right ones in every language of the split: `translations/*.parquet`."""
    chosen, methods, source = profile.self_translation, profile.methods, splits(profile) / "rl.parquet"
    said, threshold = answers(profile, model), profile.rewards.threshold

    def work(directory: Path) -> None:
        from sp3f_lib.generation.sampling import TRANSLATION
        from sp3f_lib.methods.self_translation_rows import translate_taken, what_became_of

        sampling = replace(TRANSLATION, max_new_tokens=methods.translation_tokens, batch_size=methods.batch_size)
        rows, show = read_rows(source), progress_of(profile, f"{NAME} translations", directory)
        found = what_became_of(read_parts(said / "answers"), rows, threshold, chosen.rows)
        with generator(profile, model) as generate:
            made = translate_taken(directory / "translations", generate, found, rows, sampling, progress=show)
        if made.empty:  # English rows only
            (directory / "translations").mkdir(exist_ok=True)
            made.to_parquet(directory / "translations" / "part-00000.parquet", index=False)

    settings = generation_settings(profile, model, "translation_tokens") | {"rows": chosen.rows, "threshold": threshold}
    code = ("generation/translation.py", *GENERATION_CODE, *_CODE)
    inputs = {"model": model, "rows": source, "answers": said}
    return make_stage(
        profile, f"self-translate-translations-{profile.regime}", work, settings, inputs, code, ("translations/*",)
    )


def rows(profile: Profile, model: Path | str) -> Path:
    """The rows for SFT, `rows.parquet`, and what became of every text: `report.csv`."""
    chosen, source = profile.self_translation, splits(profile) / "rl.parquet"
    said, made, threshold = answers(profile, model), translations(profile, model), profile.rewards.threshold

    def work(directory: Path) -> None:
        from sp3f_lib.methods.self_translation_rows import TAKEN, kept_rows, losses, what_became_of

        problems = read_rows(source)
        found = what_became_of(read_parts(said / "answers"), problems, threshold, chosen.rows)
        kept, became = kept_rows(found, read_parts(made / "translations"), problems, threshold)
        report = losses(found, became)
        report.to_csv(directory / REPORT, index=False)
        if not kept:
            lost = ", ".join(f"{one.what} {one.became} {one.number}" for one in report.itertuples() if one.became != TAKEN)
            raise StageError(f"{NAME}: no row is left; {lost}. self_translation.model must answer in English and translate")
        write_rows(kept, directory / ROWS)
        print(f"{label(profile, NAME)}: {len(kept)} rows of {len(problems)}; {tokens_said(profile, report.tokens.sum())}")

    settings = {"rows": chosen.rows, "threshold": threshold}
    inputs = {"rows": source, "answers": said, "translations": made}
    return make_stage(
        profile, f"self-translate-rows-{profile.regime}", work, settings, inputs, _CODE, ("*.parquet", "*.csv")
    )


def tokens_said(profile: Profile, tokens: int) -> str:
    """The tokens that were generated, beside those of stage 2: of its finished arms of this seed, and the most there can be."""
    arms = {}
    for path in sorted((RUNS / profile.name).glob(f"*-{profile.regime}/*")):
        if (count := generated_tokens(path, profile.seed)) is not None:
            arms[path.parent.name.removesuffix(f"-{profile.regime}")] = count
    beside = [f"{name} {count:,}" for name, count in arms.items()]
    beside += [f"an arm of stage 2 at most {most_tokens(profile.grpo, profile.launch.processes):,}"] if profile.grpo else []
    return f"{tokens:,} tokens generated" + (f" ({', '.join(beside)})" if beside else "")


def steps(profile: Profile, given: Given) -> dict[str, Path]:
    """The stages before the training; `given.reference` answers and translates."""
    model = given.reference
    return {
        "answers": answers(profile, model),
        "translations": translations(profile, model),
        "rows": rows(profile, model),
    }


def work(profile: Profile) -> Work:
    """What is made before the training, at most."""
    chosen, languages, problems = profile.self_translation, languages_of(profile), profile.data.rl_problems
    others = len(set(languages) - {"en"})
    return Work(
        problems,
        1,
        responses=problems * chosen.answers,
        translations=problems * chosen.rows * others,
        pairs=problems * chosen.rows * len(languages),
        what="rows",
    )


MODELS = {
    NAME: Named(
        "supervised fine-tuning on right English answers of the base model, translated by itself and checked",
        "2410.08964",
        start="self_translation.start",
        section="sft",
        steps=steps,
        rows=ROWS,
        reference="self_translation.model",
        work=work,
    )
}

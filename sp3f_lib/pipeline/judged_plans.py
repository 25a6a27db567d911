"""What `sp3f compare` and `sp3f mt-bench` will need, before anything is made: answers, memory, time, the judge's calls and USD."""

from collections.abc import Iterable

from sp3f_lib.forecast.answers import AnswersPlan
from sp3f_lib.forecast.dry_run import OF_EVALUATION, as_yaml, machine_there
from sp3f_lib.forecast.judged import contests_plan, instructions_plan, questions_plan, ratings_plan
from sp3f_lib.forecast.shape import load_shape
from sp3f_lib.methods.models import apply_changes, is_model
from sp3f_lib.pipeline.checks import check_model
from sp3f_lib.pipeline.head_to_head import read_match
from sp3f_lib.pipeline.mt_bench import read_asked
from sp3f_lib.profiles import Profile


def compare_plan(profile: Profile, one: str, other: str, task: str, way: str) -> tuple[str, bool]:
    """(what a comparison needs, whether it fits); the instructions, and a file of answers, are read and checked."""
    match = read_match(profile, one, other, task)
    plans = []
    for name in (one,) if match.references else (one, other):
        changed = _of_model(profile, name)
        plans.append(instructions_plan(changed, name, load_shape(changed), match.asked, machine_there(changed)))
    return _told(profile, plans, contests_plan(profile, match.asked, way, match.references), (one, other))


def mt_bench_plan(profile: Profile, name: str, repeats: int) -> tuple[str, bool]:
    """(what MT-Bench needs, whether it fits); the questions are read and checked."""
    _, asked, _ = read_asked(profile, name)
    changed = _of_model(profile, name)
    plan = questions_plan(changed, name, load_shape(changed), asked, machine_there(changed))
    return _told(profile, [plan], ratings_plan(profile, asked, repeats), (name,))


def _of_model(profile: Profile, name: str) -> Profile:
    """The profile as it is for a model of the table; for one from elsewhere with its own path."""
    changed = (
        apply_changes(profile, name)
        if is_model(name)
        else profile.model_copy(update={"model": profile.model.model_copy(update={"path": name, "revision": None})})
    )
    check_model(changed)
    return changed


def _told(profile: Profile, plans: list[AnswersPlan], judge: str, names: Iterable[str]) -> tuple[str, bool]:
    made = [name for name in names if is_model(name) and name != "base"]
    notes = [f"  not counted: how {name} is made, if it is not there yet (sp3f train {name} --dry-run)" for name in made]
    told = [as_yaml(profile, OF_EVALUATION | {"judge"}), *map(str, plans), judge, *notes]
    return "\n".join(told), all(plan.fits for plan in plans)

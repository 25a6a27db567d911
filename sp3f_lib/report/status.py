"""`sp3f status` in words: what runs, what was interrupted, and what is made and missing for `sp3f reproduce`."""

from pathlib import Path

from sp3f_lib.methods.models import MODELS
from sp3f_lib.pipeline.headless import figures_folder, up_to_date
from sp3f_lib.pipeline.look import Unfinished, cost, look, models_made, spent, state_of, unfinished
from sp3f_lib.pipeline.notebook import Experiment
from sp3f_lib.profiles import Profile, load_profile
from sp3f_lib.runs import StageError
from sp3f_lib.stages import RUNS, label

_EVALUATED, _MADE, _MISSING, _DAMAGED = "evaluated", "made", "missing", "damaged"
_LEGEND = "evaluated: made and scored; made: the model is there, its scores are not; missing: not begun"


def status(profile: str, parameters: dict, seeds: int | None = None) -> str:
    """The whole answer for one profile; `parameters` and `seeds` are those of `sp3f reproduce`."""
    changes = {"seeds": seeds} if seeds else {}
    first = load_profile(profile, changes, **parameters)
    regimes = {name: load_profile(profile, changes, **parameters, regime=name) for name in first.experiments}
    root = RUNS / first.name
    where = f"everything is in {root}" if root.is_dir() else f"nothing is made yet, all will be in {root}"
    wanted, shown = _wanted(Experiment(regimes, figures_folder(first)), up_to_date(profile, parameters, seeds))
    lines = [f"Profile {first.name}; {where}", *_stages(first, unfinished(root)), *wanted, *_others(root, shown)]
    return "\n".join(lines)


def models() -> str:
    """Every name of the table with what it is."""
    names = [f"{name}_1, {name}_2, ..." if entry.iterated else name for name, entry in MODELS.items()]
    width = max(map(len, names))
    return "\n".join(f"  {name:<{width}}  {entry.about}" for name, entry in zip(names, MODELS.values(), strict=True))


def _stages(profile: Profile, found: list[Unfinished]) -> list[str]:
    lines = ["", "At work now"] if any(one.running for one in found) else []
    for one in found:
        if one.running:
            lines.append(f"  {one.label}: {one}")
            about = [str(one.directory), *([f"{one.process} since {one.since}"] if one.process else [])]
            if costs := spent(profile, one.directory):
                about.append(f"judge so far: {cost(costs)}")
            lines.append(f"    {', '.join(about)}")
    newest: dict[Path, list[Unfinished]] = {}
    for one in sorted((one for one in found if not one.running), key=lambda one: one.since or "", reverse=True):
        newest.setdefault(one.directory.parent, []).append(one)
    lines += ["", "Interrupted"] if newest else []
    for one, *older in newest.values():
        lines.append(f"  {one.label}: {one}")
        more = f", and {len(older)} older beside it" if older else ""
        lines.append(f"    {one.directory}" + (f", begun {one.since}" if one.since else "") + more)
    return lines


def _wanted(experiment: Experiment, notebooks: dict[str, bool]) -> tuple[list[str], set[tuple[str, str]]]:
    """What `sp3f reproduce` needs, by regime, model and seed; and the (model, regime) pairs that it is about."""
    cells, damage, lines = {}, [], []
    for regime in experiment.regimes:
        of_seeds = experiment.seeds(regime)
        lines.append(f"  {f'regime {regime}':<24}" + "".join(f"seed {p.seed:<9}" for p in of_seeds).rstrip())
        for name in experiment.methods(regime):
            # The base is the same for every seed.
            row = [_cell(p, name, damage) for p in (of_seeds[:1] if name == "base" else of_seeds)]
            cells |= {(regime, name, number): cell for number, cell in enumerate(row)}
            lines.append(f"    {name:<22}" + "".join(f"{cell:<14}" for cell in row).rstrip())
    if notebooks:
        width = max(map(len, notebooks))
        lines.append("  notebooks")
        lines += [f"    {name:<{width}}  {'up to date' if done else 'to be run'}" for name, done in notebooks.items()]
    scored = sum(cell == _EVALUATED for cell in cells.values())
    done = [f"{scored} of {len(cells)} models are evaluated (each seed counts)"]
    done += [f"{sum(notebooks.values())} of {len(notebooks)} notebooks are up to date"] if notebooks else []
    finished = scored == len(cells) and all(notebooks.values())
    head = f"What `sp3f reproduce` makes: {', '.join(done)}" + ("; nothing is left to do" if finished else "")
    shown = {(name, regime) for regime, name, _ in cells}
    return ["", head, f"  ({_LEGEND})", *lines, *(f"  {line}" for line in damage)], shown


def _cell(profile: Profile, name: str, damage: list[str]) -> str:
    try:
        found = look(profile, name)
    except StageError as error:
        damage.append(f"{label(profile, name)}: {error}")
        return _DAMAGED
    if found.missing is None:
        return _EVALUATED
    # What is at work on another model, which this one waits for, is said in that one's place.
    own = {f"{name}-{profile.regime}", f"evaluation-{name}-{profile.regime}"}
    if found.missing.parent.name in own and (state := state_of(found.missing)):
        return state.short
    return _MADE if found.made else _MISSING


def _others(root: Path, shown: set[tuple[str, str]]) -> list[str]:
    by_regime: dict[str, list[str]] = {}
    for name, regime in models_made(root):
        if (name, regime) not in shown:
            by_regime.setdefault(regime, []).append(name)
    lines = [f"  {regime}: {', '.join(names)}" for regime, names in sorted(by_regime.items())]
    head = "Other models that are made, with these settings or others (`sp3f show NAME --regime REGIME` tells), by regime"
    return ["", head, *lines] if lines else []

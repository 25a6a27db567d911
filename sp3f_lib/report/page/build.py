"""One self-contained HTML file from a run folder.

Nothing that a model wrote is in the HTML: texts are packed, and `page.js` sets them as text. The Content-Security-Policy lets
only the two inline blocks run that this file put there, named by their hashes, and loads nothing.
"""

import base64
import hashlib
import re
from pathlib import Path

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from sp3f_lib.languages import LANGUAGES
from sp3f_lib.report.page import browser, charts, results
from sp3f_lib.report.page.folder import NO_SEED, Run, method_order, read_run
from sp3f_lib.report.page.svg import Look, key, looks, stroke
from sp3f_lib.runs import write_text

REPORT = "report.html"
LEDGER = "verdicts.sqlite"
_TERM = re.compile(r"rewards/(\w+)/mean")
_TERMS = ("accuracy", "parseable", "fidelity", "win_rate")  # first, in this order
_RL = {
    "reward": ("reward", "weighted sum of the terms"),
    "groups/none_correct": ("no right answer", "share of groups"),
    "groups/no_signal": ("nothing to learn from", "share of groups whose rewards are all equal"),
    "completions/mean_length": ("length", "tokens a completion"),
}
_PREFERENCE = {
    "rewards/accuracies": ("pairs ranked right", "share"),
    "rewards/margins": ("margin", "chosen minus rejected, nats"),
    "rewards/chosen": ("chosen", "beta x log-ratio, nats"),
    "rewards/rejected": ("rejected", "beta x log-ratio, nats"),
    "loss/dpo": ("DPO loss", "nats"),
    "loss/nll": ("NLL of the chosen", "nats a token"),
}
_SFT = {"loss": ("loss", "nats a token"), "mean_token_accuracy": ("token accuracy", "share")}


def write_report(folder: Path, out: Path | None = None, ledger: Path | None = None, **which) -> Path:
    """Writes the page of the run in `folder` (such as `runs/lab`) to `out`, else into the folder; returns its path.

    `ledger` is the judges' ledger, `verdicts.sqlite` beside the profiles' folders if none is given. `which` stages: see
    `folder.read_run`. `StageError` if there is no such folder. The same folder gives the same page, byte by byte.
    """
    folder = Path(folder)
    run, ledger = read_run(folder, **which), ledger or folder.parent / LEDGER
    scores = results.read_scores(run)
    known = looks(stage.method for stage in run.stages if stage.method)
    packed, kept = browser.pack(browser.collect(run, scores, ledger), _names(known))
    calls, no_calls = results.read_ledger(run, ledger)
    page = _template().render(
        profile=folder.resolve().name,
        facts=_facts(run),
        regimes=_regimes(run, scores, known),
        judged=results.judged(run),
        calls=calls,
        no_calls=no_calls,
        notes=run.notes,
        looks=known,
        packed=Markup(packed),
        kept=kept,
        **_own_files(),
    )
    path = Path(out) if out else folder / REPORT
    write_text(path, page)
    return path


def _template():
    environment = Environment(
        loader=PackageLoader("sp3f_lib.report.page", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"key": key, "stroke": stroke}
    return environment.get_template("template.html.j2")


def _own_files() -> dict:
    """Script and style, as they are put between the tags, and the policy that names them by their hashes."""
    here = Path(__file__).parent
    files = {"js": ("text.js", "page.js"), "css": ("page.css",)}
    texts = {kind: "".join((here / name).read_text(encoding="utf-8") for name in names) for kind, names in files.items()}
    digests = {kind: base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for kind, text in texts.items()}
    policy = (
        f"default-src 'none'; script-src 'sha256-{digests['js']}'; style-src 'sha256-{digests['css']}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    return {"policy": policy, "script": Markup(texts["js"]), "style": Markup(texts["css"])}


def _facts(run: Run) -> list[str]:
    """What stands below the title."""
    finished = [stage.manifest["finished"] for stage in run.stages]
    seeds = sorted({stage.seed for stage in run.stages if stage.seed != NO_SEED})
    facts = [f"{len(run.of('training'))} trainings, {len(run.of('evaluation'))} evaluations"]
    if seeds:
        named = f"{seeds[0]} to {seeds[-1]}" if len(seeds) > 2 and seeds[-1] - seeds[0] == len(seeds) - 1 else _listed(seeds)
        facts.append(f"{'seeds' if len(seeds) > 1 else 'seed'} {named}")
    return [*facts, f"last stage finished {max(finished)[:16].replace('T', ' ')}"] if finished else facts


def _names(known: dict[str, Look]) -> dict:
    """What the script calls methods and languages."""
    methods = {method: [look.name, look.colour] for method, look in known.items()}
    return {"methods": methods, "languages": {code: [lang.name, lang.native] for code, lang in LANGUAGES.items()}}


def _regimes(run: Run, scores: pd.DataFrame, known: dict[str, Look]) -> list[dict]:
    """What each regime shows; None stands for a picture that there is nothing to draw for."""
    lines, found = results.curves(run), []
    for regime in run.regimes:
        mine = scores[scores.regime == regime] if len(scores) else scores
        part = lines[lines.regime == regime] if len(lines) else lines
        trained = {stage.method for stage in run.of("training") if stage.regime == regime}
        entry = {"name": regime, "pareto": None, "rows": [], "said": [], "languages": []}
        if len(mine):
            entry |= _scored(run, mine, known, regime)
        entry["curves"] = _curves(part, known) if len(part) else []
        entry["silent"] = sorted(trained - set(part.get("method", ())), key=method_order)
        entry["trained"] = sorted(trained, key=method_order)
        found.append(entry)
    return found


def _scored(run: Run, scores: pd.DataFrame, known: dict[str, Look], regime: str) -> dict:
    table = results.estimates(scores)
    origins = {method: before for (where, method), before in run.origins.items() if where == regime}
    rows = [
        {"method": method, "look": known[method], "cells": {row.metric: row for row in part.itertuples()}}
        for method, part in table.groupby("method", sort=False)
    ]
    panels = ("fidelity", "accuracy")
    spoken = results.estimates(scores, ("method", "lang"), panels)
    return {
        "pareto": charts.pareto(table, known, origins, regime),
        "accuracies": charts.by_method(table, known, "accuracy"),
        "rows": rows,
        "said": results.what_can_be_said(scores, regime),
        "languages": [charts.by_language(spoken, known, metric) for metric in panels],
    }


def _curves(lines: pd.DataFrame, known: dict[str, Look]) -> list[dict]:
    """The panels of each kind of training that logged something: title, legend, pictures."""
    terms = {name: found[1] for name in lines.metric.unique() if (found := _TERM.fullmatch(name))}
    order = sorted(terms, key=lambda name: (_TERMS.index(terms[name]) if terms[name] in _TERMS else 9, name))
    rewards = {name: (terms[name].replace("_", " "), "reward term, mean over completions") for name in order}
    kinds = [
        ("Reinforcement learning, term by term", rewards | _RL, order[0] if order else "reward"),
        ("Preference training", _PREFERENCE, "rewards/margins"),
        ("Supervised fine-tuning", _SFT, "mean_token_accuracy"),
    ]
    found = []
    for title, panels, telling in kinds:
        methods = sorted(set(lines[lines.metric == telling].method), key=method_order)
        mine = lines[lines.method.isin(methods)]
        drawn = [(m, _in_order(mine[mine.metric == m])) for m in panels]
        pictures = [charts.curve(rows, known, *panels[metric]) for metric, rows in drawn if len(rows)]
        if pictures:
            seeds = mine.groupby("method").seed.nunique().max()
            found.append({"title": title, "methods": methods, "pictures": pictures, "seeds": int(seeds)})
    return found


def _in_order(lines: pd.DataFrame) -> pd.DataFrame:
    rank = {method: number for number, method in enumerate(sorted(set(lines.method), key=method_order))}
    return lines.assign(rank=lines.method.map(rank)).sort_values(["rank", "seed", "step"])


def _listed(values) -> str:
    return ", ".join(map(str, values))

"""One look for all figures: the order and colour of every method and language, and how a figure is saved."""

from collections.abc import Callable
from pathlib import Path

import matplotlib

from sp3f_lib.methods.sp3f import TERMS

PUBLISHED = Path(__file__).parents[2] / "figures" / "published"

# Families of models; `icr_2` is iteration 2 of icr.
FAMILIES = {"dpo": "#000000", "icr": "#0072B2", "lidr": "#D55E00"}


class _OfModels(dict):
    """What a model looks like; one that is not listed gets a look made from its name, the same in every figure."""

    def __init__(self, listed: dict[str, str], others: Callable[[str], str]):
        super().__init__(listed)
        self.others = others

    def __missing__(self, model: str) -> str:
        return self.others(model)


def _pick(some: tuple[str, ...]) -> Callable[[str], str]:
    return lambda model: some[sum(map(ord, model)) % len(some)]


def _colour(model: str) -> str:
    """That of its family, else one made from its name."""
    others = ("#0072B2", "#332288", "#882255", "#44AA99", "#999933", "#AA4499", "#661100")
    return FAMILIES.get(model.partition("_")[0]) or _pick(others)(model)


def _name(model: str) -> str:
    """The name of a model that is not listed: an arm by the terms of its reward, others as they are written.

    >>> _name("terms_aw"), _name("my_arm"), _name("icr_m_1"), _name("dpo"), _name("sp3f, groups of 4")
    ('Reward: accuracy + win rate', 'my arm', 'ICR m 1', 'DPO', 'SP3F, groups of 4')
    """
    arm, comma, settings = model.partition(", ")
    if comma:
        return f"{METHOD_NAMES[arm]}, {settings}"
    family, _, rest = model.partition("_")
    if family in FAMILIES:
        return f"{family.upper()} {rest.replace('_', ' ')}".strip()
    letters = model.removeprefix("terms_")
    if letters != model and set(letters) <= set(TERMS):
        return "Reward: " + " + ".join(TERMS[letter].replace("_", " ") for letter in letters)
    return model.replace("_", " ")


# Okabe and Ito's palette, which colour-blind readers can tell apart.
METHOD_COLOURS = _OfModels({
    "base": "#7f7f7f",
    "sft": "#56B4E9",
    "rlvr": "#E69F00",
    "rlvr_without_fidelity": "#D55E00",
    "judge_unprivileged": "#CC79A7",
    "judge_only": "#F0E442",
    "sp3f": "#009E73",
    # Where the reference goes elsewhere; Paul Tol's muted palette.
    "process": "#332288",
    "process_matched": "#88CCEE",
    "score": "#AA4499",
    "listwise": "#882255",
    "hint": "#CC6677",
    "sp3f_hint": "#44AA99",
    "opsd": "#0072B2",
    "rlvr_opsd": "#999933",
    "self_translate_sft": "#661100",
}, _colour)  # fmt: skip
METHOD_NAMES = _OfModels({
    "base": "Base",
    "sft": "SFT",
    "rlvr": "RLVR",
    "rlvr_without_fidelity": "RLVR, no language term",
    "judge_unprivileged": "Judge without reference",
    "judge_only": "Judge only",
    "sp3f": "SP3F",
    "sp3f_implicit": "SP3F, implicit reward as judge",
    "judge_answer": "Judge with the answer",
    "judge_translated": "Judge with the translated solution",
    "judge_wrong": "Judge with a wrong solution",
    "process": "Agreement, no judge",
    "process_matched": "Agreement at the win rates' spread",
    "score": "Judge's score",
    "score_ranked": "Judge's score, as win rates",
    "listwise": "Judge's ranking",
    "listwise_3": "Judge's three rankings",
    "hint": "RLVR with hints",
    "sp3f_hint": "SP3F with hints",
    "opsd": "Privileged teacher",
    "rlvr_opsd": "RLVR and privileged teacher",
    "rlvr_opsd_unsolved": "RLVR, teacher where none is right",
    "rlvr_gated": "RLVR, gated by language",
    "sp3f_gated": "SP3F, gated by language",
    "rlvr_adaptive": "RLVR, growing language bonus",
    "self_translate_sft": "SFT on self-translations",
}, _name)  # fmt: skip
METHOD_MARKERS = _OfModels({
    "base": "o",
    "sft": "s",
    "rlvr": "^",
    "rlvr_without_fidelity": "<",
    "judge_unprivileged": "v",
    "judge_only": "P",
    "sp3f": "D",
}, _pick(("X", "p", "h", "*", "d", ">")))  # fmt: skip
WIDTH = 7.0  # inches


def apply_theme() -> None:
    """Fonts, grid and resolution of all figures."""
    import seaborn

    seaborn.set_theme(context="notebook", style="whitegrid", font_scale=0.85)
    matplotlib.rcParams.update({"figure.dpi": 110, "savefig.dpi": 200, "savefig.bbox": "tight", "pdf.fonttype": 42})


def save_figure(figure, table, name: str, folder: Path, pdf: bool = True) -> Path:
    """Writes `name`.pdf, .png and .csv (the table that the figure is drawn from); returns the PNG's path.

    The files carry no date, so equal results make equal files. Without `pdf`: half the time, for one that is drawn again.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    table.to_csv(folder / f"{name}.csv", index=False, float_format="%.6g")
    figure.savefig(folder / f"{name}.png", metadata={"Software": None})
    if pdf:  # behind the PNG, whose layout it would change by a little
        figure.savefig(folder / f"{name}.pdf", metadata={"CreationDate": None})
    return folder / f"{name}.png"

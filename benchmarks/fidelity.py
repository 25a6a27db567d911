"""The fidelity reward beside the authors' construction, in one run: import, first verdict, memory, texts a second, accuracy.

    python benchmarks/fidelity.py --folder ../shared/data     (MGSM and, if there, UltraFeedback, X-AlpacaEval, judge probes)

Speed and memory are measured in a process per method that does nothing else. The authors' construction is one lingua detector
{target, English} for each of the 18 languages, models loaded beforehand (sp3f_lib.evaluation.two_class.py).
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

METHODS = ("ours", "two-class")
CHILD = "--measure"
WARM_UP = 600  # texts


def main() -> None:
    from sp3f_lib.audits import fidelity as audit
    from sp3f_lib.evaluation.two_class import two_class_share, two_class_words
    from sp3f_lib.languages import LANGUAGES
    from sp3f_lib.rewards.fidelity import language_share

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="where mgsm/ is (default: the hub)")
    parser.add_argument("--texts", type=int, default=200, help="texts a language for the confusion (0: all)")
    parser.add_argument("--mixtures", type=int, default=1000)
    options = parser.parse_args()
    seen = [code for code, language in LANGUAGES.items() if language.seen]
    texts = audit.read_texts(options.folder)
    mgsm = texts[texts.source == "MGSM"]

    print(f"Speed and memory: {len(mgsm)} MGSM texts, {mgsm.lang.nunique()} languages, detectors for {len(seen)} languages")
    ours, theirs = (measured(method, seen, mgsm[["lang", "text"]].sample(frac=1, random_state=0)) for method in METHODS)
    rows = [(name, ours[name], theirs[name]) for name in ours]

    single = audit.one_language(texts)
    long = single[single.text.str.len() >= audit.LONG]
    if options.texts:
        long = long.groupby("lang").head(options.texts)
    targets = [code for code in LANGUAGES if code in seen or code in set(long.lang)]
    mixed = audit.mixtures(single, options.mixtures)
    counts = [audit.accepted(long, targets, share) for share in (language_share, two_class_share)]
    ours, theirs = (audit.summary(table) for table in counts)
    rows.append((f"accepted in its own language, % of {ours['texts']}", 100 * ours["own"], 100 * theirs["own"]))
    rows.append(
        (f"accepted as each of {len(targets) - 1} others, per 100 texts", 100 * ours["other"], 100 * theirs["other"])
    )
    errors = (
        audit.mixture_errors(mixed, language_share, audit.letters),
        audit.mixture_errors(mixed, two_class_share, two_class_words),
    )
    rows.append((f"mean absolute error of the share, {len(mixed)} mixtures", *(error.mean() for error in errors)))
    print(f"\n{'':<50}{METHODS[0]:>12}{METHODS[1]:>12}{'ratio':>9}")
    for name, mine, other in rows:
        print(f"{name:<50}{mine:>12.4g}{other:>12.4g}{(mine / other if other else float('nan')):>9.3g}")


def measured(method: str, languages: list[str], texts) -> dict[str, float]:
    """Import and first verdict in seconds, memory in MB, texts a second, of one method in a process of its own."""
    command = [sys.executable, __file__, CHILD, method]
    done = subprocess.run(
        command, input=json.dumps([languages, texts.to_numpy().tolist()]), stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout)


def measure(method: str) -> dict[str, float]:
    languages, texts = json.load(sys.stdin)
    start, began = memory(), time.perf_counter()
    if method == "ours":
        from sp3f_lib.rewards.fidelity import language_share as share
    else:
        import lingua  # noqa: F401

        from sp3f_lib.evaluation.two_class import two_class_share as share
    imported = time.perf_counter() - began
    began = time.perf_counter()
    # The authors' detectors load their models when they are made, before the first verdict.
    for lang in languages if method == "two-class" else ["es"]:
        share("Hay cinco manzanas y tres peras en la cesta.", lang)
    first = time.perf_counter() - began
    timed = texts[WARM_UP:]
    for lang, text in texts[:WARM_UP]:  # ours loads models when they are first needed
        share(text, lang)
    began = time.perf_counter()
    for lang, text in timed:
        share(text, lang)
    seconds = time.perf_counter() - began
    return {
        "import (s)": imported,
        "ready and first verdict (s)": first,
        "memory in the end (MB)": memory() - start,
        f"texts a second, after {WARM_UP} others": len(timed) / seconds,
    }


def memory() -> float:
    """Resident memory of this process in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[2]))) if sys.argv[1:2] == [CHILD] else main()

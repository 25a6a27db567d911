"""Both rules on all rows of Belebele and Global-MMLU-Lite that are here: what each makes of an option's text."""

import json

import pytest

from sp3f_lib.evaluation.choices import authors_rule, read_choice
from sp3f_lib.evaluation.task_rows import covered, task_rows
from sp3f_lib.evaluation.task_score import score_answer
from sp3f_lib.evaluation.tasks import load_task
from sp3f_lib.languages import LANGUAGES, closing_sentence

LETTERS = "ABCD"


def questions(folder, name, lang) -> list[tuple[tuple[str, ...], str]]:
    """(options, gold letter) of a file of either set."""
    found = []
    for line in (folder / name).read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if "flores_passage" in row:
            options, gold = [row[f"mc_answer{k}"] for k in (1, 2, 3, 4)], LETTERS[int(row["correct_answer_num"]) - 1]
        else:
            options, gold = [row[f"option_{k}"] for k in "abcd"], row["answer"]
        found.append((tuple(options), gold))
    return found


def false_accepts(found, lang) -> dict[str, float]:
    """Percent of wrong options whose text counts as right, by each rule: ours in a box, and in the closing phrase without one.

    `rejected`: percent of right options' texts that ours does not accept.
    """
    counts = dict.fromkeys(("ours", "phrase", "theirs", "rejected"), 0)
    for options, gold in found:
        right = options[LETTERS.index(gold)]
        for letter, option in zip(LETTERS, options, strict=True):
            box = rf"\boxed{{{option}}}"
            phrase = closing_sentence(lang, "@").replace(r"\boxed{@}", option)
            if letter == gold:
                counts["rejected"] += read_choice(box, options, lang).letter != gold
            else:
                counts["ours"] += read_choice(box, options, lang).letter == gold
                counts["phrase"] += read_choice(phrase, options, lang).letter == gold
                counts["theirs"] += authors_rule(box, gold, right)
    return {name: 100 * count / len(found) / (1 if name == "rejected" else 3) for name, count in counts.items()}


@pytest.mark.parametrize(
    "name, lang, theirs",
    [
        ("belebele/eng_Latn.jsonl", "en", 5.70),
        ("belebele/vie_Latn.jsonl", "vi", 5.44),
        ("belebele/ind_Latn.jsonl", "id", 4.33),
        ("belebele/deu_Latn.jsonl", "de", 7.48),
        ("belebele/tha_Thai.jsonl", "th", 0.22),
        ("belebele/zho_Hans.jsonl", "zh", 0.15),
        ("global_mmlu_lite/en.test.jsonl", "en", 4.75),
        ("global_mmlu_lite/id.test.jsonl", "id", 2.67),
        ("global_mmlu_lite/vi.test.jsonl", "vi", 5.83),
        ("global_mmlu_lite/zh.test.jsonl", "zh", 0.17),
    ],
)
def test_a_wrong_options_text_counts_in_less_than_one_of_a_thousand(shared_data, name, lang, theirs):
    shares = false_accepts(questions(shared_data, name, lang), lang)
    print(name, {rule: f"{share:.2f} %" for rule, share in shares.items()})
    assert max(shares["ours"], shares["phrase"]) <= 0.1
    assert shares["theirs"] == pytest.approx(theirs, abs=0.005)
    assert shares["rejected"] <= 0.3


@pytest.mark.parametrize("name", ["belebele", "global_mmlu_lite"])
def test_a_question_repeated_its_options_listed_or_half_an_option_chooses_nothing(shared_data, name):
    task = load_task(name)
    for lang in covered(task, LANGUAGES, shared_data):
        halves = 0
        for row in task_rows(task, [lang], shared_data)[::16]:
            options, whole = row["options"], row["input"][-1]["content"]
            question, _, listed = whole.rpartition("\n\nA) ")
            for text in (question, rf"\boxed{{{question[:300]}}}"):
                assert read_choice(text, options, lang).how == "nothing", text
            assert read_choice("A) " + listed, options, lang).how == "ambiguous"
            for letter, option in zip(LETTERS, options, strict=True):
                half = option[: len(option) // 2].strip(" .")
                # Half of "Silicon carbide" is the whole of another option.
                if len(half) > 3 and half.casefold() not in [other.strip(" .").casefold() for other in options]:
                    halves += 1
                    assert read_choice(rf"\boxed{{{half}}}", options, lang).letter in (None, letter), half
        assert halves > 45


@pytest.mark.parametrize("name", ["belebele", "global_mmlu_lite"])
def test_a_model_that_knows_is_right_and_one_that_guesses_is_at_chance(shared_data, name):
    task = load_task(name)
    for lang in covered(task, LANGUAGES, shared_data):
        rows = task_rows(task, [lang], shared_data)[::3]  # the detectors take the time
        knows = [score_answer(row, closing_sentence(lang, row["gold"]), 0.7) for row in rows]
        assert all(one["accuracy"] == one["authors"] == 1 for one in knows)
        always = [score_answer(row, closing_sentence(lang, "(C)"), 0.7) for row in rows]
        assert sum(one["accuracy"] for one in always) / len(rows) == pytest.approx(task.chance, abs=0.05)
        assert not any(one["authors"] for one in always)

"""Which pairs are trained on: those with two different answers that fit as a whole; what is no pair is named."""

import pytest

from sp3f_lib.runs import StageError
from sp3f_lib.training.fitting import fitting_pairs

from .pairs import make_pair, message, sums

SHORT, LONG = "It is 4.", "Maria buys more apples: 5 + 3 = 8. Maria loses apples: 8 - 4 = 4. Therefore, the answer is 4."
PAIRS = [*sums(6), make_pair(6, LONG, SHORT), make_pair(7, SHORT, LONG)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"chosen": message("assistant", " \n")}, r"pair 1 \(id p1\): 'chosen' must be .* not empty"),
        ({"rejected": []}, r"pair 1 \(id p1\): 'rejected' must be"),
        ({"chosen": "4."}, r"'chosen' must be a list of messages.*'4\.'"),
        ({"chosen": [{"role": "assistant", "content": None}]}, "'chosen' must be a list of messages"),
        ({"prompt": "1 + 3?"}, r"pair 1 \(id p1\): 'prompt' must be a list of messages .* not '1 \+ 3\?'"),
        ({"chosen": message("user", "4.")}, "the assistant's"),
        ({"chosen": PAIRS[1]["rejected"]}, r"pair 1 \(id p1\): 'chosen' and 'rejected' are the same text"),
    ],
)
def test_a_pair_without_two_different_answers_is_named(tokenizer, change, message):
    with pytest.raises(StageError, match=message):
        fitting_pairs([PAIRS[0], PAIRS[1] | change], tokenizer, None, "icr")


def test_a_missing_column_is_named(tokenizer):
    with pytest.raises(StageError, match="pair 0 has no rejected; it has prompt, chosen, reject"):
        fitting_pairs([{"prompt": [], "chosen": [], "reject": []}], tokenizer, None, "icr")


def test_no_pairs_stop_the_stage(tokenizer):
    with pytest.raises(StageError, match="icr: there are no pairs"):
        fitting_pairs([], tokenizer, None, "icr")


def test_a_pair_is_left_out_whole_if_either_side_does_not_fit(tokenizer):
    def tokens(pair, side):
        return len(tokenizer.apply_chat_template(pair["prompt"] + pair[side], return_dict=True)["input_ids"])

    limit = tokens(PAIRS[0], "rejected")  # the longer side of the first six, which have the same length
    assert tokens(PAIRS[6], "rejected") < limit < tokens(PAIRS[6], "chosen")
    assert tokens(PAIRS[7], "chosen") < limit < tokens(PAIRS[7], "rejected")
    kept = [{key: pair[key] for key in ("prompt", "chosen", "rejected")} for pair in PAIRS[:6]]
    assert fitting_pairs(PAIRS, tokenizer, limit, "icr") == kept
    assert fitting_pairs(PAIRS[:6] * 2, tokenizer, limit, "icr") == kept * 2
    with pytest.raises(StageError, match=f"none of 8 pairs fits into {limit - 1} tokens"):
        fitting_pairs(PAIRS, tokenizer, limit - 1, "icr")

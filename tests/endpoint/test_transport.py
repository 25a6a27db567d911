"""What is read of a body that an endpoint sends."""

import pytest

from sp3f_lib.endpoint import transport


def test_numbers_texts_and_nesting_that_no_reply_should_have_are_no_verdict_and_no_crash():
    choice = '{{"choices": [{{"message": {{"content": {0}}}}}], "usage": {{"prompt_tokens": {1}}}}}'
    for content, tokens in (("7", "1"), ('"x"', "1e999"), ('"x"', "-1"), ('"x"', "1" + "0" * 30), ("[" * 200_000, "1")):
        with pytest.raises(transport.BadBody):
            transport.read_completion(choice.format(content, tokens).encode(), 0.0, 1)
    reply = transport.read_completion(choice.format(r'"half \ud83d \\boxed{A}"', "5").encode(), 0.0, 1)
    assert (reply.text, reply.tokens_in) == (r"half ? \boxed{A}", 5)

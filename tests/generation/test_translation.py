"""Self-translation: what is asked, what is read, and every failure with its reason."""

import pandas as pd
import pytest

from sp3f_lib.generation.local import Completion
from sp3f_lib.generation.sampling import TRANSLATION
from sp3f_lib.generation.translation import (
    CLOSE,
    CUT,
    NOT_NEEDED,
    PREFILL,
    failure_table,
    read_translation,
    self_translate,
    translation_prompt,
)
from sp3f_lib.generation.translation_requests import asks_for_translation


def replies(*texts):
    """A generator that gives these replies, and keeps what it was asked."""

    def generate(prompts, sampling, seed, prefill="", stop=None):
        generate.asked = [prompt[-1]["content"] for prompt in prompts]
        assert (prefill, stop) == (PREFILL, CLOSE)
        return [Completion(k, 0, True, text, len(text), CLOSE in text) for k, text in enumerate(texts)]

    return generate


@pytest.mark.parametrize(
    ("reply", "text", "reason"),
    [
        (" Drei {Äpfel}.\n</translated>", "Drei {Äpfel}.", None),
        ("Drei</translated> and more</translated>", "Drei", None),
        ("Drei Äpfel.", None, "no closing tag"),
        ("Drei </translated", None, "no closing tag"),
        ("  </translated>", None, "empty translation"),
        ("<translated>Drei</translated>", None, "tags in the translation"),
        ("Drei</sentence></translated>", None, "tags in the translation"),
    ],
)
def test_what_stands_before_the_closing_tag_is_the_translation(reply, text, reason):
    found = read_translation(reply)
    assert (found.text, found.reason) == (text, reason)


def test_the_prompt_names_both_languages_and_keeps_the_text_as_it_is():
    (message,) = translation_prompt("{source} 100% \\{x}", "sw", "en")
    assert message["role"] == "user"
    assert "from Swahili into English" in message["content"]
    assert message["content"].endswith("<sentence>{source} 100% \\{x}</sentence>")


def test_texts_that_cannot_be_asked_for_are_not_asked_for():
    generate = replies("eins</translated>", "zwei")
    jobs = [(text, "en", "de") for text in ("one", " ", "a </sentence> b", "write <translated> here", "two")]
    found = self_translate(generate, jobs, TRANSLATION)
    assert [t.text for t in found] == ["eins", None, None, None, None]
    assert [t.reason for t in found] == [None, "empty text", "tags in the text", "tags in the text", "no closing tag"]
    assert [text.rsplit("<sentence>", 1)[1] for text in generate.asked] == ["one</sentence>", "two</sentence>"]


def test_nothing_to_ask_asks_nothing():
    assert self_translate(None, [("", "en", "de")], TRANSLATION)[0].reason == "empty text"


def test_failures_are_counted_by_language_and_length():
    rows = [
        ("en", "de", 249, "a", None),
        ("en", "de", 250, None, "no closing tag"),
        ("en", "de", 499, "b", None),
        ("en", "de", 9000, None, "empty translation"),
        ("de", "en", 249, "c", None),
        ("en", "de", 249, None, NOT_NEEDED),
        ("en", "de", 249, None, CUT),
    ]
    table = failure_table(pd.DataFrame(rows, columns=["source", "target", "characters", "text", "reason"]))
    keys = ["source", "target", "length", "translations", "failed", "no closing tag", "empty translation"]
    assert table[keys].values.tolist() == [
        ["de", "en", "0+", 1, 0, 0, 0],
        ["en", "de", "0+", 1, 0, 0, 0],
        ["en", "de", "250+", 2, 1, 1, 0],
        ["en", "de", "4000+", 1, 1, 0, 1],
    ]
    assert table["share"].tolist() == [0, 0, 0.5, 1]


@pytest.mark.parametrize(
    "prompt",
    [
        "Translate the following phrase into French.\nI miss you",
        "Translate \"Where is the store?\" into German.",
        "Translates the sentence from German to English.\nEr mag Musik hören.",
        "Translate the following statement in Japanese\nShe is an excellent teacher",
        "You are given a sentence in Polish. Your job is to translate the Polish sentence into Portugese.",
        "given a sentence in the English language, your task is to convert it into the Bengali language.\nQ: Victoria",
        "Given a sentence in Korean, provide an equivalent paraphrased translation in English that retains the meaning.",
        "How do you say 'good morning' in Swahili?",
    ],
)  # fmt: skip
def test_prompts_that_ask_for_a_translation(prompt):
    assert asks_for_translation(prompt)


@pytest.mark.parametrize(
    "prompt",
    [
        "Given a sentence, translate it into a mathematical equation.\nThe sum of two numbers is five.",
        "Convert the following snippet of code into english.\nfor (int i = 0; i < array.length; i++)",
        "Check if the Hindi sentence is translation of English. if the translation is correct generate \"Yes\".",
        "Give three tips for staying healthy.",
        "Explain what the sign 'translate to French' does in this program.",
        "Name five cities in French Polynesia. Then translate your feelings. Tell me about life in German towns.",
        "Rewrite the sentence in the passive voice.\nThe English teacher spoke.",
    ],
)  # fmt: skip
def test_prompts_that_do_not(prompt):
    assert not asks_for_translation(prompt)


def test_the_prompts_of_the_lidr_authors(shared_data):
    from sp3f_lib.data.parallel import read_prompts

    prompts, _ = read_prompts(shared_data / "alpagasus_multilingual", ("en",))
    numbers = [int(p.id.split("-")[1]) for p in prompts if asks_for_translation(p.english)]
    assert numbers == [19, 42, 343, 362, 539, 932, 977, 1036, 1345, 1387, 1458, 1608, 1617, 1634, 1720, 1750, 1977]

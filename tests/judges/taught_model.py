"""A small model of the lab that was taught to judge: what the local judge loads, and what a server of its own serves."""

import os
from pathlib import Path

import pytest
from filelock import FileLock

from sp3f_lib.judges import Pair
from sp3f_lib.judges.prompts import messages
from sp3f_lib.profiles import load_profile

from ..toy import TOY

SECRET = b"of the tags that the model was taught with"  # a real judge copes with any; this one knows ten prompts by heart


def questions(count):
    """Pairs of different lengths; the model is taught to prefer A when response A is about apples, else B."""
    goods = ["apples ", "eggs "]
    return [Pair(f"Maria has {k}.", goods[k % 2] * (20 + 5 * (k % 5)), "She loses 2.") for k in range(count)]


def expected(pairs):
    return [1.0 if "apples" in pair.response_a else 0.0 for pair in pairs]


def make_model(directory):
    """A small model of the lab, saved in `directory`, that was taught to judge the pairs of `questions`."""
    import torch

    from sp3f_lib.base.model import new_model, train_tokenizer

    recipe = load_profile(TOY).lab
    torch.set_num_threads(1)
    tokenizer = train_tokenizer(recipe, ("en",), directory)
    model = new_model(recipe, tokenizer, 0)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-2)
    losses = []
    for step in range(150):
        rows, labels = [], []
        for pair in questions(10)[step % 2 * 5 :][:5]:
            chat = messages(pair, SECRET)
            prompt = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_dict=True)["input_ids"]
            letter = "A" if "apples" in pair.response_a else "B"
            reply = tokenizer(f"\\boxed{{{letter}}}<|im_end|>", add_special_tokens=False)["input_ids"]
            rows.append(prompt + reply)
            labels.append([-100] * len(prompt) + reply)
        width = max(map(len, rows))
        pad = tokenizer.pad_token_id
        ids = torch.tensor([[pad] * (width - len(row)) + row for row in rows])
        wanted = torch.tensor([[-100] * (width - len(row)) + row for row in labels])
        loss = model(input_ids=ids, attention_mask=(ids != pad).long(), labels=wanted).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses = [*losses[-1:], loss.item()]
        if max(losses) < 0.03 and len(losses) == 2:
            break
    else:
        pytest.fail(f"the model has not learnt to judge, and the tests would say nothing: losses {losses}")
    model.save_pretrained(directory)


def made_once(tmp_path_factory) -> Path:
    """The directory of that model, which all test processes share."""
    base = tmp_path_factory.getbasetemp()
    place = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "taught to judge"
    with FileLock(f"{place}.lock"):
        if not (place / "model.safetensors").is_file():
            make_model(place)
    return place

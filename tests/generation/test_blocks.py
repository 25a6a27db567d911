"""Blocks of answers: every count of samples reads the same ones, whoever made them, in whatever order, and whatever is lost."""

from dataclasses import replace

import pyarrow as pa
import pytest

from sp3f_lib.generation.blocks import blocks_of, make_blocks, missing, read_blocks, reuse
from sp3f_lib.generation.sampling import Sampling, local_generator

from ..tiny_models import user

PROMPTS = [user(f"What is {number} and {number + 1}? {'Think. ' * (number % 4)}") for number in range(7)]
LANGS = ["en"] * 4 + ["de"] * 3
SAMPLING = Sampling(samples=2, temperature=0.9, top_p=0.9, max_new_tokens=5, batch_size=4)
BY = {"model": "tiny", "batch_size": 4}


def blocks(prompts=PROMPTS, langs=LANGS, sampling=SAMPLING, size=3, by=BY):
    return blocks_of(prompts, langs, size, sampling, by)


def answers(folder, wanted) -> list[tuple]:
    found = pa.concat_tables(read_blocks(folder, wanted)).to_pylist()
    return [(row["prompt"], row["sample"], row["greedy"], row["text"], row["tokens"], row["finished"]) for row in found]


class Counted:
    """A generator that counts what it makes."""

    def __init__(self, tiny):
        self.generate, self.asked = local_generator(tiny.policy, tiny.tokenizer), 0

    def __call__(self, prompts, sampling, seed):
        self.asked += len(prompts) * sampling.samples
        return self.generate(prompts, sampling, seed)


@pytest.fixture
def generate(qwen2) -> Counted:
    return Counted(qwen2)


def test_a_block_is_one_answer_to_prompts_of_one_language(generate, tmp_path):
    wanted = blocks()
    assert [(block.first, len(block.prompts)) for block in wanted[::3]] == [(0, 3), (3, 1), (4, 3)]
    assert [(block.sample, block.sampling.temperature) for block in wanted[:3]] == [(0, 0.0), (0, 0.9), (1, 0.9)]
    make_blocks(tmp_path, wanted, generate)
    found = answers(tmp_path, wanted)
    assert [row[:3] for row in found] == [
        (number, *kind) for number in range(7) for kind in ((0, True), (0, False), (1, False))
    ]
    assert len({row[3] for row in found if not row[2]}) > 7  # samples differ from each other


def test_more_samples_make_only_the_new_ones_and_fewer_read_some(generate, tmp_path):
    two, four, one = (replace(SAMPLING, samples=count) for count in (2, 4, 1))
    make_blocks(tmp_path / "two" / "blocks", blocks(sampling=two), generate)
    assert generate.asked == 7 * 3
    of_two, folder = answers(tmp_path / "two" / "blocks", blocks(sampling=two)), tmp_path / "four" / "blocks"
    assert reuse(folder, blocks(sampling=four)) == 9
    make_blocks(folder, blocks(sampling=four), generate)
    assert generate.asked == 7 * 5
    of_four = answers(folder, blocks(sampling=four))
    assert [row for row in of_four if row[1] < 2] == of_two
    assert reuse(tmp_path / "one" / "blocks", blocks(sampling=one)) == 6 and not missing(
        tmp_path / "one" / "blocks", blocks(sampling=one)
    )
    assert answers(tmp_path / "one" / "blocks", blocks(sampling=one)) == [row for row in of_two if row[1] < 1]
    # What was taken over stays when the stage it came from is removed.
    for path in (tmp_path / "two" / "blocks").iterdir():
        path.unlink()
    assert answers(folder, blocks(sampling=four)) == of_four


def test_another_language_adds_its_own_and_another_model_or_setting_takes_over_nothing(generate, tmp_path):
    make_blocks(tmp_path / "en" / "blocks", blocks(PROMPTS[:4], LANGS[:4]), generate)
    both = tmp_path / "both" / "blocks"
    assert reuse(both, blocks()) == 6 and len(missing(both, blocks())) == 3
    assert reuse(both, blocks(by=BY | {"model": "another"})) == 0
    assert reuse(both, blocks(sampling=replace(SAMPLING, max_new_tokens=6))) == 0
    hotter = blocks(sampling=replace(SAMPLING, temperature=1.0))
    assert reuse(both, hotter) == 0 and len(missing(both, hotter)) == 9 - 2  # greedy ones have no temperature


def test_answers_are_the_same_in_any_order_and_greedy_ones_in_any_batch(generate, tmp_path):
    make_blocks(tmp_path / "a", blocks(), generate)
    for share in (2, 1, 0):
        make_blocks(tmp_path / "b", blocks()[share::3], generate)
    assert answers(tmp_path / "b", blocks()) == answers(tmp_path / "a", blocks())
    larger = blocks(sampling=replace(SAMPLING, batch_size=2), by=BY | {"batch_size": 2}, size=3)
    make_blocks(tmp_path / "c", larger, generate)
    found, expected = answers(tmp_path / "c", larger), answers(tmp_path / "a", blocks())
    assert [row for row in found if row[2]] == [row for row in expected if row[2]]
    assert {block.file for block in larger} & {block.file for block in blocks()} == {
        block.file for block in blocks() if not block.sampling.temperature
    }


def test_a_block_that_is_lost_is_made_again_alone(generate, tmp_path):
    make_blocks(tmp_path, blocks(), generate)
    before, made = answers(tmp_path, blocks()), generate.asked
    (tmp_path / blocks()[4].file).unlink()
    make_blocks(tmp_path, blocks(), generate)
    assert generate.asked == made + 1 and answers(tmp_path, blocks()) == before

"""What makes an arm beside SP3F stands in its card: the shape of its reward, its hints, its teacher, who translated its rows."""

import pytest

from sp3f_lib.methods.models import apply_changes
from sp3f_lib.pipeline.card import write_card
from sp3f_lib.profiles import load_profile

from ..toy import TOY

SAID = {
    "rlvr_gated": "threshold 0.7, language gated (rewards/shapes.py).\n",
    "hint": "\nhint:\n  use: true\n  chunks: 5\n",
    "opsd": "\nteacher:\n  use: true\n  model: policy\n",
    "self_translate_sft": "\nself_translation:\n  start: sft\n  model: base\n",
}


@pytest.mark.parametrize("name", ["rlvr", *SAID])
def test_each_card_tells_its_own_and_no_others(name, tmp_path):
    text = write_card(tmp_path, apply_changes(load_profile(TOY), name), name, {"sw": 12}).read_text()
    assert [one for one, said in SAID.items() if said in text] == [name for one in SAID if one == name]

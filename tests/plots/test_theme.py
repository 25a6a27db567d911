"""Every model of the table has a name for readers, and no two the same one."""

from sp3f_lib.methods.models import MODELS
from sp3f_lib.plots.theme import FAMILIES, METHOD_NAMES


def test_every_model_has_a_name_of_its_own():
    shown = {name: METHOD_NAMES[name] for name in MODELS}
    assert len(set(shown.values())) == len(MODELS)
    assert [name for name, said in shown.items() if "_" in said] == []
    made = [name for name in MODELS if name != "start" and not name.startswith("terms_")]  # `start` is another model's name
    listed = [name for name in made if name.partition("_")[0] not in FAMILIES]
    assert [name for name in listed if name not in METHOD_NAMES] == []
    assert [name for name in METHOD_NAMES if name not in MODELS] == []

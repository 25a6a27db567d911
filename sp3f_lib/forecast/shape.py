"""The shape of a model: what of its configuration decides memory and compute. No weights are loaded.

The configuration of a hub id is looked for in the local cache, then on the hub, once and for a few seconds (transformers itself
tries six times, for half a minute); without network the models that the profiles name are known here.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path

from sp3f_lib.lab.shipped import RECIPE, SHIPPED, SMOLLM2, shipped_base
from sp3f_lib.profiles import Profile
from sp3f_lib.profiles.sections import LabModel
from sp3f_lib.runs import StageError

_PATIENCE = 5.0  # seconds
# What their config.json says, for machines without network (Qwen2.5: arXiv 2412.15115, table 1; Llama 3: arXiv 2407.21783,
# table 3). Tests check the number of weights.
_QWEN = {"model_type": "qwen2"}
_LLAMA_3_8B = {
    "model_type": "llama", "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32, "num_attention_heads": 32,
    "num_key_value_heads": 8, "vocab_size": 128256, "tie_word_embeddings": False,
}  # fmt: skip
KNOWN = {
    "Qwen/Qwen2.5-0.5B": _QWEN | {
        "hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24, "num_attention_heads": 14,
        "num_key_value_heads": 2, "vocab_size": 151936, "tie_word_embeddings": True,
    },
    "Qwen/Qwen2.5-1.5B": _QWEN | {
        "hidden_size": 1536, "intermediate_size": 8960, "num_hidden_layers": 28, "num_attention_heads": 12,
        "num_key_value_heads": 2, "vocab_size": 151936, "tie_word_embeddings": True,
    },
    "Qwen/Qwen2.5-7B": _QWEN | {
        "hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28, "num_attention_heads": 28,
        "num_key_value_heads": 4, "vocab_size": 152064, "tie_word_embeddings": False,
    },
    # As its GGUF's header has it (base/smollm2.py).
    SMOLLM2: {
        "model_type": "llama", "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30, "num_attention_heads": 9,
        "num_key_value_heads": 3, "head_dim": 64, "vocab_size": 49152, "tie_word_embeddings": True,
        "max_position_embeddings": 8192, "rms_norm_eps": 1e-5, "rope_parameters": {"rope_type": "default", "rope_theta": 1e5},
    },
    "meta-llama/Meta-Llama-3-8B-Instruct": _LLAMA_3_8B,
    "princeton-nlp/Llama-3-Base-8B-SFT": _LLAMA_3_8B,
}  # fmt: skip


@dataclass(frozen=True)
class Shape:
    """What of a model's configuration decides its memory. `layer` is the number of weights in one layer.

    `note` says where it comes from if that is not the model's own configuration.
    """

    weights: int
    layer: int
    layers: int
    width: int
    vocabulary: int
    key_value_heads: int
    head_width: int
    note: str = field(default="", compare=False)


def load_shape(profile: Profile) -> Shape:
    """The shape of the profile's model: the lab's, or that of a model directory's or hub id's configuration.

    `StageError` if the hub does not answer and the model is neither in the cache nor one that is known here.
    """
    config, note = load_config(profile)
    return replace(shape_of(config), note=note)


def load_config(profile: Profile) -> tuple:
    """(the transformers configuration of the profile's model, a note if that is not its own). Errors as in `load_shape`."""
    from transformers import AutoConfig

    path, revision = profile.model.path, profile.model.revision
    if path == RECIPE:
        return _lab_config(profile.lab), ""
    if path == SMOLLM2:
        return AutoConfig.for_model(**KNOWN[path]), ""
    path = str(shipped_base(path)) if path in SHIPPED else path
    if Path(path).is_dir():
        return AutoConfig.from_pretrained(path), ""
    try:
        return AutoConfig.from_pretrained(path, revision=revision, local_files_only=True), ""
    except OSError:  # not in the cache
        pass
    if _hub_answers(path, revision):
        return AutoConfig.from_pretrained(path, revision=revision), ""
    if path not in KNOWN:
        raise StageError(
            f"model.path: the hub does not answer, and the configuration of {path!r} is not in the cache; give a directory with "
            "its config.json (--model), or try again with network"
        )
    note = f"the hub does not answer; {path} is taken to be as it was published (sp3f_lib/forecast/shape.py)"
    return AutoConfig.for_model(**KNOWN[path]), note


def shape_of(config) -> Shape:
    """The shape of a transformers configuration; weights are counted in a model without storage (device `meta`)."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    layer = sum(weight.numel() for weight in model.get_decoder().layers[0].parameters())
    heads = config.num_attention_heads
    return Shape(
        weights=sum(weight.numel() for weight in model.parameters()),
        layer=layer,
        layers=config.num_hidden_layers,
        width=config.hidden_size,
        vocabulary=config.vocab_size,
        key_value_heads=getattr(config, "num_key_value_heads", None) or heads,
        head_width=getattr(config, "head_dim", None) or config.hidden_size // heads,
    )


def _hub_answers(path: str, revision: str | None) -> bool:
    """One request; whatever the hub says to it, transformers explains better than we would."""
    import httpx2
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    try:
        get_hf_file_metadata(hf_hub_url(path, "config.json", revision=revision), timeout=_PATIENCE)
    except (httpx2.TransportError, OfflineModeIsEnabled):
        return False
    except HfHubHTTPError:
        return True
    return True


def _lab_config(lab: LabModel):
    from transformers import LlamaConfig

    return LlamaConfig(
        vocab_size=lab.vocab_size, hidden_size=lab.hidden_size, intermediate_size=lab.intermediate_size,
        num_hidden_layers=lab.layers, num_attention_heads=lab.heads, num_key_value_heads=lab.key_value_heads,
        tie_word_embeddings=True,
    )  # fmt: skip

"""A judge that runs here: a Hugging Face model, or the policy itself, through transformers' batched generation.

    --set judge.name=local --set judge.model=path/or/hub-id        another model
    --set judge.name=local --set judge.model=policy                the policy judges its own responses (self-judging)

Same prompts, same parser, same ledger as the API judge. The policy changes at every step, so its verdicts are remembered for
the step that they were made in, which is what a restart repeats. The policy is shown the reference while it judges; what it
writes as a judge is never trained on.
"""

import json
import time
from pathlib import Path

from sp3f_lib.judges.base import Asked, JudgeError
from sp3f_lib.judges.face import messages
from sp3f_lib.judges.ledger import AT_STEP, Entry, Ledger
from sp3f_lib.judges.recorded import RecordedJudge
from sp3f_lib.profiles.judge_section import Judge as Settings
from sp3f_lib.progress import Waiting

POLICY = "policy"
_DEFAULT_TOKENS = 1024


class LocalJudge(RecordedJudge):
    """Generates verdicts with `settings.model`; for `policy`, `bind` gives it the model at every step."""

    endpoint = "transformers"

    def __init__(self, settings: Settings, ledger: Ledger | None = None, run: str = ""):
        super().__init__(settings, ledger, run)
        if settings.torch_dtype != "float32":
            self.sampling = json.dumps(json.loads(self.sampling) | {"torch_dtype": settings.torch_dtype}, sort_keys=True)
        self._step, self._loaded = None, None

    @property
    def model(self) -> str:
        """The model's path; for the policy, the run and the step too."""
        return self.settings.model if self._step is None else f"{POLICY} of {self.run}{AT_STEP}{self._step}"

    def bind(self, model, tokenizer, step: int) -> None:
        """For self-judging: the policy as it is at `step`."""
        self._loaded, self._step = (model, tokenizer), step

    async def ask(self, missing: dict[str, Asked]) -> dict[str, Entry]:
        """Answers in batches, longest first; every batch is in the ledger before the next one starts."""
        import torch

        if self._loaded is None:
            self._loaded = self._load()
        model, tokenizer = self._loaded
        ids = {}
        for key, one in missing.items():
            chat = messages(one, self.ledger.secret)
            ids[key] = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_dict=True)["input_ids"]
        order, entries, size = sorted(ids, key=lambda key: -len(ids[key])), {}, self.settings.batch_size
        new = self.settings.max_tokens or _DEFAULT_TOKENS
        self._check_length(model, len(ids[order[0]]), new)
        was_training, padding = model.training, tokenizer.padding_side
        # The judge's sampling must not move the policy's: training goes on as if it had not been asked.
        states = torch.get_rng_state(), torch.cuda.get_rng_state_all() if torch.cuda.is_available() else None
        model.eval()
        tokenizer.padding_side = "left"
        try:
            with Waiting("judge", "comparisons") as wait:
                for start in range(0, len(order), size):
                    keys = order[start : start + size]
                    for key, entry in self._batch(model, tokenizer, {key: ids[key] for key in keys}, missing, new):
                        entries[key] = self.ledger.write(entry)
                    wait.at(len(entries), len(order))
        finally:
            model.train(was_training)
            tokenizer.padding_side = padding
            torch.set_rng_state(states[0])
            if states[1] is not None:
                torch.cuda.set_rng_state_all(states[1])
        return entries

    def _batch(self, model, tokenizer, ids: dict[str, list[int]], asked: dict[str, Asked], new: int):
        import torch
        from transformers import GenerationConfig

        from sp3f_lib.generation.local import end_ids

        temperature, ends = self.settings.temperature, end_ids(model, tokenizer)
        sampled = {"do_sample": True, "temperature": temperature, "top_k": 0, "top_p": 1.0}
        config = GenerationConfig(
            max_new_tokens=new,
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=ends,
            **(sampled if temperature else {"do_sample": False}),
        )
        inputs = tokenizer.pad({"input_ids": list(ids.values())}, return_tensors="pt").to(model.device)
        began = time.monotonic()
        # Seeded by what is asked, so that a restart repeats the replies.
        torch.manual_seed(int(next(iter(ids))[:15], 16))
        with torch.inference_mode():
            out = model.generate(**inputs, generation_config=config)
        seconds = (time.monotonic() - began) / len(ids)
        for (key, prompt), row in zip(ids.items(), out[:, inputs["input_ids"].shape[1] :].tolist(), strict=True):
            length = next((k + 1 for k, token in enumerate(row) if token in ends), None)
            kept = row[: length or len(row)]
            text = tokenizer.decode(kept, skip_special_tokens=True)
            used = {"text": text, "tokens_in": len(prompt), "tokens_out": len(kept), "seconds": seconds}
            if length is None:
                found = {"status": "cut off", "reason": f"cut off at {new} tokens (judge.max_tokens)"}
            else:
                found = self.read(asked[key], text)
            yield key, self.entry(key, asked[key], **used, **found)

    def _load(self):
        import torch

        from sp3f_lib.generation.local import load_model

        if self.settings.model == POLICY:
            raise JudgeError(
                "judge.model=policy judges with the model in training; outside of training give a model directory"
            )
        if self.settings.model.startswith((".", "/", "~")) and not Path(self.settings.model).is_dir():
            raise JudgeError(f"the judge 'local': there is no directory {self.settings.model!r} (judge.model)")
        try:
            model, tokenizer = load_model(self.settings.model, self.settings.torch_dtype)
        except ValueError as error:
            raise JudgeError(f"the judge 'local': {error}") from None
        return model.to("cuda" if torch.cuda.is_available() else "cpu"), tokenizer

    def _check_length(self, model, longest: int, new: int) -> None:
        room = getattr(model.config, "max_position_embeddings", None)
        if room and longest + new > room:
            raise JudgeError(
                f"the judge's longest prompt has {longest} tokens, and {new} more for the reply (judge.max_tokens) exceed the "
                f"{room} positions of {self.settings.model!r}; lower judge.max_tokens or take a model with more"
            )

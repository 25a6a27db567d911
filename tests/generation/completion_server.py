"""A server of text completions for tests that really runs a model, one request after the other, and fails when told to.

It keeps to what vLLM 0.31 does, as far as the generator depends on it: fields that are not sent come from the model's generation
settings, unknown ones are passed over, token ids come back if asked for. `vllm=False` is a server without vLLM's extensions.
"""

import copy
import json
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import torch
from transformers import GenerationConfig


class CompletionServer:
    """`faults` is a list of (status, body, headers) or "hang", used up by the first requests; `refuse(request)` lasts."""

    def __init__(self, model, tokenizer, vllm: bool = True):
        self.model, self.tokenizer, self.vllm = model, copy.deepcopy(tokenizer), vllm  # it is not for two threads at once
        self.requests, self.paths, self.faults, self.times = [], [], [], []
        self.refuse = lambda request: None
        self.longest = 10**9
        self.running = self.most = 0
        self.lock, self.model_lock, server = threading.Lock(), threading.Lock(), self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with server.lock:
                    server.requests.append(request)
                    server.paths.append(self.path)
                    server.times.append(time.monotonic())
                    server.running += 1
                    server.most = max(server.most, server.running)
                    fault = server.faults.pop(0) if server.faults else server.refuse(request)
                if fault == "hang":
                    time.sleep(1.0)
                    fault = (500, "{}", {})
                try:
                    status, body, headers = fault or (200, json.dumps(server.answer(request)), {})
                except Exception as error:  # a fault of this file: refused for good, so that the test says so at once
                    status, body, headers = 400, json.dumps({"detail": repr(error)}), {}
                with server.lock:
                    server.running -= 1
                with suppress(ConnectionError):  # a client that did not wait
                    self.send_response(status)
                    for name, value in (
                        {"Content-Length": str(len(body.encode())), "retry-after-ms": "1"} | headers
                    ).items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(body.encode())

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()

    def answer(self, request: dict) -> dict:
        """The body of a text completion."""
        with self.model_lock, torch.inference_mode():
            return self._answer(request)

    def _answer(self, request: dict) -> dict:
        prompt = request["prompt"]
        ids = self.tokenizer(prompt)["input_ids"] if isinstance(prompt, str) else prompt
        ends = [self.tokenizer.eos_token_id, *(request.get("stop_token_ids", []) if self.vllm else [])]
        settings = self.model.generation_config.to_diff_dict() | request
        temperature, top_k = settings.get("temperature", 1.0), settings.get("top_k", 50)
        sampled = {
            "temperature": temperature,
            "top_p": settings.get("top_p", 1.0),
            "top_k": max(top_k, 0) if self.vllm else 0,
        }
        config = GenerationConfig(
            max_new_tokens=min(request["max_tokens"], self.longest),
            do_sample=temperature > 0,
            **(sampled if temperature else {}),
            repetition_penalty=settings.get("repetition_penalty", 1.0) if self.vllm else 1.0,
            eos_token_id=ends,
            pad_token_id=self.tokenizer.pad_token_id,
            stop_strings=request.get("stop"),
        )
        torch.manual_seed(request.get("seed", 0))
        inputs = torch.tensor([ids])
        out = self.model.generate(
            inputs, attention_mask=torch.ones_like(inputs), generation_config=config, tokenizer=self.tokenizer
        )
        new = out[0, len(ids) :].tolist()
        text = self.tokenizer.decode(new, skip_special_tokens=True)
        stopped = new[-1] in ends or any(stop in text for stop in request.get("stop", []))
        choice = {"index": 0, "text": text, "finish_reason": "stop" if stopped else "length"}
        if self.vllm and request.get("return_token_ids"):
            choice |= {"token_ids": new, "prompt_token_ids": ids}
        return {"choices": [choice], "usage": {"prompt_tokens": len(ids), "completion_tokens": len(new)}}

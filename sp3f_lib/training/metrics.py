"""Every metric that a training writes into `metrics.jsonl`, once, with its meaning and unit.

    from sp3f_lib.training.metrics import describe
    describe()                       a table of all of them

`metrics.jsonl` has one line a logged step and is the truth; TensorBoard, trackio and wandb show the same numbers. "Share" is in
[0, 1]. The clock and the number of tokens seen are left out: they differ between equal runs.
"""

import re

import pandas as pd

COMMON = {
    "step": "optimiser steps done",
    "epoch": "passes over the training rows",
    "loss": "the loss that is minimised, mean over the logged steps",
    "grad_norm": "norm of the gradient before clipping",
    "learning_rate": "learning rate of the step",
    "entropy": "mean entropy of the next token, nats",
}
SFT = {
    "mean_token_accuracy": "share of the completion's tokens that are the most probable ones",
}
GRPO = {
    "reward": "weighted sum of the rewards, mean over all completions",
    "reward_std": "its standard deviation within a group, mean over groups",
    "frac_reward_zero_std": "share of groups whose rewards are all equal (TRL's count)",
    "rewards/{term}/mean": "one term of the reward, mean over all completions: accuracy, parseable, fidelity, win_rate",
    "rewards/{term}/std": "its standard deviation over all completions",
    "rewards/accuracy/no_hint": "hints only: accuracy of the completions whose prompt held none; not there in a step without such",
    "hint/chunks": "hints only: chunks of the solution in a prompt, mean over all completions",
    "teacher/tokens": "teacher only: share of the tokens that it scored",
    "teacher/gap": "teacher only: log-probability there - here, mean over scored tokens, not clipped, nats; its negative is a KL",
    "teacher/clipped": "teacher only: share of scored tokens whose log-ratio was clipped",
    "groups/none_correct": "share of groups without a right answer: what the privileged judge is for",
    "groups/no_signal": "share of groups whose weighted rewards are all equal: nothing is learnt from them",
    "judge/no_verdict": "share of replies without a verdict: of comparisons, or of scores or rankings where those are asked for",
    "judge/comparisons": "comparisons used in the step, replayed ones included; of scores and rankings, what they imply",
    "judge/calls": "replies used in the step, replayed ones included: what a language model would be asked, equal texts left out",
    "judge/spread": "standard deviation within a group of the judge's term, mean over groups",
    "judge/win_rate_spread": "that of the win rates of the same groups, where the term is a score or an agreement",
    "judge/usd": "what their verdicts cost when they were bought, USD",
    "judge/slot_a": "mean preference for slot A; 0.5 is fair where slots are balanced",
    "judge/flips": "share of pairs, judged in both orders, whose two verdicts contradict each other",
    "completions/mean_length": "tokens a completion, end token included",
    "completions/min_length": "the shortest",
    "completions/max_length": "the longest",
    "completions/mean_terminated_length": "the same, only completions that ended by themselves",
    "completions/min_terminated_length": "the shortest of these",
    "completions/max_terminated_length": "the longest of these",
    "completions/clipped_ratio": "share of completions cut off at max_completion_length",
    "clip_ratio/low_mean": "share of tokens whose ratio was clipped from below",
    "clip_ratio/low_min": "the smallest such share of a process",
    "clip_ratio/high_mean": "share of tokens whose ratio was clipped from above",
    "clip_ratio/high_max": "the largest such share of a process",
    "clip_ratio/region_mean": "share of tokens clipped at all",
    "sampling/sampling_logp_difference/mean": "vLLM only: |log-probability there - here|, mean over tokens, nats",
    "sampling/sampling_logp_difference/max": "vLLM only: the largest",
    "sampling/importance_sampling_ratio/min": "vLLM only: smallest ratio of the correction",
    "sampling/importance_sampling_ratio/mean": "vLLM only: mean ratio of the correction",
    "sampling/importance_sampling_ratio/max": "vLLM only: largest ratio of the correction",
}
PREFERENCE = {
    "loss/dpo": "the DPO part of the loss",
    "loss/nll": "the likelihood part, before its weight alpha: nats a token of the chosen response",
    "rewards/chosen": "beta x log-ratio to the reference of the chosen response, nats",
    "rewards/rejected": "of the rejected response",
    "rewards/margins": "their difference",
    "rewards/accuracies": "share of pairs whose chosen response has the higher reward",
    "logps/chosen": "log-probability of the chosen response, nats",
    "logps/rejected": "of the rejected response",
}
STAGES = {"all": COMMON, "SFT and base": SFT, "GRPO": GRPO, "preference": PREFERENCE}


def describe() -> pd.DataFrame:
    """A table of all metrics: stage, metric, meaning."""
    rows = [(stage, name, meaning) for stage, metrics in STAGES.items() for name, meaning in metrics.items()]
    return pd.DataFrame(rows, columns=["stage", "metric", "meaning"])


def is_documented(name: str) -> bool:
    """Whether a metric stands in the table; `{term}` stands for any reward term."""
    known = [re.escape(metric).replace(r"\{term\}", r"\w+") for metrics in STAGES.values() for metric in metrics]
    return any(re.fullmatch(pattern, name) for pattern in known)

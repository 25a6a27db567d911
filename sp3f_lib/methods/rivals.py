"""Rivals of SP3F on the same start, data and steps: the English reference goes elsewhere, or the language term has another shape.

    to the policy's prompt          hint, sp3f_hint                            training/hints.py
    to a teacher's context          opsd, rlvr_opsd, rlvr_opsd_unsolved        training/teacher.py
    to SFT rows                     self_translate_sft                         self_translation.py
    language, another shape         rlvr_gated, sp3f_gated, rlvr_adaptive      rewards/shapes.py

TRL's SDPO (arXiv 2601.20802; experimental) is not driven: its teacher, an average of weights, is in no checkpoint, so a run that
goes on would have another one; and its prompt must end with the user's turn, which self-translation's does not. With a live
teacher and sampled tokens its loss is that of `opsd`; its rule, feedback where no rollout succeeded, is `teacher.groups: unsolved`.
"""

from sp3f_lib.methods.sp3f import arm

UFT, OPSD, SDPO, M_THINKER, ADAMAME = "2505.16984", "2601.18734", "2601.20802", "2510.07300", "2606.15080"

MODELS = {
    "hint": arm(
        "GRPO with verifiable rewards, the first part of the solution in the prompt, less and less of it",
        UFT,
        rewards__win_rate=0.0,
        hint__use=True,
    ),
    "sp3f_hint": arm("SP3F with the hints of `hint`", UFT, judge__privilege="solution", hint__use=True),
    "opsd": arm(
        "distillation from a teacher that sees the reference, token by token; no rewards",
        OPSD,
        rewards__accuracy=0.0,
        rewards__parseable=0.0,
        rewards__fidelity=0.0,
        rewards__win_rate=0.0,
        teacher__use=True,
        alarms__no_signal="off",  # which looks at rewards
    ),
    "rlvr_opsd": arm(
        "GRPO with verifiable rewards and the teacher of `opsd`", OPSD, rewards__win_rate=0.0, teacher__use=True
    ),
    "rlvr_opsd_unsolved": arm(
        "GRPO with verifiable rewards, and the teacher of `opsd` where no answer of the group is right (SDPO's rule for feedback)",
        SDPO,
        rewards__win_rate=0.0,
        teacher__use=True,
        teacher__groups="unsolved",
    ),
    "rlvr_gated": arm(
        "GRPO with verifiable rewards that count in the right language only",
        M_THINKER,
        rewards__win_rate=0.0,
        rewards__language_shape="gated",
    ),
    "sp3f_gated": arm(
        "SP3F whose rewards count in the right language only",
        M_THINKER,
        judge__privilege="solution",
        rewards__language_shape="gated",
    ),
    "rlvr_adaptive": arm(
        "GRPO with verifiable rewards, the language as a growing bonus on right answers",
        ADAMAME,
        rewards__win_rate=0.0,
        rewards__language_shape="adaptive",
    ),
}

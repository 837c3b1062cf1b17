"""Felt reports in words: flags and ties, what they mean, answers as they were given."""

from __future__ import annotations

from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from catalog.felt_keeping import FLAGS as KEEPING_FLAGS
from catalog.felt_questions import BY_CODE, GRADES
from catalog.models import FeltReport
from processing.core.felt_filters import Flag
from processing.core.felt_ties import RULE
from processing.jobs.felt import BY_MODERATOR, BY_SENDER, MERGED

Words = str | Promise

#: A few words for lists, and a sentence for the report's own page.
FLAGS: dict[str, tuple[Words, Words]] = {
    Flag.UNREADABLE: (
        gettext_lazy("answers cannot be read"),
        gettext_lazy("The answers are not those the form offers; they enter no intensity."),
    ),
    Flag.CONTRADICTION: (
        gettext_lazy("contradicts itself"),
        gettext_lazy(
            "Its parts cannot all be true: nothing felt but things moved, or a grade and a damage "
            "that do not go together."
        ),
    ),
    Flag.OUTLIER: (
        gettext_lazy("far above the others"),
        gettext_lazy(
            "More than two grades above what was to be expected there, and no report beside it "
            "says nearly as much."
        ),
    ),
    Flag.SAME_TEXT: (
        gettext_lazy("same words as others"),
        gettext_lazy("At least three devices sent the same comment, letter for letter."),
    ),
    Flag.TOO_EARLY: (
        gettext_lazy("before the earthquake"),
        gettext_lazy("It was sent, or says it was felt, well before the origin time."),
    ),
    Flag.TOO_LATE: (
        gettext_lazy("very late"),
        gettext_lazy("It was sent more than thirty days after the earthquake."),
    ),
    Flag.TOO_FAR: (
        gettext_lazy("too far away"),
        gettext_lazy("At its place not even intensity I was to be expected."),
    ),
    "no-token": (gettext_lazy("no token"), KEEPING_FLAGS["no-token"]),
    "stale-token": (gettext_lazy("old token"), KEEPING_FLAGS["stale-token"]),
    "trap-filled": (gettext_lazy("hidden field filled"), KEEPING_FLAGS["trap-filled"]),
    "flood-device": (gettext_lazy("many from one device"), KEEPING_FLAGS["flood-device"]),
    "flood-address": (gettext_lazy("many from one address"), KEEPING_FLAGS["flood-address"]),
    "unknown-place": (gettext_lazy("place not known"), KEEPING_FLAGS["unknown-place"]),
    "ambiguous-place": (
        gettext_lazy("several places of the name"),
        KEEPING_FLAGS["ambiguous-place"],
    ),
}

TIES: dict[str, Words] = {
    RULE: gettext_lazy("by the rule %(rule)s"),
    BY_SENDER: gettext_lazy("chosen by the sender"),
    BY_MODERATOR: gettext_lazy("by a moderator"),
    MERGED: gettext_lazy("its event was merged"),
}


def flag_words(code: str) -> Words:
    return FLAGS[code][0] if code in FLAGS else code


def flag_meaning(code: str) -> Words:
    return FLAGS[code][1] if code in FLAGS else code


def tie_words(rule: str) -> str:
    words = str(TIES.get(rule, rule))
    return words % {"rule": rule} if "%(rule)s" in words else words


def felt_words(report: FeltReport) -> str:
    """Return what a person said in a few words: the grade chosen, or felt, or not."""
    if not report.felt:
        return _("not felt")
    grade = next((g for g in GRADES if g.number == report.chosen_grade), None)
    if grade is not None:
        return f"{grade.roman} · {grade.name}"
    return _("felt") if report.chosen_grade is None else str(report.chosen_grade)


def answers_in_words(report: FeltReport) -> list[tuple[Words, str]]:
    """Return questions with the answers given; what the form does not offer stands as it came."""
    answers: Any = report.answers
    if not isinstance(answers, dict):
        return [("—", str(answers)[:300])]
    told: list[tuple[Words, str]] = []
    for code, answer in answers.items():
        question = BY_CODE.get(code)
        options = {o.code: o.words for o in question.options} if question else {}
        ticked = answer if isinstance(answer, list) else [answer]
        words = (str(options.get(str(one), one))[:100] for one in ticked[:20])
        told.append((question.words if question else code[:40], ", ".join(words)))
    return told[:30]

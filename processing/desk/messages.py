"""What a code of a problem, a failed run or a refused request means, in the reader's language.

Codes and values are stored and sent; sentences are made when shown. Every code of the formats, of
the exchange, of the ingestion and of the upload API has its sentence here: a test keeps it so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext, pgettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from catalog.formats import FORMATS

#: Codes of the upload API itself.
REQUEST_CODES = (
    "not-signed-in",
    "not-allowed",
    "no-file",
    "bad-parameter",
    "key-used-for-another-request",
    "key-too-long",
    "unsupported-media-type",
    "too-many-requests",
)

MESSAGES = {
    # What readers say (catalog/formats/problems.py).
    "empty-file": _("The file is empty."),
    "unknown-format": _("No known bulletin format is recognised."),
    "station-list": _(
        "This is a list of stations, not a bulletin. An administrator adds it with"
        " manage.py import_stations FILE."
    ),
    "wrong-format": _("The file is not of the format it was sent as."),
    "unsupported-version": _("This version of the format cannot be read."),
    "file-too-large": _("The file is larger than allowed."),
    "gzip-damaged": _("The packed file is damaged."),
    "packed-too-densely": _("The packed file unpacks to far more than a bulletin would."),
    "archive-damaged": _("The archive is damaged."),
    "archive-refused": _("The archive holds something it should not, and is not opened."),
    "too-many-members": _("The archive holds too many files."),
    "too-many-events": _("The file has more events than allowed; the rest was not read."),
    "line-too-long": _("The line is too long and was cut."),
    "time-limit": _("Reading took longer than allowed."),
    "memory-limit": _("Reading needed more memory than allowed."),
    "reader-crashed": _("The reader broke off. This is a fault of the portal, not of the file."),
    "encoding": _("These bytes are not text in the file's encoding."),
    "mixed-encoding": _("This line is in another encoding than the rest of the file."),
    "xml-doctype": _("The XML has a document type or entity declaration, which is refused."),
    "xml-syntax": _("The XML is not well-formed."),
    "xml-too-deep": _("The XML is nested too deeply."),
    "xml-unknown-element": _("The XML has an element that the format does not know."),
    "truncated": _("The file ends in the middle of a block."),
    "missing-field": _("A required value is missing."),
    "missing-block": _("A required block is missing."),
    "not-a-number": _("This is not a number."),
    "not-a-time": _("This is not a date or time."),
    "not-finite": _("The number is not finite."),
    "out-of-range": _("The value is out of range."),
    "zero-position": _("0° N 0° E stands for “no position”; the row is no event."),
    "implausible-time": _("The time is implausible."),
    "unknown-value": _("The word is not in the format's vocabulary."),
    "unknown-column": _("The column is not known."),
    "duplicate-column": _("The column occurs twice."),
    "duplicate-event-id": _("The event id occurs twice in the file; the later event stands."),
    "duplicate-origin-id": _("The origin id occurs twice."),
    "duplicate-id": _("The id occurs twice; the first row stands."),
    "dangling-reference": _("The reference points to nothing in the file."),
    "wrong-width": _("The row does not have the width of its table and is not read."),
    "unused-text": _("The text stands where the format has none."),
    "unknown-station": _("The station is not known, or the code alone does not say which it is."),
    "ambiguous-station": _("Several stations have this code."),
    "unknown-agency": _("The agency is not known."),
    "unknown-settlement": _("The settlement is not known."),
    "unsupported-block": _("This part of the format is not read; it is kept as text."),
    "workbook-macros": _("Workbooks with macros are refused. Save it as .xlsx without them."),
    "sheet-not-read": _("This sheet of the workbook was not read: only one sheet is."),
    "merged-cells": _("Cells are merged: only the first of them has the value."),
    "formula-without-value": _("The cell has a formula but the workbook does not hold its value."),
    "cell-error": _("The cell holds an error instead of a value."),
    "inconsistent-mechanism": _(
        "The nodal planes and axes do not belong together; both are kept as given."
    ),
    "doubtful-date": _("This number is no certain date: check the year and the day."),
    "value-not-read": _("The value or line was not taken over as it stands; it is kept as text."),
    "ambiguous-local-time": _(
        "Clocks of this time zone showed this time twice or never; the first reading is used."
    ),
    "time-zone-not-used": _("Times of this format are always UTC; the time zone was not applied."),
    # What does not fit into the database (catalog/exchange.py).
    "text-too-long": _("The text is too long and was cut."),
    "agency-too-long": _("The agency code is too long; the solution is kept without it."),
    "duplicate-arrival": _("The origin uses the same pick twice; the first use is kept."),
    # What a run may end with (processing/jobs/ingestion.py).
    "agency-required": _("Say whose bulletin this is: the file does not tell."),
    "unknown-mapping": _("There is no column mapping of this name."),
    "file-missing": _("The file is no longer there."),
    "too-many-files": _("Too many files at once."),
    "too-many-problems": _("The file has more problems than are listed here."),
    "replaced-by-newer-reading": _("A newer reading of the file took its place."),
    # What a decision on a reading may end with (processing/jobs/station_readings.py).
    "nothing-to-undo": _("There is no decision to undo: somebody was faster."),
    # What a decision on a location may end with (processing/jobs/location_decisions.py).
    "event-gone": _("The event was merged or deleted meanwhile."),
    "readings-changed": _("Readings have come or gone since you looked; look again."),
    # What the upload API says of a request.
    "not-signed-in": _("Sign in, or send a valid access token."),
    "not-allowed": _("Your account or token may not do this."),
    "no-file": _("The request has no file."),
    "bad-parameter": _("A parameter has a value that is not allowed."),
    "key-used-for-another-request": _(
        "This Idempotency-Key was used for another request; use a new one."
    ),
    "key-too-long": _("The Idempotency-Key is too long."),
    "unsupported-media-type": _("Send the file as multipart/form-data."),
    "too-many-requests": _("Too many uploads at once; try again later."),
}

#: ``expected`` is language-free but for these words.
EXPECTED = {
    "number": pgettext_lazy("expected", "a number"),
    "whole number": pgettext_lazy("expected", "a whole number"),
    "unique": pgettext_lazy("expected", "only once"),
    "one file, or the tables of one CSS3.0 database": pgettext_lazy(
        "expected", "one file, or the tables of one CSS3.0 database"
    ),
    "network, coordinates or origin": pgettext_lazy(
        "expected", "a network, coordinates or an origin"
    ),
}


def meaning(code: str) -> str:
    """Return what a code means, without values: those have columns of their own in a table."""
    known = MESSAGES.get(code)
    return gettext("Unknown reason: %(code)s.") % {"code": code} if known is None else str(known)


def sentence(code: str, values: Mapping[str, Any] | None = None) -> str:
    """Return what a code means, with where, what was found and what was expected."""
    values = values or {}
    text = meaning(code)
    if values.get("line"):
        text = gettext("Line %(line)s: %(text)s") % {"line": values["line"], "text": text}
    details = [text]
    if values.get("field"):
        details.append(gettext("Field: %(field)s.") % {"field": values["field"]})
    if values.get("found"):
        details.append(gettext("Found: “%(found)s”.") % {"found": values["found"]})
    if values.get("expected"):
        words = expected(str(values["expected"]))
        details.append(gettext("Expected: %(expected)s.") % {"expected": words})
    if values.get("limit"):
        details.append(gettext("Limit: %(limit)s bytes.") % {"limit": values["limit"]})
    return " ".join(details)


def expected(text: str) -> str:
    """Return what was expected, its few words translated."""
    if text in EXPECTED:
        return str(EXPECTED[text])
    if text.startswith("line ") and text[5:].isdigit():
        return pgettext("expected", "only in line %(line)s") % {"line": text[5:]}
    return text


def format_name(code: str) -> str:
    """A bulletin format's name in the reader's language; most of them are proper names."""
    if code == "catalogue-csv":
        return gettext("Catalogue table (CSV)")
    if code == "bulletin-csv":
        return gettext("Bulletin table (CSV)")
    if code == "year-book-catalogue":
        return gettext("Year book: catalogue")
    if code == "year-book-mechanisms":
        return gettext("Year book: focal mechanisms")
    if code == "year-book-intensity":
        return gettext("Year book: felt effects")
    if code == "mapped-table":
        return gettext("Table by a column mapping")
    return next((format_.name for format_ in FORMATS if format_.code == code), code)

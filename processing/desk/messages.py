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
from processing.core.agency_tables import MOST_DEPTHS, MOST_DISTANCES, MOST_NODES, Problem

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
        "This is a list of stations, not a bulletin. StationXML is sent at the desk under"
        " “Stations”; other lists an administrator adds with manage.py import_stations FILE."
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
    "xml-not-valid": _("This is not as the schema of the format says; it was left out."),
    "foreign-element": _("This belongs to another namespace; it was left out."),
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
    "overlapping-epochs": _("The station has another epoch at this time; this one was left out."),
    "made-up-station": _(
        "A made-up station cannot take the place of a real one, nor a real one that of a made-up"
        " one; it was left out."
    ),
    "unknown-agency": _("The agency is not known."),
    "unknown-settlement": _("The settlement is not known."),
    "too-long": _("The text is too long."),
    "too-many-rows": _("The table has more rows than are read at once: divide it."),
    "intensity-missing": _("There is no intensity."),
    "intensity-not-read": _("This is no intensity."),
    "intensity-out-of-range": _("There is no such grade: they go from 1 to 12."),
    "intensity-not-half": _(
        "Grades are whole or half. A number such as 7.1 may be an energy class, which is no"
        " intensity."
    ),
    "intensity-energy-class": _("This is an energy class (K), which is no intensity."),
    "intensity-magnitude": _("This is a magnitude, which is no intensity."),
    "intensity-reversed": _("The range is written from the larger grade; it was turned around."),
    "intensity-wide": _("The range is wider than a grade."),
    # What the desk says of a table of intensities (processing/jobs/macroseismic_points.py).
    "unknown-event": _("There is no such event in the catalogue."),
    "several-events": _("Several events fit this time: choose one."),
    "several-settlements": _("Several settlements bear this name: choose one."),
    "settlement-elsewhere": _(
        "No settlement of this name is at these coordinates; the coordinates are taken."
    ),
    "direction-disagrees": _("The text names one direction, the coordinates lie in another."),
    "above-prediction": _("This is far more than is expected at that distance."),
    "row-superseded": _("This row no longer stands: somebody was faster."),
    "no-place": _("There is neither a place nor coordinates."),
    "unsupported-block": _("This part of the format is not read; it is kept as text."),
    "workbook-macros": _("Workbooks with macros are refused. Save it as .xlsx without them."),
    "sheet-not-read": _("This sheet of the workbook was not read: only one sheet is."),
    "merged-cells": _("Cells are merged: only the first of them has the value."),
    "formula-without-value": _("The cell has a formula but the workbook does not hold its value."),
    "cell-error": _("The cell holds an error instead of a value."),
    "inconsistent-mechanism": _(
        "The nodal planes and axes do not belong together; both are kept as given."
    ),
    "planes-not-orthogonal": _(
        "The two nodal planes are not at right angles; both are kept as given."
    ),
    "planes-not-auxiliary": _(
        "The second nodal plane does not belong to the first: see its rake; both are kept as given."
    ),
    "axes-not-orthogonal": _("The principal axes are not at right angles; they are kept as given."),
    "inconsistent-tensor": _(
        "The moment tensor does not belong to the nodal planes; both are kept as given."
    ),
    "tensor-incomplete": _("The moment tensor lacks components."),
    "tensor-trace": _("The moment tensor has a trace: its isotropic part is kept."),
    "moment-unit": _(
        "The moment does not fit the magnitude. Its unit or power of ten is probably wrong: N m is"
        " expected, 1 N m = 10,000,000 dyn cm."
    ),
    "unit-missing": _("The unit or power of ten is missing; the values are kept as text."),
    "few-polarities": _("So few first motions hold no mechanism; it is kept as given."),
    "polarities-alike": _("All first motions are alike: they hold no mechanism."),
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
    # Why there is no mechanism, and what is wrong with a reversal (processing/jobs/mechanism*.py).
    "no-origin": _("The event has no location, so there are no rays to its stations."),
    "man-made": _("The event is man-made; no mechanism is computed of it."),
    "too-few-polarities": _("Too few first motions of P are in use to tell a mechanism."),
    "reversal-no-source": _("Say where it is known from that the station was reversed."),
    "reversal-dates": _("The time ends before it begins."),
    "reversal-known": _("A reversal of this station that holds then is listed already."),
    # What a choice of a preferred solution may end with (processing/jobs/preference_decisions.py).
    "solution-gone": _("This solution is no longer one of the event; look again."),
    "already-chosen": _("This solution is chosen already."),
    # Why a version of the preference rules is not stored or put in force
    # (processing/jobs/preference_rules.py).
    "bad-rules-name": _("A name has letters a-z, digits and hyphens, at most 40."),
    "bad-rules-weight": _(
        "A weight is a number up to a million and not negative; only that of automatic bulletins"
        " is below zero."
    ),
    "choice-not-heaviest": _(
        "A person's choice must outweigh all other terms together; give it more."
    ),
    "automatic-not-last": _(
        "An automatic bulletin must stand after all that a person has looked at; give it less."
    ),
    "bad-station-cap": _("The number of stations that count is a whole number from 1 to 1000."),
    "bad-rules-area": _("An area is not known, or is named twice, or there are too many."),
    "bad-rules-agencies": _(
        "Name one to ten different agencies by their codes, separated by commas; for a scale write"
        " KR: SOME, KNDC."
    ),
    "bad-rules-order": _("A criterion is not known or occurs twice."),
    "bad-area": _(
        "An area has a name of its own and runs from west to east and from south to north."
    ),
    "rules-unchanged": _("This is the newest version already; nothing was stored."),
    "rules-in-force": _("This version is in force."),
    # What a decision of the merge desk may end with (processing/jobs/merge_decisions.py).
    "not-a-pair": _("There are no two reports to decide on."),
    "report-gone": _("A report was withdrawn meanwhile; there is nothing to decide on."),
    "report-renewed": _("A newer report has come in since you looked; look again."),
    "decided-meanwhile": _("Somebody was faster; your decision was not stored."),
    "one-event-already": _("The two are one event already."),
    "contradicted": _("What other decisions say stands against this; nothing was stored."),
    "synthetic-apart": _("What was made up never joins what was observed."),
    "reports-changed": _("Reports have come, gone or moved since you looked; look again."),
    "breaks-later": _("Later decisions may rest on this one."),
    "nothing-moved": _("No report was moved."),
    # What a decision on an event's type may end with (processing/jobs/type_decisions.py).
    "changed-meanwhile": _("Somebody was faster, or something new came in: look again."),
    "unknown-type": _("This is not an event type of QuakeML."),
    "nothing-to-withdraw": _("There is nothing to withdraw: somebody was faster."),
    # What a decision on felt reports may end with (processing/jobs/felt_decisions.py).
    "no-personal": _("There is no personal part: nobody wrote one, or it is deleted already."),
    "ambiguous-settlement": _("Several settlements are called so: open the report and choose one."),
    # What is wrong with waveforms, or with sending or moving them (processing/jobs/waveforms.py).
    "unknown-waveform": _("This is no file of waveforms that can be read, nor StationXML."),
    "damaged-waveform": _("The waveforms cannot be read: the file is damaged."),
    "no-waveform": _("The file holds no waveform that can be used."),
    "too-many-segments": _("The waveforms are broken into more pieces than allowed."),
    "too-many-samples": _("The file has more samples than allowed."),
    "too-many-channels": _("The file has more channels than allowed."),
    "too-many-waveforms": _("The event has as many waveform files, or bytes of them, as allowed."),
    "response-not-usable": _("The response of this channel cannot be evaluated."),
    "response-contradicts-itself": _(
        "The stages of this channel's response do not give its overall sensitivity; it is not used."
    ),
    "response-flat": _(
        "Of this accelerometer only the overall sensitivity is told; it is taken as flat to"
        " acceleration."
    ),
    "component-unknown": _("The channel's code does not say which component it is."),
    "note-required": _("Say why."),
    "no-extremum": _("This measurement has no trace with an extremum to choose."),
    # Why a travel-time table is not stored or used (processing/jobs/travel_time_tables.py).
    "bad-table": _("The file is not a travel-time table that can be used; nothing was stored."),
    "bad-table-name": _(
        "A name has letters a-z, digits and hyphens, at most 40, and is not that of a built-in"
        " model: for example some-2024."
    ),
    "bad-table-text": _("Give a title and say where the table is from."),
    "bad-fades": _(
        "Times must first count fully, then fade, then end: within 180 degrees and a depth of"
        " 700 km."
    ),
    "bad-table-region": _("The region must run from west to east and from south to north."),
    "region-too-small": _(
        "The region is too small: its times would nowhere count fully. The belt in which they take"
        " over is half a degree wide to either side of its border."
    ),
    "name-of-another-agency": _("A table of this name is another agency's."),
    "table-unchanged": _("This is the newest version already; nothing was stored."),
    "regions-overlap": _(
        "Another table is in use in a part of this region. Withdraw it first, or change a region."
    ),
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

#: Problems of a travel-time table (processing/core/agency_tables.py).
TABLE_MESSAGES = {
    "too_large": _("The file is too large for a travel-time table."),
    "binary": _("This is not a text file. From a workbook, save the sheet as CSV."),
    "encoding": _("The file is not in UTF-8. Save it as CSV UTF-8."),
    "line_too_long": _("The line is too long for a row of a table."),
    "quotes": _("A quotation mark is opened and never closed."),
    "too_many_nodes": _("The grid is too large: phases, distances and depths."),
    "empty": _("There is no row below the header."),
    "header": _("The first line must name the four columns, with commas between them."),
    "columns": _("The row does not have as many cells as the header."),
    "phase": _("The phase is not one a table may have."),
    "distance_km": _("The distance is not a number in the range."),
    "distance_deg": _("The distance is not a number in the range."),
    "depth_km": _("The depth is not a number in the range."),
    "time_s": _("The time is not a number in the range."),
    "twice": _("The same phase, distance and depth stand twice."),
    "few_distances": _("The phase has too few distances."),
    "few_depths": _("The phase has too few depths."),
    "few_times": _("At this depth the phase has too few times to go on from."),
    "no_row": _("The grid has a hole: no row for this phase, distance and depth."),
    "gap": _("The phase stops and comes again farther away."),
    "not_monotone": _("The time is not later than at the distance before."),
    "speed": _("No wave in rock is so fast or so slow. Check the units."),
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


def table_problem(problem: Problem) -> dict[str, Any]:
    """Return a problem of a travel-time table as a line of a table for people."""
    found = problem.found[:60]
    return {
        "line": problem.line or None,
        "code": problem.code,
        "meaning": str(TABLE_MESSAGES[problem.code]),
        "found": found + "…" if len(problem.found) > len(found) else found,
        "expected": table_expected(problem),
    }


def table_expected(problem: Problem) -> str:
    """Return what a travel-time table should have, in words where words are needed."""
    code, text = problem.code, problem.expected
    if code == "header":
        return gettext("phase, distance_km or distance_deg, depth_km, time_s")
    if code == "not_monotone":
        least, _space, where = text.removeprefix("more than ").partition(" (line ")
        return gettext("more than %(least)s (line %(line)s)") % {
            "least": least,
            "line": where.rstrip(")"),
        }
    if code == "too_many_nodes":
        return gettext(
            "at most %(distances)s distances, %(depths)s depths, %(nodes)s nodes of all phases"
        ) % {"distances": MOST_DISTANCES, "depths": MOST_DEPTHS, "nodes": MOST_NODES}
    if code in ("few_distances", "few_depths", "empty"):
        return gettext("at least %(n)s") % {"n": text}
    if code == "too_large":
        return gettext("at most %(n)s bytes") % {"n": text}
    if code == "line_too_long":
        return gettext("at most %(n)s characters") % {"n": text}
    if code == "no_row":
        return gettext("a row, its time perhaps empty")
    if code == "gap":
        return gettext("no time after an empty one")
    if code == "few_times":
        return gettext("two times, or none")
    return expected(text)


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

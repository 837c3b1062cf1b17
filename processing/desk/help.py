"""Help of the staff desk: what each of its pages is for, does, and cannot take back."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from processing.desk.views import staff_only


@dataclass(frozen=True, slots=True)
class Help:
    """One page of the desk in words."""

    #: Name of its address.
    name: str
    title: str | Promise
    text: str | Promise
    #: What can be taken back, and what cannot.
    undo: str | Promise


@dataclass(frozen=True, slots=True)
class HelpRoom:
    title: str | Promise
    pages: tuple[Help, ...]


ROOMS: tuple[HelpRoom, ...] = (
    HelpRoom(
        _("Bulletins"),
        (
            Help(
                "upload",
                _("Upload"),
                _(
                    "Send one or several bulletin files. Format and agency are recognised; look at"
                    " both before you send. A dry run reads the file and says which events would "
                    "be new, changed or doubtful, and stores nothing."
                ),
                _(
                    "The file is kept for good, as it came. What was read from it can be read "
                    "again under another agency or format; the newer reading takes the place of "
                    "the older one."
                ),
            ),
            Help(
                "runs",
                _("Runs"),
                _(
                    "Every file and what became of it: the stage it is in, counts, and each "
                    "problem with its line, what was found and what was expected."
                ),
                _("A run is a record and is never taken away. A parked one can be started again."),
            ),
            Help(
                "mappings",
                _("Column mappings"),
                _(
                    "For lists in a form of their own: say once what each column means, try it on "
                    "a file, and later files with the same heading are read by it."
                ),
                _(
                    "A mapping can be replaced by a better one; files read by the old one stay as "
                    "they were read until they are read again."
                ),
            ),
            Help(
                "by-hand",
                _("Enter by hand"),
                _(
                    "One event from a message, a call or a book, typed in with its source. It is "
                    "kept as a small bulletin like any other."
                ),
                _("It cannot be erased; a corrected entry takes its place."),
            ),
        ),
    ),
    HelpRoom(
        _("Stations"),
        (
            Help(
                "readings",
                _("Station readings"),
                _(
                    "Readings that came without an event, and the events they may belong to. "
                    "Accept, reject, or leave them; what fits one event only can be accepted all "
                    "at once."
                ),
                _(
                    "A decision can be taken back: the reading then waits again, and the event is "
                    "located anew."
                ),
            ),
            Help(
                "station-files",
                _("Station files"),
                _(
                    "Upload StationXML: coordinates, channels and responses of stations. Readings "
                    "of codes unknown before are tied to their stations."
                ),
                _("Files are kept for good. A newer file corrects an older one."),
            ),
            Help(
                "travel-times",
                _("Travel times"),
                _(
                    "Tables of travel times of an agency or region: uploaded, compared with the "
                    "standard model, and put in use for an area."
                ),
                _("A table in use can be taken out of use."),
            ),
        ),
    ),
    HelpRoom(
        _("Macroseismics"),
        (
            Help(
                "desk-intensity-tables",
                _("Intensities"),
                _(
                    "Send a table of intensities by settlement, or open an event and enter them "
                    "one by one, with its consequences. Each row is shown with its settlement and "
                    "what is wrong before anything is stored; a name borne by several settlements "
                    "is chosen by you."
                ),
                _(
                    "Nothing is erased: a correction takes the place of the row before, and a "
                    "withdrawn one stays in the ledger with its reason."
                ),
            ),
            Help(
                "desk-felt",
                _("Felt reports"),
                _(
                    "What people wrote they felt. A report in doubt is flagged and not counted "
                    "until you accept it. Look at the flags, say whether a report counts, which "
                    "event it is about and which settlement is meant, one by one or many at once."
                ),
                _(
                    "Every decision is kept with who made it, and a later one takes it back. Only "
                    "the personal part of a report, once deleted, is gone for good."
                ),
            ),
            Help(
                "desk-settlements",
                _("Settlements"),
                _(
                    "Find a settlement by any of its names, present or former, in any spelling; "
                    "correct names, place and population, or add one. Events told by it are "
                    "written anew."
                ),
                _(
                    "Every change is kept with its author. Loading GeoNames again leaves what you "
                    "corrected alone."
                ),
            ),
        ),
    ),
    HelpRoom(
        _("Decisions"),
        (
            Help(
                "review",
                _("Review"),
                _(
                    "Pairs of reports that may be one earthquake and that the rule would not "
                    "decide. Join them, keep them apart, or put them off; both are shown side by "
                    "side with what speaks for and against."
                ),
                _(
                    "Joining and parting can be undone. Each decision stays in the ledger with its"
                    " author and note."
                ),
            ),
            Help(
                "event-types",
                _("Event types"),
                _(
                    "Events that look like blasts, with the signs that say so. The rule suggests, "
                    "a person decides. Known quarries and mines are kept here, too."
                ),
                _("A decision can be replaced or taken back."),
            ),
            Help(
                "desk-reversals",
                _("Reversed stations"),
                _(
                    "Stations whose first motions came out upside down for a time. Add one with "
                    "its dates and source; mechanisms computed from its polarities of that time "
                    "follow. What one event's polarities tell stands on its page “First motions”."
                ),
                _("A reversal that was wrong is withdrawn and stays in the list."),
            ),
            Help(
                "preference-rules",
                _("Preference"),
                _(
                    "The rule that chooses which solution is shown first. A new version is tried "
                    "on the catalogue and shows what it would change before it is put in force. "
                    "For a single event an editor may choose by hand."
                ),
                _(
                    "A version is never changed once it was in force; a correction is a new "
                    "version. A choice by hand can be taken back."
                ),
            ),
            Help(
                "ledger",
                _("Ledger"),
                _(
                    "Every decision on events and reports in order, with its author, reason and "
                    "numbers; also as a file."
                ),
                _("It is only read. Nothing in it can be changed."),
            ),
        ),
    ),
    HelpRoom(
        _("Catalogue"),
        (
            Help(
                "coverage-desk",
                _("Coverage"),
                _(
                    "Which agency's bulletins are in for which days. Declare a bulletin final, or "
                    "a day empty; close a month when it is complete."
                ),
                _(
                    "A declaration can be withdrawn and a month opened again. Automatic events "
                    "that a final bulletin lacks expire; they come back if it is withdrawn."
                ),
            ),
            Help(
                "desk-editions",
                _("Editions"),
                _(
                    "Frozen selections of the catalogue to be cited: choose, look at the preview, "
                    "publish."
                ),
                _(
                    "A published edition cannot be changed or taken away. An error is mended by a "
                    "new edition."
                ),
            ),
            Help(
                "desk-declusterings",
                _("Declustering"),
                _(
                    "Tells sequences of aftershocks from single events, by published windows, with"
                    " all parameters kept."
                ),
                _("Each is a version beside the others; the catalogue itself is not changed."),
            ),
            Help(
                "desk-magnitudes",
                _("Magnitudes"),
                _(
                    "Fit station terms and distance curves of regional scales, compare scales, and"
                    " put a relation or a curve in use."
                ),
                _("What is in use can be withdrawn. Reported magnitudes are never touched."),
            ),
        ),
    ),
)


@staff_only
@require_safe
def help_page(request: HttpRequest) -> HttpResponse:
    """What each page of the desk is for, and what cannot be undone."""
    return render(request, "desk/help.html", {"help_rooms": ROOMS})

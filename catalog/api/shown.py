"""One event by its public id: what is shown of it, or what became of it."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from catalog.api.public import Answered, mistake, plain
from catalog.models import Change, Event, EventRow
from catalog.search import successors


def shown(request: HttpRequest, public_id: str, below: str = "") -> EventRow:
    """Return the row of a public event.

    Parameters
    ----------
    below
        The part of the event that is asked for: a merged event's answer leads to the same part.

    Raises
    ------
    Http404
        There is no such event.
    Answered
        It was merged (301) or deleted (410); the answer tells into which event, and when.
    """
    unknown = _("There is no event %(id)s.") % {"id": public_id[:40]}
    if not public_id.isprintable():  # PostgreSQL takes no NUL in a text
        raise Http404(_("There is no such event."))
    row: EventRow | None = (
        EventRow.objects.filter(public_id=public_id)
        .select_related("event")
        .defer("fdsn_text", "csv_line")
        .first()
    )
    event = row.event if row else Event.objects.filter(public_id=public_id).first()
    if event is None:
        raise Http404(unknown)
    if event.status == Event.Status.MERGED:
        into = successors([public_id])[public_id].public_id
        text = _("Event %(id)s was merged into %(into)s.") % {"id": public_id, "into": into}
        address = reverse("api-event", args=[into]) + (f"/{below}" if below else "")
        words = request.GET.copy()
        words.pop("cursor", None)  # it is good for the other event only
        if words:
            address = f"{address}?{words.urlencode()}"
        raise Answered(
            mistake(
                301,
                text,
                headers={"Location": address},
                more={"id": public_id, "status": "merged", "into": into} | _last_change(event),
            )
        )
    if event.status == Event.Status.DELETED or (row is None and event.published_version):
        text = _("Event %(id)s was deleted.") % {"id": public_id}
        raise Answered(
            mistake(410, text, more={"id": public_id, "status": "deleted"} | _last_change(event))
        )
    if row is None:
        raise Http404(unknown)
    return row


def _last_change(event: Event) -> dict[str, Any]:
    change = Change.objects.filter(event=event).order_by("-number").first()
    if change is None:
        return {}
    return {"change": change.number, "at": plain(change.at), "details": change.details}

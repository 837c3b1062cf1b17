"""Delete the personal part of a felt report: its words, its sender's name and contact."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from catalog.models import FeltReport, User
from processing.jobs import felt_decisions
from processing.jobs.station_readings import NotDecidable
from processing.transactions import writing


class Command(BaseCommand):
    help = "Delete the personal part of a felt report; who did it and when is kept."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("client_id", help="the number its sender was shown, a UUID")
        parser.add_argument("--user", required=True, help="who deletes: a user's name")
        parser.add_argument("--note", default="", help="why; kept with the record")

    def handle(self, *args: Any, client_id: str, user: str, note: str, **options: Any) -> None:
        actor = User.objects.filter(username=user).first()
        if actor is None:
            raise CommandError(f"no user is named {user!r}")
        try:
            key = UUID(client_id)
        except ValueError as error:
            raise CommandError(f"found {client_id!r}, expected a UUID") from error
        with writing():
            reports = list(FeltReport.objects.select_for_update().filter(client_id=key))
            if not reports:
                raise CommandError(f"no felt report has the number {key}")
            try:
                felt_decisions.delete_personal(reports, actor, note[:500])
            except NotDecidable as error:
                raise CommandError(f"{key} has no personal part") from error
        self.stdout.write(f"The personal part of {key} is deleted")

"""Make the first staff login of an installation, once; never touch one that is there."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from catalog.models import ADMINISTRATOR, User

USERNAME = "staff"


class Command(BaseCommand):
    help = (
        "Make the user 'staff' (administrator) with the password in PORTAL_STAFF_PASSWORD_FILE, "
        "or a random one written there; an existing user keeps its password."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.STAFF_PASSWORD_FILE:
            raise CommandError("PORTAL_STAFF_PASSWORD_FILE is not set: where to keep the password?")
        path = Path(settings.STAFF_PASSWORD_FILE)
        with transaction.atomic():
            user, created = User.objects.get_or_create(
                username=USERNAME, defaults={"is_staff": True, "is_superuser": True}
            )
            if created:
                user.set_password(password_in(path))
                user.save(update_fields=["password"])
                user.groups.add(Group.objects.get(name=ADMINISTRATOR))
        note = f"password in {path}" if created else "unchanged, password as set before"
        self.stdout.write(f"Staff login: {USERNAME}, {note}")


def password_in(path: Path) -> str:
    """Return the password kept in the file; where there is none, make one and keep it there."""
    if path.is_file() and (kept := path.read_text(encoding="utf-8").strip()):
        return kept
    password = secrets.token_urlsafe(12)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)  # an empty file could be readable by others
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(password + "\n")
    return password

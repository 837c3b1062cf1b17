"""People and their scripts: the user, the three groups, tokens that can be revoked."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

OPERATOR, EDITOR, ADMINISTRATOR = "operator", "editor", "administrator"


class User(AbstractUser):
    """A person on the staff; the public reads without an account."""

    agency = models.ForeignKey(
        "catalog.Agency", on_delete=models.PROTECT, null=True, blank=True, related_name="staff"
    )
    language = models.CharField(_("language"), max_length=5, blank=True)

    class Meta(AbstractUser.Meta):
        verbose_name = _("user")  # type: ignore[assignment]  # lazy text, as everywhere in Django
        verbose_name_plural = _("users")  # type: ignore[assignment]

    def has_role(self, *roles: str) -> bool:
        """True for a member of any of the groups; an administrator may do all."""
        if not self.is_active:
            return False
        if self.is_superuser:
            return True
        names = {*roles, ADMINISTRATOR}
        return self.groups.filter(name__in=names).exists()


class AccessTokenQuerySet(models.QuerySet["AccessToken"]):
    def usable(self) -> AccessTokenQuerySet:
        return self.filter(
            Q(expires_at__isnull=True) | Q(expires_at__gt=timezone.now()), revoked_at__isnull=True
        )


class AccessToken(models.Model):
    """A secret for a script, bound to its owner and to scopes; only its hash is kept."""

    class Scope(models.TextChoices):
        UPLOAD = "upload", _("Upload bulletins")
        REVIEW = "review", _("Review and merge")
        READ_STAFF = "read-staff", _("Read staff records")

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="access_tokens")
    name = models.CharField(_("name"), max_length=100)
    key_hash = models.CharField(max_length=64, unique=True, editable=False)
    prefix = models.CharField(max_length=12, editable=False, help_text=_("Its first characters."))
    scopes = ArrayField(models.CharField(max_length=20, choices=Scope.choices))
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)

    objects = AccessTokenQuerySet.as_manager()

    class Meta:
        verbose_name = _("access token")
        verbose_name_plural = _("access tokens")

    def __str__(self) -> str:
        return f"{self.prefix}… ({self.name})"

    @staticmethod
    def hash_of(key: str) -> str:
        return hashlib.sha256(key.encode()).hexdigest()

    @classmethod
    def issue(
        cls, user: User, name: str, scopes: list[str], **values: Any
    ) -> tuple[AccessToken, str]:
        """Make a token and return it with its secret, which is shown this once only."""
        key = f"kzt_{secrets.token_urlsafe(32)}"
        token = cls.objects.create(
            user=user,
            name=name,
            scopes=scopes,
            key_hash=cls.hash_of(key),
            prefix=key[:12],
            **values,
        )
        return token, key


class SignInFailure(models.Model):
    """How often signing in has failed lately from one place; only a hash says which place.

    In the database, not in a cache: every process of the web server counts on, and a restart
    forgives nobody.
    """

    key = models.CharField(max_length=64, primary_key=True)
    failures = models.PositiveIntegerField()
    since = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name = _("failed sign-in")
        verbose_name_plural = _("failed sign-ins")

    def __str__(self) -> str:
        return f"{self.key[:8]}: {self.failures}"

"""The site: settings, addresses, public pages, translations."""

from portal.celery import app as celery_app

__all__ = ["celery_app"]

"""The Celery application: a message is only a wake-up, so no result is kept anywhere."""

import os

from celery import Celery
from kombu.transport.redis import Channel

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

app = Celery("portal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["processing"])

# A worker that loses Redis while it holds a message tries to put the message back over the
# connection it has just lost, and dies of that (kombu 5.7). Nothing needs putting back: a message
# is only a wake-up, and the sweep repeats it from the database.
Channel.do_restore = False

"""Numbers in, numbers out: the seismology, without Django, Celery, files or logs."""

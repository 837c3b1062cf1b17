"""The stream of changes: Server-Sent Events from a small process of its own.

    python -m portal.stream --fd 3 | --uds PATH | (the socket systemd hands over)

``watching`` keeps one connection to the database, is woken by the commits that change the
catalogue, and reads what is new by number. ``log`` holds the newest changes as they go out, written
once for all readers. ``serving`` answers requests; a reader is no more than the number of the last
change it was sent, so one that is slow costs nothing and one that comes back says its number.

Only Django's settings are used, not its applications: the process stays small.
"""

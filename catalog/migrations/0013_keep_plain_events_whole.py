"""The event as it is told without anything beside it becomes one part, stored as text.

It was three compressed parts (head, preferred origin, magnitude), which each download had to
unpack and join. Nothing is rendered anew: the same bytes are kept otherwise.
"""

import zlib

from django.db import migrations, models

BATCH = 1000
FORMER = ("head", "preferred-origin", "magnitude")


def join(apps, schema_editor):
    fragments = apps.get_model("catalog", "EventFragment").objects
    events = fragments.filter(part="head").order_by("event_id")
    last = 0
    while keys := list(events.filter(event_id__gt=last).values_list("event_id", flat=True)[:BATCH]):
        last = keys[-1]
        stored = {(f.event_id, f.part): f for f in fragments.filter(event__in=keys)}
        plain = []
        for key in keys:
            head, origin, magnitude = (
                zlib.decompress(bytes(stored[key, part].body)) if (key, part) in stored else b""
                for part in FORMER
            )
            fragment = stored[key, "head"]
            fragment.part = "plain"
            fragment.body = b"".join((head, origin, b"</origin>\n", magnitude, b"</event>\n"))
            plain.append(fragment)
        fragments.filter(event__in=keys, part__in=FORMER[1:]).delete()
        fragments.bulk_update(plain, ["part", "body"])


def part_again(apps, schema_editor):
    fragments = apps.get_model("catalog", "EventFragment").objects
    for fragment in fragments.filter(part="plain").iterator(BATCH):
        start, size = bytes(fragment.body).removesuffix(b"</event>\n").split(b"</origin>\n", 1)
        cut = start.index(b"<origin ")
        bodies = dict(zip(FORMER, (start[:cut], start[cut:], size), strict=True))
        for part, body in bodies.items():
            if part != "head":
                fragment.pk = None
                fragment._state.adding = True
            fragment.part, fragment.body = part, zlib.compress(body, 6)
            if body:
                fragment.save()


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0012_accept_locations"),
    ]

    operations = [
        migrations.RunPython(join, part_again),
        # Up to 8 KiB it stays in the row, not compressed: to look elsewhere for each costs more.
        migrations.RunSQL(
            "ALTER TABLE catalog_eventfragment SET (toast_tuple_target = 8160)",
            "ALTER TABLE catalog_eventfragment RESET (toast_tuple_target)",
        ),
        migrations.AlterField(
            model_name="eventfragment",
            name="part",
            field=models.CharField(
                choices=[
                    ("plain", "Plain"),
                    ("other-origins", "Other Origins"),
                    ("other-magnitudes", "Other Magnitudes"),
                    ("mechanisms", "Mechanisms"),
                    ("arrivals", "Arrivals"),
                ],
                max_length=20,
            ),
        ),
    ]

"""Confirm or reject a computed mechanism, in the ledger."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0031_mechanisms_of_first_motions"),
    ]

    operations = [
        migrations.AlterField(
            model_name="mergedecision",
            name="kind",
            field=models.CharField(
                choices=[
                    ("new-event", "opened a new event"),
                    ("associate", "joined to an event"),
                    ("supersede", "newer report of the same agency"),
                    ("move", "moved to another event"),
                    ("merge", "events merged"),
                    ("split", "event split"),
                    ("prefer", "preferred solution changed"),
                    ("same", "held to be the same event"),
                    ("different", "held to be different events"),
                    ("later", "put off"),
                    ("review", "left for review"),
                    ("accept-pick", "reading accepted"),
                    ("reject-pick", "reading rejected"),
                    ("locate", "location accepted"),
                    ("expire", "automatic report not confirmed by the final bulletin"),
                    ("revive", "no longer held to be not confirmed"),
                    ("type", "event type decided"),
                    ("interpret", "interpretation added"),
                    ("intensity", "intensity entered"),
                    ("consequence", "consequence entered"),
                    ("mechanism", "mechanism decided"),
                    ("undo", "earlier decision undone"),
                ],
                max_length=12,
                verbose_name="kind",
            ),
        ),
    ]

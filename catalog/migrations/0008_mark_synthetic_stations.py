"""Mark stations that were invented for the example, so that they can be removed with it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0007_propose_events_for_readings"),
    ]

    operations = [
        migrations.AddField(
            model_name="station",
            name="synthetic",
            field=models.BooleanField(
                default=False,
                help_text="Invented for the example; nothing stands there.",
                verbose_name="synthetic",
            ),
        ),
    ]

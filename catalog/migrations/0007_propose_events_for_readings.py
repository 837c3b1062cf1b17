"""Keep which event a reading without an event may belong to, and what was decided of it.

Rows are guarded like what was reported: never deleted, and what they speak of never changes. The
numbers of a proposal follow the event's origin; a decision's own numbers stand in the ledger.
"""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

#: table -> columns that may change; see migration 0002
GUARDED = {
    "catalog_pickassociation": (
        "state,phase,time_residual,expected_sigma_s,distance_deg,companion,rank,is_clear,rule_set,"
        "proposed_at,decided_by_id,decided_at,decision_id,note"
    ),
}


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0006_read_station_bulletins_and_options"),
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
                    ("review", "left for review"),
                    ("accept-pick", "reading accepted"),
                    ("reject-pick", "reading rejected"),
                    ("undo", "earlier decision undone"),
                ],
                max_length=12,
                verbose_name="kind",
            ),
        ),
        migrations.CreateModel(
            name="PickAssociation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("proposed", "proposed"),
                            ("accepted", "accepted"),
                            ("rejected", "rejected"),
                            ("duplicate", "repeats another reading"),
                            ("obsolete", "no longer valid"),
                        ],
                        default="proposed",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                (
                    "phase",
                    models.CharField(
                        blank=True, max_length=20, verbose_name="phase under which it fits"
                    ),
                ),
                (
                    "time_residual",
                    models.FloatField(
                        help_text="Observed minus predicted.", null=True, verbose_name="residual, s"
                    ),
                ),
                (
                    "expected_sigma_s",
                    models.FloatField(null=True, verbose_name="expected standard deviation, s"),
                ),
                ("distance_deg", models.FloatField(null=True, verbose_name="distance, deg")),
                (
                    "companion",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("alone", "no other wave at the station"),
                            ("consistent", "P and S agree"),
                            ("contradicted", "P and S do not agree"),
                        ],
                        max_length=12,
                        verbose_name="P and S",
                    ),
                ),
                (
                    "rank",
                    models.PositiveSmallIntegerField(
                        help_text="1 is best.", null=True, verbose_name="rank"
                    ),
                ),
                (
                    "is_clear",
                    models.BooleanField(
                        default=False,
                        help_text="The rule may accept it without a person.",
                        verbose_name="unambiguous",
                    ),
                ),
                ("rule_set", models.CharField(blank=True, max_length=60, verbose_name="rule set")),
                (
                    "proposed_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, verbose_name="proposed"
                    ),
                ),
                ("decided_at", models.DateTimeField(blank=True, null=True, verbose_name="decided")),
                ("note", models.TextField(blank=True, verbose_name="note")),
                (
                    "decided_by",
                    models.ForeignKey(
                        blank=True,
                        help_text="Empty: the rule set decided.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "decision",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="pick_associations",
                        to="catalog.mergedecision",
                    ),
                ),
                (
                    "duplicate_of",
                    models.ForeignKey(
                        blank=True,
                        help_text="The same reading, received before or with an event.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="repetitions",
                        to="catalog.pick",
                    ),
                ),
                (
                    "event",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="pick_associations",
                        to="catalog.event",
                    ),
                ),
                (
                    "pick",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="pick_associations",
                        to="catalog.pick",
                    ),
                ),
            ],
            options={
                "verbose_name": "association of a reading",
                "verbose_name_plural": "associations of readings",
                "ordering": ["pick", "rank", "pk"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "obsolete"), _negated=True),
                        fields=["event", "state"],
                        name="pick_association_event",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "accepted")),
                        fields=("pick",),
                        name="pick_accepted_once",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("state", "duplicate")),
                        fields=("pick",),
                        name="pick_repeats_once",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ["proposed", "accepted", "rejected"])),
                        fields=("pick", "event"),
                        name="pick_and_event_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("event__isnull", False),
                            ("duplicate_of__isnull", False),
                            _connector="OR",
                        ),
                        name="pick_association_says_of_what",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("expected_sigma_s__isnull", True),
                            ("expected_sigma_s__gt", 0),
                            _connector="OR",
                        ),
                        name="pick_association_sigma_positive",
                    ),
                ],
            },
        ),
        *(
            migrations.RunSQL(
                f"CREATE TRIGGER refuse_rewrite BEFORE UPDATE OR DELETE ON {table} "
                f"FOR EACH ROW EXECUTE FUNCTION catalog_refuse_rewrite('{allowed}')",
                f"DROP TRIGGER refuse_rewrite ON {table}",
            )
            for table, allowed in GUARDED.items()
        ),
    ]

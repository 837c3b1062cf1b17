"""Keep which days bulletins cover and which months are closed; tell automatic events apart.

Statuses and decisions get the words by which automatic events expire. The indexes of the search
carry the status, which it now asks of every event. What was declared and closed is read-only, as
the ledger is: migration 0002. Bulletins that are here already are inferred from as new ones are
(``catalog.coverage.infer``, as it was when this was written).
"""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

#: table -> columns that may change; see migration 0002
GUARDED = {
    "catalog_coveragespan": "withdrawn_by_id,withdrawn_at",
    "catalog_monthclosing": "",
}

INFER = """
INSERT INTO catalog_coveragespan (agency_id, first_day, last_day, state, basis, file_id, reading_id,
    note, said_at)
SELECT r.agency_id, stretch.first_day, stretch.last_day,
    CASE WHEN r.evaluation_mode = 'automatic' THEN 'automatic' ELSE 'received' END,
    'inferred', r.file_id, r.id, '', now()
FROM catalog_bulletinreading r
CROSS JOIN LATERAL (
    SELECT min(day) AS first_day, max(day) AS last_day FROM (
        SELECT day, count(*) FILTER (WHERE apart > 7) OVER (ORDER BY day) AS number FROM (
            SELECT day, day - lag(day) OVER (ORDER BY day) AS apart FROM (
                SELECT (o.time AT TIME ZONE 'UTC')::date AS day
                FROM catalog_bulletinentry e JOIN catalog_origin o ON o.entry_id = e.id
                WHERE e.reading_id = r.id AND NOT e.deleted
                UNION
                SELECT (o.time AT TIME ZONE 'UTC')::date
                FROM catalog_bulletinentry e JOIN catalog_report report ON report.id = e.report_id
                JOIN catalog_bulletinentry c ON c.id = report.current_entry_id AND c.id <> e.id
                    AND c.content_hash = e.content_hash
                JOIN catalog_origin o ON o.entry_id = c.id
                WHERE e.reading_id = r.id AND NOT e.deleted
            ) days) gaps) numbered
    GROUP BY number
) stretch
WHERE r.is_current
"""


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0018_editions"),
    ]

    operations = [
        migrations.CreateModel(
            name="CoverageSpan",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("first_day", models.DateField(verbose_name="first day, UTC")),
                ("last_day", models.DateField(verbose_name="last day, UTC")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("final", "final bulletin"),
                            ("empty", "reported empty"),
                            ("received", "bulletin received"),
                            ("automatic", "automatic bulletin only"),
                        ],
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                (
                    "basis",
                    models.CharField(
                        choices=[
                            ("inferred", "inferred from its events"),
                            ("declared", "declared by a person"),
                        ],
                        max_length=10,
                        verbose_name="basis",
                    ),
                ),
                ("note", models.CharField(blank=True, max_length=500, verbose_name="note")),
                ("said_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "withdrawn_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="withdrawn"),
                ),
            ],
            options={
                "verbose_name": "covered days",
                "verbose_name_plural": "covered days",
                "ordering": ["-pk"],
            },
        ),
        migrations.CreateModel(
            name="MonthClosing",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("month", models.DateField(help_text="Its first day.", verbose_name="month")),
                (
                    "action",
                    models.CharField(
                        choices=[("closed", "closed"), ("reopened", "opened again")],
                        max_length=10,
                        verbose_name="action",
                    ),
                ),
                (
                    "checklist",
                    models.JSONField(
                        default=list,
                        help_text="Each item with its count at that moment.",
                        verbose_name="checklist",
                    ),
                ),
                (
                    "reason",
                    models.TextField(
                        blank=True,
                        help_text="Why it was closed with open items, or opened again.",
                        verbose_name="reason",
                    ),
                ),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "verbose_name": "closing of a month",
                "verbose_name_plural": "closings of months",
                "ordering": ["-pk"],
            },
        ),
        migrations.RemoveIndex(
            model_name="eventrow",
            name="row_time",
        ),
        migrations.RemoveIndex(
            model_name="eventrow",
            name="row_magnitude",
        ),
        migrations.RemoveIndex(
            model_name="eventrow",
            name="row_kr",
        ),
        migrations.AlterField(
            model_name="event",
            name="status",
            field=models.CharField(
                choices=[
                    ("automatic", "automatic"),
                    ("not-confirmed", "not confirmed"),
                    ("reviewed", "reviewed"),
                    ("published", "published"),
                    ("deleted", "deleted"),
                    ("merged", "merged into another event"),
                ],
                default="reviewed",
                max_length=16,
                verbose_name="status",
            ),
        ),
        migrations.AlterField(
            model_name="eventrow",
            name="status",
            field=models.CharField(max_length=16),
        ),
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
                    ("locate", "location accepted"),
                    ("expire", "automatic report not confirmed by the final bulletin"),
                    ("revive", "no longer held to be not confirmed"),
                    ("undo", "earlier decision undone"),
                ],
                max_length=12,
                verbose_name="kind",
            ),
        ),
        migrations.AddIndex(
            model_name="eventrow",
            index=models.Index(
                models.OrderBy(models.F("time"), descending=True),
                models.OrderBy(models.F("event"), descending=True),
                include=("status",),
                name="row_time",
            ),
        ),
        migrations.AddIndex(
            model_name="eventrow",
            index=models.Index(
                models.OrderBy(models.F("magnitude"), descending=True, nulls_last=True),
                include=("status",),
                name="row_magnitude",
            ),
        ),
        migrations.AddIndex(
            model_name="eventrow",
            index=models.Index(
                models.OrderBy(models.F("kr"), descending=True, nulls_last=True),
                include=("status",),
                name="row_kr",
            ),
        ),
        migrations.AddField(
            model_name="coveragespan",
            name="agency",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="coverage",
                to="catalog.agency",
            ),
        ),
        migrations.AddField(
            model_name="coveragespan",
            name="file",
            field=models.ForeignKey(
                blank=True,
                help_text="Empty: the agency reported without a file that nothing happened.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="coverage",
                to="catalog.bulletinfile",
            ),
        ),
        migrations.AddField(
            model_name="coveragespan",
            name="reading",
            field=models.ForeignKey(
                blank=True,
                help_text="What it was inferred from.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="coverage",
                to="catalog.bulletinreading",
            ),
        ),
        migrations.AddField(
            model_name="coveragespan",
            name="said_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="coveragespan",
            name="withdrawn_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="monthclosing",
            name="actor",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="month_closings",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddIndex(
            model_name="coveragespan",
            index=models.Index(fields=["agency", "first_day"], name="coverage_agency"),
        ),
        migrations.AddConstraint(
            model_name="coveragespan",
            constraint=models.CheckConstraint(
                condition=models.Q(("last_day__gte", models.F("first_day"))), name="coverage_order"
            ),
        ),
        migrations.AddConstraint(
            model_name="coveragespan",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("basis", "inferred"), _negated=True),
                    models.Q(
                        ("file__isnull", False),
                        ("reading__isnull", False),
                        ("state__in", ["received", "automatic"]),
                    ),
                    _connector="OR",
                ),
                name="coverage_inferred_from_reading",
            ),
        ),
        migrations.AddConstraint(
            model_name="coveragespan",
            constraint=models.CheckConstraint(
                condition=models.Q(("file__isnull", False), ("state", "empty"), _connector="OR"),
                name="coverage_without_file_is_empty",
            ),
        ),
        migrations.AddIndex(
            model_name="monthclosing",
            index=models.Index(fields=["month", "-id"], name="closing_month"),
        ),
        migrations.AddConstraint(
            model_name="monthclosing",
            constraint=models.CheckConstraint(
                condition=models.Q(("month__day", 1)), name="closing_is_a_month"
            ),
        ),
        migrations.AddConstraint(
            model_name="monthclosing",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("action", "closed"), models.Q(("reason", ""), _negated=True), _connector="OR"
                ),
                name="closing_reopened_says_why",
            ),
        ),
        *(
            migrations.RunSQL(
                f"CREATE TRIGGER refuse_rewrite BEFORE UPDATE OR DELETE ON {table} "
                f"FOR EACH ROW EXECUTE FUNCTION catalog_refuse_rewrite('{allowed}')",
                f"DROP TRIGGER refuse_rewrite ON {table}",
            )
            for table, allowed in GUARDED.items()
        ),
        # Last: the rows' references are checked at the commit, and no table is altered after them.
        migrations.RunSQL(INFER, migrations.RunSQL.noop),
    ]

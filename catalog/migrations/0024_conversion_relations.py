"""Keep conversions between scales as records, with those that are known; rows are guarded.

What is only known from a paper without its range and sigma is kept for reference: nothing is converted
by it until an editor accepts it.
"""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

#: table -> columns that may change; see migration 0002
GUARDED = {"catalog_conversionrelation": "status,status_changed_by_id,status_changed_at,note"}

_OBNINSK = "USGS Open-File Report 02-500, catalogues of the former USSR"
_MESSAGES = {
    "pair_count": 34,
    "regression": "orthogonal",
    "certainty": "fitted",
    "assumed": "ratio of error variances, (1/1.8)^2",
    "region": "Kazakhstan",
    "source": "32 operative messages of SOME and NNCSNI as the press quoted them, 2 events of the"
    " year book 2014",
    "remark": "For showing where a native value lacks, and named so; never pooled with mb or Mw.",
    "method_id": "kz-portal/regression/1",
}
#: Pairs of KR and MPVA the two fitted relations are of.
PAIRS = [
    [9.4, 4.5], [7.1, 3.7], [9.0, 3.9], [8.9, 4.0], [9.7, 4.2], [10.8, 5.1], [9.8, 4.5],
    [12.0, 5.2], [9.3, 4.6], [10.5, 4.8], [10.8, 4.7], [9.6, 4.2], [9.8, 4.3], [9.7, 4.4],
    [9.9, 4.6], [10.9, 4.9], [10.4, 4.6], [10.4, 4.9], [7.2, 3.8], [15.1, 6.7], [12.9, 5.6],
    [11.3, 5.6], [10.5, 4.5], [11.6, 4.9], [9.6, 4.2], [9.5, 3.8], [13.2, 6.1], [11.2, 5.7],
    [8.7, 3.7], [8.5, 3.9], [8.8, 4.2], [9.7, 4.6], [11.7, 5.2], [13.6, 6.2],
]  # fmt: skip
SHIPPED = [
    {
        "relation_id": "M(KR)",
        "from_scale": "KR",
        "to_scale": "M(KR)",
        "slope": 1 / 1.8,
        "intercept": -4 / 1.8,
        "sigma": 0.3,
        "regression": "not-stated",
        "certainty": "verified",
        "assumed": "sigma",
        "region": "former USSR",
        "source": _OBNINSK + ": K = 1.8 M + 4",
        "remark": "K saturates for the largest earthquakes.",
        "status": "accepted",
    },
    {
        "relation_id": "Mw-proxy-from-KR",
        "from_scale": "KR",
        "to_scale": "Mw proxy",
        "slope": 1 / 1.8,
        "intercept": -4 / 1.8,
        "range_from": 7.0,
        "range_to": 14.0,
        "sigma": 0.3,
        "regression": "not-stated",
        "certainty": "assumed",
        "assumed": "that M of K = 1.8 M + 4 stands for Mw; range; sigma",
        "region": "Kazakhstan",
        "source": _OBNINSK + ": K = 1.8 M + 4",
        "remark": "For want of a moment only, and named a proxy; never on the Mw scale.",
        "status": "reference",
    },
    {
        "relation_id": "MPVA-from-KR-2026",
        "from_scale": "KR",
        "to_scale": "MPVA",
        "slope": 0.43347,
        "intercept": 0.22383,
        "slope_error": 0.02989,
        "intercept_error": 0.32078,
        "range_from": 7.1,
        "range_to": 15.1,
        "sigma": 0.266,
        **_MESSAGES,
        "parameters": {
            "error_ratio": 1 / 1.8**2,
            "correlation": 0.9378,
            "ols": [0.4127, 0.4383],
            "ols_inverse": [0.4693, -0.1462],
        },
        "pairs": PAIRS,
        "status": "reference",
    },
    {
        "relation_id": "KR-from-MPVA-2026",
        "from_scale": "MPVA",
        "to_scale": "KR",
        "slope": 2.30699,
        "intercept": -0.51637,
        "slope_error": 0.15736,
        "intercept_error": 0.76508,
        "range_from": 3.7,
        "range_to": 6.7,
        "sigma": 0.613,
        **_MESSAGES,
        "parameters": {
            "error_ratio": 1.8**2,
            "correlation": 0.9378,
            "ols": [2.1308, 0.3115],
            "ols_inverse": [2.4231, -1.062],
        },
        "pairs": [[mpva, kr] for kr, mpva in PAIRS],
        "status": "reference",
    },
    {
        "relation_id": "Ms-from-mb-Mamyrov-2013",
        "from_scale": "mb",
        "to_scale": "MS",
        "slope": 1.57,
        "intercept": -3.05,
        "regression": "not-stated",
        "certainty": "abstract",
        "region": "Tien Shan, 1960-2012",
        "source": "Mamyrov (2013), Open Journal of Earthquake Research 2(3): observed; by theory"
        " Ms = 1.59 mb - 3.06",
        "status": "reference",
    },
    {
        "relation_id": "ML-from-mb-Petrova-Kurova-2023",
        "from_scale": "mb",
        "to_scale": "ML",
        "slope": 1.06,
        "intercept": -0.34,
        "regression": "not-stated",
        "certainty": "abstract",
        "region": "Armenia, Azerbaijan, Arctic, Baltic, Urals; not Altai-Sayan, not ours",
        "source": "Petrova & Kurova (2023), mb of the ISC, ML averaged over networks",
        "status": "reference",
    },
    {
        "relation_id": "KR-from-K-Fedotov",
        "from_scale": "K(Fedotov)",
        "to_scale": "KR",
        "slope": 1.0,
        "intercept": 0.7,
        "regression": "not-stated",
        "certainty": "verified",
        "region": "Kamchatka",
        "source": _OBNINSK,
        "status": "reference",
    },
    {
        "relation_id": "KR-from-K-Sakhalin",
        "from_scale": "K(Sakhalin)",
        "to_scale": "KR",
        "slope": 1.0,
        "intercept": 1.6,
        "regression": "not-stated",
        "certainty": "verified",
        "region": "Sakhalin",
        "source": _OBNINSK,
        "status": "reference",
    },
]


def store_shipped(apps, schema_editor):
    relation = apps.get_model("catalog", "ConversionRelation")
    relation.objects.bulk_create(relation(**row) for row in SHIPPED)


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0023_magnitude_assessments"),
    ]

    operations = [
        migrations.CreateModel(
            name="ConversionRelation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "relation_id",
                    models.CharField(
                        help_text="What a converted value names.",
                        max_length=100,
                        unique=True,
                        verbose_name="relation",
                    ),
                ),
                ("from_scale", models.CharField(max_length=30, verbose_name="from")),
                ("to_scale", models.CharField(max_length=30, verbose_name="to")),
                ("slope", models.FloatField(verbose_name="slope")),
                ("intercept", models.FloatField(verbose_name="intercept")),
                (
                    "slope_error",
                    models.FloatField(
                        blank=True, null=True, verbose_name="standard error of the slope"
                    ),
                ),
                (
                    "intercept_error",
                    models.FloatField(
                        blank=True, null=True, verbose_name="standard error of the intercept"
                    ),
                ),
                (
                    "range_from",
                    models.FloatField(
                        blank=True,
                        help_text="Of the first scale. Empty: not told.",
                        null=True,
                        verbose_name="holds from",
                    ),
                ),
                ("range_to", models.FloatField(blank=True, null=True, verbose_name="holds to")),
                (
                    "sigma",
                    models.FloatField(
                        blank=True,
                        help_text="Of a converted value. Empty: not told.",
                        null=True,
                        verbose_name="sigma",
                    ),
                ),
                (
                    "pair_count",
                    models.PositiveIntegerField(blank=True, null=True, verbose_name="pairs"),
                ),
                (
                    "regression",
                    models.CharField(
                        choices=[
                            ("definition", "by definition"),
                            ("orthogonal", "orthogonal"),
                            ("ols", "ordinary least squares"),
                            ("not-stated", "not stated"),
                        ],
                        max_length=12,
                        verbose_name="regression",
                    ),
                ),
                (
                    "certainty",
                    models.CharField(
                        choices=[
                            ("verified", "the source was read"),
                            ("abstract", "the abstract was read"),
                            ("fitted", "fitted here"),
                            ("assumed", "assumed"),
                        ],
                        max_length=10,
                        verbose_name="certainty",
                    ),
                ),
                (
                    "assumed",
                    models.CharField(
                        blank=True,
                        help_text="What of it is ours.",
                        max_length=200,
                        verbose_name="assumed",
                    ),
                ),
                ("region", models.CharField(blank=True, max_length=200, verbose_name="region")),
                ("source", models.CharField(blank=True, max_length=300, verbose_name="source")),
                ("remark", models.CharField(blank=True, max_length=300, verbose_name="remark")),
                (
                    "synthetic",
                    models.BooleanField(
                        default=False,
                        help_text="From made-up events: never for real ones.",
                        verbose_name="synthetic",
                    ),
                ),
                ("method_id", models.CharField(blank=True, max_length=150, verbose_name="method")),
                (
                    "parameters",
                    models.JSONField(blank=True, default=dict, verbose_name="parameters"),
                ),
                ("pairs", models.JSONField(blank=True, default=list)),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="stored"),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("reference", "for reference"),
                            ("proposed", "proposed"),
                            ("accepted", "accepted"),
                            ("withdrawn", "withdrawn"),
                        ],
                        default="proposed",
                        max_length=10,
                        verbose_name="status",
                    ),
                ),
                ("status_changed_at", models.DateTimeField(blank=True, null=True)),
                ("note", models.TextField(blank=True, max_length=2000, verbose_name="note")),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "status_changed_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "conversion between scales",
                "verbose_name_plural": "conversions between scales",
                "ordering": ["from_scale", "to_scale", "-pk"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("relation_id", ""), _negated=True),
                            models.Q(("from_scale", ""), _negated=True),
                        ),
                        name="conversion_is_named",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("from_scale", models.F("to_scale")), _negated=True),
                        name="conversion_between_two",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("intercept__gt", float("-inf")),
                            ("intercept__lt", float("inf")),
                            ("slope__gt", float("-inf")),
                            ("slope__lt", float("inf")),
                        ),
                        name="conversion_finite",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("range_from", None),
                            ("range_to", None),
                            ("range_to__gt", models.F("range_from")),
                            _connector="OR",
                        ),
                        name="conversion_range_order",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("status", "accepted")),
                        fields=("from_scale", "to_scale", "synthetic"),
                        name="one_conversion_accepted",
                    ),
                ],
            },
        ),
        migrations.RunPython(store_shipped, migrations.RunPython.noop),
        *(
            migrations.RunSQL(
                f"CREATE TRIGGER refuse_rewrite BEFORE UPDATE OR DELETE ON {table} "
                f"FOR EACH ROW EXECUTE FUNCTION catalog_refuse_rewrite('{allowed}')",
                f"DROP TRIGGER refuse_rewrite ON {table}",
            )
            for table, allowed in GUARDED.items()
        ),
    ]

"""Relations between scales: shipped, fitted, accepted; a converted value is never taken for one."""

from __future__ import annotations

from io import StringIO
from itertools import permutations

import pytest
from django.core.management import CommandError, call_command

from catalog.models import ConversionRelation
from catalog.scales import CONVERTED, CONVERTED_SIGMA, KR_A_UNIT, KR_OF_ZERO, SCALES, scale_of
from processing.core import regression
from processing.jobs import conversions as job
from tests.processing.calibration_events import lay_events

pytestmark = pytest.mark.django_db


def test_the_shipped_relations_are_those_of_their_sources():
    rows = {row.relation_id: row for row in ConversionRelation.objects.all()}
    assert [r for r, row in rows.items() if row.status == "accepted"] == [CONVERTED]
    m = rows[CONVERTED]
    assert (m.slope, m.intercept) == (1 / KR_A_UNIT, -KR_OF_ZERO / KR_A_UNIT)
    assert m.sigma == CONVERTED_SIGMA
    assert m.formula == "M(KR) = 0.5556 KR - 2.222"
    assert rows["Ms-from-mb-Mamyrov-2013"].convert(5.0).value == pytest.approx(4.8)
    assert rows["KR-from-K-Fedotov"].formula == "KR = K(Fedotov) + 0.7"
    for name in ("MPVA-from-KR-2026", "KR-from-MPVA-2026"):
        row = rows[name]
        found = regression.regress(*zip(*row.pairs, strict=True), row.parameters["error_ratio"])
        line = found.orthogonal
        assert (row.slope, row.intercept) == pytest.approx((line.slope, line.intercept), abs=1e-4)
        assert (row.slope_error, row.sigma) == pytest.approx(
            (line.slope_error, line.residual_sigma), abs=1e-3
        )
        assert (row.range_from, row.range_to) == found.x_range


def test_no_converted_value_has_the_name_of_a_scale():
    made = [ConversionRelation(from_scale=x, to_scale=y) for x, y in permutations(SCALES, 2)]
    for row in (*made, *ConversionRelation.objects.all()):
        assert scale_of(row.label) == "", row.label


def test_a_conversion_says_what_it_is_and_native_goes_first():
    convert = ConversionRelation.objects.conversions
    (one,) = convert({"KR": (13.6, 0.18), "mb": (5.3, None)})
    assert (one.label, one.relation_id, one.native) == (CONVERTED, CONVERTED, 13.6)
    assert one.value == pytest.approx(5.333, abs=1e-3)
    assert one.uncertainty == pytest.approx(0.3162, abs=1e-3)  # 0.3 and 0.18 / 1.8
    relation = ConversionRelation.objects.get(relation_id="MPVA-from-KR-2026")
    job.accept(relation, note="for the event page")
    assert {c.label for c in convert({"KR": (9.0, None)})} == {CONVERTED, "MPVA from KR"}
    assert {c.label for c in convert({"KR": (9.0, None), "MPVA": (4.0, None)})} == {CONVERTED}
    assert {c.label for c in convert({"KR": (6.0, None)})} == {CONVERTED}  # outside its range
    with pytest.raises(job.Refused, match="cannot be withdrawn"):
        job.withdraw(ConversionRelation.objects.get(relation_id=CONVERTED))


def test_a_line_is_fitted_to_the_catalogue_and_proposed():
    with pytest.raises(CommandError, match="No event has both KR and MPVA"):
        call_command("fit_regression", "KR", "MPVA")
    lay_events(25)
    out = StringIO()
    call_command("fit_regression", "KR", "MPVA", "--agency", "SOME", "--error-ratio=0.31",
                 stdout=out)  # fmt: skip
    row = ConversionRelation.objects.get(
        certainty="fitted", synthetic=False, source__startswith="this"
    )
    assert (row.relation_id, row.status, row.pair_count) == ("MPVA-from-KR-SOME-1", "proposed", 25)
    assert row.slope == pytest.approx(1 / 2.3, abs=4 * row.slope_error)
    assert "relation MPVA-from-KR-SOME-1 is proposed" in out.getvalue()
    job.accept(row)
    assert [c.label for c in ConversionRelation.objects.conversions({"KR": (9.0, None)})] == [
        CONVERTED, "MPVA from KR",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("KR", "KR"), "two different"),
        (("KR", "MX"), "no scale “MX”"),
        (("KR", "MPVA", "--error-ratio", "nan"), "from 0.01 to 100"),
    ],
)
def test_what_is_no_line_says_why(arguments, message):
    with pytest.raises(CommandError, match=message):
        call_command("fit_regression", *arguments)

"""What readers see of mechanisms: on an event's page, and the catalogue of them."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation

from catalog import focal_geometry as geometry
from catalog import whole_mechanisms
from catalog.models import Agency, Event, EventRow, FocalMechanism
from portal.event_mechanisms import quality_words, shown_of
from portal.mechanism_plots import density_at, pictures_of, rose_of
from portal.mechanism_words import MEANINGS, STYLES
from processing.core.first_motion import METHOD_ID
from tests.portal.conftest import KARAGANDA, MakeEvent

PLANE = {"strike_1": 230, "dip_1": 40, "rake_1": 85}
TENSOR = {"mrr": 3e17, "mtt": -1e17, "mpp": -2e17, "mrt": 1e17, "mrp": 5e16, "mtp": 2e16}


def preferred(event: Event, **values: Any) -> FocalMechanism:
    code = values.pop("agency", "KNDC")
    agency = Agency.objects.get_or_create(code=code)[0] if code else None
    made: FocalMechanism = FocalMechanism.objects.create(event=event, agency=agency, **values)
    event.preferred_focal_mechanism = made
    event.save()
    known = whole_mechanisms.of_row(made)
    EventRow.objects.filter(event=event).update(
        has_mechanism=True, faulting_style=known.style if known else ""
    )
    return made


def section(client: Client, event: Event, language: str = "en") -> str:
    with translation.override(language):
        body = client.get(reverse("event", args=[event.public_id])).content.decode()
    found = re.search(r'<section aria-labelledby="mechanisms">.*?</section>', body, re.S)
    assert found is not None
    return found[0]


# --- An event's page -----------------------------------------------------------------------------


def test_agencies_are_compared_and_what_was_worked_out_is_marked(
    client: Client, make_event: MakeEvent
):
    event = make_event()
    preferred(event, **PLANE, quality="B")
    normal, slip = geometry.fault_vectors(240, 45, 90)
    other = geometry.planes_of(normal, slip)
    FocalMechanism.objects.create(
        event=event, strike_1=float(other.strike), dip_1=float(other.dip), rake_1=float(other.rake)
    )
    FocalMechanism.objects.create(event=event, strike_1=0, dip_1=90, rake_1=0)
    body = section(client, event)
    assert "<strong>thrust</strong> (TF)" in body and "squeezed: the upper side rode up" in body
    assert "Plane 2*" in body and "worked out from the one reported" in body
    assert "very similar" in body and ">different<" in body
    assert "Quality B is the author&#x27;s own grade." in body
    assert "Largest horizontal stress (SHmax)" in body
    label = re.search(r'aria-label="(Focal mechanism of KNDC[^"]*)"', body)
    assert label is not None and "Plane 1: 230°, 40°, 85°" in label[1] and "T: " in label[1]
    for letter in "TNP":
        assert f">{letter}</text>" in body


def test_polarities_are_drawn_up_down_and_crossed(client: Client, make_event: MakeEvent):
    event = make_event()
    preferred(
        event, **PLANE, quality="A", method_id=METHOD_ID, uncertainty_deg=17.4,
        parameters={"stations": [
            {"station": "AAA", "sign": 1, "azimuth": 10, "takeoff": 40, "contradicting": False},
            {"station": "BBB", "sign": -1, "azimuth": 90, "takeoff": 120, "contradicting": True},
            {"station": "<b>", "sign": "x", "azimuth": 90, "takeoff": 20}, 7, {},
        ], "ratio_misfit": 0.31, "ratios": [
            {"station": "AAA", "log_ratio": 0.7, "residual": -0.25, "azimuth": 10, "takeoff": 95},
            {"station": "BBB", "log_ratio": None, "residual": 0, "azimuth": 1, "takeoff": 2}, "x",
        ]},
    )  # fmt: skip
    body = section(client, event)
    assert body.count('class="beachball__up"') == body.count('class="beachball__down"') == 1
    assert body.count('class="beachball__wrong"') == 1 and "<b>" not in body
    assert ">upwards<" in body and "downwards, contradicts" in body
    assert ">computed<" in body and "±17°" in body
    # Of the two amplitude ratios the one that can be read.
    assert "Amplitude ratios of S and P</dt><dd>1</dd>" in body and "<dd>0.31</dd>" in body
    assert '<td class="num">0.70</td><td class="num">0.95</td>' in body
    assert "probability at least 0.8, uncertainty at most 25°" in body
    # Up-going at azimuth 90: drawn at the contrary point, in the west.
    spot = re.search(r'beachball__down" cx="(-?[\d.]+)" cy="(-?[\d.]+)"', body)
    assert spot is not None and float(spot[1]) < -0.5 and abs(float(spot[2])) < 1e-9


@pytest.mark.parametrize(
    ("values", "expected", "drawn"),
    [
        ({"strike_1": 10, "dip_1": None, "rake_1": None}, "Too little is known to draw it", False),
        ({"t_azimuth": 10, "t_plunge": 80, "p_azimuth": 190, "p_plunge": 10},
         "Planes were worked out from the axes.", True),
        (TENSOR, "worked out from the moment tensor", True),
        (TENSOR, "not a double couple alone", True),
        ({**PLANE, "strike_2": 10, "dip_2": 80, "rake_2": 0}, "do not belong together", True),
        ({"quality": "D", "method_id": METHOD_ID}, "Use it with care", False),
        ({"agency": ""}, "Too little is known", False),
    ],
)  # fmt: skip
def test_what_is_odd_or_missing_is_said(
    client: Client, make_event: MakeEvent, values: Any, expected: str, drawn: bool
):
    event = make_event()
    preferred(event, **values)
    body = section(client, event)
    assert expected in body and ("beachball__dark" in body) is drawn and "nan" not in body


def test_a_dip_that_cannot_be_is_shown_and_not_used():
    shown = shown_of(FocalMechanism(strike_1=10, dip_1=95, rake_1=0, **TENSOR))
    assert shown.planes[0].impossible and shown.planes[0].values == (10, 95, 0)
    assert any("dip beyond" in note for note in shown.notes) and shown.ball is not None


def test_every_grade_and_style_has_words():
    for grade in "ABCD":
        told = quality_words(FocalMechanism(quality=grade, method_id=METHOD_ID))
        assert told.startswith(f"Quality {grade}: ")
    assert set(STYLES) == set(MEANINGS) == set(geometry.STYLES)


# --- The catalogue of mechanisms -----------------------------------------------------------------


@pytest.fixture
def three(make_event: MakeEvent) -> list[Event]:
    made = []
    for number, plane in enumerate(((230, 40, 85), (235, 42, 92), (10, 88, 3))):
        event = make_event(
            public_id=f"kz2014mech{number}a", time=KARAGANDA["time"] + timedelta(days=number)
        )
        preferred(event, strike_1=plane[0], dip_1=plane[1], rake_1=plane[2])
        made.append(event)
    make_event(public_id="kz2014nomech")
    return made


def listing(client: Client, query: str = "", language: str = "en", status: int = 200) -> str:
    with translation.override(language):
        answer = client.get(reverse("mechanisms") + query)
    assert answer.status_code == status
    return answer.content.decode()


def test_the_catalogue_has_every_mechanism_and_what_they_show_together(
    client: Client, three: list[Event]
):
    body = listing(client)
    assert body.count("beachball--small") == 3 and "kz2014nomech" not in body
    assert "Mechanisms: 3" in body and "Thrust: T plunges 50° or more: 2" in body
    assert "Mean of 3 mechanisms" in body and "P axes lie densest" in body
    assert 'href="?faultingstyle=TF"' in body and 'href="?faultingstyle=NF"' not in body
    for language in ("ru", "kk"):  # numbers of drawings know no comma
        for number in re.findall(r'(?:cx|cy|r|d)="([^"]*)"', listing(client, "", language)):
            assert "," not in number


def test_a_style_narrows_it_and_so_does_any_word(client: Client, three: list[Event]):
    body = listing(client, "?faultingstyle=tf,ss&starttime=2014-06-22")
    assert "Mechanisms: 2" in body and "All styles" in body
    assert "No events with a mechanism match." in listing(client, "?faultingstyle=NF")
    assert "Expected: NF | NS | SS" in listing(client, "?faultingstyle=oblique", status=400)
    with translation.override("en"):
        table = client.get(reverse("search") + "?faultingstyle=SS").content.decode()
        form = re.search(r'<input[^>]*value="SS"[^>]*checked', table)
        assert form is not None and "kz2014mech2a" in table and "kz2014mech0a" not in table
        assert reverse("mechanisms") in client.get(reverse("statistics")).content.decode()


def test_questions_do_not_grow_with_lines(client: Client, three: list[Event]):
    def asked(query: str) -> int:
        with CaptureQueriesContext(
            connection,
        ) as found:
            listing(client, query)
        return len(found)

    listing(client)
    assert asked("?faultingstyle=SS") == asked("") <= 8


def test_the_file_is_whole_and_opens_safely(client: Client, three: list[Event]):
    Agency.objects.filter(code="KNDC").update(code="=KNDC")
    answer = client.get(reverse("mechanisms-csv") + "?faultingstyle=TF")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert [row["event_id"] for row in rows] == ["kz2014mech1a", "kz2014mech0a"]
    assert rows[1]["strike_1"] == "230.0" and rows[1]["strike_2"] and rows[1]["t_plunge"]
    assert rows[0]["agency"] == "'=KNDC" and rows[0]["faulting_style"] == "TF"
    assert client.get(reverse("mechanisms-csv") + "?minkr=x").status_code == 400


# --- Pictures ------------------------------------------------------------------------------------


def wholes(*planes: tuple[float, float, float]) -> whole_mechanisms.Wholes:
    rest = [None] * (len(whole_mechanisms.COLUMNS) - 3)
    return whole_mechanisms.whole_of([[*plane, *rest] for plane in planes])


def test_like_mechanisms_are_consistent_and_opposite_ones_cancel():
    alike = pictures_of(wholes((30, 60, 90), (30, 60, 90)))
    assert alike is not None and alike.composite.consistency == pytest.approx(1.0)
    against = pictures_of(wholes((30, 60, 90), (30, 60, -90)))
    assert against is not None and against.composite.ball is None
    assert against.composite.consistency == pytest.approx(0.0, abs=1e-9)
    nothing = [None] * len(whole_mechanisms.COLUMNS)
    assert pictures_of(whole_mechanisms.whole_of([nothing])) is None


def test_a_rose_has_both_ends_and_counts_what_it_leaves_out():
    rose = rose_of([0.0, 5.0, 179.9, 90.0, None])
    assert (rose.number, rose.undefined, rose.most) == (4, 1, 2)
    assert [w.number for w in rose.wedges if w.number] == [2, 1, 1]
    assert [w.start for w in rose.strongest] == [0] and all(rose.wedges[0].paths)
    assert rose_of([None]).number == 0


def test_the_mean_density_of_axes_is_even():
    generator = np.random.default_rng(1)
    axes = generator.normal(size=(4000, 3))
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    found = density_at(axes[:200], np.array([[0.0, 0.0, 1.0]]))
    every = density_at(axes, np.array([[1.0, 0.0, 0.0]]))
    assert abs(every.mean() - 1.0) < 0.15 and found.min() >= 0.0
    assert density_at(np.array([[0.0, 0.0, -1.0]]), np.array([[0.0, 0.0, 1.0]]))[
        0
    ] == pytest.approx(30.0)

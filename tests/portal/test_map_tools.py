"""The operator's fault file, and the names of the basemap."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.test import RequestFactory

from catalog.data import basemap_names
from portal.map_tools import MOST_FAULT_BYTES, faults


def test_faults_are_served_when_the_operator_has_a_file(
    rf: RequestFactory, settings: Any, tmp_path: Path
):
    settings.ACTIVE_FAULTS_FILE = ""
    assert faults(rf.get("/map/faults.geojson")).status_code == 404
    settings.ACTIVE_FAULTS_FILE = str(tmp_path / "gone.geojson")
    assert faults(rf.get("/map/faults.geojson")).status_code == 404
    file = tmp_path / "faults.geojson"
    file.write_text('{"type": "FeatureCollection", "features": []}')
    settings.ACTIVE_FAULTS_FILE = str(file)
    answer = faults(rf.get("/map/faults.geojson"))
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/geo+json")
    assert b"".join(answer) == file.read_bytes()
    again = faults(rf.get("/map/faults.geojson", headers={"If-None-Match": answer["ETag"]}))
    assert again.status_code == 304
    with file.open("ab") as large:
        large.truncate(MOST_FAULT_BYTES + 1)
    assert faults(rf.get("/map/faults.geojson")).status_code == 404


def test_names_of_the_basemap_are_those_of_their_tables():
    data = json.loads(basemap_names.TABLE.read_text(encoding="utf-8"))
    assert data["rows"] == basemap_names.settlements(data["rows"][: data["by_hand"]])
    assert data["names"]["rows"] == basemap_names.names(basemap_names.rivers())
    assert all(all(row[-3:]) for row in data["rows"] + data["names"]["rows"])
    for language in basemap_names.LANGUAGES:
        text = basemap_names.path_of(language).read_text(encoding="utf-8")
        assert json.loads(text) == basemap_names.in_language(data, language)

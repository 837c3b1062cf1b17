"""The command that makes the shipped tables."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from processing.core.tables import build


def run(*arguments):
    out = StringIO()
    call_command("build_travel_times", *arguments, stdout=out, skip_checks=True)
    return out.getvalue()


def test_a_table_is_made_and_its_size_told(tmp_path):
    said = run("central-kazakhstan", "--output", str(tmp_path))
    made = (tmp_path / "central-kazakhstan.npz").read_bytes()
    assert said == f"central-kazakhstan: {len(made)} bytes\n"
    shipped = (build.FOLDER / "central-kazakhstan.npz").stat().st_size
    assert len(made) == pytest.approx(shipped, rel=0.01)


@pytest.mark.long
def test_a_global_table_is_compared_with_taupy(tmp_path):
    said = run("ak135", "--output", str(tmp_path), "--points", "10").splitlines()
    errors = [float(part.split()[1]) for part in said[1].split(": ")[2].split(", ")]
    assert len(errors) == 13 and max(errors) < 0.01


def test_an_agencys_table_is_only_checked(tmp_path):
    file = tmp_path / "table.csv"
    rows = [
        f"Pg,{x},{h},{(x * x + h * h) ** 0.5 / 6:.2f}" for h in (0, 5) for x in range(0, 50, 10)
    ]
    file.write_text("\n".join(["phase,distance_km,depth_km,time_s", *rows]))
    assert ": Pg; " in run("--agency-table", str(file))
    file.write_text("\n".join(["phase,distance_km,depth_km,time_s", *rows, "Pg,10,5,3.0"]))
    with pytest.raises(CommandError, match="1 problems"):
        run("--agency-table", str(file))


def test_an_unknown_model_is_named():
    with pytest.raises(CommandError, match="no model prem"):
        run("prem")

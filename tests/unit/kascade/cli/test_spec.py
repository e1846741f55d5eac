"""`kascade spec init` and `check`."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from kascade.cli.spec import spec_app

CSV = """\
customer_id,amount,visits,code,active,seen_at,note,churned
1,1.5,3,00123,true,2026-01-01,called us about the bill,0
2,,4,00124,false,2026-01-02T10:00:00,did not call us yet,1
3,2.5,5,00125,true,2026-01-03 10:00:00Z,wants to leave us soon,0
"""


def test_init_prints_a_model_yaml_that_check_accepts(tmp_path: Path) -> None:
    data, out = tmp_path / "train.csv", tmp_path / "model.yaml"
    data.write_text(CSV)
    runner = CliRunner()

    printed = runner.invoke(spec_app, ["init", str(data), "--target", "churned", "--model", "churn"])
    assert printed.exit_code == 0
    written = runner.invoke(
        spec_app, ["init", str(data), "--target", "churned", "--model", "churn", "--out", str(out)]
    )
    assert written.exit_code == 0
    assert out.read_text() == printed.stdout

    checked = runner.invoke(spec_app, ["check", str(out)])
    assert (checked.exit_code, checked.stdout.split(": ", 1)[1]) == (0, "fine; model churn, target churned\n")

    told = json.loads(runner.invoke(spec_app, ["check", str(out), "--json"]).stdout)
    assert told == {"ok": True, "model": "churn", "target": "churned", "problems": []}
    again = runner.invoke(spec_app, ["init", str(data), "--target", "churned", "--out", str(out)])
    assert again.exit_code == 1
    assert "is there already" in again.stderr


def test_check_takes_the_model_from_the_folder_and_names_every_problem(tmp_path: Path) -> None:
    folder = tmp_path / "churn"
    folder.mkdir()
    path = folder / "model.yaml"
    runner = CliRunner()

    path.write_text("target: y\n")
    assert "model churn" in runner.invoke(spec_app, ["check", str(path)]).stdout

    path.write_text("targt: y\ntrain: {metric: roc, holdout: x}\n")
    failed = runner.invoke(spec_app, ["check", str(path)])
    assert failed.exit_code == 1
    assert "targt (line 1, column 1): unknown key" in failed.stderr
    assert "train.holdout (line 2, column 22)" in failed.stderr

    path.write_text("target: y\ntrain: {metric: roc}\n")
    assert "'roc' is no metric" in runner.invoke(spec_app, ["check", str(path)]).stderr
    path.write_text("target: y\nrollout: {deadline: 3d}\n")
    assert "rollout.deadline (line 2, column 11)" in runner.invoke(spec_app, ["check", str(path)]).stderr
    told = json.loads(runner.invoke(spec_app, ["check", str(path), "--json"]).stdout)
    assert (told["ok"], "rollout.deadline (line 2, column 11)" in told["problems"][0]) == (False, True)
    missing = runner.invoke(spec_app, ["check", str(tmp_path / "nothing.yaml")])
    assert (missing.exit_code, "cannot be read" in missing.stderr) == (1, True)


def test_init_of_what_is_no_table_fails_with_one_line(tmp_path: Path) -> None:
    path = tmp_path / "empty.csv"
    path.write_bytes(b"")
    failed = CliRunner().invoke(spec_app, ["init", str(path), "--target", "y"])

    assert failed.exit_code == 1
    assert failed.stderr.count("\n") == 1
    assert "is empty" in failed.stderr

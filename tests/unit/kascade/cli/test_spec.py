"""`kascade spec init` and `check`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
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


def test_check_looks_at_the_code_beside_it_and_says_which_packages_are_missing_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, runner = tmp_path / "model.yaml", CliRunner()
    path.write_text("model: churn\ntarget: y\ntrain: {code: train.py}\n")
    unchecked = runner.invoke(spec_app, ["check", str(path)])
    assert (unchecked.exit_code, "train.py (train.code) is not checked" in unchecked.stderr) == (0, True)
    (tmp_path / "train.py").write_text("def fit(frame): ...\n")
    wrong = runner.invoke(spec_app, ["check", str(path)])
    assert wrong.exit_code == 1
    assert "train.code (line 3, column 9): train.py, line 1: `fit` does not take" in wrong.stderr
    (tmp_path / "train.py").write_text("def fit(frame, target, params, seed): ...\n")
    assert runner.invoke(spec_app, ["check", str(path)]).exit_code == 0
    path.write_text("model: churn\ntarget: y\ntrain: {params: {a: 1}, secrets: {A: b/c}}\n")
    idle = runner.invoke(spec_app, ["check", str(path)])
    assert idle.exit_code == 1
    assert "train.params (line 3, column 9): it is for train.code, which is not there" in idle.stderr
    path.write_text("model: churn\ntarget: y\ntrain: {candidates: [{estimator: xgboost}]}\n")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    lacking = runner.invoke(spec_app, ["check", str(path)])
    assert (lacking.exit_code, "kascade[xgboost]" in lacking.stderr) == (0, True)


def test_init_of_what_is_no_table_fails_with_one_line(tmp_path: Path) -> None:
    path = tmp_path / "empty.csv"
    path.write_bytes(b"")
    failed = CliRunner().invoke(spec_app, ["init", str(path), "--target", "y"])

    assert failed.exit_code == 1
    assert failed.stderr.count("\n") == 1
    assert "is empty" in failed.stderr

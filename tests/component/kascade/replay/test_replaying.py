"""A log replayed under the policy it was made by differs nowhere; under another one it says where and why."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest
from support.replay.loop import MODEL, START, Loop, play
from typer.testing import CliRunner

from eventing import catalogue as kinds
from eventing.catalogue import Claim
from eventing.event import originate
from kascade.cli import build
from kascade.replay.comparison import Compared
from kascade.replay.recording import Recorded, read_lines
from kascade.replay.replaying import replay
from pipelines.spec import parse_spec

HERE = Path(__file__).parent
LOG = HERE / "recorded.jsonl"
POLICY = """\
model: churn
target: churned
gate: {min: 0.65, margin: 0.05, slices: [country]}
rollout: {phases: [shadow], deadline: 4h, min_labels: 60}
drift: {window: 500}
labels: {window: 1m}
retrain: {cooldown: 2h, cooldown_runs: 3, harm_cooldown: 10m, breaker: 4, max_age: 3d}
"""
SEED, DAYS = 4, 3


@cache
def played(seed: int = SEED, days: int = DAYS) -> Loop:
    return play(seed, POLICY, days)


def get(claim: Claim) -> bytes:
    return played().store.get(claim.uri, claim.sha256)


def under(policy: str, log: list[Recorded]) -> list[Compared]:
    return replay(log, get, tried=parse_spec(policy.encode(), model=MODEL))


def changed(**sections: str) -> str:
    lines = [line for line in POLICY.splitlines() if line.partition(":")[0] not in sections]
    return "\n".join([*lines, *(f"{name}: {text}" for name, text in sections.items())])


@pytest.fixture(scope="module")
def log() -> list[Recorded]:
    return read_lines(LOG.read_text().splitlines())


def test_the_kept_log_is_what_the_loop_makes() -> None:
    made = played().lines()
    if not LOG.exists():
        LOG.write_text(made)
        pytest.fail(f"{LOG.name} was missing and has been made; run the test again")
    # It is made anew when a rule changes on purpose: remove the file, and run the test twice.
    assert LOG.read_text() == made


def test_the_kept_log_holds_every_kind_of_decision(log: list[Recorded]) -> None:
    decisions = replay(log, get)
    assert {each.area for each in decisions} == {"governor", "gate", "drift", "judge"}
    assert len(decisions) > 20


@pytest.mark.case("replay", "a week of a loop, by the functions' own rules")
@pytest.mark.parametrize("seed", [1, 18, 31])
def test_no_decision_differs_under_the_policy_that_was_in_force(seed: int) -> None:
    loop = played(seed, 4)
    decisions = replay(read_lines(loop.lines().splitlines()), lambda claim: loop.store.get(claim.uri))
    assert [each for each in decisions if each.differs or not each.decidable] == []
    assert len(decisions) > 20


@pytest.mark.parametrize("seed", [1, 18])
def test_what_a_retirement_refused_is_refused_again(seed: int) -> None:
    loop = Loop(seed, POLICY)
    retired = {"model": MODEL, "version": 1, "outcome": "retired", "message": ""}
    at = START + timedelta(days=2)
    loop.emit(
        originate(
            kinds.RolloutCompleted.type, "/kascade/roll_out_model", f"{MODEL}/v1", retired, id_="r", now=at
        )
    )
    loop.play(4)
    decisions = replay(read_lines(loop.lines().splitlines()), lambda claim: loop.store.get(claim.uri))
    assert [each for each in decisions if each.differs or not each.decidable] == []
    assert any("retired" in each.recorded for each in decisions)


def test_no_decision_differs_when_the_policy_tried_is_the_one_that_was(log: list[Recorded]) -> None:
    assert not any(each.differs for each in under(POLICY, log))


def test_what_comes_twice_counts_once_and_in_its_place(log: list[Recorded]) -> None:
    shuffled = [*reversed(log), *log]
    lines = [
        json.dumps({"seq": row.seq, "recorded_at": row.at.isoformat(), "event": event})
        for row, event in zip(shuffled, _events(shuffled), strict=True)
    ]
    assert under(POLICY, read_lines(lines)) == under(POLICY, log)


def _events(log: list[Recorded]) -> list[object]:
    by_seq = {row["seq"]: row["event"] for row in map(json.loads, LOG.read_text().splitlines())}
    return [by_seq[row.seq] for row in log]


def test_a_longer_cooldown_changes_what_the_governor_says_and_nothing_else(log: list[Recorded]) -> None:
    found = under(changed(retrain="{cooldown: 20h, cooldown_runs: 3, harm_cooldown: 10m, breaker: 4}"), log)
    differing = [each for each in found if each.differs]
    assert {each.area for each in differing} == {"governor"}
    first = differing[0]
    assert not first.what_if
    assert all(each.what_if for each in differing[1:])
    assert any("cooldown" in each.replayed for each in differing)


def test_a_trigger_that_is_switched_off_is_refused(log: list[Recorded]) -> None:
    found = under(changed(retrain="{on: [], cooldown: 2h, breaker: 4}"), log)
    approved = [each for each in found if each.differs and each.recorded.startswith("approved")]
    refused = [each for each in found if each.rule == "enabled"]
    assert approved
    assert refused
    runs = [each for each in found if each.area == "governor" and each.replayed.startswith("approved")]
    assert {each.rule for each in runs} == {"manual"}


def test_a_higher_minimum_rejects_what_was_below_it(log: list[Recorded]) -> None:
    found = [each for each in under(changed(gate="{min: 0.99, margin: 0.05}"), log) if each.area == "gate"]
    assert all(each.replayed == "rejected (min)" for each in found)
    assert any(each.differs for each in found)


def test_a_smaller_alpha_and_a_larger_effect_find_less_drift(log: list[Recorded]) -> None:
    found = [
        each for each in under(changed(drift="{alpha: 1e-12, min_effect: 0.9}"), log) if each.area == "drift"
    ]
    assert {each.replayed for each in found} <= {"stable", "insufficient"}
    assert any(each.differs for each in found)


def test_only_the_model_that_is_asked_for_is_replayed(log: list[Recorded]) -> None:
    assert replay(log, get, model="other") == []
    other = parse_spec(POLICY.replace("churn\n", "other\n", 1).encode(), model="other")
    assert replay(log, get, tried=other) == []


def run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(build(), ["replay", "--from", str(LOG), *words], env={"COLUMNS": "200"})
    return done.exit_code, done.stdout or str(done.exception)


def test_the_command_ends_with_0_when_nothing_differs_and_with_3_when_something_does(tmp_path: Path) -> None:
    same, other = tmp_path / "same.yaml", tmp_path / "other.yaml"
    same.write_text(POLICY)
    other.write_text(changed(gate="{min: 0.99, margin: 0.05}"))
    code, told = run("--policy", str(same))
    assert (code, "0 of" in told, "differ" in told) == (0, True, True)
    code, told = run("--policy", str(other))
    assert (code, "rejected (min)" in told, "below gate.min 0.99" in told) == (3, True, True)
    code, told = run("--policy", str(other), "--json")
    rows = [json.loads(line) for line in told.splitlines()]
    assert (code, any(row["differs"] for row in rows)) == (3, True)
    assert {"at", "model", "area", "recorded", "replayed", "rule", "why", "decidable", "what_if"} <= set(
        rows[0]
    )


def test_the_sample_of_the_operators_page_is_what_the_command_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (HERE.parents[3] / "docs" / "operations.md").read_text(encoding="utf-8")
    part = page.partition("## Try another policy on what has been")[2]
    policy, shown = (re.findall(f"```{kind}\n(.*?)```", part, re.DOTALL)[0] for kind in ("yaml", "console"))
    (tmp_path / "stricter.yaml").write_text(policy)
    (tmp_path / "log.jsonl").write_bytes(LOG.read_bytes())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("kascade.cli.replay._reader", lambda stack, system: get)
    monkeypatch.setattr("kascade.cli.replay.clock", lambda text: text[:19].replace("T", " "))

    for typed, expected in re.findall(r"^\$ kascade (replay .*)\n((?:(?!\$).*\n)*)", shown, re.MULTILINE):
        done = CliRunner().invoke(build(), typed.split(), env={"COLUMNS": "200"})
        assert _lines(done.stdout) == _lines(expected), "after a change of rules: show what it prints now"
    assert len(re.findall(r"^\$ kascade replay", shown, re.MULTILINE)) == 2


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines() if line.strip()]


def test_the_command_says_what_it_lacks(tmp_path: Path) -> None:
    code, told = run("--home", str(tmp_path / "none"))
    assert (code, "0 of" in told, "cannot be replayed" in told) == (0, True, True)
    assert "its inputs cannot be read" in told
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("model: churn\ntarget: y\nretrain: {cooldwn: 1h}\n")
    code, told = run("--policy", str(wrong))
    assert (code, "did you mean `cooldown`" in told) == (1, True)
    code, told = run("--policy", str(tmp_path / "gone.yaml"))
    assert (code, "is not a file" in told) == (1, True)

"""What `kascade new function` plans, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from eventing.catalogue import PAYLOADS, ModelRejected, Payload, TrainingFailed, TrainingRequested
from kascade.scaffold.checkout import Checkout
from kascade.scaffold.errors import ScaffoldError
from kascade.scaffold.examples import example_of
from kascade.scaffold.function import NewFunction, payload_of, plan

ROOT = Path(__file__).resolve().parents[4]


def planned(on: type[Payload], emits: type[Payload] | None = None, name: str = "try_out") -> dict[str, str]:
    checkout = Checkout(ROOT)
    plan(checkout, NewFunction(name, on, emits))
    return checkout.changed


def run(text: str) -> dict[str, Any]:
    module: dict[str, Any] = {"__name__": "planned"}
    exec(compile(text, "logic.py", "exec", dont_inherit=True), module)  # noqa: S102 - the template's own text
    return module


@pytest.mark.parametrize("type_", sorted(PAYLOADS))
def test_whatever_the_function_emits_its_first_logic_makes_a_valid_one(type_: str) -> None:
    on = TrainingFailed if type_ != TrainingFailed.type else TrainingRequested
    logic = run(planned(on, PAYLOADS[type_])["functions/try_out/logic.py"])
    reply = logic["decide"](on.model_validate(example_of(on)))
    assert isinstance(reply, PAYLOADS[type_])
    assert logic["FUNCTION"] == "try_out"


@pytest.mark.parametrize("type_", sorted(PAYLOADS))
def test_whatever_the_function_handles_its_code_compiles(type_: str) -> None:
    for path, text in planned(PAYLOADS[type_]).items():
        if path.endswith(".py"):
            compile(text, path, "exec", dont_inherit=True)


def test_fields_of_the_same_name_are_taken_from_the_event() -> None:
    logic = planned(ModelRejected, TrainingRequested)["functions/try_out/logic.py"]
    assert "model=payload.model," in logic
    assert "requested_by=FUNCTION," in logic
    assert "placeholder" not in logic


def test_a_function_is_entered_in_every_list_and_no_other_line_changes() -> None:
    changed = planned(ModelRejected, TrainingRequested)
    for path in (
        "pyproject.toml",
        "knative/base/kustomization.yaml",
        "knative/components/disruption-budgets/functions.yaml",
        "knative/components/event-policy/functions.yaml",
        "pipelines/spec/model.py",
        "eventing/catalogue/training.py",
        "docs/events.md",
    ):
        before, after = (ROOT / path).read_text().splitlines(), changed[path].splitlines()
        assert any("try_out" in line or "try-out" in line for line in set(after) - set(before)), path
        assert len(set(before) - set(after)) <= 1, path
    assert changed[".locks/images/try-out.txt"].startswith("annotated-types\n")
    assert TrainingRequested.emitted_by == ("console",)


@pytest.mark.parametrize(
    ("name", "better"),
    [("Try-Out", "try_out"), ("try out", "try_out"), ("1st", "notify_owner"), ("class", "notify_owner")],
)
def test_a_bad_name_is_refused_with_a_better_one(name: str, better: str) -> None:
    with pytest.raises(ScaffoldError, match=f"is no name of a function: write .* such as {better}$"):
        planned(ModelRejected, name=name)


@pytest.mark.parametrize("name", ["ring_timers", "state", "serve_model", "feast", "inferences"])
def test_a_name_that_is_taken_is_refused(name: str) -> None:
    with pytest.raises(ScaffoldError, match=f"the name {name} is taken"):
        planned(ModelRejected, name=name)


def test_a_name_that_knative_would_shorten_is_refused() -> None:
    with pytest.raises(ScaffoldError, match="has 30 characters; Knative leaves room for 29"):
        planned(ModelRejected, name="a" * 30)


def test_a_function_that_would_answer_itself_is_refused() -> None:
    with pytest.raises(ScaffoldError, match="would answer itself for ever"):
        planned(ModelRejected, ModelRejected)


def test_a_type_is_found_with_and_without_the_prefix() -> None:
    assert payload_of("model.rejected") is payload_of("dev.kascade.model.rejected") is ModelRejected


def test_an_unknown_type_is_refused_with_the_nearest() -> None:
    with pytest.raises(ScaffoldError, match=r"model\.rejectd is no type .*; did you mean model\.rejected\?"):
        payload_of("model.rejectd")
    with pytest.raises(ScaffoldError, match=r"xyz is no type of the catalogue; docs/events\.md lists them"):
        payload_of("xyz")


def test_a_folder_that_is_no_checkout_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'other'\n")
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(
            ScaffoldError, match="is no checkout of Kascade; go to one, or name it with --root"
        ):
            Checkout(folder)


def test_a_list_that_is_not_where_it_was_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    for path in ("pyproject.toml", "knative/base/kustomization.yaml"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text((ROOT / path).read_text())
    (tmp_path / "knative/base/kustomization.yaml").write_text("kind: Kustomization\n")
    with pytest.raises(
        ScaffoldError, match=r"kustomization\.yaml has no place for a function in the resources"
    ):
        plan(Checkout(tmp_path), NewFunction("try_out", ModelRejected))
    assert not (tmp_path / "functions").exists()

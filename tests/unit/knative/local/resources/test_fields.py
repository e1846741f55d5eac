"""Rules for fields name the place of what they refuse."""

from __future__ import annotations

from knative.local.resources.fields import TEXT, Fields, Items, Mapped, Unsupported, whole


def test_rules_say_what_they_want() -> None:
    rule = Fields({"list": Items(TEXT), "map": Mapped(whole(1)), "never": Unsupported("of the moon")})
    said = [
        str(problem) for problem in rule.check({"list": "a", "map": {"x": 0, 3: 1}, "never": {"a": 1}}, "")
    ]
    assert said == [
        "list: must be a list, not 'a'",
        "map[x]: must be 1 or more",
        "map[3]: keys must be strings",
        "never: the local runtime cannot honour this: of the moon",
    ]
    assert list(rule.check({"never": {}, "list": None}, "")) == []
    assert [str(problem) for problem in rule.check([], "spec")] == ["spec: must be a mapping, not []"]

"""Bearer tokens: the lines they are read from, and who may do what."""

from __future__ import annotations

import pytest

from eventing.tokens import Tokens

SHOP, OPS = "shop-token-0123456789", "ops-token-0123456789=="
TOKENS = Tokens.parse(
    f"""
    # who       token    for
    shop        {SHOP}   events,predict:churn
    analyst     analyst-token-01234 predict
    ops@example {OPS}    admin
    """
)


@pytest.mark.parametrize(
    ("token", "scope", "may"),
    [
        (SHOP, "events", True),
        (SHOP, "predict:churn", True),
        (SHOP, "predict:wine", False),
        (SHOP, "predict", False),
        (SHOP, "admin", False),
        ("analyst-token-01234", "predict:wine", True),
        ("analyst-token-01234", "events", False),
        (OPS, "events", True),
        (OPS, "predict:wine", True),
        (OPS, "admin", True),
    ],
)
def test_a_token_is_for_its_scopes(token: str, scope: str, may: bool) -> None:
    holder = TOKENS.holder(f"Bearer {token}")
    assert holder is not None
    assert holder.may(scope) is may


@pytest.mark.parametrize(
    "shown",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        f"Basic {SHOP}",
        SHOP,
        f"Bearer {SHOP}x",
        f"Bearer {SHOP[:-1]}",
        "Bearer \udce9",
    ],
)
def test_nothing_else_is_taken_for_a_token(shown: str | None) -> None:
    assert TOKENS.holder(shown) is None


def test_the_scheme_is_written_in_any_case() -> None:
    assert TOKENS.holder(f"bearer  {SHOP}") is not None


def test_without_lines_there_are_no_tokens() -> None:
    assert not Tokens.parse("\n# none yet\n")
    assert Tokens.parse("").holder(f"Bearer {SHOP}") is None


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("shop 0123456789abcdef", "line 1: expected: name token scope"),
        ("sh/op 0123456789abcdef events", "line 1: the name"),
        ("shop short events", "line 1: the token of shop is no bearer token of 16"),
        ("shop 0123456789abcdeé events", "line 1: the token of shop"),
        ("shop 0123456789abcdef event", "line 1: shop has no known scope"),
        ("shop 0123456789abcdef predict:Churn", "line 1: shop has no known scope"),
        (
            "a 0123456789abcdef events\nb 0123456789abcdef predict",
            "line 2: the token of b stands there twice",
        ),
    ],
)
def test_a_wrong_line_is_named_without_its_token(line: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as raised:
        Tokens.parse(line)
    assert "0123456789" not in str(raised.value)


def test_no_text_of_it_shows_a_token() -> None:
    assert SHOP not in f"{TOKENS!r} {vars(TOKENS)} {TOKENS.holder(f'Bearer {SHOP}')!r}"

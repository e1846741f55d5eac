"""Which files of a dataset are a source of views."""

from __future__ import annotations


def feeds_views(key: str, model: str) -> bool:
    """Say whether the rows of a file `raw/<key>` are a source of views.

    Labelled predictions that come back as rows to train on are none: what they are about comes as data by
    itself, and would count twice; and their features were looked up, so they are no news of an entity.
    """
    return not key.startswith(f"{model}/labelled/")

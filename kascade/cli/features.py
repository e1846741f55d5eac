"""`kascade features`: makes rows of views again, compares both stores, reads the views of another Feast."""

from __future__ import annotations

from typing import Annotated

import typer

from eventing import catalogue as c
from eventing.event import Event
from kascade.cli.options import STEER
from kascade.cli.request import Outcome, Recorded, Request, send
from kascade.cli.steering import ModelArgument, Options, event_about, with_options
from kascade.client import connect


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    features = typer.Typer(
        no_args_is_help=True,
        help="Make the rows of a model's feature views again, or check that both stores have the same.",
        epilog="Example: kascade features check churn",
    )
    for command, timeout_s, example in (
        (backfill, 600, "features backfill churn"),
        (check, 120, "features check churn --sample 10000"),
    ):
        features.command(epilog=f"Example: kascade {example}")(
            with_options(command, timeout_s, without=("comment",))
        )
    features.command(
        name="import", epilog="Example: kascade features import s3://lake/feast/feature_store.yaml"
    )(import_repo)
    app.add_typer(features, name="features", rich_help_panel=STEER)


def backfill(model: ModelArgument, options: Options) -> None:
    """Make all rows of the views that a model defines again, and write each entity's newest online."""
    _send(_request(model, c.FeaturesAction.BACKFILL, options), options)


def check(
    model: ModelArgument,
    options: Options,
    sample: Annotated[int, typer.Option(min=1, max=100_000, help="entities to compare, of each view")] = 1000,
) -> None:
    """Compare the online store with the offline rows; it fails where an entity differs."""
    _send(_request(model, c.FeaturesAction.CHECK, options, sample=sample), options)


def import_repo(
    repo: Annotated[
        str,
        typer.Argument(
            help="feature_store.yaml of a Feast repository, or its folder: s3://… or on disk",
            show_default=False,
        ),
    ],
) -> None:
    """Print the views of a Feast that you have already, as `features:` for a model.yaml.

    Its registry is read, not written. Views of Parquet files in S3 are taken; of others the reason is told.
    """
    from kascade.feast_repo import RepoUnreadable, as_model_yaml, described

    try:
        typer.echo(as_model_yaml(described(repo)), nl=False)
    except RepoUnreadable as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error


def _request(model: str, action: c.FeaturesAction, options: Options, **more: int) -> Event:
    payload = c.FeaturesRequested(model=model, action=action, requested_by=options.who, **more)
    return event_about(c.FeaturesRequested.type, model, payload)


def _send(event: Event, options: Options) -> None:
    with connect(options.system) as client:
        request = Request(event, _answer)
        send(client, request, no_wait=options.no_wait, timeout_s=options.timeout, as_json=options.as_json)


def _answer(event: Recorded, ours: bool) -> Outcome | None:
    """Wait for what materialize_features says of the views."""
    if not ours:
        return None
    data = event.get("data") or {}
    match event["type"]:
        case c.FeaturesChecked.type:
            return Outcome(data["consistent"], "; ".join(_checked(view) for view in data["views"]))
        case c.FeaturesMaterialized.type:
            where = "online" if data["online"] else "offline: the feature store does not know the view yet"
            return Outcome(True, f"{data['view']} has {data['entities']} entities {where}")
        case c.FeaturesRejected.type:
            fix = f"; {data['fix']}" if data.get("fix") else ""
            return Outcome(False, f"{data['view']}: {data['problem']}{fix}")
    return None


def _checked(view: Recorded) -> str:
    name = f"{view['view']} ({view['name']})"
    if view.get("problem"):
        return f"{name}: {view['problem']}"
    if not view["differing"]:
        return f"{name}: {view['entities']} entities are the same online and offline"
    examples = "; for example " + "; ".join(view.get("examples", [])[:3])
    return f"{name}: {view['differing']} of {view['entities']} entities differ{examples}"

"""The parts of model.yaml that decide: gate, rollout, drift, retrain, labels, ingest."""

from __future__ import annotations

import codecs
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, PlainValidator
from pydantic_core import PydanticCustomError

from pipelines.spec.columns import Names
from pipelines.spec.durations import Duration
from pipelines.spec.losses import Loss
from pipelines.spec.section import Section, sequence
from pipelines.spec.train import Name

Share = Annotated[float, Field(ge=0, le=1)]
Alpha = Annotated[float, Field(gt=0, lt=1)]
Phase = Literal["shadow", "canary"]
Trigger = Literal["dataset", "drift", "performance", "age"]


def _phases(value: tuple[Phase, ...]) -> tuple[Phase, ...]:
    if value not in ((), ("shadow",), ("canary",), ("shadow", "canary")):
        raise PydanticCustomError("phases", "[shadow, canary] in that order, one of them, or []")
    return value


def _once(value: tuple[Trigger, ...]) -> tuple[Trigger, ...]:
    if len(set(value)) < len(value):
        raise PydanticCustomError("once", "each trigger at most once")
    return value


def _features(value: Any) -> Any:
    if value == "all":
        return value
    if isinstance(value, list | tuple) and value and all(isinstance(item, str) and item for item in value):
        return tuple(value)
    raise PydanticCustomError("features", "`all` or a list of column names")


_NO_FILE_ENCODINGS = {"idna", "punycode", "raw-unicode-escape", "unicode-escape", "utf-7"}


def _encoding(value: str) -> str:
    try:
        "a,b\n".encode(value)  # refuses codecs that are no text encodings
        if codecs.lookup(value).name in _NO_FILE_ENCODINGS:
            raise LookupError(value)
        return codecs.lookup(value).name
    except (LookupError, ValueError) as error:
        raise PydanticCustomError("encoding", "a known encoding, such as utf-8, utf-16 or cp1252") from error


class Gate(Section):
    """What a candidate must reach before it is rolled out."""

    min: float | None = Field(
        default=None, description="smallest acceptable value of the metric", examples=["0.75"]
    )
    better_than_champion_by: float = Field(
        default=0.0, description="how much better than the champion it must measure", examples=["0.0"]
    )
    margin: Annotated[float, Field(ge=0)] = Field(
        default=0.01, description="how much worse the lower bound of the difference may be", examples=["0.01"]
    )
    undecided: Literal["try", "refuse"] = Field(
        default="try",
        description="what becomes of a candidate that is not shown to be worse, nor to keep to the margin: "
        "`try`: labels decide, in the phases of the rollout; `refuse`, as it always is where phases is []",
        examples=["refuse"],
    )
    slices: Names = Field(
        default=(), description="columns by whose values the gate must hold too", examples=["[country]"]
    )
    approval: Literal["automatic", "manual"] = Field(
        default="automatic", description="who has the last word: the gate, or a person", examples=["manual"]
    )


class Rollout(Section):
    """How a new version replaces the champion."""

    phases: Annotated[tuple[Phase, ...], BeforeValidator(sequence), AfterValidator(_phases)] = Field(
        default=("shadow", "canary"),
        description="what comes before it answers all; [] replaces at once",
        examples=["[shadow, canary]"],
    )
    harm: Literal["immediate", "phased"] = Field(
        default="immediate",
        description="what becomes of the phases when labels had proven the champion's harm: `immediate`: the "
        "new version serves at once and the champion watches (not where phases is []); `phased`: as ever",
        examples=["phased"],
    )
    pool: int = Field(
        default=3,
        ge=0,
        le=10,
        description="how many former champions are held against new labels; one that is better serves again",
        examples=["0"],
    )
    canary_percent: int = Field(
        default=10,
        ge=1,
        le=50,
        description="share of the requests the canary answers, in percent",
        examples=["10"],
    )
    margin: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.01, description="loss by which it may be worse and still be promoted", examples=["0.01"]
    )
    loss: Loss = Field(
        default="zero_one",
        description="what a wrong class costs: `zero_one`: 1; `balanced`: each class counts alike, however "
        "rare; or costs by true and answered class. With these two, margins are shares of what the best "
        "answer that is always the same loses",
        examples=["{fraud: {genuine: 20}, genuine: {fraud: 1}}"],
    )
    alpha: Alpha = Field(
        default=0.05, description="chance of promoting, or rolling back, wrongly", examples=["0.05"]
    )
    min_labels: int = Field(
        default=100, ge=1, description="matured labels needed before a promotion", examples=["100"]
    )
    deadline: Duration = Field(
        default=timedelta(days=14),
        description="how long a phase may stay undecided until the rollout ends as inconclusive",
        examples=["14d"],
    )
    entity_period: Duration | None = Field(
        default=None,
        description="an entity counts once in it; by default once in a whole phase",
        examples=["7d"],
    )
    strict: bool = Field(
        default=False,
        description="count a missing mature label as the challenger's error and the champion's success",
        examples=["false"],
    )


class Outliers(Section):
    """Which single predictions are marked as unlike the training data."""

    detector: Name | None = Field(
        default=None,
        description="name of an outlier detector; none by default",
        examples=["isolation_forest"],
    )
    share: float = Field(
        default=0.01,
        gt=0,
        lt=0.5,
        description="share of the training data that would be marked",
        examples=["0.01"],
    )


class Drift(Section):
    """How incoming data is compared with the training data."""

    detector: Name = Field(default="tabular", description="name of a detector", examples=["tabular"])
    alpha: Alpha = Field(
        default=0.05, description="chance of a false alarm per model and reference", examples=["0.05"]
    )
    window: int = Field(default=500, ge=50, description="predictions per test", examples=["500"])
    min_effect: Share = Field(default=0.1, description="smallest effect that counts", examples=["0.1"])
    features: Annotated[
        Literal["all"] | tuple[str, ...],
        PlainValidator(_features),
        PlainSerializer(lambda value: value if value == "all" else list(value)),
    ] = Field(default="all", description="`all`, or the columns to test", examples=["all"])


class Retrain(Section):
    """When the model is trained again: the governor's policy."""

    on: Annotated[tuple[Trigger, ...], BeforeValidator(sequence), AfterValidator(_once)] = Field(
        default=("dataset", "drift", "performance", "age"),
        description="what may start a training by itself; [] leaves it to people",
        examples=["[dataset, age]"],
    )
    debounce: Duration = Field(
        default=timedelta(seconds=60), description="quiet needed before a start", examples=["60s"]
    )
    debounce_max: Duration = Field(
        default=timedelta(minutes=10),
        description="longest that a stream of files can hold a start back",
        examples=["10m"],
    )
    cooldown: Duration = Field(
        default=timedelta(hours=6), description="shortest time between two runs", examples=["6h"]
    )
    cooldown_runs: Annotated[float, Field(ge=0)] = Field(
        default=3.0,
        description="the cooldown is at least this many times the last run's length",
        examples=["3"],
    )
    harm_cooldown: Duration = Field(
        default=timedelta(hours=1), description="the cooldown when labels show harm", examples=["1h"]
    )
    max_per_day: int = Field(default=4, ge=0, description="automatic runs in 24 hours", examples=["4"])
    max_age: Duration = Field(
        default=timedelta(days=30),
        description="age of the last run at which it is trained anyway",
        examples=["30d"],
    )
    min_rows: int = Field(default=500, ge=0, description="new rows needed", examples=["500"])
    min_rows_share: Share = Field(
        default=0.05,
        description="new rows needed as a share of the last training set; the larger counts. Not after a run "
        "that answered proven harm",
        examples=["0.05"],
    )
    harm_min_rows: int = Field(
        default=200,
        ge=0,
        description="new labelled rows that suffice when labels show harm",
        examples=["200"],
    )
    breaker: int = Field(
        default=2,
        ge=1,
        description="challengers refused in a row after which automatic runs stop",
        examples=["2"],
    )


class Labels(Section):
    """How labels come back."""

    window: Duration = Field(
        default=timedelta(days=7),
        description="how long until a prediction's label is mature",
        examples=["7d"],
    )
    randomised: Share = Field(
        default=0.0,
        description="share of the predictions whose label is asked for at random, whatever was answered: for "
        "where some answers never get theirs. The answer says which; the judge weighs them",
        examples=["0.05"],
    )
    train: bool = Field(
        default=True,
        description="give labelled predictions back as rows to train on",
        examples=["true"],
    )
    min_rows: int = Field(
        default=500, ge=1, description="labelled rows given back at a time", examples=["500"]
    )


class Ingest(Section):
    """How dropped files are read and what is tolerated in them."""

    tolerated_bad_rows: Share = Field(
        default=0.05, description="share of bad rows above which a file is refused whole", examples=["0.05"]
    )
    delimiter: Annotated[str, Field(pattern=r"^[^\"\r\n\w]$")] | None = Field(
        default=None, description="what separates CSV fields; by default it is detected", examples=['";"']
    )
    encoding: Annotated[str, Field(max_length=30), AfterValidator(_encoding)] | None = Field(
        default=None,
        description="text encoding of CSV and JSON Lines; by default it is detected",
        examples=["cp1252"],
    )
    missing: Annotated[tuple[Annotated[str, Field(max_length=60)], ...], BeforeValidator(sequence)] | None = (
        Field(
            default=None,
            max_length=100,
            description="the texts that mean a missing value, in every column, in place of the usual ones",
            examples=['[NA, "?"]'],
        )
    )
    folder_columns: bool = Field(
        default=True,
        description="take folders named key=value, as Hive and Spark write them, as columns",
        examples=["false"],
    )
    clock_skew: Duration = Field(
        default=timedelta(days=1), description="how far in the future a timestamp may lie", examples=["1d"]
    )

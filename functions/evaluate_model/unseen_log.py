"""Which logged requests a candidate has not seen: a stretch of time, whatever their labels are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from functions.state.datasets import DatasetPart, parts_of
from functions.state.inferences import InferenceBatch, batches_between
from functions.state.labels import FeedbackRow, JoinedLabel
from functions.state.runs import TrainingRun, get_run
from functions.state.specs import current_spec, labels_window

MOST_ROWS, MOST_FILES = 20_000, 1_000
"""Of the newest requests: they must be answered before the event's delivery times out."""
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_AT_ONCE = 500


@dataclass(frozen=True)
class UnseenLog:
    """The files of the log, oldest first, with what a champion was asked after `since`.

    The candidate that serves may have learnt from what was asked up to `learnt`; as it was judged
    it did not.
    """

    champion: int
    since: datetime
    learnt: datetime
    batches: Sequence[InferenceBatch]


def read_unseen(
    session: Session, model: str, version: int, champion: int, now: datetime, held_from: int | None = None
) -> UnseenLog | None:
    """Return what a champion was asked and a candidate has not seen; None for one that no run made.

    Args:
        held_from: the place in the dataset from which on the candidate, as it was judged, has seen no row.
    """
    run = get_run(session, model, version)
    if run is None:
        return None
    learnt = last_seen(session, run, run.rows)
    since = learnt if held_from is None else last_seen(session, run, held_from)
    batches = batches_between(session, model, since, now, version=champion, shadow=False)
    return UnseenLog(champion, since, learnt, newest([each for each in batches if each.rows]))


def last_seen(session: Session, run: TrainingRun, rows: int) -> datetime:
    """Return the time after which no request is one that a run's model was trained or chosen on.

    Its dataset is the first so many rows.

    Labelled requests come into a dataset in files of release_labels, which say which; another file holds
    nothing that was asked after it was ingested. Code and pipelines of one's own may read whatever there is
    until their run is approved, and what a registered model was made from is not known. The labels that
    raised the alarm are passed over too: they are the champion's worst.
    """
    spec = current_spec(session, run.model)
    if run.registered or spec is None or spec.digest != run.config_digest:
        return run.approved_at
    train = spec.parse().train
    if train.pipeline is not None or train.code is not None:
        return run.approved_at
    files = list(trained_on(parts_of(session, run.model), rows))
    in_part = list(_cut_within(session, files, rows))
    files = files[:-1] if in_part else files
    others = [part.added_at for part in files if release_of(part) is None]
    releases = [name for part in files if (name := release_of(part)) is not None]
    labels = _labels_in(session, run.model, releases)
    return max([_EARLIEST, *others, *labels, *in_part, *_alarm(session, run)])


def trained_on(parts: Iterable[DatasetPart], rows: int) -> Iterator[DatasetPart]:
    """Yield the parts of a dataset when it had so many rows: the first ones."""
    total = 0
    for part in parts:
        if total >= rows:
            return
        total += part.rows
        yield part


def release_of(part: DatasetPart) -> str | None:
    """Return the name of the file of release_labels that a part was made from; None for another file."""
    folder, _, file = part.key.rpartition("/")
    return file.removesuffix(".parquet") if folder == f"{part.model}/labelled" else None


def newest(batches: Sequence[InferenceBatch]) -> list[InferenceBatch]:
    """Return the newest files, as many as can be answered in time, oldest first."""
    kept: list[InferenceBatch] = []
    rows = 0
    for batch in reversed(batches):
        rows += batch.rows
        if len(kept) == MOST_FILES or rows > MOST_ROWS:
            break
        kept.append(batch)
    return kept[::-1]


def _labels_in(session: Session, model: str, releases: Sequence[str]) -> Iterator[datetime]:
    for start in range(0, len(releases), _AT_ONCE):
        chosen = JoinedLabel.release.in_(releases[start : start + _AT_ONCE])
        found = session.scalar(select(func.max(JoinedLabel.at)).where(JoinedLabel.model == model, chosen))
        if found is not None:
            yield found


def _cut_within(session: Session, files: Sequence[DatasetPart], rows: int) -> Iterator[datetime]:
    """Yield the time of the last row before a cut within the last file, where that can be told.

    A file of release_labels has its rows in the order of the predictions; one that lost rows tells nothing.
    """
    part = files[-1] if files else None
    release = None if part is None else release_of(part)
    if part is None or release is None:
        return
    kept = rows - sum(each.rows for each in files[:-1])
    labels = select(JoinedLabel.at).where(JoinedLabel.model == part.model, JoinedLabel.release == release)
    times = session.scalars(labels.order_by(JoinedLabel.at)).all()
    if kept < part.rows == len(times):
        yield times[kept - 1]


def _alarm(session: Session, run: TrainingRun) -> Iterator[datetime]:
    """Yield until when labels can have raised the alarm that a run answers: only matured ones could."""
    row = session.get(FeedbackRow, run.model)
    if run.harmed_version is None or row is None:
        return
    at = row.alarmed_at if row.harm_version == run.harmed_version else None
    if at is None and (alarm_time := (row.alarms or {}).get(str(run.harmed_version))):
        at = datetime.fromisoformat(alarm_time)
    if at is not None:
        yield at - labels_window(session, run.model)

"""predictions, labels, drift and judges."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.create_table(
        "drift_looks",
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("look", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("of", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("rows", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("model", "version", "look", name=op.f("pk_drift_looks")),
        sa.UniqueConstraint(
            "model",
            "version",
            "source",
            "event_id",
            name=op.f("uq_drift_looks_model_version_source_event_id"),
        ),
    )
    op.create_table(
        "feedback",
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("joined_through", sa.DateTime(timezone=True), nullable=True),
        sa.Column("harm", sa.JSON(), nullable=True),
        sa.Column("harm_version", sa.Integer(), nullable=True),
        sa.Column("harm_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("harm_id", sa.Text(), nullable=True),
        sa.Column("alarmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("releasing", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("model", name=op.f("pk_feedback")),
    )
    op.create_table(
        "inference_batches",
        sa.Column(
            "seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("shadow", sa.Boolean(), nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("first", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("window", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_inference_batches")),
        sa.UniqueConstraint("source", "event_id", name=op.f("uq_inference_batches_source_event_id")),
    )
    with op.batch_alter_table("inference_batches", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_inference_batches_first"), ["first"], unique=False)
        batch_op.create_index(batch_op.f("ix_inference_batches_last"), ["last"], unique=False)
        batch_op.create_index(batch_op.f("ix_inference_batches_model"), ["model"], unique=False)

    op.create_table(
        "inference_halves",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("half", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("source", "event_id", "half", name=op.f("pk_inference_halves")),
    )
    with op.batch_alter_table("inference_halves", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_inference_halves_received_at"), ["received_at"], unique=False)

    op.create_table(
        "joined_labels",
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("prediction_id", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=True),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("loss", sa.Float(), nullable=True),
        sa.Column("label_id", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("release", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("model", "prediction_id", name=op.f("pk_joined_labels")),
    )
    with op.batch_alter_table("joined_labels", schema=None) as batch_op:
        batch_op.create_index("ix_joined_labels_model_at", ["model", "at"], unique=False)
        batch_op.create_index("ix_joined_labels_model_entity", ["model", "entity", "at"], unique=False)

    op.create_table(
        "judges",
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("champion_version", sa.Integer(), nullable=True),
        sa.Column("phase", sa.Text(), nullable=True),
        sa.Column("policy", sa.JSON(), nullable=True),
        sa.Column("state", sa.JSON(), nullable=True),
        sa.Column("looks", sa.Integer(), nullable=False),
        sa.Column("guarded_through", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided", sa.Boolean(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("model", name=op.f("pk_judges")),
    )
    op.create_table(
        "waiting_labels",
        sa.Column(
            "seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("label_id", sa.Text(), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("prediction_id", sa.Text(), nullable=True),
        sa.Column("entity", sa.Text(), nullable=True),
        sa.Column("time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_waiting_labels")),
        sa.UniqueConstraint("model", "label_id", name=op.f("uq_waiting_labels_model_label_id")),
    )
    with op.batch_alter_table("rollouts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("champion_version", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("started_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("paused", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.add_column(sa.Column("held", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("phases", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("percent", sa.Integer(), nullable=True))


def downgrade() -> None:
    """Take the tables back to the revision before."""
    with op.batch_alter_table("rollouts", schema=None) as batch_op:
        batch_op.drop_column("percent")
        batch_op.drop_column("phases")
        batch_op.drop_column("held")
        batch_op.drop_column("paused")
        batch_op.drop_column("started_at")
        batch_op.drop_column("champion_version")

    op.drop_table("waiting_labels")
    op.drop_table("judges")
    with op.batch_alter_table("joined_labels", schema=None) as batch_op:
        batch_op.drop_index("ix_joined_labels_model_entity")
        batch_op.drop_index("ix_joined_labels_model_at")

    op.drop_table("joined_labels")
    with op.batch_alter_table("inference_halves", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_inference_halves_received_at"))

    op.drop_table("inference_halves")
    with op.batch_alter_table("inference_batches", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_inference_batches_model"))
        batch_op.drop_index(batch_op.f("ix_inference_batches_last"))
        batch_op.drop_index(batch_op.f("ix_inference_batches_first"))

    op.drop_table("inference_batches")
    op.drop_table("feedback")
    op.drop_table("drift_looks")

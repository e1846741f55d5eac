"""indexes by model."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    with op.batch_alter_table("inference_batches", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_inference_batches_first"))
        batch_op.drop_index(batch_op.f("ix_inference_batches_model"))
        batch_op.create_index("ix_inference_batches_model_last", ["model", "last", "first"], unique=False)
        batch_op.create_index(
            "ix_inference_batches_window", ["model", "version", "shadow", "window", "rows"], unique=False
        )

    with op.batch_alter_table("joined_labels", schema=None) as batch_op:
        batch_op.create_index(
            "ix_joined_labels_release", ["model", "release", "at", "received_at"], unique=False
        )


def downgrade() -> None:
    """Take the tables back to the revision before."""
    with op.batch_alter_table("joined_labels", schema=None) as batch_op:
        batch_op.drop_index("ix_joined_labels_release")

    with op.batch_alter_table("inference_batches", schema=None) as batch_op:
        batch_op.drop_index("ix_inference_batches_window")
        batch_op.drop_index("ix_inference_batches_model_last")
        batch_op.create_index(batch_op.f("ix_inference_batches_model"), ["model"], unique=False)
        batch_op.create_index(batch_op.f("ix_inference_batches_first"), ["first"], unique=False)

"""times of labels."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    with op.batch_alter_table("waiting_labels", schema=None) as batch_op:
        batch_op.add_column(sa.Column("kept_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("lag_s", sa.Float(), nullable=True))
        batch_op.add_column(sa.Column("ahead", sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.create_index("ix_waiting_labels_received", ["model", "received_at", "seq"], unique=False)

    with op.batch_alter_table("joined_labels", schema=None) as batch_op:
        batch_op.add_column(sa.Column("late", sa.Boolean(), server_default=sa.false(), nullable=False))

    with op.batch_alter_table("feedback", schema=None) as batch_op:
        batch_op.add_column(sa.Column("fates", sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column("lag_s", sa.Float(), nullable=True))
        batch_op.add_column(sa.Column("lagged_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Take the tables back to the revision before."""
    with op.batch_alter_table("feedback", schema=None) as batch_op:
        batch_op.drop_column("lagged_at")
        batch_op.drop_column("lag_s")
        batch_op.drop_column("fates")

    with op.batch_alter_table("joined_labels", schema=None) as batch_op:
        batch_op.drop_column("late")

    with op.batch_alter_table("waiting_labels", schema=None) as batch_op:
        batch_op.drop_index("ix_waiting_labels_received")
        batch_op.drop_column("ahead")
        batch_op.drop_column("lag_s")
        batch_op.drop_column("kept_at")

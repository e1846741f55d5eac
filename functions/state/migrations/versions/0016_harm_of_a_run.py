"""The version whose harm a run answers, and why a rollout begins as it does."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    with op.batch_alter_table("training_runs") as table:
        table.add_column(sa.Column("harmed_version", sa.Integer(), nullable=True))
    with op.batch_alter_table("rollouts") as table:
        table.add_column(sa.Column("reason", sa.Text(), nullable=True))


def downgrade() -> None:
    """Take the tables back to the revision before."""
    with op.batch_alter_table("training_runs") as table:
        table.drop_column("harmed_version")
    with op.batch_alter_table("rollouts") as table:
        table.drop_column("reason")

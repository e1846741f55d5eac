"""How the judge's bets went over a phase, and dead letters that a person discarded."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    with op.batch_alter_table("judges") as table:
        table.add_column(sa.Column("course", sa.JSON(), nullable=True))
    with op.batch_alter_table("dead_letters") as table:
        table.add_column(sa.Column("discarded_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Take the tables back to the revision before."""
    with op.batch_alter_table("dead_letters") as table:
        table.drop_column("discarded_at")
    with op.batch_alter_table("judges") as table:
        table.drop_column("course")

"""The problems that people were told of, by route."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.create_table(
        "notified_problems",
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("held", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("route", "problem", name=op.f("pk_notified_problems")),
    )
    op.create_index(op.f("ix_notified_problems_told_at"), "notified_problems", ["told_at"])


def downgrade() -> None:
    """Take the tables back to the revision before."""
    op.drop_table("notified_problems")

"""watched through."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    with op.batch_alter_table("feedback", schema=None) as batch_op:
        batch_op.add_column(sa.Column("watched_through", sa.DateTime(timezone=True), nullable=True))
    # The release before watched a champion in the transaction that joined its labels.
    op.execute("UPDATE feedback SET watched_through = joined_through")


def downgrade() -> None:
    """Take the tables back to the revision before."""
    with op.batch_alter_table("feedback", schema=None) as batch_op:
        batch_op.drop_column("watched_through")

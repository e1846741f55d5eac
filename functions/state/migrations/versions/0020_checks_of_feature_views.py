"""What the newest comparison of a feature view found, and how far its rows drifted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.add_column("feature_views", sa.Column("checked", sa.JSON()))
    op.add_column("feature_views", sa.Column("drift", sa.JSON()))
    op.add_column("feature_views", sa.Column("retired_at", sa.DateTime(timezone=True)))


def downgrade() -> None:
    """Take the tables back to the revision before."""
    for name in ("retired_at", "drift", "checked"):
        op.drop_column("feature_views", name)

"""The version whose harm a run answers, why a rollout begins as it does, and pools of former champions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    with op.batch_alter_table("training_runs") as table:
        table.add_column(sa.Column("harmed_version", sa.Integer(), nullable=True))
    with op.batch_alter_table("rollouts") as table:
        table.add_column(sa.Column("reason", sa.Text(), nullable=True))
    op.create_table(
        "champion_pools",
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("state", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("model", name=op.f("pk_champion_pools")),
    )


def downgrade() -> None:
    """Take the tables back to the revision before."""
    with op.batch_alter_table("training_runs") as table:
        table.drop_column("harmed_version")
    op.drop_table("champion_pools")
    with op.batch_alter_table("rollouts") as table:
        table.drop_column("reason")

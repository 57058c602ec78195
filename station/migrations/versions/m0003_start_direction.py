"""Where a rotator is to point when a booking begins, by which turn of its cable."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; for what was booked before it is unknown."""
    op.add_column("observation", sa.Column("start_direction", sa.JSON, nullable=True))


def downgrade() -> None:
    """Drop what was added."""
    op.drop_column("observation", "start_direction")

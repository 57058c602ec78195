"""What the receiver is tuned to, where that is not the downlink's own frequency."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; what was booked before is tuned to its downlink."""
    op.add_column("observation", sa.Column("center_hz", sa.Float, nullable=True))


def downgrade() -> None:
    """Drop what was added."""
    op.drop_column("observation", "center_hz")

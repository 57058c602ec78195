"""What a booking is worth and by what it is received; the passes that were not taken, with the reason."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and the table; observations of before came from the only receiver."""
    op.add_column("observation", sa.Column("receiver", sa.String(40), nullable=False, server_default=""))
    op.add_column("observation", sa.Column("antenna", sa.String(40), nullable=False, server_default=""))
    op.add_column("observation", sa.Column("value", sa.Float, nullable=False, server_default="0"))
    op.add_column("observation", sa.Column("value_parts", sa.JSON, nullable=False, server_default="{}"))
    op.create_table(
        "rejected",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("key", sa.String(160), nullable=False, unique=True),
        sa.Column("satellite", sa.String(80), nullable=False, index=True),
        sa.Column("norad_id", sa.Integer, nullable=False),
        sa.Column("downlink", sa.String(80), nullable=False),
        sa.Column("aos", sa.DateTime(timezone=True), nullable=False, index=True),
        sa.Column("tca", sa.DateTime(timezone=True), nullable=False),
        sa.Column("los", sa.DateTime(timezone=True), nullable=False),
        sa.Column("max_elevation_deg", sa.Float, nullable=False),
        sa.Column("reason", sa.String(40), nullable=False, index=True),
        sa.Column("words", sa.JSON, nullable=False),
        sa.Column("blocked_by", sa.JSON, nullable=False),
        sa.Column("decided", sa.DateTime(timezone=True), nullable=False),
    )


def downgrade() -> None:
    """Drop what was added."""
    op.drop_table("rejected")
    for column in ("receiver", "antenna", "value", "value_parts"):
        op.drop_column("observation", column)

"""Observations, their jobs and their files."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "observation",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(120), nullable=False, unique=True),
        sa.Column("key", sa.String(120), nullable=False, unique=True),
        sa.Column("satellite", sa.String(80), nullable=False, index=True),
        sa.Column("norad_id", sa.Integer, nullable=False),
        sa.Column("downlink", sa.String(80), nullable=False),
        sa.Column("frequency_hz", sa.Float, nullable=False),
        sa.Column("site", sa.JSON, nullable=False),
        sa.Column("elements", sa.JSON, nullable=False),
        sa.Column("aos", sa.DateTime(timezone=True), nullable=False, index=True),
        sa.Column("tca", sa.DateTime(timezone=True), nullable=False),
        sa.Column("los", sa.DateTime(timezone=True), nullable=False),
        sa.Column("start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("max_elevation_deg", sa.Float, nullable=False),
        sa.Column("folder", sa.String(400), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "job",
        sa.Column("id", sa.Integer, primary_key=True),
        _observation_id(),
        sa.Column("step", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False, index=True),
        sa.Column("reason", sa.String(2000), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("started", sa.DateTime(timezone=True)),
        sa.Column("ended", sa.DateTime(timezone=True)),
        sa.Column("result", sa.JSON, nullable=False),
        sa.UniqueConstraint("observation_id", "step"),
        sa.CheckConstraint("state in ('due', 'running', 'done', 'failed')", name="job_state"),
    )
    op.create_table(
        "file",
        sa.Column("id", sa.Integer, primary_key=True),
        _observation_id(),
        sa.Column("step", sa.String(16), nullable=False),
        sa.Column("path", sa.String(600), nullable=False),
        sa.Column("bytes", sa.Integer, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.UniqueConstraint("observation_id", "path"),
    )


def downgrade() -> None:
    """Drop the tables."""
    for table in ("file", "job", "observation"):
        op.drop_table(table)


def _observation_id() -> sa.Column[int]:
    key = sa.ForeignKey("observation.id", ondelete="CASCADE")
    return sa.Column("observation_id", sa.Integer, key, nullable=False, index=True)

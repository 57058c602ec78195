"""The passes that were not taken, each with its reason: the half of the ledger that no observation tells of.

While a pass is to come, its row says what the latest plan said; once it has risen the row stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy import delete, select

from scheduler.plan import Rejection
from station.catalogue import Catalogue
from station.schema import RejectedRow


@dataclass(frozen=True)
class Rejected:
    """A pass that was not taken: `reason` is a code, `words` its sentence by language."""

    key: str
    satellite: str
    norad_id: int
    downlink: str
    aos: datetime
    tca: datetime
    los: datetime
    max_elevation_deg: float
    reason: str
    words: Mapping[str, str]
    blocked_by: tuple[str, ...]
    decided: datetime

    @classmethod
    def of(cls, rejection: Rejection, decided: datetime) -> Rejected:
        """From a plan."""
        candidate, why = rejection.candidate, rejection.reason
        return cls(
            key=candidate.id,
            satellite=candidate.satellite,
            norad_id=candidate.seen.norad_id,
            downlink=", ".join(need.name for need in candidate.downlinks),
            aos=candidate.seen.aos,
            tca=candidate.seen.tca,
            los=candidate.seen.los,
            max_elevation_deg=candidate.seen.max_elevation_deg,
            reason=why.code,
            words={language: why.words(language) for language in ("en", "vi")},
            blocked_by=rejection.blocked_by,
            decided=decided,
        )


_COLUMNS = tuple(item.name for item in fields(Rejected))


def enter_rejected(catalogue: Catalogue, rejected: Sequence[Rejected], now: datetime) -> None:
    """Put these in place of all that are still to come.

    Raises:
        CatalogueError: the database cannot be written.
    """
    with catalogue.session() as session:
        session.execute(delete(RejectedRow).where(RejectedRow.aos > now))
        kept = set(session.scalars(select(RejectedRow.key).where(RejectedRow.los > now)))
        for one in {r.key: r for r in rejected if r.key not in kept}.values():
            values = {name: getattr(one, name) for name in _COLUMNS}
            session.add(
                RejectedRow(**values | {"words": dict(one.words), "blocked_by": list(one.blocked_by)})
            )


def rejected_passes(
    catalogue: Catalogue, *, since: datetime | None = None, until: datetime | None = None
) -> list[Rejected]:
    """Passes that were not taken, by rise, those that set after `since` and rise before `until`."""
    query = select(RejectedRow).order_by(RejectedRow.aos)
    if since is not None:
        query = query.where(RejectedRow.los > since)
    if until is not None:
        query = query.where(RejectedRow.aos < until)
    with catalogue.session() as session:
        return [
            Rejected(
                **{name: getattr(row, name) for name in _COLUMNS} | {"blocked_by": tuple(row.blocked_by)}
            )
            for row in session.scalars(query)
        ]

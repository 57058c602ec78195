"""`[recordings]`: what becomes of recordings that are decoded."""

from __future__ import annotations

from pydantic import Field, model_validator

from station.config.strict import Strict


class RecordingsSection(Strict):
    """Days after the pass; nothing is done where they are left out."""

    compress_after_days: float | None = Field(default=None, ge=0, le=36500)
    delete_after_days: float | None = Field(default=None, ge=1, le=36500)

    @model_validator(mode="after")
    def _compressed_before_deleted(self) -> RecordingsSection:
        packed, gone = self.compress_after_days, self.delete_after_days
        if packed is not None and gone is not None and packed >= gone:
            raise ValueError(
                f"compress_after_days is {packed:g} and delete_after_days {gone:g}: what is deleted by then "
                "need not be compressed; give a smaller number, or leave it out"
            )
        return self

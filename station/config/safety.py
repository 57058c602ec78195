"""`[safety]`: what forbids an antenna to move."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from hardware.errors import HardwareError
from hardware.safety import Rule
from station.config.strict import Name, Strict

_NEEDS = {"file": ("file",), "flag": ("file",), "mqtt": ("host", "topic"), "webhook": ()}


class SafetyRuleSection(Strict):
    """One value and its limits; `source` says where it comes from.

    file      a number, or JSON with it under `key`, in `file`
    flag      `file` exists: somebody forbids motion; the antenna is stopped where it is unless `park` is set
    mqtt      `topic` of the broker at `host`
    webhook   posted to the address of `[safety.webhook]` under the rule's name
    """

    name: Name
    source: Literal["file", "flag", "mqtt", "webhook"]
    file: Path | None = None
    host: str | None = None
    port: int = Field(default=1883, gt=0, lt=65536)
    topic: str | None = None
    user: str = ""
    password_file: Path | None = None
    tls: bool = False
    key: str = ""
    unit: str = ""
    inhibit_at: float = 1.0
    release_at: float = 0.0
    hold_s: float = 0.0
    calm_s: float = 600.0
    stale_after_s: float = 300.0
    when_stale: Literal["inhibit", "calm"] = "inhibit"
    park: bool | None = None

    @property
    def rule(self) -> Rule:
        """The rule; `SafetyError` where it cannot be."""
        return Rule(
            self.name,
            self.unit,
            self.inhibit_at,
            self.release_at,
            hold_s=self.hold_s,
            calm_s=self.calm_s,
            stale_after_s=self.stale_after_s,
            when_stale=self.when_stale,
            # Whoever sets a flag may be on the mast: nothing is moved, not even to its park position.
            park=self.source != "flag" if self.park is None else self.park,
        )

    @model_validator(mode="after")
    def _whole(self) -> SafetyRuleSection:
        missing = [name for name in _NEEDS[self.source] if getattr(self, name) in (None, "")]
        if missing:
            raise ValueError(f"source = {self.source!r} needs {', '.join(missing)}")
        try:
            _ = self.rule
        except HardwareError as error:
            raise ValueError(str(error)) from error
        return self


class WebhookSection(Strict):
    """Where values may be posted to; whoever posts shows the token of `token_file`."""

    host: str = "127.0.0.1"
    port: int = Field(default=8089, gt=0, lt=65536)
    token_file: Path


class SafetySection(Strict):
    """All rules; without any the antenna is never kept from moving."""

    rule: tuple[SafetyRuleSection, ...] = ()
    webhook: WebhookSection | None = None

    @model_validator(mode="after")
    def _webhook_is_there(self) -> SafetySection:
        if self.webhook is None and any(rule.source == "webhook" for rule in self.rule):
            raise ValueError("a rule comes by webhook, but there is no [safety.webhook] with a token_file")
        return self

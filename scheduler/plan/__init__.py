"""The plan: which passes are received, when, with which receiver and antenna, and why the others are not."""

from scheduler.plan.make import Settings, make_plan
from scheduler.plan.model import Booking, Candidate, DownlinkNeed, Filler, Plan, Rejection, View
from scheduler.plan.reasons import Reason, reason
from scheduler.plan.resources import (
    AntennaResource,
    Budget,
    Maintenance,
    ReceiverResource,
    Resources,
    SlewModel,
)

__all__ = [
    "AntennaResource",
    "Booking",
    "Budget",
    "Candidate",
    "DownlinkNeed",
    "Filler",
    "Maintenance",
    "Plan",
    "Reason",
    "ReceiverResource",
    "Rejection",
    "Resources",
    "Settings",
    "SlewModel",
    "View",
    "make_plan",
    "reason",
]

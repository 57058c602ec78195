"""Element files in every format, written without the code that reads them."""

from __future__ import annotations

import csv
import io
import json
from typing import Any
from xml.sax.saxutils import escape

from scheduler.elements import Elements

METADATA = {"CENTER_NAME": "EARTH", "REF_FRAME": "TEME", "TIME_SYSTEM": "UTC", "MEAN_ELEMENT_THEORY": "SGP4"}
TLE_KEYS = {
    *("EPHEMERIS_TYPE", "CLASSIFICATION_TYPE", "NORAD_CAT_ID", "ELEMENT_SET_NO", "REV_AT_EPOCH"),
    *("BSTAR", "MEAN_MOTION_DOT", "MEAN_MOTION_DDOT"),
}


def as_json(sets: list[Elements]) -> bytes:
    return json.dumps([e.to_omm() for e in sets]).encode()


def as_csv(sets: list[Elements]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(sets[0].to_omm()), lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(e.to_omm() for e in sets)
    return out.getvalue().encode()


def as_xml(sets: list[Elements], prefix: str = "") -> bytes:
    def leaves(omm: dict[str, Any], keys: set[str]) -> str:
        return "".join(f"<{prefix}{k}>{escape(str(v))}</{prefix}{k}>" for k, v in omm.items() if k in keys)

    parts = [f'<{prefix}ndm xmlns:x="urn:ccsds">' if prefix else "<ndm>"]
    for omm in (METADATA | e.to_omm() for e in sets):
        about = leaves(omm, {"OBJECT_NAME", "OBJECT_ID", *METADATA})
        tle = leaves(omm, TLE_KEYS)
        mean = leaves(omm, set(omm) - TLE_KEYS - {"OBJECT_NAME", "OBJECT_ID", *METADATA})
        parts.append(
            f'<{prefix}omm id="CCSDS_OMM_VERS" version="2.0"><header><CREATION_DATE/><ORIGINATOR/></header>'
            f"<body><segment><metadata>{about}</metadata><data><meanElements>{mean}</meanElements>"
            f"<tleParameters>{tle}</tleParameters></data></segment></body></{prefix}omm>"
        )
    return ("<?xml version='1.0' encoding='UTF-8'?>\n" + "\n".join(parts) + f"</{prefix}ndm>").encode()


def as_kvn(sets: list[Elements]) -> bytes:
    blocks = []
    for omm in (METADATA | e.to_omm() for e in sets):
        lines = ["CCSDS_OMM_VERS = 2.0", "COMMENT made = by a test", *(f"{k} = {v}" for k, v in omm.items())]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks).encode()


WRITERS = {"json": as_json, "csv": as_csv, "xml": as_xml, "kvn": as_kvn}

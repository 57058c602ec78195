"""What the station says of its problems, in Vietnamese: by sentences which are those of the code."""

from __future__ import annotations

import ast
import json
import re
import time
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from scheduler.elements import load_elements
from scheduler.errors import ElementsError
from sdr.self_test_verdict import Finding
from sdr.self_test_words import WORDS
from station.catalogue import Booking, Catalogue
from station.freshness import age_warning
from station.processes import Ended
from station.web import app as web
from station.web.sentences import TEXTS, decimals_in, said_in
from tests.station.conftest import ELEMENTS

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("scheduler", "sdr", "hardware", "station")
OF_THE_SYSTEM = {"No space left on device", "Connection refused"}
STEPS = {"record", "decode", "image", "publish"}


def sentences() -> dict[str, str]:
    return tomllib.loads(TEXTS.read_text("utf-8"))["sentences"]  # type: ignore[no-any-return]


def written_in_the_code() -> str:
    """Every text in the code, with `{}` for its values."""
    found: list[str] = []
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.JoinedStr):
                    parts = (part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
                    found.append("".join(map(str, parts)))
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.append(node.value)
    return "\n".join(found)


def test_every_sentence_still_stands_in_the_code() -> None:
    """One that is reworded there would be said in English without anybody noticing."""
    code = written_in_the_code()
    for english in sentences().keys() - OF_THE_SYSTEM:
        words = re.split(r"\{\w+\}", english)
        if english.split(": ")[-1].removesuffix(" failed") in STEPS:
            words = ["not begun: {} failed" if english.startswith("not begun: ") else "{} failed: {}"]
        for piece in words:
            # Longer sentences are put together of several texts, joined by these.
            for text in re.split(r"[:;,] | \(|\)", piece):
                assert text.strip() in code, english


def test_sentences_keep_their_values() -> None:
    for english, vietnamese in sentences().items():
        places = re.findall(r"\{\w+\}", english)
        assert sorted(places) == sorted(re.findall(r"\{\w+\}", vietnamese)), english
        assert len(set(places)) == len(places), english


def test_old_elements_are_told_of_in_vietnamese() -> None:
    elements = load_elements(ELEMENTS)[0]
    with pytest.raises(ElementsError) as refused:
        age_warning(elements, elements.epoch + timedelta(days=859))
    said = said_in("vi", f"{elements.name}: no pass is booked: {refused.value}")
    assert said.startswith(f"{elements.name}: không đặt lịch lượt nào: phần tử quỹ đạo của {elements.name} (")
    assert "2,4 năm sau thời điểm gốc: vệ tinh có thể đến sớm hoặc muộn" in said
    assert said.endswith("cho phép 60 s: hãy lấy bộ mới hơn")
    assert said_in("en", str(refused.value)) == str(refused.value)


def test_a_death_is_told_of_in_vietnamese() -> None:
    killed = Ended(-9, 1.0, 1.0, "").reason
    said = said_in(
        "vi", f"x: recorded with an interruption: the recorder died once ({killed}); 2.3 of 140 s are missing"
    )
    assert said == (
        "x: ghi bị gián đoạn: tiến trình ghi chết một lần (bị dừng bởi SIGKILL; có phải hết bộ nhớ không?); "
        "thiếu 2,3 trong 140 s"
    )


@pytest.mark.parametrize("code", sorted(WORDS))
def test_each_finding_of_a_self_test_is_told_in_vietnamese(code: str) -> None:
    formats = dict(re.findall(r"\{(\w+)(:[^}]*)?\}", WORDS[code]["en"]))
    finding = Finding(code, "fault", {name: 0.3 if form else "words" for name, form in formats.items()})
    assert (
        said_in("vi", f"radio: {finding.words('en')}") == f"radio: {decimals_in('vi', finding.words('vi'))}"
    )


@pytest.mark.parametrize(
    ("english", "vietnamese"),
    [
        ("137.620 MHz, +0.4 dB (8.5%)", "137,620 MHz, +0,4 dB (8,5%)"),
        ("rtl_tcp 10.0.0.1:1234, v1.2.2", "rtl_tcp 10.0.0.1:1234, v1.2.2"),
        ("/media/0.5/recording-1.5.nc of 2024-07-16", "/media/0.5/recording-1.5.nc of 2024-07-16"),
        ("-45.5", "-45,5"),
    ],
)
def test_numbers_get_the_decimal_comma_and_nothing_else_does(english: str, vietnamese: str) -> None:
    assert decimals_in("vi", english) == vietnamese
    assert decimals_in("en", english) == english


def test_what_is_no_known_sentence_stays() -> None:
    assert said_in("vi", "radio: the gizmo: is {odd}; 3.5 dB") == "radio: the gizmo: is {odd}; 3,5 dB"
    assert said_in("vi", "") == ""


@pytest.mark.parametrize("piece", ["a: ", "record failed: ", "; ", ": 3.5", "missed: "])
def test_what_others_say_at_length_costs_no_time(piece: str) -> None:
    """A server's answer stands in a problem as it came: it took a minute and ended in a RecursionError."""
    long = piece * 5000
    began = time.process_time()
    for length in (2000, len(long)):
        assert said_in("vi", long[:length])
    assert time.process_time() - began < 2


def test_pages_tell_problems_and_reasons_in_the_language_of_the_reader(
    catalogue: Catalogue, booking: Booking
) -> None:
    observation = catalogue.book(booking)
    assert observation is not None
    catalogue.fail(observation.name, "record", "missed: the station was busy or asleep")
    health = {
        "ok": False,
        "time": datetime.now(UTC).isoformat(),
        "problems": ["METEOR-M2 4: no pass is booked: no elements of 59051; 3 others are there"],
        "recordings": [
            {"name": observation.name, "lost_s": 0.21, "gaps": 2, "level_dbfs": -7.1, "clipped": 0.0}
        ],
    }
    (catalogue.data_dir / "health.json").write_text(json.dumps(health), "utf-8")
    client = TestClient(web.create_app(catalogue))
    front = client.get("/?lang=vi").text
    for page in (front, client.get("/plan?lang=vi").text):
        assert "không đặt lịch lượt nào: không có phần tử quỹ đạo của 59051" in page
        assert "no pass is booked" not in page
    assert "0,21 s, -7,1 dBFS" in front
    assert "bị lỡ: trạm đang bận hoặc máy đang ngủ" in front
    shown = client.get(f"/observations/{observation.name}?lang=vi").text
    assert "chưa làm: bước ghi tín hiệu bị lỗi" in shown
    assert "missed" not in shown.replace(observation.name, "")
    assert "no pass is booked" in client.get("/?lang=en").text

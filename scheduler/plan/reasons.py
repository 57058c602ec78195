"""Why a pass is not taken: a code for machines, a sentence in English and Vietnamese for people."""

from __future__ import annotations

from dataclasses import dataclass

from scheduler.errors import SchedulerError

# The first group is given by whoever makes the candidates, the second by the plan.
WORDS = {
    "below_elevation": {
        "en": "culminates at {elevation}°, below the least of {least}°",
        "vi": "đạt góc cao nhất {elevation}°, thấp hơn mức tối thiểu {least}°",
    },
    "satellite_off": {
        "en": "the satellite does not transmit: {status}",
        "vi": "vệ tinh không phát: {status}",
    },
    "link_too_weak": {
        "en": "the signal is too weak: at best {cn0} dBHz, {required} dBHz are needed",
        "vi": "tín hiệu quá yếu: tốt nhất {cn0} dBHz, cần {required} dBHz",
    },
    "elements_too_old": {
        "en": "the orbital elements are {age} days old: it may come {late} s early or late",
        "vi": "phần tử quỹ đạo đã {age} ngày tuổi: lượt bay có thể sớm hoặc muộn {late} giây",
    },
    "not_wanted": {
        "en": "it shows nothing of value: {why}",
        "vi": "không có giá trị: {why}",
    },
    "past": {"en": "it is over, or too little of it is left", "vi": "đã qua, hoặc phần còn lại quá ngắn"},
    "too_short": {
        "en": "{duration} s long; a recording needs {least} s at least",
        "vi": "chỉ dài {duration} giây; bản ghi cần ít nhất {least} giây",
    },
    "no_antenna": {
        "en": "no antenna of {station} receives {frequency} MHz",
        "vi": "không có ăng-ten nào của {station} thu được {frequency} MHz",
    },
    "no_receiver": {
        "en": "no receiver of {station} tunes to {frequency} MHz with {bandwidth} MHz of bandwidth",
        "vi": "không có máy thu nào của {station} bắt được {frequency} MHz với băng thông {bandwidth} MHz",
    },
    "maintenance": {
        "en": "maintenance of {resource}",
        "vi": "đang bảo trì {resource}",
    },
    "under_way": {
        "en": "{resource} is taken by what is booked already and never moved: {names}",
        "vi": "{resource} đang bận với lượt thu đã đặt, không dời được: {names}",
    },
    "worth_less": {
        "en": "would add {value} in place of {names}, which add {others}",
        "vi": "chỉ thêm {value} nếu thay cho {names}, vốn đóng góp {others}",
    },
    "kept_last": {
        "en": "would add {value} in place of {names}, which add {others} but were planned before",
        "vi": "thêm {value} nếu thay cho {names}, vốn đóng góp {others} nhưng đã có trong kế hoạch trước",
    },
    "within_gap": {
        "en": "would add {value} in place of {names}, which add {others}: the plan is only proven to lie "
        "within {gap} of the best",
        "vi": "thêm {value} nếu thay cho {names}, vốn đóng góp {others}: kế hoạch chỉ được chứng minh "
        "kém phương án tốt nhất không quá {gap}",
    },
    "disk_full": {
        "en": "the disk of {station} has no room for it on {day}",
        "vi": "ổ đĩa của {station} không đủ chỗ vào ngày {day}",
    },
    "no_power": {
        "en": "the power of {station} does not suffice for it on {day}",
        "vi": "nguồn điện của {station} không đủ vào ngày {day}",
    },
    "adds_nothing": {
        "en": "worth nothing beside what is booked",
        "vi": "không thêm giá trị so với các lượt thu đã đặt",
    },
    "no_free_time": {
        "en": "no free time of {least} s beside what is booked",
        "vi": "không còn khoảng trống {least} giây giữa các lượt thu đã đặt",
    },
}


@dataclass(frozen=True)
class Reason:
    """One code of `WORDS` and the details its sentence names."""

    code: str
    details: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if self.code not in WORDS:
            raise SchedulerError(f"no reason {self.code!r}; known are: {', '.join(WORDS)}")
        try:
            self.words()
        except KeyError as error:
            raise SchedulerError(f"reason {self.code!r} needs the detail {error.args[0]!r}") from error

    def words(self, language: str = "en") -> str:
        """The sentence in `en` or `vi`."""
        return WORDS[self.code][language].format(**dict(self.details))


def reason(code: str, **details: object) -> Reason:
    """A reason with its details; `SchedulerError` when one that the sentence names is missing."""
    return Reason(code, tuple((name, str(value)) for name, value in details.items()))

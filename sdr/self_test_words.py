"""The sentences of a self test, by finding and language."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

WORDS: Mapping[str, Mapping[str, str]] = MappingProxyType({
    "constant": {
        "en": "the receiver gives constant samples ({rails}): reset or replace it",
        "vi": "máy thu chỉ cho ra mẫu không đổi ({rails}): khởi động lại hoặc thay máy thu",
    },
    "repeats": {
        "en": "the receiver gives the same samples again and again: unplug it and plug it in",
        "vi": "máy thu lặp lại cùng một đoạn mẫu: rút ra rồi cắm lại",
    },
    "dead_bits": {
        "en": "the receiver's converter is damaged: {bits} never changes",
        "vi": "bộ biến đổi ADC của máy thu hỏng: {bits} không bao giờ đổi",
    },
    "bias_tee": {
        "en": "the preamplifier is without power: the bias tee makes no difference ({gain:+.1f} dB); "
        "look at its cable and connectors",
        "vi": "bộ khuếch đại đầu cột không có điện: bật bias tee không thay đổi gì ({gain:+.1f} dB); "
        "xem cáp và đầu nối",
    },
    "floor_low": {
        "en": "the antenna seems disconnected: the noise floor is {by:.1f} dB below its usual; look at "
        "antenna, cable and preamplifier",
        "vi": "có vẻ ăng-ten không còn nối: nền nhiễu thấp hơn thường lệ {by:.1f} dB; xem ăng-ten, cáp "
        "và bộ khuếch đại",
    },
    "floor_high": {
        "en": "the noise floor is {by:.1f} dB above its usual: interference, the Sun or heavy rain in "
        "the beam, or a dish's antenna is off its preamplifier",
        "vi": "nền nhiễu cao hơn thường lệ {by:.1f} dB: nhiễu, Mặt Trời hoặc mưa to trong búp sóng, "
        "hoặc đầu thu của chảo rời khỏi bộ khuếch đại",
    },
    "rounding": {
        "en": "hardly anything but the converter's own noise comes: the gain is too low, or no antenna "
        "is there",
        "vi": "gần như chỉ có nhiễu của chính ADC: độ khuếch đại quá thấp, hoặc không có ăng-ten",
    },
    "carrier_missing": {
        "en": "{name} at {mhz:.3f} MHz is not heard: look at the antenna and its cable",
        "vi": "không nghe thấy {name} ở {mhz:.3f} MHz: xem ăng-ten và cáp",
    },
    "carrier_weak": {
        "en": "{name} at {mhz:.3f} MHz is {by:.0f} dB weaker than it should be: look at the antenna and"
        " its cable",
        "vi": "{name} ở {mhz:.3f} MHz yếu hơn bình thường {by:.0f} dB: xem ăng-ten và cáp",
    },
    "interference": {
        "en": "strong interference at {mhz:.3f} MHz, {khz:.0f} kHz wide, {over:+.0f} dB against the noise of "
        "the downlink's band (unless a satellite is up)",
        "vi": "nhiễu mạnh ở {mhz:.3f} MHz, rộng {khz:.0f} kHz, {over:+.0f} dB so với nhiễu trong dải của vệ "
        "tinh (trừ khi đang có vệ tinh bay qua)",
    },
    "interference_beside": {
        "en": "strong interference at {mhz:.3f} MHz, {khz:.0f} kHz wide, beside the downlink: "
        "{over:+.0f} dB against the noise of all that is received; lower the gain, or use a "
        "filter",
        "vi": "nhiễu mạnh ở {mhz:.3f} MHz, rộng {khz:.0f} kHz, ngoài dải của vệ tinh: {over:+.0f} dB so"
        " với toàn bộ nhiễu thu được; giảm độ khuếch đại hoặc dùng bộ lọc",
    },
    "clipped": {
        "en": "the receiver is overdriven: {share:.1%} of the samples are at full scale; lower the gain",
        "vi": "máy thu bị quá tải: {share:.1%} số mẫu chạm đỉnh; giảm độ khuếch đại",
    },
    "dc": {
        "en": "the receiver's DC offset ({dbfs:.0f} dBFS) is stronger than all that it receives",
        "vi": "độ lệch một chiều của máy thu ({dbfs:.0f} dBFS) mạnh hơn mọi thứ thu được",
    },
    "unequal": {
        "en": "I and Q differ by {by:.1f} dB: half of the receiver is damaged, or uncorrected",
        "vi": "I và Q lệch nhau {by:.1f} dB: một nửa máy thu hỏng hoặc chưa hiệu chỉnh",
    },
    "shape": {
        "en": "the noise runs otherwise over the band than usual ({share:.0%} of it by up to {by:.0f} "
        "dB): a filter, a loose cable or wide interference",
        "vi": "dạng phổ nhiễu khác thường lệ ({share:.0%} dải, tới {by:.0f} dB): bộ lọc, cáp lỏng hoặc "
        "nhiễu rộng",
    },
    "lost": {
        "en": "{count} samples were lost in the test itself: USB or computer too slow",
        "vi": "mất {count} mẫu ngay trong lúc thử: USB hoặc máy tính quá chậm",
    },
    "device": {
        "en": "the receiver does not work: {reason}",
        "vi": "máy thu không làm việc: {reason}",
    },
})  # fmt: skip

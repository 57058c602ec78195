#include "sdr/level_sums.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

namespace tramthu {

namespace {

// So many samples at a time: their sums fit 32 bits, and raw bytes need not be aligned.
constexpr std::size_t kChunk = 1024;

template <typename Code, int kScale, int kOffset, int kClipped>
CodeSums sums_of(const std::uint8_t* raw, std::size_t samples) {
    CodeSums total;
    std::array<Code, 2 * kChunk> codes;
    while (samples > 0) {
        const std::size_t count = std::min(samples, kChunk);
        std::memcpy(codes.data(), raw, 2 * count * sizeof(Code));
        std::int32_t sum_i = 0, sum_q = 0;
        std::uint32_t clipped = 0;
        std::uint64_t power = 0;
        for (std::size_t n = 0; n < count; ++n) {
            const std::int32_t i = kScale * codes[2 * n] - kOffset;
            const std::int32_t q = kScale * codes[2 * n + 1] - kOffset;
            sum_i += i;
            sum_q += q;
            power += static_cast<std::uint32_t>(i * i) + static_cast<std::uint32_t>(q * q);
            clipped += (i >= kClipped) | (i <= -kClipped) | (q >= kClipped) | (q <= -kClipped);
        }
        total.i += sum_i;
        total.q += sum_q;
        total.power += power;
        total.clipped += clipped;
        raw += 2 * count * sizeof(Code);
        samples -= count;
    }
    return total;
}

}  // namespace

CodeSums sums_of_cs16(const std::uint8_t* raw, std::size_t samples) {
    return sums_of<std::int16_t, 1, 0, 32512>(raw, samples);
}

CodeSums sums_of_cs8(const std::uint8_t* raw, std::size_t samples) {
    return sums_of<std::int8_t, 1, 0, 127>(raw, samples);
}

CodeSums sums_of_cu8(const std::uint8_t* raw, std::size_t samples) {
    return sums_of<std::uint8_t, 2, 255, 255>(raw, samples);
}

FloatSums sums_of_cf32(const std::uint8_t* raw, std::size_t samples) {
    constexpr double kClipped = 127.0 / 128.0;
    FloatSums total;
    for (std::size_t n = 0; n < samples; ++n, raw += 2 * sizeof(float)) {
        std::array<float, 2> pair;
        std::memcpy(pair.data(), raw, sizeof(pair));
        const double i = std::isfinite(pair[0]) ? pair[0] : 0.0;
        const double q = std::isfinite(pair[1]) ? pair[1] : 0.0;
        total.i += i;
        total.q += q;
        total.power += i * i + q * q;
        total.clipped += std::abs(i) >= kClipped || std::abs(q) >= kClipped;
    }
    return total;
}

}  // namespace tramthu

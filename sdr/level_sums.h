// Sums over raw samples for level, clipping and DC; sdr/level_sums.py holds the specification.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tramthu {

// Of I, of Q, of both squared; samples with I or Q at full scale. Integers for integer formats.
template <typename Number, typename Power>
struct LevelSums {
    Number i = 0;
    Number q = 0;
    Power power = 0;
    std::uint64_t clipped = 0;
};

using CodeSums = LevelSums<std::int64_t, std::uint64_t>;
using FloatSums = LevelSums<double, double>;

// `raw` holds `samples` whole samples of two codes; a code c counts as scale * c - offset.
CodeSums sums_of_cs16(const std::uint8_t* raw, std::size_t samples);
CodeSums sums_of_cs8(const std::uint8_t* raw, std::size_t samples);
CodeSums sums_of_cu8(const std::uint8_t* raw, std::size_t samples);
FloatSums sums_of_cf32(const std::uint8_t* raw, std::size_t samples);

}  // namespace tramthu

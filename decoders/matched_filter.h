// Mixing and matched filtering at any instants; the specification is matched_filter.py.
#pragma once
#include <cstddef>

namespace tramthu {

// Interleaved complex floats everywhere. `taps` is row-major [phases + 1][tap_count], tap_count a multiple
// of 8.
void mix(const float* samples, std::size_t count, double frequency, float* out);
void filter_at(const float* mixed, std::ptrdiff_t count, const float* taps, std::ptrdiff_t phases,
               std::ptrdiff_t tap_count, double first, double step, std::ptrdiff_t outputs, float* out);

}  // namespace tramthu

// Mixing and matched filtering at any instants; the specification is matched_filter.py.
#pragma once
#include <cstddef>

#include "decoders/dispatch.h"

namespace tramthu {

// Interleaved complex floats everywhere.
struct MatchedFilter {
    const float* samples;
    std::ptrdiff_t count;
    const float* taps;  // row-major [phases + 1][tap_count], tap_count a multiple of 8
    std::ptrdiff_t phases, tap_count;
    double first, step;  // instants of the outputs, in samples
    // The carrier at samples[0]: cycles per sample, their change per sample, phase in turns.
    double frequency, slope = 0, turns = 0;
    std::ptrdiff_t outputs;
    float* out;
};

void matched_filter(const MatchedFilter& job, Level level);

}  // namespace tramthu

// Kernel of the decimator; decimator.py has its plain form.
#pragma once
#include <cstddef>

#include "decoders/dispatch.h"

namespace tramthu {

// Output m is the sum of taps[k] times sample m * factor + k of `before` followed by `samples`, complex
// values as pairs of floats. All taps of the last output lie on samples.
struct Decimation {
    const float* before;
    std::size_t before_count;
    const float* samples;
    std::size_t count;
    const float* twice;  // every tap twice, for real and imaginary part
    std::size_t taps;    // a multiple of eight
    std::size_t factor, outputs;
    float* out;
};

void decimate(const Decimation& job, Level level = best_level());

}  // namespace tramthu

// Kernel in front of the demodulators; decimator.py and blanker.py have its plain form.
#pragma once
#include <cstddef>
#include <vector>

#include "decoders/dispatch.h"

namespace tramthu {

// How I and Q are written; a part of a sample is (code - zero) * scale, of f32 the value as it is.
enum class Code { f32, s16, s8, u8 };

// What is taken out of a chunk of samples that are looked at together: what is no sample, and impulses.
struct Blanking {
    std::size_t chunk;
    float largest;      // beyond it a part of a sample is none
    float suspicious;   // largest power over their mean, above which a chunk is looked at closely
    float over_median;  // power of an impulse over the median of those that are not zero
    double most;        // share of these that impulses can take
    std::size_t skirt;  // samples to either side of an impulse
};

// Output m is the sum of taps[k] times sample m * factor + k of `before` followed by `samples`, complex
// values as pairs of floats; without taps every sample is an output.
struct Decimation {
    const float* before;
    std::size_t before_count;  // fewer than taps
    const void* samples;
    std::size_t count;  // whole chunks
    Code code;
    float zero, scale;
    Blanking blanking;
    const float* twice;  // every tap twice, for real and imaginary part
    std::size_t taps;    // a multiple of eight
    std::size_t factor;  // at most as many as taps
    float* out;
};

struct Decimated {
    std::size_t impulses, unusable;  // samples
    std::vector<float> held;         // from the first tap of the next output on
};

// The outputs are all those whose taps lie on samples.
Decimated decimate(const Decimation& job, Level level = best_level());

}  // namespace tramthu

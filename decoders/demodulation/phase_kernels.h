// Kernels of the carrier phase and of the soft bits; the specifications are in carrier.py and softbits.py.
#pragma once
#include <cstddef>
#include <cstdint>

#include "decoders/dispatch.h"

namespace tramthu {

// Interleaved complex floats everywhere.
void turn_back(const float* in, std::size_t count, const double* turns, const double* steps,
               std::size_t length, float* out, Level level);
void fourth_power(const float* in, std::size_t count, float* out, Level level);

// Per window of `window` values (a multiple of 16) the sum of their fourth powers, one complex double.
void fourth_lines(const float* in, std::size_t windows, std::size_t window, double* out, Level level);

// Turned back the same way, real parts of the outputs of even number, imaginary parts of the others:
// float[pieces * length], `length` a multiple of 16.
void turn_to_rails(const float* in, std::size_t pieces, const double* turns, const double* steps,
                   std::size_t length, float* out, Level level);

// Per window of `window` outputs (a multiple of 64) one complex double; in: windows * window + tap_count - 1.
void edge_lines(const float* in, std::size_t windows, std::size_t window, const float* taps,
                std::size_t tap_count, double* out, Level level);

// Per row: how many values are not zero, sum of squares, sum of fourth powers.
void moments(const float* rails, std::size_t rows, std::size_t columns, double* out, Level level);
void soft_bits(const float* rails, std::size_t rows, std::size_t columns, const float* gain, float scale,
               std::int8_t* out, Level level);

}  // namespace tramthu

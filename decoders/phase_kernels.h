// Kernels of the carrier phase and of the soft bits; the specifications are in carrier.py and softbits.py.
#pragma once
#include <cstddef>
#include <cstdint>

namespace tramthu {

// Interleaved complex floats everywhere.
void turn_back(const float* in, std::size_t count, const double* turns, const double* steps,
               std::size_t length, float* out);
void fourth_power(const float* in, std::size_t count, float* out);
void edge_lines(const float* in, std::size_t windows, std::size_t window, const float* taps,
                std::size_t tap_count, double* out);
void soft_bits(const float* rails, std::size_t rows, std::size_t columns, const float* gain, float scale,
               std::int8_t* out);

}  // namespace tramthu

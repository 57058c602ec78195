// Kernels of the error correction; the plain forms beside them in Python are their specification.
#pragma once

#include <cstddef>
#include <cstdint>

#include "decoders/dispatch.h"

namespace tramthu {

// Viterbi blocks: `rows` rows of 2*(head+length+tail) soft bits; see viterbi.py.
struct ViterbiBlocks {
    const int8_t* soft;
    size_t rows, head, length, tail;
    uint8_t* bits;   // rows * length, 0 or 1
    int32_t* score;  // per row: sum of soft * (+1 or -1 of the re-encoded symbol) over `length`
};
void viterbi_blocks(const ViterbiBlocks& job, Level level);

// Max-log a-posteriori decoding of `count` bits; see siso.py.
void siso(const int8_t* soft, const uint8_t* known, size_t count, bool nrz_m, int32_t* llr,
          Level level = best_level());

// Reed-Solomon (255, 255 - parity), parity 16 or 32; see reed_solomon.py. Return: corrected symbols, or -1,
// and then the word is as it was.
int rs_decode(uint8_t* word, const uint8_t* erasures, size_t erasure_count, int parity);

// distance[k]: how many of bits[k … k + marker_bits - 1] (0 or 1) differ from the marker, 1 … 64 bits.
void marker_distance(const uint8_t* bits, size_t count, uint64_t marker, size_t marker_bits,
                     uint8_t* distance, Level level = best_level());
// correlation[k]: sum of soft[k + j] * pattern[j], where the pattern is -1, 0 or 1.
void marker_correlation(const int8_t* soft, size_t count, const int8_t* pattern, size_t size,
                        int32_t* correlation, Level level = best_level());

}  // namespace tramthu

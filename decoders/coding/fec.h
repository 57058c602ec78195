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
    uint8_t* bits;              // rows * length, 0 or 1
    int32_t* score;             // per row: sum of soft * (+1 or -1 of the re-encoded symbol) over `length`
    size_t step = 0;            // soft bits from a row to the next; 0: the rows lie one behind the other
    int32_t* weight = nullptr;  // per row, where wanted: sum of |soft| over `length`
};
void viterbi_blocks(const ViterbiBlocks& job, Level level);

// Max-log a-posteriori decoding of `count` bits; see siso.py.
void siso(const int8_t* soft, const uint8_t* known, size_t count, bool nrz_m, int32_t* llr,
          Level level = best_level());

// Reed-Solomon (255, 255 - parity), parity 16 or 32; see reed_solomon.py. Return: corrected symbols, or -1,
// and then the word is as it was.
int rs_decode(uint8_t* word, const uint8_t* erasures, size_t erasure_count, int parity);

// The Reed-Solomon blocks of `count` frames; see codeblock.py.
struct CodeBlocks {
    const uint8_t* bits;    // count * (skip + 2040 interleave), 0 or 1
    const uint8_t* turned;  // per frame: whether its bits are inverted
    size_t count, skip, interleave;
    const uint8_t* sequence;   // of the randomiser, 255 * interleave
    const uint8_t* from_wire;  // 256: symbols of the wire in the conventional basis, each once
    int parity;
    size_t varied;       // a word of fewer different bytes on the wire is no codeword
    uint8_t* words;      // count * interleave * 255
    int32_t* corrected;  // count * interleave, -1 for none
};
void decode_blocks(const CodeBlocks& job);

// Soft bits times the signs of the symbols of `rows` frames; see frame_quality.py.
struct SymbolSigns {
    const uint8_t* sent;  // rows * bytes, the bits into the encoder
    const int8_t* soft;   // rows * 16 bytes
    size_t rows, bytes;
    int64_t* out;  // per row: how many are not zero, how many negative, their sum
};
void symbol_signs(const SymbolSigns& job, Level level = best_level());

// Soft bits to their places among the encoder's symbols, those punctured 0; see ambiguity.py.
struct SpreadSymbols {
    const int8_t* soft;  // cycles * cycle
    size_t cycles, cycle, symbols;
    const size_t* places;  // of each soft bit of a cycle among its symbols
    const int8_t* signs;
    int8_t* out;  // cycles * symbols
};
void spread_symbols(const SpreadSymbols& job, Level level = best_level());

// distance[k]: how many of bits[k … k + marker_bits - 1] (0 or 1) differ from the marker, 1 … 64 bits.
void marker_distance(const uint8_t* bits, size_t count, uint64_t marker, size_t marker_bits,
                     uint8_t* distance, Level level = best_level());
// correlation[k]: sum of soft[k + j] * pattern[j], where the pattern is -1, 0 or 1.
void marker_correlation(const int8_t* soft, size_t count, const int8_t* pattern, size_t size,
                        int32_t* correlation, Level level = best_level());

}  // namespace tramthu

// MSU-MR image packets: entropy decoding and inverse transform of one packet, without Python.
// Plain pointers and lengths, so that it can be fuzzed and run under sanitizers by itself.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tramthu {

constexpr int kBlocksPerPacket = 14;
constexpr int kBlockSide = 8;

// Decodes up to 14 blocks of 8x8 from `scan` and writes each whole block to rows of `counts`, `stride` bytes
// apart (8 rows of 112 bytes must be writable). Returns the number of whole blocks, 0 to 14; `bits_used` gets
// the bits they took. `quality` 1 to 100; anything else returns 0.
int decode_msu_mr_packet(const std::uint8_t* scan, std::size_t scan_bytes, int quality, std::uint8_t* counts,
                         std::ptrdiff_t stride, std::size_t* bits_used);

}  // namespace tramthu

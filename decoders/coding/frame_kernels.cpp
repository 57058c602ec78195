// Around the Viterbi decoder: soft bits in the order of the encoder, the Reed-Solomon blocks behind markers,
// and soft bits against the symbols of a corrected frame. The plain forms are in ambiguity.py, codeblock.py
// and frame_quality.py.
#include <algorithm>
#include <array>
#include <bit>
#include <bitset>
#include <cstring>
#include <vector>

#include "decoders/coding/fec.h"
#include "decoders/coding/fec_variants.h"

namespace tramthu {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr size_t kLength = 255;

// Bits of a byte from eight bytes 0 or 1, the first at the left: each lands at a bit of the product's last
// byte.
inline uint8_t packed(const uint8_t* bits) {
    uint64_t eight;
    std::memcpy(&eight, bits, 8);
    return uint8_t(eight * 0x8040201008040201U >> 56);
}

// Whether the word is of too few different bytes on the wire.
bool is_dull(const uint8_t* word, size_t number, const CodeBlocks& job, const uint8_t* to_wire) {
    if (job.varied == 0) return false;
    std::bitset<256> seen;
    size_t different = 0;
    for (size_t k = 0; k < kLength; ++k) {
        const uint8_t sent = to_wire[word[k]] ^ job.sequence[k * job.interleave + number];
        different += !seen[sent];
        seen[sent] = true;
        if (different >= job.varied) return false;
    }
    return true;
}

// ---- soft bits against symbols ----

constexpr size_t kStep = 64, kBitsAtOnce = kStep / 2, kMemory = 6;
constexpr size_t kSteps = 120;  // whose counts a lane of eight bits holds

// Eight symbols, 0 for a one and -1 for a zero, of four bits of either generator: first of G1, last of G2.
constexpr auto kTurns = [] {
    std::array<uint64_t, 256> table{};
    for (unsigned both = 0; both < 256; ++both)
        for (unsigned k = 0; k < 8; ++k) {
            const unsigned bit = k % 2 ? both >> (3 - k / 2) & 1 : both >> (7 - k / 2) & 1;
            table[both] |= uint64_t(bit ? 0 : 0xFF) << (8 * k);
        }
    return table;
}();

typedef int8_t Soft __attribute__((vector_size(kStep)));
typedef uint8_t Octets __attribute__((vector_size(kStep)));
typedef int16_t Wide __attribute__((vector_size(2 * kStep)));

template <typename T, typename Vector>
TRAMTHU_INLINE int64_t added(const Vector& lanes) {
    T each[kStep];
    std::memcpy(each, &lanes, sizeof each);
    int64_t sum = 0;
    for (const T one : each) sum += one;
    return sum;
}

TRAMTHU_INLINE void agreement_body(const SymbolSigns& job) {
    for (size_t row = 0; row < job.rows; ++row) {
        const uint8_t* sent = job.sent + row * job.bytes;
        const int8_t* soft = job.soft + row * 16 * job.bytes;
        int64_t* out = job.out + 3 * row;
        out[0] = out[1] = out[2] = 0;
        uint64_t history = 0;  // generators 1111001 and 1011011, newest bit at the left
        for (size_t start = 0; start < 16 * job.bytes;) {
            Soft there = {}, wrong = {};
            Wide sum = {};
            for (size_t step = 0; step < kSteps && start < 16 * job.bytes; ++step, start += kStep) {
                const size_t left = std::min(kStep, 16 * job.bytes - start);
                Soft turn, values = {};
                std::memcpy(&values, soft + start, left);
                // The first pairs depend on the bits before.
                if (start == 0)
                    for (size_t k = 0; k < 2 * kMemory; ++k) values[k] = 0;
                for (size_t k = 0; k < kBitsAtOnce / 8; ++k)
                    history = history << 8 | (16 * k < left ? sent[start / 16 + k] : 0U);
                const uint64_t common = history ^ history >> 2 ^ history >> 3 ^ history >> 6;
                const uint64_t one = common ^ history >> 1, other = common ^ history >> 5;
                uint64_t turns[kStep / 8];
                for (unsigned k = 0; k < kStep / 8; ++k) {
                    const unsigned shift = kBitsAtOnce - 4 * (k + 1);
                    turns[k] = kTurns[(one >> shift & 15) << 4 | (other >> shift & 15)];
                }
                std::memcpy(&turn, turns, sizeof turn);
                const Soft turned = Soft((Octets(values) ^ Octets(turn)) - Octets(turn));  // -128 stays
                there -= turned != 0;
                wrong -= turned < 0;
                sum += __builtin_convertvector(turned, Wide);
            }
            out[0] += added<int8_t>(there);
            out[1] += added<int8_t>(wrong);
            out[2] += added<int16_t>(sum);
        }
    }
}

// ---- soft bits to the places of the encoder ----

typedef uint8_t Sixteen __attribute__((vector_size(16)));

// Whole cycles within sixteen symbols by one shuffle.
TRAMTHU_INLINE void spread_body(const SpreadSymbols& job) {
    const size_t wide = job.symbols, most = sizeof(Sixteen);
    const size_t together = wide <= most && job.cycle <= most ? std::min(most / wide, most / job.cycle) : 0;
    size_t at = 0;
    if (together > 0) {
        Sixteen from = {}, turn = {}, taken = {};
        for (size_t c = 0; c < together; ++c)
            for (size_t k = 0; k < job.cycle; ++k) {
                const size_t place = c * wide + job.places[k];
                from[place] = uint8_t(c * job.cycle + k);
                turn[place] = job.signs[k] < 0 ? 0xFF : 0;
                taken[place] = 0xFF;
            }
        // A whole vector is read and written: what is beyond the cycles is written again.
        for (; (job.cycles - at) * job.cycle >= most && (job.cycles - at) * wide >= most; at += together) {
            Sixteen values;
            std::memcpy(&values, job.soft + at * job.cycle, most);
            values = ((__builtin_shuffle(values, from) ^ turn) - turn) & taken;
            std::memcpy(job.out + at * wide, &values, most);
        }
    }
    for (; at < job.cycles; ++at) {
        int8_t* out = job.out + at * wide;
        std::fill(out, out + wide, int8_t(0));
        for (size_t k = 0; k < job.cycle; ++k) {
            const int8_t value = job.soft[at * job.cycle + k];
            out[job.places[k]] = int8_t(job.signs[k] < 0 ? -value : value);
        }
    }
}

TRAMTHU_VARIANTS_OF(agreement, (const SymbolSigns& job), (job))
TRAMTHU_VARIANTS_OF(spread, (const SpreadSymbols& job), (job))

}  // namespace

void symbol_signs(const SymbolSigns& job, Level level) { agreement_at(level)(job); }

void spread_symbols(const SpreadSymbols& job, Level level) { spread_at(level)(job); }

void decode_blocks(const CodeBlocks& job) {
    const size_t bytes = kLength * job.interleave;
    std::array<uint8_t, 256> to_wire{};
    for (unsigned k = 0; k < 256; ++k) to_wire[job.from_wire[k]] = uint8_t(k);
    for (size_t n = 0; n < job.count; ++n) {
        const uint8_t* bits = job.bits + n * (job.skip + 8 * bytes) + job.skip;
        const uint8_t turn = job.turned[n] ? 0xFF : 0;
        uint8_t* words = job.words + n * bytes;
        for (size_t k = 0; k < kLength; ++k)
            for (size_t i = 0; i < job.interleave; ++i) {
                const size_t byte = k * job.interleave + i;
                words[kLength * i + k] =
                    job.from_wire[uint8_t(packed(bits + 8 * byte) ^ job.sequence[byte] ^ turn)];
            }
        for (size_t i = 0; i < job.interleave; ++i) {
            int32_t& corrected = job.corrected[n * job.interleave + i];
            corrected = rs_decode(words + kLength * i, nullptr, 0, job.parity);
            if (is_dull(words + kLength * i, i, job, to_wire.data())) corrected = -1;
        }
    }
}

}  // namespace tramthu

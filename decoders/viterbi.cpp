// Viterbi decoding of the CCSDS (7, 1/2) code: independent blocks lie in the lanes of a vector, so that the
// add-compare-select of 64 states needs no shuffle, and every instruction set gives the same bits.
//
// M[s]: metric of state s, the larger the better; s holds the newest bit at its left. S, D: sum and
// difference of the two soft bits of a step. A survivor is one bit per state and step: which of 2s, 2s+1 (mod
// 64) it came from.
#include <array>
#include <bit>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "decoders/fec.h"

namespace tramthu {
namespace {

constexpr unsigned kG1 = 0x79,
                   kG2 = 0x5B;  // 171, 133 octal; left-most tap = newest bit (131.0-B-5 section 3.3)
constexpr int kStates = 64;
constexpr int kNormaliseEvery = 32;  // 32 * 254 + 12 * 254 (the widest spread of metrics) stays inside int16

constexpr unsigned encoded(unsigned shift_register) {
    return unsigned(std::popcount(shift_register & kG1) & 1) << 1 |
           unsigned(std::popcount(shift_register & kG2) & 1);
}

// Pair of symbols on the branch into state s (newest bit 0) from state 2s, for s < 32.
constexpr auto kBranch = [] {
    std::array<uint8_t, kStates / 2> table{};
    for (unsigned s = 0; s < kStates / 2; ++s) table[s] = uint8_t(encoded(2 * s));
    return table;
}();
constexpr auto kEncoded = [] {
    std::array<uint8_t, 2 * kStates> table{};
    for (unsigned r = 0; r < 2 * kStates; ++r) table[r] = uint8_t(encoded(r));
    return table;
}();

template <int kBytes>
struct Lanes {
    typedef int16_t Vector __attribute__((vector_size(kBytes)));
    static constexpr int kCount = kBytes / 2;
};

// Scratch space of one call, reused for each group of rows.
template <int kBytes>
struct Scratch {
    using V = typename Lanes<kBytes>::Vector;
    explicit Scratch(size_t steps) : memory((6 * steps + 1) * kBytes), steps(steps) {
        void* start = memory.data();
        size_t space = memory.size();
        base = static_cast<V*>(std::align(kBytes, 6 * steps * kBytes, start, space));
    }
    V* soft() { return base; }                   // [steps][2]
    V* decisions() { return base + 2 * steps; }  // [steps][4], bit s % 16 of word s / 16
    std::vector<uint8_t> memory;
    size_t steps;
    V* base;
};

template <int kBytes>
inline __attribute__((always_inline)) void load(const ViterbiBlocks& job, size_t first,
                                                Scratch<kBytes>& scratch) {
    constexpr int kLanes = Lanes<kBytes>::kCount;
    auto* out = reinterpret_cast<int16_t*>(scratch.soft());
    const size_t symbols = 2 * scratch.steps;
    const int8_t* in[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) {
        // Lanes without a row of their own repeat the last one; their result is not read.
        const size_t row = first + lane < job.rows ? first + lane : job.rows - 1;
        in[lane] = job.soft + row * symbols;
    }
    for (size_t k = 0; k < symbols; ++k)
        for (int lane = 0; lane < kLanes; ++lane) out[k * kLanes + lane] = in[lane][k];
}

template <int kBytes>
inline __attribute__((always_inline)) void forward(Scratch<kBytes>& scratch,
                                                   typename Lanes<kBytes>::Vector* final) {
    using V = typename Lanes<kBytes>::Vector;
    alignas(kBytes) V metrics[2][kStates] = {};
    for (size_t t = 0; t < scratch.steps; ++t) {
        const V* from = metrics[t & 1];
        V* to = metrics[~t & 1];
        const V sum = scratch.soft()[2 * t] + scratch.soft()[2 * t + 1];
        const V difference = scratch.soft()[2 * t] - scratch.soft()[2 * t + 1];
        const V branch[4] = {-sum, -difference, difference, sum};
        V decided[4] = {};
#pragma GCC unroll 32
        for (int s = 0; s < kStates / 2; ++s) {
            const V m = branch[kBranch[s]];
            const int16_t bit = int16_t(1u << (s % 16));
            const V a = from[2 * s] + m, b = from[2 * s + 1] - m;
            const V c = from[2 * s] - m, d = from[2 * s + 1] + m;
            const V odd_low = b > a, odd_high = d > c;
            to[s] = odd_low ? b : a;
            to[s + kStates / 2] = odd_high ? d : c;
            decided[s / 16] |= odd_low & bit;
            decided[2 + s / 16] |= odd_high & bit;
        }
        if (t % kNormaliseEvery == kNormaliseEvery - 1) {
            const V reference = to[0];
            for (int s = 0; s < kStates; ++s) to[s] -= reference;
        }
        for (int w = 0; w < 4; ++w) scratch.decisions()[4 * t + w] = decided[w];
    }
    for (int s = 0; s < kStates; ++s) final[s] = metrics[scratch.steps & 1][s];
}

template <int kBytes>
inline __attribute__((always_inline)) void trace(const ViterbiBlocks& job, size_t first,
                                                 Scratch<kBytes>& scratch,
                                                 const typename Lanes<kBytes>::Vector* final) {
    constexpr int kLanes = Lanes<kBytes>::kCount;
    const auto* decisions = reinterpret_cast<const uint16_t*>(scratch.decisions());
    const auto* soft = reinterpret_cast<const int16_t*>(scratch.soft());
    const size_t count = job.rows - first < size_t(kLanes) ? job.rows - first : size_t(kLanes);
    unsigned state[kLanes] = {};
    int32_t score[kLanes] = {};
    for (size_t lane = 0; lane < count; ++lane)
        for (int s = 1; s < kStates; ++s)
            if (final[s][lane] > final[state[lane]][lane]) state[lane] = unsigned(s);
    for (size_t t = scratch.steps; t-- > job.head;) {
        const bool kept = t < job.head + job.length;
        for (size_t lane = 0; lane < count; ++lane) {
            const unsigned s = state[lane], newest = s >> 5;
            const unsigned odd = decisions[(4 * t + s / 16) * kLanes + lane] >> (s % 16) & 1u;
            const unsigned previous = (s << 1 & 63u) | odd;
            state[lane] = previous;
            if (!kept) continue;
            job.bits[(first + lane) * job.length + (t - job.head)] = uint8_t(newest);
            const unsigned symbols = kEncoded[newest << 6 | previous];
            const int x = soft[2 * t * kLanes + lane], y = soft[(2 * t + 1) * kLanes + lane];
            score[lane] += (symbols & 2u ? x : -x) + (symbols & 1u ? y : -y);
        }
    }
    for (size_t lane = 0; lane < count; ++lane) job.score[first + lane] = score[lane];
}

template <int kBytes>
inline __attribute__((always_inline)) void run(const ViterbiBlocks& job) {
    Scratch<kBytes> scratch(job.head + job.length + job.tail);
    alignas(kBytes) typename Lanes<kBytes>::Vector final[kStates];
    for (size_t first = 0; first < job.rows; first += Lanes<kBytes>::kCount) {
        load<kBytes>(job, first, scratch);
        forward<kBytes>(scratch, final);
        trace<kBytes>(job, first, scratch, final);
    }
}

void run_generic(const ViterbiBlocks& job) { run<16>(job); }
#if defined(__x86_64__)
__attribute__((target("arch=x86-64-v3"))) void run_v3(const ViterbiBlocks& job) { run<32>(job); }
__attribute__((target("arch=x86-64-v4"))) void run_v4(const ViterbiBlocks& job) { run<64>(job); }
bool has_v3() {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
}
bool has_v4() {
    return has_v3() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
#else
bool has_v3() { return false; }
bool has_v4() { return false; }
#endif

}  // namespace

const char* viterbi_instruction_set() { return has_v4() ? "v4" : has_v3() ? "v3" : "generic"; }

void viterbi_blocks(const ViterbiBlocks& job, const char* instruction_set) {
    if (job.rows == 0) return;
    const std::string wanted = instruction_set;
    if (wanted == "generic") return run_generic(job);
#if defined(__x86_64__)
    if (wanted == "v3" && has_v3()) return run_v3(job);
    if (wanted == "v4" && has_v4()) return run_v4(job);
#endif
    throw std::invalid_argument("this machine lacks the instruction set " + wanted);
}

}  // namespace tramthu

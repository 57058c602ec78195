// Viterbi decoding of the CCSDS (7, 1/2) code: independent blocks lie in the lanes of a vector, so that the
// add-compare-select of 64 states needs no shuffle, and every instruction set gives the same bits.
//
// A metric is the sum of the quantised soft bits that speak against a path, the smaller the better, in eight
// bits. State: six bits, the newest at the left. A survivor is one bit per state, step and lane: whether it
// came from 2s, not 2s+1 (mod 64). Going back, a state is six words with a bit for each lane, so that the
// choice among 64 survivors is made for all lanes at once.
#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#include "decoders/coding/fec.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace tramthu {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr unsigned kG1 = 0x79, kG2 = 0x5B;  // 171, 133 octal (131.0-B-5 section 3.3), newest bit at the left
constexpr int kStates = 64;
// No soft bit counts more than kLevels. Two metrics differ by 8 kLevels at most, since a path of distance 8
// or less leads from any state into any other; the least one grows by kLevels a step at most, and a sum has
// 2 kLevels on top. So after kChunk - 1 steps from zero a sum is (kChunk - 1 + 8 + 2) kLevels = 255 at most.
constexpr int kLevels = 15, kChunk = 8;
static_assert((kChunk - 1 + 8 + 2) * kLevels <= 255);
constexpr uint16_t kFactorOne = 256;
constexpr size_t kPart = 256;  // soft bits summed in 16 bits

// Pair of symbols on the branch into state s (newest bit 0) from state 2s, for s < 32.
constexpr auto kBranch = [] {
    std::array<uint8_t, kStates / 2> table{};
    for (unsigned s = 0; s < kStates / 2; ++s)
        table[s] =
            uint8_t(unsigned(std::popcount(2 * s & kG1) & 1) << 1 | unsigned(std::popcount(2 * s & kG2) & 1));
    return table;
}();

// Scale of a row, in units of 1/256: the last level is the mean size of its soft bits, each weighed by its
// size, so that erasures count nothing. It never makes soft bits larger.
inline __attribute__((always_inline)) uint16_t factor(const int8_t* soft, size_t count) {
    uint64_t sum = 0, energy = 0;
    const auto add = [&](const int8_t* part) {
        int16_t wide[kPart];
        uint16_t part_sum = 0;  // 256 * 128 at most
        int32_t part_energy = 0;
        for (size_t k = 0; k < kPart; ++k) {
            wide[k] = part[k];
            part_sum = uint16_t(part_sum + uint8_t(part[k] < 0 ? -part[k] : part[k]));
        }
        for (size_t k = 0; k < kPart; ++k) part_energy += wide[k] * wide[k];
        sum += part_sum;
        energy += uint64_t(part_energy);
    };
    size_t start = 0;
    for (; start + kPart <= count; start += kPart) add(soft + start);
    int8_t rest[kPart] = {};
    std::memcpy(rest, soft + start, count - start);
    add(rest);
    if (energy == 0) return kFactorOne;
    return uint16_t(std::min(uint64_t(kFactorOne), 4 * kFactorOne * kLevels * sum / (5 * energy)));
}

// Soft bits from a row to the next.
size_t row_step(const ViterbiBlocks& job) {
    return job.step ? job.step : 2 * (job.head + job.length + job.tail);
}

// Memory of a thread, kept from call to call unless it is much.
class Scratch {
  public:
    void* decisions(size_t bytes) { return decisions_.sized(bytes); }
    void* kept(size_t bytes) { return kept_.sized(bytes); }
    uint8_t* bytes(size_t bytes) { return bytes_.sized(bytes); }
    void forget_much() {
        for (Memory* memory : {&decisions_, &kept_, &bytes_})
            if (memory->size > kMuch) *memory = {};
    }

  private:
    static constexpr size_t kMuch = size_t(4) << 20;
    struct Memory {
        uint8_t* sized(size_t wanted) {
            if (wanted > size) {
                start.reset();
                size = 0;
                start.reset(static_cast<uint8_t*>(std::aligned_alloc(64, (wanted + 63) / 64 * 64)));
                if (!start) throw std::bad_alloc();
                size = wanted;
            }
            return start.get();
        }
        struct Free {
            void operator()(uint8_t* memory) const { std::free(memory); }
        };
        std::unique_ptr<uint8_t, Free> start;
        size_t size = 0;
    };
    Memory decisions_, kept_, bytes_;
};

namespace generic {
constexpr int kBytes = 16;
using Mask = uint16_t;
typedef uint8_t Sixteen_ __attribute__((vector_size(16)));
inline Mask equal(const Sixteen_& a, const Sixteen_& b) {
#if defined(__x86_64__)
    return Mask(_mm_movemask_epi8(__m128i(a == b)));
#elif defined(__aarch64__)
    const uint8x16_t bit = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    uint8x16_t set = vandq_u8(uint8x16_t(a == b), bit);
    for (int k = 0; k < 3; ++k) set = vpaddq_u8(set, set);
    return vgetq_lane_u16(vreinterpretq_u16_u8(set), 0);
#else
    Mask mask = 0;
    for (int lane = 0; lane < 16; ++lane) mask = Mask(mask | unsigned(a[lane] == b[lane]) << lane);
    return mask;
#endif
}
#include "decoders/coding/viterbi_lanes.h"
}  // namespace generic

#if defined(__x86_64__)
#pragma GCC push_options
#pragma GCC target("arch=x86-64-v3")
namespace v3 {
constexpr int kBytes = 32;
using Mask = uint32_t;
typedef uint8_t ThirtyTwo __attribute__((vector_size(32)));
inline Mask equal(const ThirtyTwo& a, const ThirtyTwo& b) {
    return Mask(_mm256_movemask_epi8(__m256i(a == b)));
}
#include "decoders/coding/viterbi_lanes.h"
}  // namespace v3
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("arch=x86-64-v4")
namespace v4 {
constexpr int kBytes = 64;
using Mask = uint64_t;
typedef uint8_t SixtyFour __attribute__((vector_size(64)));
inline Mask equal(const SixtyFour& a, const SixtyFour& b) {
    return _mm512_cmpeq_epi8_mask(__m512i(a), __m512i(b));
}
#include "decoders/coding/viterbi_lanes.h"
}  // namespace v4
#pragma GCC pop_options

#endif

#if defined(__x86_64__)
ViterbiBlocks rows_of(const ViterbiBlocks& job, size_t first, size_t count) {
    return {job.soft + first * row_step(job),
            count,
            job.head,
            job.length,
            job.tail,
            job.bits + first * job.length,
            job.score + first,
            job.step,
            job.weight ? job.weight + first : nullptr};
}

// A group of 32 lanes takes half the time of one of 64, so it takes what is left.
void run_v4(const ViterbiBlocks& job) {
    const size_t left = job.rows % v4::kBytes;
    const size_t narrow = left <= v3::kBytes ? left : 0;
    v4::run(rows_of(job, 0, job.rows - narrow));
    v3::run(rows_of(job, job.rows - narrow, narrow));
}
#endif

}  // namespace

void viterbi_blocks(const ViterbiBlocks& job, Level level) {
    if (job.rows == 0) return;
#if defined(__x86_64__)
    if (level == Level::v3) return v3::run(job);
    if (level == Level::v4) return run_v4(job);
#endif
    if (level == Level::generic) generic::run(job);
}

}  // namespace tramthu

// One output is a dot product of real taps with complex samples. The sums keep one order on every instruction
// set (sixteen lanes, two accumulators, folded at the end), so that every machine gives the same bits.
#include "decoders/matched_filter.h"

#include <cmath>
#include <cstring>
#include <vector>

#include "decoders/dispatch.h"

namespace tramthu {
namespace {

constexpr std::ptrdiff_t kMixBlock = 64;
constexpr double kTwoPi = 6.283185307179586476925286766559;

#define TRAMTHU_INLINE static inline __attribute__((always_inline))

TRAMTHU_INLINE void mix_body(const float* __restrict samples, std::size_t count, double frequency,
                             float* __restrict out) {
    float table_re[kMixBlock], table_im[kMixBlock];
    for (std::ptrdiff_t i = 0; i < kMixBlock; ++i) {
        table_re[i] = static_cast<float>(std::cos(kTwoPi * frequency * static_cast<double>(i)));
        table_im[i] = static_cast<float>(-std::sin(kTwoPi * frequency * static_cast<double>(i)));
    }
    for (std::size_t start = 0; start < count; start += kMixBlock) {
        // Whole turns go first: the argument stays small however long the block.
        const double turns = std::fmod(frequency * static_cast<double>(start), 1.0);
        const float base_re = static_cast<float>(std::cos(kTwoPi * turns));
        const float base_im = static_cast<float>(-std::sin(kTwoPi * turns));
        const std::size_t left = count - start;
        const std::size_t length = left < kMixBlock ? left : static_cast<std::size_t>(kMixBlock);
        const float* in = samples + 2 * start;
        float* to = out + 2 * start;
        for (std::size_t i = 0; i < length; ++i) {
            const float re = base_re * table_re[i] - base_im * table_im[i];
            const float im = base_re * table_im[i] + base_im * table_re[i];
            to[2 * i] = in[2 * i] * re - in[2 * i + 1] * im;
            to[2 * i + 1] = in[2 * i] * im + in[2 * i + 1] * re;
        }
    }
}

typedef float Lanes __attribute__((vector_size(64)));

// `taps` here hold every tap twice, beside the real and the imaginary part it weighs.
TRAMTHU_INLINE void filter_body(const float* __restrict mixed, std::ptrdiff_t count,
                                const float* __restrict taps, std::ptrdiff_t phases, std::ptrdiff_t tap_count,
                                double first, double step, std::ptrdiff_t outputs, float* __restrict out) {
    std::vector<float> edge(static_cast<std::size_t>(2 * tap_count));
    for (std::ptrdiff_t m = 0; m < outputs; ++m) {
        const double instant = first + step * static_cast<double>(m);
        const double whole = std::floor(instant);
        const auto phase =
            static_cast<std::ptrdiff_t>(std::floor((instant - whole) * static_cast<double>(phases) + 0.5));
        out[2 * m] = out[2 * m + 1] = 0.0F;
        if (whole < static_cast<double>(-tap_count) || whole > static_cast<double>(count + tap_count))
            continue;
        const std::ptrdiff_t start = static_cast<std::ptrdiff_t>(whole) - tap_count / 2 + 1;
        const float* from = edge.data();
        if (start >= 0 && start + tap_count <= count) {
            from = mixed + 2 * start;
        } else {
            for (std::ptrdiff_t k = 0; k < tap_count; ++k) {
                const bool inside = start + k >= 0 && start + k < count;
                edge[2 * k] = inside ? mixed[2 * (start + k)] : 0.0F;
                edge[2 * k + 1] = inside ? mixed[2 * (start + k) + 1] : 0.0F;
            }
        }
        const float* weight = taps + phase * 2 * tap_count;
        Lanes sum = {};
        for (std::ptrdiff_t k = 0; k < 2 * tap_count; k += 16) {
            Lanes x, w;
            std::memcpy(&x, from + k, sizeof x);
            std::memcpy(&w, weight + k, sizeof w);
            sum += x * w;
        }
        float re = 0.0F, im = 0.0F;
        for (int lane = 0; lane < 16; lane += 2) {
            re += sum[lane];
            im += sum[lane + 1];
        }
        out[2 * m] = re;
        out[2 * m + 1] = im;
    }
}

#define TRAMTHU_VARIANT(name, attributes)                                                               \
    attributes void mix_##name(const float* samples, std::size_t count, double frequency, float* out) { \
        mix_body(samples, count, frequency, out);                                                       \
    }                                                                                                   \
    attributes void filter_##name(const float* mixed, std::ptrdiff_t count, const float* taps,          \
                                  std::ptrdiff_t phases, std::ptrdiff_t tap_count, double first,        \
                                  double step, std::ptrdiff_t outputs, float* out) {                    \
        filter_body(mixed, count, taps, phases, tap_count, first, step, outputs, out);                  \
    }

TRAMTHU_VARIANT(base, )
#if defined(__x86_64__)
TRAMTHU_VARIANT(v3, __attribute__((target("avx2"))))
TRAMTHU_VARIANT(v4, __attribute__((target("avx2,avx512f,avx512bw,avx512dq,avx512vl"))))
#endif

}  // namespace

void mix(const float* samples, std::size_t count, double frequency, float* out) {
#if defined(__x86_64__)
    if (level() == 4) return mix_v4(samples, count, frequency, out);
    if (level() == 3) return mix_v3(samples, count, frequency, out);
#endif
    mix_base(samples, count, frequency, out);
}

void filter_at(const float* mixed, std::ptrdiff_t count, const float* taps, std::ptrdiff_t phases,
               std::ptrdiff_t tap_count, double first, double step, std::ptrdiff_t outputs, float* out) {
    std::vector<float> twice(static_cast<std::size_t>(2 * (phases + 1) * tap_count));
    for (std::ptrdiff_t i = 0; i < (phases + 1) * tap_count; ++i) twice[2 * i] = twice[2 * i + 1] = taps[i];
#if defined(__x86_64__)
    if (level() == 4)
        return filter_v4(mixed, count, twice.data(), phases, tap_count, first, step, outputs, out);
    if (level() == 3)
        return filter_v3(mixed, count, twice.data(), phases, tap_count, first, step, outputs, out);
#endif
    filter_base(mixed, count, twice.data(), phases, tap_count, first, step, outputs, out);
}

}  // namespace tramthu

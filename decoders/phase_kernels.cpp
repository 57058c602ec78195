// Loops are written so that lanes never share a sum: every instruction set gives the same bits.
#include "decoders/phase_kernels.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "decoders/dispatch.h"

namespace tramthu {
namespace {

constexpr double kTwoPi = 6.283185307179586476925286766559;
constexpr std::size_t kChunk = 64;

#define TRAMTHU_INLINE static inline __attribute__((always_inline))

TRAMTHU_INLINE void fourth_body(const float* __restrict in, std::size_t count, float* __restrict out) {
    for (std::size_t i = 0; i < count; ++i) {
        const float a = in[2 * i], b = in[2 * i + 1];
        const float re = a * a - b * b, im = 2.0F * a * b;
        const float size = std::max(a * a + b * b, 1e-30F);
        out[2 * i] = -(re * re - im * im) / size;
        out[2 * i + 1] = -(2.0F * re * im) / size;
    }
}

TRAMTHU_INLINE void soft_body(const float* __restrict rails, std::size_t columns, float gain,
                              std::int8_t* __restrict out) {
    for (std::size_t i = 0; i < columns; ++i) {
        const float value = std::min(std::max(rails[i] * gain, -127.0F), 127.0F);
        out[i] = static_cast<std::int8_t>(static_cast<int>(value + 128.5F) - 128);
    }
}

// Accumulates one complex tap over a chunk of outputs: sum += tap * x, parts kept apart.
TRAMTHU_INLINE void add_tap(const float* __restrict re, const float* __restrict im, float tap_re,
                            float tap_im, std::size_t length, float* __restrict sum_re,
                            float* __restrict sum_im) {
    for (std::size_t i = 0; i < length; ++i) {
        sum_re[i] += tap_re * re[i] - tap_im * im[i];
        sum_im[i] += tap_re * im[i] + tap_im * re[i];
    }
}

struct Split {  // one band edge, shifted to zero frequency, even and odd outputs apart
    std::vector<float> re[2], im[2];
    explicit Split(std::size_t half) {
        for (int p = 0; p < 2; ++p) re[p].resize(half), im[p].resize(half);
    }
};

// Sum of squares of the filtered edge over one window, every other output.
TRAMTHU_INLINE void add_window(const Split& edge, std::size_t start, std::size_t symbols, const float* taps,
                               std::size_t tap_count, float sign, double* sum) {
    for (std::size_t at = 0; at < symbols; at += kChunk) {
        const std::size_t length = std::min(kChunk, symbols - at);
        float re[kChunk] = {}, im[kChunk] = {}, square_re[kChunk], square_im[kChunk];
        for (std::size_t k = 0; k < tap_count; ++k) {
            const std::size_t from = start + at + k / 2;
            add_tap(edge.re[k % 2].data() + from, edge.im[k % 2].data() + from, taps[2 * k],
                    sign * taps[2 * k + 1], length, re, im);
        }
        for (std::size_t i = 0; i < length; ++i) {
            square_re[i] = re[i] * re[i] - im[i] * im[i];
            square_im[i] = 2.0F * re[i] * im[i];
        }
        for (std::size_t i = 0; i < length; ++i) sum[0] += static_cast<double>(square_re[i]);
        for (std::size_t i = 0; i < length; ++i) sum[1] += static_cast<double>(square_im[i]);
    }
}

TRAMTHU_INLINE void edge_body(const float* __restrict in, std::size_t windows, std::size_t window,
                              const float* __restrict taps, std::size_t tap_count, double* __restrict out) {
    const std::size_t symbols = window / 2;
    const std::size_t half = windows * symbols + tap_count / 2 + 1;
    const std::size_t count = windows * window + tap_count - 1;
    Split upper(half), lower(half);
    const std::size_t margin = tap_count / 2;
    // Output n is turned by (-j)^(n - margin) for the upper edge, by its conjugate for the lower.
    for (std::size_t n = 0; n < count; ++n) {
        const float a = in[2 * n], b = in[2 * n + 1];
        const std::size_t quarter = (n + 4 - margin % 4) % 4;
        const float minus = quarter >= 2 ? -1.0F : 1.0F;
        const std::size_t p = n % 2, i = n / 2;
        if (quarter % 2 == 0) {
            upper.re[p][i] = lower.re[p][i] = minus * a;
            upper.im[p][i] = lower.im[p][i] = minus * b;
        } else {
            upper.re[p][i] = minus * b;
            upper.im[p][i] = -minus * a;
            lower.re[p][i] = -minus * b;
            lower.im[p][i] = minus * a;
        }
    }
    for (std::size_t w = 0; w < windows; ++w) {
        double sum[2] = {0.0, 0.0};
        add_window(upper, w * symbols, symbols, taps, tap_count, 1.0F, sum);
        add_window(lower, w * symbols, symbols, taps, tap_count, -1.0F, sum);
        out[2 * w] = sum[0];
        out[2 * w + 1] = sum[1];
    }
}

#define TRAMTHU_VARIANT(name, attributes)                                                                    \
    attributes void fourth_##name(const float* in, std::size_t count, float* out) {                          \
        fourth_body(in, count, out);                                                                         \
    }                                                                                                        \
    attributes void soft_##name(const float* rails, std::size_t rows, std::size_t columns,                   \
                                const float* gain, float scale, std::int8_t* out) {                          \
        for (std::size_t r = 0; r < rows; ++r)                                                               \
            soft_body(rails + r * columns, columns, gain[r] * scale, out + r * columns);                     \
    }                                                                                                        \
    attributes void edge_##name(const float* in, std::size_t windows, std::size_t window, const float* taps, \
                                std::size_t tap_count, double* out) {                                        \
        edge_body(in, windows, window, taps, tap_count, out);                                                \
    }

TRAMTHU_VARIANT(base, )
#if defined(__x86_64__)
TRAMTHU_VARIANT(v3, __attribute__((target("avx2"))))
TRAMTHU_VARIANT(v4, __attribute__((target("avx2,avx512f,avx512bw,avx512dq,avx512vl"))))

#define TRAMTHU_DISPATCH(stage, ...)                      \
    do {                                                  \
        if (level() == 4) return stage##_v4(__VA_ARGS__); \
        if (level() == 3) return stage##_v3(__VA_ARGS__); \
        return stage##_base(__VA_ARGS__);                 \
    } while (false)
#else
#define TRAMTHU_DISPATCH(stage, ...) return stage##_base(__VA_ARGS__)
#endif

}  // namespace

void turn_back(const float* in, std::size_t count, const double* turns, const double* steps,
               std::size_t length, float* out) {
    for (std::size_t start = 0, piece = 0; start < count; start += length, ++piece) {
        double re = std::cos(kTwoPi * turns[piece]), im = -std::sin(kTwoPi * turns[piece]);
        const double step_re = std::cos(kTwoPi * steps[piece]), step_im = -std::sin(kTwoPi * steps[piece]);
        for (std::size_t i = start; i < std::min(start + length, count); ++i) {
            const float c = static_cast<float>(re), s = static_cast<float>(im);
            out[2 * i] = in[2 * i] * c - in[2 * i + 1] * s;
            out[2 * i + 1] = in[2 * i] * s + in[2 * i + 1] * c;
            const double next = re * step_re - im * step_im;
            im = re * step_im + im * step_re;
            re = next;
        }
    }
}

void fourth_power(const float* in, std::size_t count, float* out) {
    TRAMTHU_DISPATCH(fourth, in, count, out);
}

void edge_lines(const float* in, std::size_t windows, std::size_t window, const float* taps,
                std::size_t tap_count, double* out) {
    TRAMTHU_DISPATCH(edge, in, windows, window, taps, tap_count, out);
}

void soft_bits(const float* rails, std::size_t rows, std::size_t columns, const float* gain, float scale,
               std::int8_t* out) {
    TRAMTHU_DISPATCH(soft, rails, rows, columns, gain, scale, out);
}

}  // namespace tramthu

// Lanes never share a sum: every instruction set gives the same bits.
#include "decoders/demodulation/phase_kernels.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "decoders/demodulation/lanes.h"

namespace tramthu {
namespace {

// Runs `work(number, from, to)` on sixteen complex values at a time; the last through a copy filled with
// zeros.
template <typename Work>
TRAMTHU_INLINE void in_sixteens(const float* in, std::size_t count, float* out, Work work) {
    const std::size_t whole = count / kLanes * kLanes;
    for (std::size_t i = 0; i < whole; i += kLanes) work(i, in + 2 * i, out + 2 * i);
    if (whole == count) return;
    float from[2 * kLanes] = {}, to[2 * kLanes];
    std::copy(in + 2 * whole, in + 2 * count, from);
    work(whole, from, to);
    std::copy(to, to + 2 * (count - whole), out + 2 * whole);
}

// Real and imaginary parts of the fourth powers of a vector's width of values.
template <typename Vector>
TRAMTHU_INLINE void fourth_parts(const float* from, Vector& x, Vector& y) {
    Vector a, b;
    part(load<Vector>(from), load<Vector>(from + kWidth<Vector>), a, b);
    const Vector re = a * a - b * b, im = 2.0F * a * b, square = a * a + b * b;
    const Vector tiny = all<Vector>(1e-30F), size = square > tiny ? square : tiny;
    x = (im * im - re * re) / size, y = -2.0F * re * im / size;
}

template <typename Vector>
TRAMTHU_INLINE void fourth_sixteen(const float* from, float* to) {
    constexpr std::size_t width = kWidth<Vector>;
    for (std::size_t i = 0; i < 2 * kLanes; i += 2 * width) {
        Vector x, y, a, b;
        fourth_parts(from + i, x, y);
        join(x, y, a, b);
        store(to + i, a), store(to + i + width, b);
    }
}

template <typename Vector>
TRAMTHU_INLINE void fourth_lines_body(const float* in, std::size_t windows, std::size_t window, double* out) {
    for (std::size_t w = 0; w < windows; ++w) {
        float re[kLanes], im[kLanes];
        for (std::size_t lane = 0; lane < kLanes; lane += kWidth<Vector>) {
            Vector sum_re = {}, sum_im = {}, x, y;
            for (std::size_t i = lane; i < window; i += kLanes) {
                fourth_parts(in + 2 * (w * window + i), x, y);
                sum_re += x, sum_im += y;
            }
            store(re + lane, sum_re), store(im + lane, sum_im);
        }
        out[2 * w] = total(re), out[2 * w + 1] = total(im);
    }
}

template <typename Vector>
TRAMTHU_INLINE void fourth_body(const float* in, std::size_t count, float* out) {
    in_sixteens(in, count, out, [](std::size_t, const float* from, float* to) __attribute__((always_inline)) {
        fourth_sixteen<Vector>(from, to);
    });
}

// Real parts of the values of even number, imaginary parts of the others.
TRAMTHU_INLINE Four alternate(const Four& re, const Four& im) {
    return __builtin_shufflevector(re, im, 0, 5, 2, 7);
}
TRAMTHU_INLINE Eight alternate(const Eight& re, const Eight& im) {
    return __builtin_shufflevector(re, im, 0, 9, 2, 11, 4, 13, 6, 15);
}
TRAMTHU_INLINE Sixteen alternate(const Sixteen& re, const Sixteen& im) {
    return __builtin_shufflevector(re, im, 0, 17, 2, 19, 4, 21, 6, 23, 8, 25, 10, 27, 12, 29, 14, 31);
}

// Turns sixteen values back by `first` turns and `step` more from each to the next; all of them, or only
// those parts that are rails of OQPSK.
template <typename Vector, bool rails>
TRAMTHU_INLINE void turn_sixteen(const float* from, double first, double step, float* to) {
    using Integers = VectorOf<std::int32_t, kWidth<Vector>>;
    constexpr std::size_t width = kWidth<Vector>;
    const auto base = static_cast<float>(first - std::floor(first + 0.5));
    const auto slope = static_cast<float>(step - std::floor(step + 0.5));
    Vector ramp;
    for (std::size_t i = 0; i < width; ++i) ramp[i] = static_cast<float>(i);
    for (std::size_t i = 0; i < kLanes; i += width) {
        const Vector angle = base + slope * (ramp + static_cast<float>(i));
        const Vector half = angle > 0.0F ? all<Vector>(0.5F) : all<Vector>(-0.5F);
        const Vector whole = __builtin_convertvector(__builtin_convertvector(angle + half, Integers), Vector);
        Vector re, im, c, s, x, y;
        part(load<Vector>(from + 2 * i), load<Vector>(from + 2 * i + width), re, im);
        unit_circle<float>(angle - whole, c, s);
        x = re * c + im * s, y = im * c - re * s;
        if constexpr (rails) {
            store(to + i, alternate(x, y));
        } else {
            Vector a, b;
            join(x, y, a, b);
            store(to + 2 * i, a), store(to + 2 * i + width, b);
        }
    }
}

template <typename Vector>
TRAMTHU_INLINE void turn_body(const float* in, std::size_t count, const double* turns, const double* steps,
                              std::size_t length, float* out) {
    for (std::size_t start = 0, piece = 0; start < count; start += length, ++piece) {
        const double first = turns[piece], step = steps[piece];
        in_sixteens(in + 2 * start, std::min(length, count - start), out + 2 * start,
                    [&](std::size_t i, const float* from, float* to) __attribute__((always_inline)) {
                        turn_sixteen<Vector, false>(from, first + step * static_cast<double>(i), step, to);
                    });
    }
}

template <typename Vector>
TRAMTHU_INLINE void rails_body(const float* in, std::size_t pieces, const double* turns, const double* steps,
                               std::size_t length, float* out) {
    for (std::size_t piece = 0; piece < pieces; ++piece) {
        const double first = turns[piece], step = steps[piece];
        for (std::size_t i = 0; i < length; i += kLanes) {
            const std::size_t at = piece * length + i;
            turn_sixteen<Vector, true>(in + 2 * at, first + step * static_cast<double>(i), step, out + at);
        }
    }
}

// Up to a vector's width of floats; zeros behind them.
template <typename Vector>
TRAMTHU_INLINE Vector load_some(const float* from, std::size_t count) {
    if (count >= kWidth<Vector>) return load<Vector>(from);
    float filled[kWidth<Vector>] = {};
    std::copy(from, from + count, filled);
    return load<Vector>(filled);
}

template <typename Vector>
TRAMTHU_INLINE void moments_row(const float* rails, std::size_t columns, double* out) {
    constexpr std::size_t width = kWidth<Vector>;
    float filled[kLanes], second[kLanes], fourth[kLanes];
    const Vector zero = {}, one = all<Vector>(1.0F);
    for (std::size_t lane = 0; lane < kLanes; lane += width) {
        Vector count = {}, squares = {}, fourths = {};
        for (std::size_t i = lane; i < columns; i += kLanes) {
            const Vector y = load_some<Vector>(rails + i, columns - i);
            const Vector square = y * y;
            count += y != zero ? one : zero;
            squares += square;
            fourths += square * square;
        }
        store(filled + lane, count), store(second + lane, squares), store(fourth + lane, fourths);
    }
    out[0] = total(filled), out[1] = total(second), out[2] = total(fourth);
}

template <typename Vector>
TRAMTHU_INLINE void moments_body(const float* rails, std::size_t rows, std::size_t columns, double* out) {
    for (std::size_t r = 0; r < rows; ++r) moments_row<Vector>(rails + r * columns, columns, out + 3 * r);
}

template <typename Vector>
TRAMTHU_INLINE void soft_row(const float* rails, std::size_t columns, float gain, std::int8_t* out) {
    constexpr std::size_t width = kWidth<Vector>;
    using Integers = VectorOf<std::int32_t, kWidth<Vector>>;
    using Bytes = VectorOf<std::int8_t, kWidth<Vector>>;
    const Vector low = all<Vector>(-127.0F), high = all<Vector>(127.0F);
    for (std::size_t i = 0; i < columns; i += width) {
        Vector value = load_some<Vector>(rails + i, columns - i) * gain;
        value = value > low ? value : low;
        value = value < high ? value : high;
        const Integers shifted = __builtin_convertvector(value + 128.5F, Integers) - 128;
        const Bytes bytes = __builtin_convertvector(shifted, Bytes);
        if (columns - i >= width)
            std::memcpy(out + i, &bytes, width);
        else
            std::memcpy(out + i, &bytes, columns - i);
    }
}

template <typename Vector>
TRAMTHU_INLINE void soft_body(const float* rails, std::size_t rows, std::size_t columns, const float* gain,
                              float scale, std::int8_t* out) {
    for (std::size_t r = 0; r < rows; ++r)
        soft_row<Vector>(rails + r * columns, columns, gain[r] * scale, out + r * columns);
}

// The upper edge is p + jq and the lower p - jq, with p and q filtered by real taps, so that the sum of their
// squares is 2 (p^2 - q^2). Outputs of even and of odd number lie apart, and so do their parts.
struct EdgeInput {
    const float* part[2][2];   // [even, odd][real, imaginary]
    const float *real, *imag;  // taps of p and q
    std::size_t tap_count;
};

// The two at once keep the adders busy.
constexpr std::size_t kAtOnce = 2;

// Whose parts lie in the first cache.
constexpr std::size_t kWindows = 4;

template <typename Vector>
TRAMTHU_INLINE void edge_squares(const EdgeInput& input, std::size_t at, Vector* re, Vector* im) {
    Vector p_re[kAtOnce] = {}, p_im[kAtOnce] = {}, q_re[kAtOnce] = {}, q_im[kAtOnce] = {};
    for (std::size_t k = 0; k < input.tap_count; ++k) {
        const float *real = input.part[k % 2][0] + at + k / 2, *imag = input.part[k % 2][1] + at + k / 2;
        const float p = input.real[k], q = input.imag[k];
#pragma GCC unroll 2
        for (std::size_t u = 0; u < kAtOnce; ++u) {
            const Vector x = load<Vector>(real + u * kLanes), y = load<Vector>(imag + u * kLanes);
            p_re[u] += p * x, p_im[u] += p * y;
            q_re[u] += q * x, q_im[u] += q * y;
        }
    }
#pragma GCC unroll 2
    for (std::size_t u = 0; u < kAtOnce; ++u) {
        *re += (p_re[u] * p_re[u] - p_im[u] * p_im[u]) - (q_re[u] * q_re[u] - q_im[u] * q_im[u]);
        *im += p_re[u] * p_im[u] - q_re[u] * q_im[u];
    }
}

template <typename Vector>
TRAMTHU_INLINE void edge_body(const EdgeInput& input, std::size_t windows, std::size_t symbols, double* out) {
    for (std::size_t w = 0; w < windows; ++w) {
        float re[kLanes], im[kLanes];
        for (std::size_t lane = 0; lane < kLanes; lane += kWidth<Vector>) {
            Vector sum_re = {}, sum_im = {};
            for (std::size_t at = 0; at < symbols; at += kAtOnce * kLanes)
                edge_squares<Vector>(input, w * symbols + at + lane, &sum_re, &sum_im);
            store(re + lane, sum_re), store(im + lane, sum_im);
        }
        out[2 * w] = 2.0 * total(re), out[2 * w + 1] = 4.0 * total(im);
    }
}

// Outputs of even number, then of odd number, real and imaginary parts each `half` long.
template <typename Vector>
TRAMTHU_INLINE void apart_body(const float* in, std::size_t count, float* parts, std::size_t half) {
    constexpr std::size_t width = kWidth<Vector>;
    const std::size_t whole = count / (2 * width) * (2 * width);
    for (std::size_t i = 0; i < whole; i += 2 * width) {
        const float* from = in + 2 * i;
        Vector re[2], im[2], even, odd;
        for (std::size_t k = 0; k < 2; ++k)
            part(load<Vector>(from + 2 * k * width), load<Vector>(from + 2 * k * width + width), re[k],
                 im[k]);
        part(re[0], re[1], even, odd);
        store(parts + i / 2, even), store(parts + 2 * half + i / 2, odd);
        part(im[0], im[1], even, odd);
        store(parts + half + i / 2, even), store(parts + 3 * half + i / 2, odd);
    }
    for (std::size_t i = whole; i < count; ++i) {
        parts[2 * half * (i % 2) + i / 2] = in[2 * i];
        parts[2 * half * (i % 2) + half + i / 2] = in[2 * i + 1];
    }
}

TRAMTHU_VARIANTS(apart, (const float* in, std::size_t count, float* parts, std::size_t half),
                 (in, count, parts, half))
TRAMTHU_VARIANTS(fourth, (const float* in, std::size_t count, float* out), (in, count, out))
TRAMTHU_VARIANTS(fourth_lines, (const float* in, std::size_t windows, std::size_t window, double* out),
                 (in, windows, window, out))
TRAMTHU_VARIANTS(turn,
                 (const float* in, std::size_t count, const double* turns, const double* steps,
                  std::size_t length, float* out),
                 (in, count, turns, steps, length, out))
TRAMTHU_VARIANTS(rails,
                 (const float* in, std::size_t pieces, const double* turns, const double* steps,
                  std::size_t length, float* out),
                 (in, pieces, turns, steps, length, out))
TRAMTHU_VARIANTS(moments, (const float* rails, std::size_t rows, std::size_t columns, double* out),
                 (rails, rows, columns, out))
TRAMTHU_VARIANTS(soft,
                 (const float* rails, std::size_t rows, std::size_t columns, const float* gain, float scale,
                  std::int8_t* out),
                 (rails, rows, columns, gain, scale, out))
TRAMTHU_VARIANTS(edge, (const EdgeInput& input, std::size_t windows, std::size_t symbols, double* out),
                 (input, windows, symbols, out))

}  // namespace

void fourth_power(const float* in, std::size_t count, float* out, Level level) {
    fourth_at(level)(in, count, out);
}

void fourth_lines(const float* in, std::size_t windows, std::size_t window, double* out, Level level) {
    fourth_lines_at(level)(in, windows, window, out);
}

void turn_back(const float* in, std::size_t count, const double* turns, const double* steps,
               std::size_t length, float* out, Level level) {
    turn_at(level)(in, count, turns, steps, length, out);
}

void turn_to_rails(const float* in, std::size_t pieces, const double* turns, const double* steps,
                   std::size_t length, float* out, Level level) {
    rails_at(level)(in, pieces, turns, steps, length, out);
}

void moments(const float* rails, std::size_t rows, std::size_t columns, double* out, Level level) {
    moments_at(level)(rails, rows, columns, out);
}

void soft_bits(const float* rails, std::size_t rows, std::size_t columns, const float* gain, float scale,
               std::int8_t* out, Level level) {
    soft_at(level)(rails, rows, columns, gain, scale, out);
}

void edge_lines(const float* in, std::size_t windows, std::size_t window, const float* taps,
                std::size_t tap_count, double* out, Level level) {
    const std::size_t half = (kWindows * window + tap_count) / 2 + kLanes;
    const std::unique_ptr<float[]> parts(new float[4 * half]);  // nothing is read that was not written
    std::vector<float> real(tap_count), imag(tap_count);
    // The edge lies a quarter turn per output off: taps turned by (-j)^(k - middle), parts multiply apart.
    for (std::size_t k = 0; k < tap_count; ++k) {
        const std::size_t quarter = (k + 4 - tap_count / 2 % 4) % 4;
        const float a = taps[2 * k], b = taps[2 * k + 1], minus = quarter >= 2 ? -1.0F : 1.0F;
        real[k] = minus * (quarter % 2 ? b : a);
        imag[k] = minus * (quarter % 2 ? -a : b);
    }
    const EdgeInput input = {
        {{parts.get(), parts.get() + half}, {parts.get() + 2 * half, parts.get() + 3 * half}},
        real.data(),
        imag.data(),
        tap_count};
    for (std::size_t w = 0; w < windows; w += kWindows) {
        const std::size_t here = std::min(kWindows, windows - w);
        apart_at(level)(in + 2 * w * window, here * window + tap_count - 1, parts.get(), half);
        edge_at(level)(input, here, window / 2, out + 2 * w);
    }
}

}  // namespace tramthu

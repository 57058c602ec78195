// Vectors of floats as wide as the instruction set has them; sums over sixteen lanes whatever the width, and
// points of the unit circle without libm, so that every machine gives the same bits.
#pragma once
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "decoders/dispatch.h"

// Every function here is inlined: how a vector would be returned does not matter.
#pragma GCC diagnostic ignored "-Wpsabi"

namespace tramthu {

typedef VectorOf<float, 4> Four;
typedef VectorOf<float, 8> Eight;
typedef VectorOf<float, 16> Sixteen;

constexpr std::size_t kLanes = 16;
template <typename Vector>
constexpr std::size_t kWidth = sizeof(Vector) / sizeof(float);

template <typename Vector>
TRAMTHU_INLINE Vector load(const float* from) {
    Vector vector;
    std::memcpy(&vector, from, sizeof vector);
    return vector;
}

template <typename Vector>
TRAMTHU_INLINE void store(float* to, const Vector& vector) {
    std::memcpy(to, &vector, sizeof vector);
}

template <typename Vector>
TRAMTHU_INLINE Vector all(float value) {
    return Vector{} + value;
}

// Real and imaginary parts of interleaved complex values, and back.
TRAMTHU_INLINE void part(const Four& a, const Four& b, Four& even, Four& odd) {
    even = __builtin_shufflevector(a, b, 0, 2, 4, 6);
    odd = __builtin_shufflevector(a, b, 1, 3, 5, 7);
}
TRAMTHU_INLINE void part(const Eight& a, const Eight& b, Eight& even, Eight& odd) {
    even = __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14);
    odd = __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15);
}
TRAMTHU_INLINE void part(const Sixteen& a, const Sixteen& b, Sixteen& even, Sixteen& odd) {
    even = __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    odd = __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
}
TRAMTHU_INLINE void join(const Four& even, const Four& odd, Four& a, Four& b) {
    a = __builtin_shufflevector(even, odd, 0, 4, 1, 5);
    b = __builtin_shufflevector(even, odd, 2, 6, 3, 7);
}
TRAMTHU_INLINE void join(const Eight& even, const Eight& odd, Eight& a, Eight& b) {
    a = __builtin_shufflevector(even, odd, 0, 8, 1, 9, 2, 10, 3, 11);
    b = __builtin_shufflevector(even, odd, 4, 12, 5, 13, 6, 14, 7, 15);
}
TRAMTHU_INLINE void join(const Sixteen& even, const Sixteen& odd, Sixteen& a, Sixteen& b) {
    a = __builtin_shufflevector(even, odd, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    b = __builtin_shufflevector(even, odd, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}

// Lanes of complex values folded in halves until one value is left, of several vectors at once.
TRAMTHU_INLINE void fold(const Four& a, const Four& b, float* out) {
    store(out, __builtin_shufflevector(a, b, 0, 1, 4, 5) + __builtin_shufflevector(a, b, 2, 3, 6, 7));
}
TRAMTHU_INLINE void fold(const Four& a, const Four& b, const Four& c, const Four& d, float* out) {
    fold(a, b, out), fold(c, d, out + 4);
}
TRAMTHU_INLINE void fold(const Eight& a, const Eight& b, const Eight& c, const Eight& d, float* out) {
    const Eight ab = __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11) +
                     __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15);
    const Eight cd = __builtin_shufflevector(c, d, 0, 1, 2, 3, 8, 9, 10, 11) +
                     __builtin_shufflevector(c, d, 4, 5, 6, 7, 12, 13, 14, 15);
    const Eight acbd = __builtin_shufflevector(ab, cd, 0, 1, 8, 9, 4, 5, 12, 13) +
                       __builtin_shufflevector(ab, cd, 2, 3, 10, 11, 6, 7, 14, 15);
    store(out, __builtin_shufflevector(acbd, acbd, 0, 1, 4, 5, 2, 3, 6, 7));
}
TRAMTHU_INLINE Eight halved(const Sixteen& sum) {
    return __builtin_shufflevector(sum, sum, 0, 1, 2, 3, 4, 5, 6, 7) +
           __builtin_shufflevector(sum, sum, 8, 9, 10, 11, 12, 13, 14, 15);
}
TRAMTHU_INLINE void fold(const Sixteen& a, const Sixteen& b, const Sixteen& c, const Sixteen& d, float* out) {
    fold(halved(a), halved(b), halved(c), halved(d), out);
}

// Sum of sixteen lanes, always in this order.
TRAMTHU_INLINE double total(const float* lanes) {
    double eight[8];
    for (int i = 0; i < 8; ++i) eight[i] = static_cast<double>(lanes[i]) + static_cast<double>(lanes[i + 8]);
    return ((eight[0] + eight[4]) + (eight[2] + eight[6])) + ((eight[1] + eight[5]) + (eight[3] + eight[7]));
}

// cos and sin of an angle in turns, |turns| up to 0.5: Taylor's series of a quarter of the angle, doubled
// twice. T is double or a vector, S its element. The error is below 1e-8 in doubles, 5e-7 in floats.
template <typename S, typename T>
TRAMTHU_INLINE void unit_circle(const T& turns, T& cosine, T& sine) {
    const T x = turns * S(1.57079632679489662);
    const T y = x * x;
    T c = S(1) + y * (S(-1. / 2) + y * (S(1. / 24) + y * (S(-1. / 720) + y * S(1. / 40320))));
    T s = x * (S(1) + y * (S(-1. / 6) + y * (S(1. / 120) + y * (S(-1. / 5040) + y * S(1. / 362880)))));
    for (int i = 0; i < 2; ++i) {
        const T twice = S(2) * c * s;
        c = S(1) - S(2) * (s * s);
        s = twice;
    }
    cosine = c;
    sine = s;
}

// The same for any angle.
TRAMTHU_INLINE void unit_circle_of(double turns, double& cosine, double& sine) {
    unit_circle<double>(turns - std::floor(turns + 0.5), cosine, sine);
}

}  // namespace tramthu

// One output is a dot product of real taps with complex samples. The samples are mixed a stretch at a time,
// so that they stay in the first cache; the phase depends on the sample's number only, not on the stretch.
#include "decoders/demodulation/matched_filter.h"

#include <algorithm>
#include <memory>
#include <new>
#include <vector>

#include "decoders/demodulation/lanes.h"

namespace tramthu {
namespace {

constexpr std::ptrdiff_t kMixBlock = 64;
constexpr std::ptrdiff_t kOutputs = 64;    // whose places are computed at a time
constexpr std::ptrdiff_t kStretch = 2048;  // samples that the outputs of one stretch begin in
constexpr double kFar = 2e9;               // samples away is outside of all; an integer holds it

// A block is turned by one table about its middle, whose phase is exact; within it the frequency is that in
// the middle of all samples.
struct Mixer {
    float cosine[kMixBlock], sine[kMixBlock];
    double frequency, slope, turns;
};

TRAMTHU_INLINE void set_up(Mixer& mixer, const MatchedFilter& job) {
    mixer.frequency = job.frequency - std::floor(job.frequency);
    mixer.slope = job.slope;
    mixer.turns = job.turns;
    const double middle = mixer.frequency + job.slope * static_cast<double>(job.count) / 2;
    for (std::ptrdiff_t i = 0; i < kMixBlock; ++i) {
        double c, s;
        unit_circle_of(middle * static_cast<double>(i - kMixBlock / 2), c, s);
        mixer.cosine[i] = static_cast<float>(c), mixer.sine[i] = static_cast<float>(s);
    }
}

template <typename Vector>
TRAMTHU_INLINE void mix_block(const Mixer& mixer, const float* samples, std::ptrdiff_t count,
                              std::ptrdiff_t number, float* __restrict out) {
    const std::ptrdiff_t start = number * kMixBlock;
    float edge[2 * kMixBlock];
    const float* in = samples + 2 * start;
    if (start < 0 || start + kMixBlock > count) {
        for (std::ptrdiff_t i = 0; i < kMixBlock; ++i) {
            const bool inside = start + i >= 0 && start + i < count;
            edge[2 * i] = inside ? samples[2 * (start + i)] : 0.0F;
            edge[2 * i + 1] = inside ? samples[2 * (start + i) + 1] : 0.0F;
        }
        in = edge;
    }
    double c, s;
    const auto at = static_cast<double>(start + kMixBlock / 2);
    unit_circle_of(mixer.turns + at * (mixer.frequency + mixer.slope / 2 * at), c, s);
    const float base_re = static_cast<float>(c), base_im = static_cast<float>(s);
    constexpr std::size_t width = kWidth<Vector>;
    for (std::size_t i = 0; i < 2 * kMixBlock; i += 2 * width) {
        Vector x, y, re, im, a, b;
        part(load<Vector>(in + i), load<Vector>(in + i + width), x, y);
        const Vector cosine = load<Vector>(mixer.cosine + i / 2), sine = load<Vector>(mixer.sine + i / 2);
        re = base_re * cosine - base_im * sine, im = base_re * sine + base_im * cosine;
        join(x * re + y * im, y * re - x * im, a, b);
        store(out + i, a), store(out + i + width, b);
    }
}

// Thirty-two sums whatever the width of a vector, folded in halves to as many as it has.
template <typename Vector>
TRAMTHU_INLINE Vector dot(const float* from, const float* weight, std::ptrdiff_t length) {
    constexpr int lanes = sizeof(Vector) / sizeof(float), vectors = 32 / lanes;
    Vector sums[vectors] = {};
    std::ptrdiff_t k = 0;
#pragma GCC unroll 3
    for (; k + 32 <= length; k += 32) {
#pragma GCC unroll 8
        for (int v = 0; v < vectors; ++v)
            sums[v] += load<Vector>(from + k + v * lanes) * load<Vector>(weight + k + v * lanes);
    }
    if (k < length) {
#pragma GCC unroll 8
        for (int v = 0; v < vectors / 2; ++v)
            sums[v] += load<Vector>(from + k + v * lanes) * load<Vector>(weight + k + v * lanes);
    }
    // Spelt out: a loop over halves would keep the sums in memory.
    if constexpr (vectors == 8)
        sums[0] += sums[4], sums[1] += sums[5], sums[2] += sums[6], sums[3] += sums[7];
    if constexpr (vectors >= 4) sums[0] += sums[2], sums[1] += sums[3];
    return sums[0] + sums[1];
}

// Where the taps of kOutputs outputs from number `m` on begin, and which row of taps they take.
template <typename Vector>
TRAMTHU_INLINE void find_places(const MatchedFilter& job, std::ptrdiff_t m, std::int32_t* start,
                                std::int32_t* row) {
    constexpr int lanes = kWidth<Vector> / 2;
    using Doubles = VectorOf<double, lanes>;
    using Integers = VectorOf<std::int32_t, lanes>;
    const double first = job.first + job.step * static_cast<double>(m);
    const auto phases = static_cast<double>(job.phases);
    const auto left = static_cast<std::int32_t>(job.tap_count / 2 - 1);
    Integers number;
    for (int i = 0; i < lanes; ++i) number[i] = i;
    for (int i = 0; i < kOutputs; i += lanes, number += lanes) {
        Doubles instant = first + job.step * __builtin_convertvector(number, Doubles);
        instant = instant > -kFar ? instant : -kFar + Doubles{};
        instant = instant < kFar ? instant : kFar + Doubles{};
        const Integers toward_zero = __builtin_convertvector(instant, Integers);
        const auto above = __builtin_convertvector(toward_zero, Doubles) > instant;  // -1 where it is
        const Integers whole = toward_zero + __builtin_convertvector(above, Integers);
        const Doubles rest = instant - __builtin_convertvector(whole, Doubles);
        const Integers nearest = __builtin_convertvector(rest * phases + 0.5, Integers), from = whole - left;
        std::memcpy(row + i, &nearest, sizeof nearest);
        std::memcpy(start + i, &from, sizeof from);
    }
}

// Samples mixed to zero frequency that the outputs at hand look at.
struct Mixed {
    float* buffer;
    std::ptrdiff_t from = 0, to = 0;

    bool holds(std::ptrdiff_t start, std::ptrdiff_t taps) const {
        return start >= from && start + taps <= to;
    }
};

template <typename Vector>
TRAMTHU_INLINE void mix_on(const Mixer& mixer, const MatchedFilter& job, std::ptrdiff_t start, Mixed& mixed) {
    const std::ptrdiff_t taps = job.tap_count;
    const std::ptrdiff_t block = (start + kMixBlock * taps) / kMixBlock - taps;  // rounds down
    mixed.from = block * kMixBlock;
    mixed.to = mixed.from + (kStretch + taps + kMixBlock - 1) / kMixBlock * kMixBlock;
    for (std::ptrdiff_t at = mixed.from; at < mixed.to; at += kMixBlock)
        mix_block<Vector>(mixer, job.samples, job.count, at / kMixBlock,
                          mixed.buffer + 2 * (at - mixed.from));
}

// `taps` is a constant where this is inlined for a usual number of them.
template <typename Vector>
TRAMTHU_INLINE void filter(const MatchedFilter& job, std::ptrdiff_t taps, const float* twice, float* buffer) {
    const std::ptrdiff_t before = -2 * taps, behind = job.count + taps;
    Mixer mixer;
    set_up(mixer, job);
    Mixed mixed = {buffer};
    std::int32_t places[kOutputs], rows[kOutputs];
    for (std::ptrdiff_t m = 0; m < job.outputs; m += kOutputs) {
        find_places<Vector>(job, m, places, rows);
        float* out = job.out + 2 * m;
        const std::ptrdiff_t here = std::min(kOutputs, job.outputs - m);
        const auto at = [&](std::ptrdiff_t i) __attribute__((always_inline)) {
            return dot<Vector>(mixed.buffer + 2 * (places[i] - mixed.from), twice + rows[i] * 2 * taps,
                               2 * taps);
        };
        if (here == kOutputs && mixed.holds(places[0], taps) && mixed.holds(places[here - 1], taps)) {
            for (std::ptrdiff_t i = 0; i < kOutputs; i += 4)
                fold(at(i), at(i + 1), at(i + 2), at(i + 3), out + 2 * i);
            continue;
        }
        for (std::ptrdiff_t i = 0; i < here; ++i) {
            if (places[i] <= before || places[i] >= behind) {
                out[2 * i] = out[2 * i + 1] = 0.0F;
                continue;
            }
            if (!mixed.holds(places[i], taps)) mix_on<Vector>(mixer, job, places[i], mixed);
            const Vector sum = at(i);
            float same[8];
            fold(sum, sum, sum, sum, same);
            std::copy_n(same, 2, out + 2 * i);
        }
    }
}

template <typename Vector>
TRAMTHU_INLINE void matched_body(const MatchedFilter& job, const float* twice, float* buffer) {
    switch (job.tap_count) {
        case 24:
            return filter<Vector>(job, 24, twice, buffer);
        case 32:
            return filter<Vector>(job, 32, twice, buffer);
        default:
            return filter<Vector>(job, job.tap_count, twice, buffer);
    }
}

TRAMTHU_VARIANTS(matched, (const MatchedFilter& job, const float* twice, float* buffer), (job, twice, buffer))

}  // namespace

void matched_filter(const MatchedFilter& job, Level level) {
    // On a vector's boundary no load of weights crosses a cache line.
    constexpr std::align_val_t kBoundary{64};
    struct Free {
        void operator()(float* memory) const { operator delete[](memory, kBoundary); }
    };
    const std::ptrdiff_t weights = (job.phases + 1) * job.tap_count;
    const std::unique_ptr<float[], Free> twice(new (kBoundary) float[static_cast<std::size_t>(2 * weights)]);
    for (std::ptrdiff_t i = 0; i < weights; ++i) twice[2 * i] = twice[2 * i + 1] = job.taps[i];
    std::vector<float> buffer(static_cast<std::size_t>(2 * (kStretch + job.tap_count + kMixBlock)));
    matched_at(level)(job, twice.get(), buffer.data());
}

}  // namespace tramthu

// Samples are converted, freed of impulses and filtered a chunk at a time, so that all of it happens in
// the first cache. A filter's outputs are made several at a time, so that a tap is read once for all of them;
// a sum is made of sixteen, whatever the width of a vector.
#include "decoders/demodulation/decimator.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "decoders/demodulation/lanes.h"

namespace tramthu {
namespace {

// That are filtered at a time, at least.
constexpr std::size_t kOutputs = 16;

// So many that their sums fit the registers.
template <typename Vector>
constexpr std::size_t kTogether = kWidth<Vector> / 2;

// A plain loop, which the compiler makes vectors of: it takes vectors of bytes apart again.
template <typename Integer>
TRAMTHU_INLINE void convert(const Decimation& job, std::size_t at, std::size_t values, float* to) {
    const auto* codes = static_cast<const Integer*>(job.samples) + at;
    for (std::size_t i = 0; i < values; ++i) to[i] = (static_cast<float>(codes[i]) - job.zero) * job.scale;
}

TRAMTHU_INLINE void fetch(const Decimation& job, std::size_t first, float* to) {
    const std::size_t at = 2 * first, values = 2 * job.blanking.chunk;
    switch (job.code) {
        case Code::f32:
            std::copy_n(static_cast<const float*>(job.samples) + at, values, to);
            break;
        case Code::s16:
            convert<std::int16_t>(job, at, values, to);
            break;
        case Code::s8:
            convert<std::int8_t>(job, at, values, to);
            break;
        case Code::u8:
            convert<std::uint8_t>(job, at, values, to);
            break;
    }
}

struct Powers {
    double sum, largest;
};

// Of `count` samples.
template <typename Vector>
TRAMTHU_INLINE Powers powers(const float* in, std::size_t count) {
    constexpr std::size_t width = kWidth<Vector>;
    const std::size_t whole = count / kLanes * kLanes;
    float last[2 * kLanes] = {}, sums[kLanes], peaks[kLanes];
    std::copy(in + 2 * whole, in + 2 * count, last);
    for (std::size_t lane = 0; lane < kLanes; lane += width) {
        Vector added = {}, peak = {};
        for (std::size_t i = 0; i <= whole; i += kLanes) {
            const float* from = (i < whole ? in + 2 * i : last) + 2 * lane;
            Vector re, im;
            part(load<Vector>(from), load<Vector>(from + width), re, im);
            const Vector power = re * re + im * im;
            added += power;
            peak = power > peak ? power : peak;
        }
        store(sums + lane, added), store(peaks + lane, peak);
    }
    return {total(sums), static_cast<double>(*std::max_element(peaks, peaks + kLanes))};
}

// Whether all may be samples; what is not finite shows in the sum.
TRAMTHU_INLINE bool are_usable(const Blanking& limits, const Powers& found) {
    const auto largest = static_cast<double>(limits.largest);
    return found.largest <= largest * largest && std::isfinite(found.sum);
}

TRAMTHU_INLINE bool is_suspicious(const Blanking& limits, const Powers& found) {
    return found.largest >
           static_cast<double>(limits.suspicious) / static_cast<double>(limits.chunk) * found.sum;
}

// Of values, which are put in another order; there are some.
float median(std::vector<float>& values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    if (values.size() % 2 == 1) return *middle;
    return (*std::max_element(values.begin(), middle) + *middle) / 2;
}

std::size_t blank_unusable(const Blanking& limits, float* chunk) {
    std::size_t bad = 0;
    for (std::size_t i = 0; i < limits.chunk; ++i) {
        float* sample = chunk + 2 * i;
        if (std::abs(sample[0]) <= limits.largest && std::abs(sample[1]) <= limits.largest) continue;
        sample[0] = sample[1] = 0.0F;
        ++bad;
    }
    return bad;
}

std::size_t blank_impulses(const Blanking& limits, float* chunk) {
    std::vector<float> power(limits.chunk), there;
    for (std::size_t i = 0; i < limits.chunk; ++i) {
        power[i] = chunk[2 * i] * chunk[2 * i] + chunk[2 * i + 1] * chunk[2 * i + 1];
        if (power[i] > 0) there.push_back(power[i]);  // gaps are filled with zeros
    }
    if (there.empty()) return 0;
    const float high = limits.over_median * median(there);
    std::vector<std::size_t> hit;
    for (std::size_t i = 0, next = 0; i < limits.chunk; ++i) {
        if (!(power[i] > high)) continue;
        const std::size_t end = std::min(i + limits.skirt + 1, limits.chunk);
        for (next = std::max(next, i - std::min(i, limits.skirt)); next < end; ++next) hit.push_back(next);
    }
    if (static_cast<double>(hit.size()) > limits.most * static_cast<double>(there.size())) return 0;
    for (const std::size_t i : hit) chunk[2 * i] = chunk[2 * i + 1] = 0.0F;
    return hit.size();
}

// Sixteen sums of each of some outputs to one complex value each.
TRAMTHU_INLINE void finish(const Four (*sums)[4], float* out) {
    fold((sums[0][0] + sums[0][2]) + (sums[0][1] + sums[0][3]),
         (sums[1][0] + sums[1][2]) + (sums[1][1] + sums[1][3]), out);
}
TRAMTHU_INLINE void finish(const Eight (*sums)[2], float* out) {
    fold(sums[0][0] + sums[0][1], sums[1][0] + sums[1][1], sums[2][0] + sums[2][1], sums[3][0] + sums[3][1],
         out);
}
TRAMTHU_INLINE void finish(const Sixteen (*sums)[1], float* out) {
    fold(sums[0][0], sums[1][0], sums[2][0], sums[3][0], out);
    fold(sums[4][0], sums[5][0], sums[6][0], sums[7][0], out + 8);
}

template <typename Vector>
TRAMTHU_INLINE void dots(const float* from, std::size_t step, const float* twice, std::size_t length,
                         float* out) {
    constexpr std::size_t width = kWidth<Vector>, parts = kLanes / width, outputs = kTogether<Vector>;
    Vector sums[outputs][parts] = {};
    for (std::size_t k = 0; k < length; k += kLanes) {
#pragma GCC unroll 8
        for (std::size_t p = 0; p < parts; ++p) {
            const Vector taps = load<Vector>(twice + k + p * width);
#pragma GCC unroll 8
            for (std::size_t m = 0; m < outputs; ++m)
                sums[m][p] += load<Vector>(from + m * step + k + p * width) * taps;
        }
    }
    finish(sums, out);
}

// May read as far behind the samples as kTogether - 1 more outputs would.
template <typename Vector>
TRAMTHU_INLINE void filter(const Decimation& job, const float* from, std::size_t outputs, float* out) {
    constexpr std::size_t together = kTogether<Vector>;
    const std::size_t step = 2 * job.factor, length = 2 * job.taps, whole = outputs / together * together;
    for (std::size_t m = 0; m < whole; m += together)
        dots<Vector>(from + m * step, step, job.twice, length, out + 2 * m);
    if (whole < outputs) {
        float some[2 * together];
        dots<Vector>(from + whole * step, step, job.twice, length, some);
        std::copy_n(some, 2 * (outputs - whole), out + 2 * whole);
    }
}

template <typename Vector>
TRAMTHU_INLINE void decimate_body(const Decimation& job, Decimated& done) {
    std::size_t held = job.before_count;
    float *out = job.out, *line = done.held.data();
    for (std::size_t first = 0; first < job.count; first += job.blanking.chunk) {
        float* chunk = job.taps ? line + 2 * held : out;
        fetch(job, first, chunk);
        Powers found = powers<Vector>(chunk, job.blanking.chunk);
        if (!are_usable(job.blanking, found)) {
            done.unusable += blank_unusable(job.blanking, chunk);
            found = powers<Vector>(chunk, job.blanking.chunk);
        }
        if (is_suspicious(job.blanking, found)) done.impulses += blank_impulses(job.blanking, chunk);
        held += job.blanking.chunk;
        // Few outputs cost as much as many.
        const bool last = first + job.blanking.chunk == job.count;
        std::size_t outputs = 0;
        if (!job.taps) {
            outputs = std::exchange(held, 0);
        } else if (held >= job.taps + (last ? 0 : (kOutputs - 1) * job.factor)) {
            outputs = (held - job.taps) / job.factor + 1;
            filter<Vector>(job, line, outputs, out);
            std::copy(line + 2 * outputs * job.factor, line + 2 * held, line);
            held -= outputs * job.factor;
        }
        out += 2 * outputs;
    }
    done.held.resize(2 * held);
}

TRAMTHU_VARIANTS(decimate, (const Decimation& job, Decimated& done), (job, done))

}  // namespace

Decimated decimate(const Decimation& job, Level level) {
    Decimated done = {};
    const std::size_t longest = job.taps + kOutputs * job.factor + job.blanking.chunk;
    done.held.resize(2 * (longest + kOutputs * job.factor));  // some are read behind the last
    std::copy_n(job.before, 2 * job.before_count, done.held.begin());
    decimate_at(level)(job, done);
    return done;
}

}  // namespace tramthu

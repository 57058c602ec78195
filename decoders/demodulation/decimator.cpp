// Outputs of a filter with real taps at every `factor`th complex sample, several at a time, so that a tap is
// read once for all of them. A sum is made of sixteen, whatever the width of a vector.
#include "decoders/demodulation/decimator.h"

#include <algorithm>
#include <vector>

#include "decoders/demodulation/lanes.h"

namespace tramthu {
namespace {

// So many that their sums fit the registers.
template <typename Vector>
constexpr std::size_t kTogether = kWidth<Vector> / 2;

TRAMTHU_INLINE Four folded(const Four* sums) { return (sums[0] + sums[2]) + (sums[1] + sums[3]); }
TRAMTHU_INLINE Four folded(const Eight* sums) {
    const Eight sum = sums[0] + sums[1];
    return __builtin_shufflevector(sum, sum, 0, 1, 2, 3) + __builtin_shufflevector(sum, sum, 4, 5, 6, 7);
}
TRAMTHU_INLINE Four folded(const Sixteen* sums) {
    const Eight halves[2] = {
        __builtin_shufflevector(sums[0], sums[0], 0, 1, 2, 3, 4, 5, 6, 7),
        __builtin_shufflevector(sums[0], sums[0], 8, 9, 10, 11, 12, 13, 14, 15),
    };
    return folded(halves);
}

template <typename Vector, std::size_t outputs>
TRAMTHU_INLINE void dots(const float* from, std::size_t step, const float* twice, std::size_t length,
                         float* out) {
    constexpr std::size_t width = kWidth<Vector>, parts = kLanes / width;
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
#pragma GCC unroll 8
    for (std::size_t m = 0; m < outputs; ++m) {
        const Four four = folded(sums[m]);
        const Four two = four + __builtin_shufflevector(four, four, 2, 3, 0, 1);
        std::memcpy(out + 2 * m, &two, 2 * sizeof(float));
    }
}

template <typename Vector>
TRAMTHU_INLINE void decimate_body(const Decimation& job, const float* from, std::size_t outputs, float* out) {
    const std::size_t step = 2 * job.factor, length = 2 * job.taps;
    std::size_t m = 0;
    constexpr std::size_t together = kTogether<Vector>;
    for (; m + together <= outputs; m += together)
        dots<Vector, together>(from + m * step, step, job.twice, length, out + 2 * m);
    for (; m < outputs; ++m) dots<Vector, 1>(from + m * step, step, job.twice, length, out + 2 * m);
}

TRAMTHU_VARIANTS(decimate, (const Decimation& job, const float* from, std::size_t outputs, float* out),
                 (job, from, outputs, out))

}  // namespace

void decimate(const Decimation& job, Level level) {
    const auto run = decimate_at(level);
    // The outputs whose taps begin on what came before are made of a copy of both sides of the seam.
    const std::size_t early = std::min(job.outputs, (job.before_count + job.factor - 1) / job.factor);
    if (early > 0) {
        std::vector<float> seam(2 * ((early - 1) * job.factor + job.taps));
        const std::size_t held = std::min(2 * job.before_count, seam.size());
        std::copy(job.before, job.before + held, seam.begin());
        std::copy(job.samples, job.samples + (seam.size() - held),
                  seam.begin() + static_cast<std::ptrdiff_t>(held));
        run(job, seam.data(), early, job.out);
    }
    if (early < job.outputs)
        run(job, job.samples + 2 * (early * job.factor - job.before_count), job.outputs - early,
            job.out + 2 * early);
}

}  // namespace tramthu

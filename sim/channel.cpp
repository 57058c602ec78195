// White noise of a numbered sample, by counter: the same sample gets the same noise whatever the blocks.
// The specification is `noise_plain` in noise.py. Only additions, products and square roots in single
// precision, never contracted, so that every instruction set gives the same bits.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <stdexcept>

namespace nb = nanobind;

namespace {

constexpr int kSpan = 256;

#if defined(__x86_64__)
#define TRAMTHU_CLONES __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define TRAMTHU_CLONES
#endif

// SplitMix64 (Steele, Lea, Flood 2014): the output at position n of the sequence that starts at `key`.
inline std::uint64_t split_mix(std::uint64_t key, std::uint64_t n) {
    std::uint64_t z = key + (n + 1) * 0x9E3779B97F4A7C15ULL;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
}

// Natural logarithm of x in 0.5 … 2^31, Cephes logf.
inline float log_of(float x) {
    const std::int32_t word = std::bit_cast<std::int32_t>(x);
    std::int32_t exponent = ((word >> 23) & 0xFF) - 126;
    float m = std::bit_cast<float>((word & 0x007FFFFF) | 0x3F000000);
    const bool small = m < 0.707106781186547524f;
    exponent -= small ? 1 : 0;
    m = small ? m + m - 1.0f : m - 1.0f;
    const float z = m * m;
    float y = 7.0376836292e-2f;
    y = y * m - 1.1514610310e-1f;
    y = y * m + 1.1676998740e-1f;
    y = y * m - 1.2420140846e-1f;
    y = y * m + 1.4249322787e-1f;
    y = y * m - 1.6668057665e-1f;
    y = y * m + 2.0000714765e-1f;
    y = y * m - 2.4999993993e-1f;
    y = y * m + 3.3333331174e-1f;
    const float e = static_cast<float>(exponent);
    y = y * m * z - 2.12194440e-4f * e - 0.5f * z;
    return m + y + 0.693359375f * e;
}

// Box and Muller: the high word is the radius, the low word the angle (its two top bits the quadrant).
TRAMTHU_CLONES __attribute__((optimize("no-math-errno"))) void add_span(float* __restrict samples,
                                                                        const std::uint32_t* __restrict high,
                                                                        const std::uint32_t* __restrict low,
                                                                        int count, float sigma) {
    constexpr float kLogRange = 21.487562596892643f;  // ln 2^31
    constexpr float kAngle = 1.4629180792671596e-9f;  // (pi / 2) / 2^30
    for (int n = 0; n < count; ++n) {
        const float u = static_cast<float>(static_cast<std::int32_t>(high[n] >> 1)) + 0.5f;
        const float squared = kLogRange - log_of(u);
        const float radius = sigma * std::sqrt(squared > 0.0f ? squared : 0.0f);
        const std::int32_t part = static_cast<std::int32_t>(low[n] & 0x3FFFFFFFu) - 0x20000000;
        const float a = static_cast<float>(part) * kAngle;  // -pi/4 … pi/4
        const float z = a * a;
        const float sine = ((-1.9515295891e-4f * z + 8.3321608736e-3f) * z - 1.6666654611e-1f) * z * a + a;
        const float cosine =
            ((2.443315711809948e-5f * z - 1.388731625493765e-3f) * z + 4.166664568298827e-2f) * z * z -
            0.5f * z + 1.0f;
        const std::uint32_t quadrant = low[n] >> 30;
        const bool swapped = (quadrant & 1u) != 0;
        const float x = swapped ? -sine : cosine;
        const float y = swapped ? cosine : sine;
        const float side = (quadrant & 2u) != 0 ? -radius : radius;
        samples[2 * n] += side * x;
        samples[2 * n + 1] += side * y;
    }
}

using Samples = nb::ndarray<float, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

void add_noise(Samples samples, std::uint64_t key, std::uint64_t first_sample, float sigma) {
    if (samples.shape(0) % 2 != 0) throw std::invalid_argument("samples are pairs of float32");
    if (!(sigma >= 0.0f) || !std::isfinite(sigma))
        throw std::invalid_argument("sigma is finite and not negative");
    const std::int64_t count = static_cast<std::int64_t>(samples.shape(0)) / 2;
    float* data = samples.data();
    nb::gil_scoped_release release;
    std::uint32_t high[kSpan], low[kSpan];
    for (std::int64_t start = 0; start < count; start += kSpan) {
        const int span = static_cast<int>(count - start < kSpan ? count - start : kSpan);
        for (int n = 0; n < span; ++n) {
            const std::uint64_t word = split_mix(key, first_sample + static_cast<std::uint64_t>(start + n));
            high[n] = static_cast<std::uint32_t>(word >> 32);
            low[n] = static_cast<std::uint32_t>(word);
        }
        add_span(data + 2 * start, high, low, span, sigma);
    }
}

}  // namespace

NB_MODULE(_channel, m) {
    m.def("add_noise", &add_noise, nb::arg("samples"), nb::arg("key"), nb::arg("first_sample"),
          nb::arg("sigma"), "Add white noise to float32 pairs in place; see noise.noise_plain.");
}

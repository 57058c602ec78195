// Symbols to samples: every sample looks up its own place between the symbols, so that a stretched clock
// costs nothing. The specification is `modulate_plain` in modulator.py; names as there.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cmath>
#include <cstdint>
#include <stdexcept>

namespace nb = nanobind;

namespace {

constexpr int kTaps = 16;
constexpr int kKnot = 256;
constexpr double kTwoPi = 6.283185307179586476925286766559;

#if defined(__x86_64__)
#define TRAMTHU_CLONES __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define TRAMTHU_CLONES
#endif

typedef float Vec8 __attribute__((vector_size(32), aligned(4)));

struct Rails {
    const float *i, *q;
    std::int64_t count;
};

struct Knots {
    const double *symbol, *cycles, *gain;  // gain: pairs of real, imaginary
};

// Sum of 16 products in one fixed order: eight lanes, then halves.
inline float weighted(const float* rail, const float* low, const float* high, float part) {
    const Vec8* x = reinterpret_cast<const Vec8*>(rail);
    const Vec8* a = reinterpret_cast<const Vec8*>(low);
    const Vec8* b = reinterpret_cast<const Vec8*>(high);
    const Vec8 sum = x[0] * (a[0] + part * (b[0] - a[0])) + x[1] * (a[1] + part * (b[1] - a[1]));
    const float s0 = sum[0] + sum[4], s1 = sum[1] + sum[5], s2 = sum[2] + sum[6], s3 = sum[3] + sum[7];
    return (s0 + s2) + (s1 + s3);
}

inline float rail_at(const float* rail, const float* bank, int phases, double place) {
    const double whole = std::floor(place);
    const double fine = (place - whole) * phases;
    const int row = static_cast<int>(fine);
    const float part = static_cast<float>(fine - row);
    const float* first = rail + (static_cast<std::int64_t>(whole) - kTaps / 2 + 1);
    return weighted(first, bank + row * kTaps, bank + (row + 1) * kTaps, part);
}

TRAMTHU_CLONES
void modulate_knot(float* out, int count, const Rails rails, const float* bank, int phases, double lag,
                   const Knots knot) {
    // Counted from the span's first symbol, so that rounding does not depend on where the block began.
    const double base = std::floor(knot.symbol[0]);
    const double begin = knot.symbol[0] - base;
    const float* i_rail = rails.i + static_cast<std::int64_t>(base);
    const float* q_rail = rails.q + static_cast<std::int64_t>(base);
    const double step = (knot.symbol[1] - knot.symbol[0]) / kKnot;
    const double turn = kTwoPi * ((knot.cycles[1] - knot.cycles[0]) / kKnot);
    const double start = kTwoPi * (knot.cycles[0] - std::floor(knot.cycles[0]));
    const double wr = std::cos(turn), wi = std::sin(turn);
    double zr = std::cos(start), zi = std::sin(start);
    const double gr = (knot.gain[2] - knot.gain[0]) / kKnot, gi = (knot.gain[3] - knot.gain[1]) / kKnot;
    for (int n = 0; n < count; ++n) {
        const double place = begin + n * step;
        const double i = rail_at(i_rail, bank, phases, place);
        const double q = rail_at(q_rail, bank, phases, place - lag);
        const double ar = knot.gain[0] + n * gr, ai = knot.gain[1] + n * gi;
        const double cr = zr * ar - zi * ai, ci = zr * ai + zi * ar;
        out[2 * n] = static_cast<float>(i * cr - q * ci);
        out[2 * n + 1] = static_cast<float>(i * ci + q * cr);
        const double next = zr * wr - zi * wi;
        zi = zr * wi + zi * wr;
        zr = next;
    }
}

template <typename T>
using Line = nb::ndarray<T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <typename T>
using Table = nb::ndarray<T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

void check(bool fine, const char* what) {
    if (!fine) throw std::invalid_argument(what);
}

void modulate(Line<float> out, Line<const float> i_rail, Line<const float> q_rail, Table<const float> bank,
              Line<const double> symbol, Line<const double> cycles, Line<const double> gain, double lag) {
    const std::int64_t samples = static_cast<std::int64_t>(out.shape(0)) / 2;
    const std::int64_t spans = (samples + kKnot - 1) / kKnot;
    const int phases = static_cast<int>(bank.shape(0)) - 1;
    check(out.shape(0) % 2 == 0, "out holds pairs of float32");
    check(bank.shape(1) == kTaps && phases > 0, "bank is [phases + 1, 16]");
    check(i_rail.shape(0) == q_rail.shape(0), "both rails have the same length");
    check(lag >= 0.0 && lag < 1.0, "lag lies in 0 … 1 symbol");
    const std::size_t knots = static_cast<std::size_t>(spans) + 1;
    check(symbol.shape(0) >= knots && cycles.shape(0) >= knots && gain.shape(0) >= 2 * knots,
          "one knot more than spans of 256 samples is needed");
    for (std::int64_t k = 0; k <= spans; ++k) {
        const double place = symbol.data()[k];
        check(place - lag >= kTaps / 2 && place < static_cast<double>(i_rail.shape(0)) - kTaps / 2 - 1,
              "a knot lies outside the symbols given");
        check(std::isfinite(cycles.data()[k]), "a carrier phase is not finite");
    }
    const Rails rails{i_rail.data(), q_rail.data(), static_cast<std::int64_t>(i_rail.shape(0))};
    nb::gil_scoped_release release;
    for (std::int64_t k = 0; k < spans; ++k) {
        const std::int64_t left = samples - k * kKnot;
        const int count = static_cast<int>(left < kKnot ? left : kKnot);
        modulate_knot(out.data() + 2 * k * kKnot, count, rails, bank.data(), phases, lag,
                      {symbol.data() + k, cycles.data() + k, gain.data() + 2 * k});
    }
}

}  // namespace

NB_MODULE(_modulator, m) {
    m.def("modulate", &modulate, nb::arg("out"), nb::arg("i_rail"), nb::arg("q_rail"), nb::arg("bank"),
          nb::arg("symbol"), nb::arg("cycles"), nb::arg("gain"), nb::arg("lag"),
          "Fill `out` (float32, real and imaginary in turn); see modulator.modulate_plain.");
}

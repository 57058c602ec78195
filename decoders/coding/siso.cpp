// Max-log a-posteriori decoding of one frame, with bits that are known already; the plain form is in siso.py.
// The loops run over the 64 states, so that the compiler makes vectors of them.
//
// State: six bits, the newest at the left. Of states 2u and 2u + 1 come u and u + 32, over branches that are
// worth m(u) or -m(u). A(t): metrics of the states before bit t, B: of those behind it, the larger the
// better.
#include <algorithm>
#include <array>
#include <bit>
#include <memory>

#include "decoders/coding/fec.h"
#include "decoders/coding/fec_variants.h"

namespace tramthu {
namespace {

constexpr unsigned kG1 = 0x79, kG2 = 0x5B;
constexpr int kStates = 64, kHalf = 32;
constexpr int32_t kImpossible = -(1 << 28);
constexpr size_t kNormaliseEvery = 1024;  // in which a metric moves by 1024 * 256 at most

// 0 where the branch from 2u to u carries a one, else -1: x ^ sign - sign is then x or -x.
struct Signs {
    std::array<int32_t, kHalf> first{}, second{};
    constexpr Signs() {
        for (unsigned u = 0; u < kHalf; ++u) {
            first[u] = (std::popcount(2 * u & kG1) & 1) - 1;
            second[u] = (std::popcount(2 * u & kG2) & 1) - 1;
        }
    }
};
constexpr Signs kSigns;

using Metrics = std::array<int32_t, kStates>;
using Branches = std::array<int32_t, kHalf>;

TRAMTHU_INLINE Branches branches(int32_t x, int32_t y) {
    Branches m;
    for (int u = 0; u < kHalf; ++u)
        m[u] = (x ^ kSigns.first[u]) - kSigns.first[u] + (y ^ kSigns.second[u]) - kSigns.second[u];
    return m;
}

// The information bit of a state is its newest bit, or with NRZ-M the change from the one before; either way
// the same for sixteen states in a row.
TRAMTHU_INLINE unsigned information(int quarter, bool nrz_m) {
    return unsigned(nrz_m ? quarter ^ quarter >> 1 : quarter >> 1) & 1u;
}

TRAMTHU_INLINE void forbid(Metrics& metrics, unsigned known, bool nrz_m) {
    for (int quarter = 0; quarter < 4; ++quarter)
        if (information(quarter, nrz_m) != known)
            std::fill_n(metrics.begin() + 16 * quarter, 16, kImpossible);
}

TRAMTHU_INLINE void normalise(Metrics& metrics) {
    const int32_t best = *std::max_element(metrics.begin(), metrics.end());
    for (int32_t& metric : metrics) metric = std::max(metric - best, kImpossible);
}

TRAMTHU_INLINE void forward(const Metrics& from, const Branches& m, Metrics& to) {
    for (int u = 0; u < kHalf; ++u) {
        const int32_t even = from[2 * u], odd = from[2 * u + 1];
        to[u] = std::max(even + m[u], odd - m[u]);
        to[u + kHalf] = std::max(even - m[u], odd + m[u]);
    }
}

TRAMTHU_INLINE void backward(const Metrics& from, const Branches& m, Metrics& to) {
    for (int u = 0; u < kHalf; ++u) {
        const int32_t low = from[u], high = from[u + kHalf];
        to[2 * u] = std::max(low + m[u], high - m[u]);
        to[2 * u + 1] = std::max(low - m[u], high + m[u]);
    }
}

TRAMTHU_INLINE int32_t ratio(const Metrics& before, const Metrics& behind, bool nrz_m) {
    int32_t best[4];
    for (int quarter = 0; quarter < 4; ++quarter) {
        int32_t most = 4 * kImpossible;
        for (int s = 16 * quarter; s < 16 * quarter + 16; ++s) most = std::max(most, before[s] + behind[s]);
        best[quarter] = most;
    }
    if (nrz_m) return std::max(best[1], best[2]) - std::max(best[0], best[3]);
    return std::max(best[2], best[3]) - std::max(best[0], best[1]);
}

TRAMTHU_INLINE void siso_body(const int8_t* soft, const uint8_t* known, size_t count, bool nrz_m,
                              Metrics* metrics, int32_t* llr) {
    metrics[0] = {};
    for (size_t t = 0; t < count; ++t) {
        forward(metrics[t], branches(soft[2 * t], soft[2 * t + 1]), metrics[t + 1]);
        if (known[t] < 2) forbid(metrics[t + 1], known[t], nrz_m);
        if (t % kNormaliseEvery == kNormaliseEvery - 1) normalise(metrics[t + 1]);
    }
    Metrics behind{}, next;
    for (size_t t = count; t-- > 0;) {
        llr[t] = ratio(metrics[t + 1], behind, nrz_m);
        if (known[t] < 2) forbid(behind, known[t], nrz_m);
        backward(behind, branches(soft[2 * t], soft[2 * t + 1]), next);
        behind = next;
        if (t % kNormaliseEvery == 0) normalise(behind);
    }
}

TRAMTHU_VARIANTS_OF(siso,
                    (const int8_t* soft, const uint8_t* known, size_t count, bool nrz_m, Metrics* metrics,
                     int32_t* llr),
                    (soft, known, count, nrz_m, metrics, llr))

}  // namespace

void siso(const int8_t* soft, const uint8_t* known, size_t count, bool nrz_m, int32_t* llr, Level level) {
    const std::unique_ptr<Metrics[]> metrics(new Metrics[count + 1]);
    siso_at(level)(soft, known, count, nrz_m, metrics.get(), llr);
}

}  // namespace tramthu

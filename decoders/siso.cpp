// Max-log a-posteriori decoding of one frame, with bits that are known already; the plain form is in siso.py.
// One frame is decoded only where Reed-Solomon failed, so clarity outweighs speed here.
#include <algorithm>
#include <bit>
#include <vector>

#include "decoders/fec.h"

namespace tramthu {
namespace {

constexpr unsigned kG1 = 0x79, kG2 = 0x5B;
constexpr int kStates = 64;
constexpr int32_t kImpossible = -(1 << 28);

inline int32_t branch(unsigned shift_register, int32_t x, int32_t y) {
    return (std::popcount(shift_register & kG1) & 1 ? x : -x) +
           (std::popcount(shift_register & kG2) & 1 ? y : -y);
}

// The information bit on the branch into state s: its newest bit, or with NRZ-M the change from the one
// before.
inline unsigned information(unsigned state, bool nrz_m) {
    return nrz_m ? (state >> 5 ^ state >> 4) & 1u : state >> 5;
}

struct Step {
    int32_t symbol[4];
    Step(int32_t x, int32_t y) : symbol{-x - y, -x + y, x - y, x + y} {}
};

}  // namespace

void siso(const int8_t* soft, const uint8_t* known, size_t count, bool nrz_m, int32_t* llr) {
    unsigned symbols[2 * kStates];
    for (unsigned r = 0; r < 2 * kStates; ++r)
        symbols[r] = unsigned(std::popcount(r & kG1) & 1) << 1 | unsigned(std::popcount(r & kG2) & 1);
    std::vector<int32_t> alphas((count + 1) * kStates, 0);
    for (size_t t = 0; t < count; ++t) {
        const Step step(soft[2 * t], soft[2 * t + 1]);
        const int32_t* from = &alphas[t * kStates];
        int32_t* to = &alphas[(t + 1) * kStates];
        int32_t best = kImpossible;
        for (unsigned s = 0; s < kStates; ++s) {
            const unsigned even = s << 1 & 63u, newest = s >> 5 << 6;
            to[s] = std::max(from[even] + step.symbol[symbols[newest | even]],
                             from[even | 1u] + step.symbol[symbols[newest | even | 1u]]);
            if (known[t] < 2 && information(s, nrz_m) != known[t]) to[s] = kImpossible;
            best = std::max(best, to[s]);
        }
        for (unsigned s = 0; s < kStates; ++s) to[s] = std::max(to[s] - best, kImpossible);
    }
    int32_t beta[kStates] = {}, before[kStates];
    for (size_t t = count; t-- > 0;) {
        const Step step(soft[2 * t], soft[2 * t + 1]);
        const int32_t* alpha = &alphas[(t + 1) * kStates];
        int32_t best[2] = {kImpossible * 2, kImpossible * 2};
        for (unsigned s = 0; s < kStates; ++s) {
            auto& side = best[information(s, nrz_m)];
            side = std::max(side, alpha[s] + beta[s]);
        }
        llr[t] = best[1] - best[0];
        int32_t top = kImpossible;
        for (unsigned s = 0; s < kStates; ++s) before[s] = kImpossible;
        for (unsigned s = 0; s < kStates; ++s) {
            if (known[t] < 2 && information(s, nrz_m) != known[t]) continue;
            const unsigned even = s << 1 & 63u, newest = s >> 5 << 6;
            before[even] = std::max(before[even], beta[s] + step.symbol[symbols[newest | even]]);
            before[even | 1u] =
                std::max(before[even | 1u], beta[s] + step.symbol[symbols[newest | even | 1u]]);
        }
        for (unsigned s = 0; s < kStates; ++s) top = std::max(top, before[s]);
        for (unsigned s = 0; s < kStates; ++s) beta[s] = std::max(before[s] - top, kImpossible);
    }
}

}  // namespace tramthu

// Reed-Solomon (255, 223) of CCSDS 131.0-B-5 section 4, conventional basis: errors and erasures.
// The steps and their order are those of reed_solomon.py, so that failures agree as well.

#include <array>
#include <cstring>

#include "decoders/fec.h"

namespace tramthu {
namespace {

constexpr int kLength = 255, kParity = 32, kFirstRoot = 112, kRootStep = 11;
constexpr unsigned kFieldPolynomial = 0x187;

struct Field {
    std::array<uint8_t, 512> exp{};
    std::array<uint8_t, 256> log{};
    constexpr Field() {
        unsigned x = 1;
        for (int i = 0; i < kLength; ++i) {
            exp[i] = exp[i + kLength] = uint8_t(x);
            log[x] = uint8_t(i);
            x <<= 1;
            if (x & 0x100) x ^= kFieldPolynomial;
        }
    }
    constexpr uint8_t times(uint8_t a, uint8_t b) const { return a && b ? exp[log[a] + log[b]] : uint8_t(0); }
    constexpr uint8_t over(uint8_t a, uint8_t b) const {
        return a ? exp[log[a] + kLength - log[b]] : uint8_t(0);
    }
};
constexpr Field kField;

// Row b: b times the generator polynomial without its leading one, highest power first.
struct Generator {
    std::array<std::array<uint8_t, kParity>, 256> row{};
    constexpr Generator() {
        std::array<uint8_t, kParity + 1> g{1};
        for (int j = 0; j < kParity; ++j) {
            const uint8_t root = kField.exp[(kFirstRoot + j) * kRootStep % kLength];
            for (int i = j + 1; i > 0; --i) g[i] = uint8_t(g[i] ^ kField.times(g[i - 1], root));
        }
        for (int b = 0; b < 256; ++b)
            for (int i = 0; i < kParity; ++i) row[b][i] = kField.times(uint8_t(b), g[i + 1]);
    }
};
const Generator kGenerator;

// Remainder of the word divided by the generator; zero for a codeword. The fast way to pass clean words.
bool remainder(const uint8_t* word, uint8_t* out) {
    uint8_t shift[kLength];
    std::memcpy(shift, word, kLength);
    for (int i = 0; i < kLength - kParity; ++i) {
        const auto& row = kGenerator.row[shift[i]];
        for (int j = 0; j < kParity; ++j) shift[i + 1 + j] ^= row[j];
    }
    std::memcpy(out, shift + kLength - kParity, kParity);
    uint8_t any = 0;
    for (int j = 0; j < kParity; ++j) any |= out[j];
    return any != 0;
}

using Polynomial = std::array<uint8_t, kParity + 1>;  // lowest power first

uint8_t evaluate(const uint8_t* coefficients, int count, int log_x) {
    uint8_t sum = 0;
    for (int i = count; i-- > 0;)
        sum = uint8_t(kField.times(sum, kField.exp[log_x % kLength]) ^ coefficients[i]);
    return sum;
}

}  // namespace

int rs_decode(uint8_t* word, const uint8_t* erasures, size_t erasure_count) {
    uint8_t rest[kParity];
    if (!remainder(word, rest)) return 0;
    if (erasure_count > size_t(kParity)) return -1;
    // S_j = r(alpha^(11(112+j))), from the remainder.
    uint8_t syndrome[kParity];
    for (int j = 0; j < kParity; ++j) {
        const int log_root = (kFirstRoot + j) * kRootStep % kLength;
        syndrome[j] = 0;
        for (int i = 0; i < kParity; ++i)
            syndrome[j] = uint8_t(kField.times(syndrome[j], kField.exp[log_root]) ^ rest[i]);
    }
    // Locator, started from the erasures, then Berlekamp-Massey. Position p has X = alpha^(11(254-p)).
    Polynomial locator{1}, previous{};
    for (size_t e = 0; e < erasure_count; ++e) {
        const uint8_t x = kField.exp[kRootStep * (kLength - 1 - erasures[e]) % kLength];
        for (int i = int(e) + 1; i > 0; --i)
            locator[i] = uint8_t(locator[i] ^ kField.times(locator[i - 1], x));
    }
    previous = locator;
    int degree = int(erasure_count);
    for (int r = int(erasure_count) + 1; r <= kParity; ++r) {
        uint8_t discrepancy = 0;
        for (int i = 0; i < r && i <= kParity; ++i)
            discrepancy ^= kField.times(locator[i], syndrome[r - 1 - i]);
        for (int i = kParity; i > 0; --i) previous[i] = previous[i - 1];
        previous[0] = 0;
        if (!discrepancy) continue;
        Polynomial next = locator;
        for (int i = 0; i <= kParity; ++i)
            next[i] = uint8_t(next[i] ^ kField.times(discrepancy, previous[i]));
        if (2 * degree <= r + int(erasure_count) - 1) {
            degree = r + int(erasure_count) - degree;
            for (int i = 0; i <= kParity; ++i) previous[i] = kField.over(locator[i], discrepancy);
        }
        locator = next;
    }
    int top = kParity;
    while (top > 0 && !locator[top]) --top;
    if (2 * top > kParity + int(erasure_count)) return -1;
    // Evaluator: S(x) * locator(x) mod x^32.
    uint8_t evaluator[kParity];
    for (int i = 0; i < kParity; ++i) {
        evaluator[i] = 0;
        for (int j = 0; j <= i && j <= top; ++j) evaluator[i] ^= kField.times(syndrome[i - j], locator[j]);
    }
    // Search every position; Forney's formula with first root 112: Y = X^(1-112) * W(1/X) / L'(1/X).
    uint8_t fixed[kLength];
    std::memcpy(fixed, word, kLength);
    int roots = 0, changed = 0;
    for (int position = 0; position < kLength; ++position) {
        const int log_x = kRootStep * (kLength - 1 - position) % kLength;
        const int log_inverse = (kLength - log_x) % kLength;
        if (evaluate(locator.data(), top + 1, log_inverse)) continue;
        ++roots;
        uint8_t derivative = 0;
        for (int i = 1; i <= top; i += 2)
            derivative ^= kField.times(locator[i], kField.exp[log_inverse * (i - 1) % kLength]);
        if (!derivative) return -1;
        const uint8_t numerator = kField.times(evaluate(evaluator, kParity, log_inverse),
                                               kField.exp[log_inverse * (kFirstRoot - 1) % kLength]);
        const uint8_t value = kField.over(numerator, derivative);
        changed += value != 0;
        fixed[position] ^= value;
    }
    if (roots != top || remainder(fixed, rest)) return -1;
    std::memcpy(word, fixed, kLength);
    return changed;
}

}  // namespace tramthu

// Reed-Solomon (255, 223) and (255, 239) of CCSDS 131.0-B-5 section 4, conventional basis: errors and
// erasures. The steps and their order are those of reed_solomon.py, so that failures agree as well.
//
// S: syndromes, lowest root first. L: locator, W: evaluator, both lowest power first. Position p of a word is
// the power 254 - p and has the locator X = alpha^(11 (254 - p)).
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <stdexcept>

#include "decoders/coding/fec.h"

namespace tramthu {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr int kLength = 255, kRootStep = 11, kMost = 32;
constexpr unsigned kFieldPolynomial = 0x187;

struct Field {
    std::array<uint8_t, 2 * kLength> exp{};
    std::array<uint8_t, 256> log{};
    std::array<std::array<uint8_t, 256>, 256> times{};
    Field() {
        unsigned x = 1;
        for (int i = 0; i < kLength; ++i) {
            exp[i] = exp[i + kLength] = uint8_t(x);
            log[x] = uint8_t(i);
            x <<= 1;
            if (x & 0x100) x ^= kFieldPolynomial;
        }
        for (int a = 1; a < 256; ++a)
            for (int b = 1; b < 256; ++b) times[a][b] = exp[log[a] + log[b]];
    }
    uint8_t over(uint8_t a, uint8_t b) const { return a ? exp[log[a] + kLength - log[b]] : uint8_t(0); }
    uint8_t power(int exponent) const { return exp[exponent % kLength]; }
};
const Field kField;

// inverse[i][p]: X^-i of position p.
struct Positions {
    std::array<std::array<uint8_t, 256>, kMost + 1> inverse{};
    Positions() {
        for (int i = 0; i <= kMost; ++i)
            for (int p = 0; p < kLength; ++p)
                inverse[i][p] = kField.power((kLength - kRootStep) * (kLength - 1 - p) % kLength * i);
    }
};
const Positions kPositions;

template <int kParity>
struct Code {
    static constexpr int kFirstRoot = 128 - kParity / 2;
    static constexpr int kWords = kParity / 8;
    using Shift = std::array<uint64_t, kWords>;  // a remainder, its highest power in the lowest byte

    std::array<uint8_t, kParity> root{};
    // after[k][b]: what b leaves when it stood k places above the highest power of the remainder.
    std::array<std::array<Shift, 256>, 4> after{};

    Code() {
        std::array<uint8_t, kParity + 1> generator{1};
        for (int j = 0; j < kParity; ++j) {
            root[j] = kField.power((kFirstRoot + j) * kRootStep);
            for (int i = j + 1; i > 0; --i) generator[i] ^= kField.times[generator[i - 1]][root[j]];
        }
        for (int b = 0; b < 256; ++b) {
            std::array<uint8_t, kParity + 1> rest{};
            for (int i = 0; i < kParity; ++i) rest[i] = kField.times[b][generator[i + 1]];
            for (auto& table : after) {
                std::memcpy(table[b].data(), rest.data(), kParity);
                const uint8_t top = rest[0];
                for (int i = 0; i < kParity; ++i) rest[i] = rest[i + 1] ^ kField.times[top][generator[i + 1]];
            }
        }
    }

    // Remainder of the word divided by the generator, highest power first: zero for a codeword.
    Shift remainder(const uint8_t* word) const {
        Shift rest{};
        uint32_t taken = 0;  // a zero before the word makes its message whole fours
        std::memcpy(reinterpret_cast<uint8_t*>(&taken) + 1, word, 3);
        for (int next = 3;; next += 4) {
            const uint32_t top = uint32_t(rest[0]) ^ taken;
            const Shift &a = after[3][top & 0xFF], &b = after[2][top >> 8 & 0xFF],
                        &c = after[1][top >> 16 & 0xFF], &d = after[0][top >> 24];
            for (int i = 0; i < kWords; ++i) {
                const uint64_t above = i + 1 < kWords ? rest[i + 1] << 32 : 0;
                rest[i] = (rest[i] >> 32 | above) ^ a[i] ^ b[i] ^ c[i] ^ d[i];
            }
            if (next == kLength - kParity) break;
            std::memcpy(&taken, word + next, 4);
        }
        for (int i = 0; i < kWords; ++i) {
            uint64_t parity;
            std::memcpy(&parity, word + kLength - kParity + 8 * i, 8);
            rest[i] ^= parity;
        }
        return rest;
    }
};

template <int kParity>
const Code<kParity>& code() {
    static const Code<kParity> tables;
    return tables;
}

template <int kSize>
bool all_zero(const std::array<uint64_t, kSize>& words) {
    return std::all_of(words.begin(), words.end(), [](uint64_t word) { return word == 0; });
}

template <int kParity>
class Decoder {
  public:
    Decoder(uint8_t* word, const uint8_t* erasures, size_t erasure_count)
        : word_(word), erasures_(erasures), erasure_count_(int(erasure_count)) {}

    int run() {
        if (erasure_count_ > kParity) return -1;
        const auto rest = code_.remainder(word_);
        if (all_zero<Code<kParity>::kWords>(rest)) return 0;
        find_syndromes(reinterpret_cast<const uint8_t*>(rest.data()));
        find_locator();
        degree_ = kParity;
        while (degree_ > 0 && !locator_[degree_]) --degree_;
        if (2 * degree_ > kParity + erasure_count_) return -1;
        return mend();
    }

  private:
    using Polynomial = std::array<uint8_t, kParity + 1>;

    void find_syndromes(const uint8_t* rest) {
        for (int i = 0; i < kParity; ++i)
            for (int j = 0; j < kParity; ++j)
                syndrome_[j] = kField.times[code_.root[j]][syndrome_[j]] ^ rest[i];
    }

    // Berlekamp-Massey, started from the locator of the erasures.
    void find_locator() {
        locator_[0] = 1;
        for (int e = 0; e < erasure_count_; ++e) {
            const uint8_t x = kField.power(kRootStep * (kLength - 1 - erasures_[e]));
            for (int i = e + 1; i > 0; --i) locator_[i] ^= kField.times[x][locator_[i - 1]];
        }
        Polynomial previous = locator_;
        int length = erasure_count_, size = erasure_count_ + 1;  // of `previous`
        for (int r = erasure_count_ + 1; r <= kParity; ++r) {
            uint8_t discrepancy = 0;
            for (int i = 0; i <= std::min(length, r - 1); ++i)
                discrepancy ^= kField.times[locator_[i]][syndrome_[r - 1 - i]];
            size = std::min(size + 1, kParity + 1);
            std::memmove(&previous[1], &previous[0], size_t(size) - 1);
            previous[0] = 0;
            if (!discrepancy) continue;
            const Polynomial before = locator_;
            for (int i = 0; i < size; ++i) locator_[i] ^= kField.times[discrepancy][previous[i]];
            if (2 * length > r + erasure_count_ - 1) continue;
            const auto& scale = kField.times[kField.over(1, discrepancy)];
            for (int i = 0; i <= length; ++i) previous[i] = scale[before[i]];
            for (int i = length + 1; i < size; ++i) previous[i] = 0;
            size = length + 1;
            length = r + erasure_count_ - length;
        }
    }

    // Every position is tried, and mended by Forney's formula: Y = X^(1 - first) W(1/X) / L'(1/X), where L'
    // is made of the odd powers of L.
    int mend() {
        std::array<uint8_t, 256> even{}, odd{};
        for (int i = 0; i <= degree_; ++i) {
            auto& sum = i % 2 ? odd : even;
            const auto& row = kField.times[locator_[i]];
            const auto& power = kPositions.inverse[i];
            for (int p = 0; p < kLength; ++p) sum[p] ^= row[power[p]];
        }
        find_evaluator();
        std::array<uint8_t, kLength> fixed;
        std::memcpy(fixed.data(), word_, kLength);
        int roots = 0, changed = 0;
        for (int p = 0; p < kLength; ++p) {
            if (even[p] != odd[p]) continue;
            ++roots;
            if (!odd[p]) return -1;
            const uint8_t value = error_at(p, odd[p]);
            changed += value != 0;
            fixed[p] ^= value;
        }
        if (roots != degree_ || !all_zero<Code<kParity>::kWords>(code_.remainder(fixed.data()))) return -1;
        std::memcpy(word_, fixed.data(), kLength);
        return changed;
    }

    void find_evaluator() {
        for (int j = 0; j <= degree_ && j < kParity; ++j) {
            const auto& row = kField.times[locator_[j]];
            for (int i = j; i < kParity; ++i) evaluator_[i] ^= row[syndrome_[i - j]];
        }
    }

    uint8_t error_at(int position, uint8_t odd) const {
        const auto& by_inverse = kField.times[kPositions.inverse[1][position]];
        uint8_t numerator = 0;
        for (int i = kParity; i-- > 0;) numerator = by_inverse[numerator] ^ evaluator_[i];
        // L'(1/X) is X times `odd`.
        const int log_inverse = (kLength - kRootStep) * (kLength - 1 - position) % kLength;
        const uint8_t shifted =
            kField.times[numerator][kField.power(log_inverse * Code<kParity>::kFirstRoot)];
        return kField.over(shifted, odd);
    }

    const Code<kParity>& code_ = code<kParity>();
    uint8_t* word_;
    const uint8_t* erasures_;
    int erasure_count_, degree_ = 0;
    std::array<uint8_t, kParity> syndrome_{}, evaluator_{};
    Polynomial locator_{};
};

}  // namespace

int rs_decode(uint8_t* word, const uint8_t* erasures, size_t erasure_count, int parity) {
    if (parity == 32) return Decoder<32>(word, erasures, erasure_count).run();
    if (parity == 16) return Decoder<16>(word, erasures, erasure_count).run();
    throw std::invalid_argument("parity must be 16 or 32 bytes");
}

}  // namespace tramthu

// See msu_mr_codec.py, whose plain form is the specification: same order of sums, so the same bits.
#include "msu_mr_codec.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace tramthu {
namespace {

// ITU-T T.81 table K.1 at quality 50, row by row.
constexpr std::array<std::uint8_t, 64> kQuantiser50 = {16, 11, 10, 16, 24,  40,  51,  61,   //
                                                       12, 12, 14, 19, 26,  58,  60,  55,   //
                                                       14, 13, 16, 24, 40,  57,  69,  56,   //
                                                       14, 17, 22, 29, 51,  87,  80,  62,   //
                                                       18, 22, 37, 56, 68,  109, 103, 77,   //
                                                       24, 35, 55, 64, 81,  104, 113, 92,   //
                                                       49, 64, 78, 87, 103, 121, 120, 101,  //
                                                       72, 92, 95, 98, 112, 100, 103, 99};

// T.81 figure 5: position in the block (row * 8 + column) of the k-th coefficient sent.
constexpr std::array<std::uint8_t, 64> kZigzag = {
    0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,  12, 19, 26, 33, 40, 48,
    41, 34, 27, 20, 13, 6,  7,  14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23,
    30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63};

// T.81 tables K.3 and K.5: number of codes of each length 1 to 16, then the values in order of their codes.
constexpr std::array<std::uint8_t, 16> kDcLengths = {0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0};
constexpr std::array<std::uint8_t, 12> kDcValues = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
constexpr std::array<std::uint8_t, 16> kAcLengths = {0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 125};
constexpr std::array<std::uint8_t, 162> kAcValues = {
    0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61, 0x07, 0x22,
    0x71, 0x14, 0x32, 0x81, 0x91, 0xa1, 0x08, 0x23, 0x42, 0xb1, 0xc1, 0x15, 0x52, 0xd1, 0xf0, 0x24, 0x33,
    0x62, 0x72, 0x82, 0x09, 0x0a, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2a, 0x34,
    0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x53, 0x54, 0x55,
    0x56, 0x57, 0x58, 0x59, 0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x73, 0x74, 0x75, 0x76,
    0x77, 0x78, 0x79, 0x7a, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x92, 0x93, 0x94, 0x95, 0x96,
    0x97, 0x98, 0x99, 0x9a, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5,
    0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4,
    0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xe1, 0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf1,
    0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa};

// What the next 16 bits begin with: length of the code (0: no code of the table) and its value.
struct Code {
    std::uint8_t length;
    std::uint8_t value;
};
using CodeTable = std::array<Code, 65536>;

template <std::size_t N>
CodeTable build_table(const std::array<std::uint8_t, 16>& lengths,
                      const std::array<std::uint8_t, N>& values) {
    CodeTable table{};
    std::uint32_t code = 0;
    std::size_t next = 0;
    for (std::uint32_t length = 1; length <= 16; ++length) {
        for (std::uint32_t i = 0; i < lengths[length - 1]; ++i, ++code) {
            const std::uint32_t first = code << (16 - length);
            for (std::uint32_t tail = 0; tail < (1U << (16 - length)); ++tail)
                table[first + tail] = {static_cast<std::uint8_t>(length), values[next]};
            ++next;
        }
        code <<= 1;
    }
    return table;
}

// Bits of a packet, most significant first; behind its end come zeros, and `overrun` tells.
class BitReader {
  public:
    BitReader(const std::uint8_t* data, std::size_t bytes) : data_(data), bytes_(bytes) {}

    // The next 32 bits, without taking them.
    std::uint32_t peek32() const {
        const std::size_t byte = used_ >> 3;
        std::uint64_t window = 0;
        if (byte + 8 <= bytes_) {
            std::memcpy(&window, data_ + byte, 8);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
            window = __builtin_bswap64(window);
#endif
        } else {
            for (std::size_t i = 0; i < 8; ++i)
                window = window << 8 | (byte + i < bytes_ ? data_[byte + i] : 0U);
        }
        return static_cast<std::uint32_t>(window << (used_ & 7) >> 32);
    }
    void take(unsigned bits) { used_ += bits; }
    std::size_t used() const { return used_; }
    bool overrun() const { return used_ > bytes_ * 8; }

  private:
    const std::uint8_t* data_;
    std::size_t bytes_;
    std::size_t used_ = 0;
};

// T.81 section F.2.2.1, EXTEND: `size` magnitude bits at the top of `bits`.
int extend(std::uint32_t bits, unsigned size) {
    const int value = static_cast<int>(bits >> (32 - size));
    return value < (1 << (size - 1)) ? value - (1 << size) + 1 : value;
}

// One block's coefficients in the order sent; false where code, run or end of data forbid it.
bool read_block(BitReader& reader, const CodeTable& dc_table, const CodeTable& ac_table, int& dc,
                std::array<int, 64>& sent) {
    sent.fill(0);
    std::uint32_t next = reader.peek32();
    Code code = dc_table[next >> 16];
    if (code.length == 0) return false;
    if (code.value != 0) dc += extend(next << code.length, code.value);
    reader.take(code.length + code.value);
    sent[0] = dc;
    for (unsigned k = 1; k < 64; ++k) {
        next = reader.peek32();
        code = ac_table[next >> 16];
        if (code.length == 0) return false;
        const unsigned run = code.value >> 4;
        const unsigned size = code.value & 15U;
        reader.take(code.length + size);
        if (code.value == 0)  // end of block
            break;
        k += run;
        if (k > 63) return false;
        if (size != 0) sent[k] = extend(next << code.length, size);
    }
    return !reader.overrun();
}

using Row = double __attribute__((vector_size(64)));

// cos(k pi/16) / 2 as literals, so that no library's cosine decides a rounding; cos(4 pi/16) / 2 is also
// C(0)/2.
constexpr std::array<double, 9> kHalfCosine = {0.5,
                                               0.49039264020161522,
                                               0.46193976625564337,
                                               0.41573480615127262,
                                               0.35355339059327379,
                                               0.27778511650980109,
                                               0.19134171618254489,
                                               0.097545161008064124,
                                               0.0};

constexpr double half_cosine(int k) {
    k %= 32;
    k = k > 16 ? 32 - k : k;
    return k > 8 ? -kHalfCosine[16 - k] : kHalfCosine[k];
}

// T.81 section A.3.3: basis[u][x] = C(u)/2 cos((2x+1)u pi/16).
struct Basis {
    Row row[8];
    Basis() {
        for (int u = 0; u < 8; ++u)
            for (int x = 0; x < 8; ++x) row[u][x] = u == 0 ? kHalfCosine[4] : half_cosine((2 * x + 1) * u);
    }
};

// Rows first, then columns; every sum begins with u = 0 and ends with u = 7, as in the plain form.
void inverse_transform(const Basis& basis, const std::array<double, 64>& coefficients, std::uint8_t* counts,
                       std::ptrdiff_t stride) {
    Row half[8];
    for (int v = 0; v < 8; ++v) {
        Row sum = coefficients[v * 8] * basis.row[0];
        for (int u = 1; u < 8; ++u) sum = sum + coefficients[v * 8 + u] * basis.row[u];
        half[v] = sum;
    }
    for (int y = 0; y < 8; ++y) {
        Row sum = basis.row[0][y] * half[0];
        for (int v = 1; v < 8; ++v) sum = sum + basis.row[v][y] * half[v];
        sum = sum + 128.5;  // level shift and rounding to nearest, halves up
        for (int x = 0; x < 8; ++x) {
            const double bounded = std::min(std::max(sum[x], 0.0), 255.0);
            counts[y * stride + x] = static_cast<std::uint8_t>(static_cast<int>(bounded));
        }
    }
}

// Quality to quantiser step; integer arithmetic, see msu_mr_codec.quantiser.
int quantiser_step(int quality, int position) {
    const int scale = quality < 50 ? 5000 / quality : 200 - 2 * quality;
    return std::max(1, (scale * kQuantiser50[position] + 50) / 100);
}

}  // namespace

int decode_msu_mr_packet(const std::uint8_t* scan, std::size_t scan_bytes, int quality, std::uint8_t* counts,
                         std::ptrdiff_t stride, std::size_t* bits_used) {
    static const CodeTable dc_table = build_table(kDcLengths, kDcValues);
    static const CodeTable ac_table = build_table(kAcLengths, kAcValues);
    static const Basis basis;
    *bits_used = 0;
    if (quality < 1 || quality > 100) return 0;
    std::array<int, 64> steps;
    for (int i = 0; i < 64; ++i) steps[i] = quantiser_step(quality, i);
    BitReader reader(scan, scan_bytes);
    int dc = 0;
    std::array<int, 64> sent;
    std::array<double, 64> coefficients;
    for (int block = 0; block < kBlocksPerPacket; ++block) {
        if (!read_block(reader, dc_table, ac_table, dc, sent)) return block;
        for (int k = 0; k < 64; ++k)
            coefficients[kZigzag[k]] = static_cast<double>(sent[k] * steps[kZigzag[k]]);
        inverse_transform(basis, coefficients, counts + block * kBlockSide, stride);
        *bits_used = reader.used();
    }
    return kBlocksPerPacket;
}

}  // namespace tramthu

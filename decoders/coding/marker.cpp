// Every window of a stream against a frame's marker: bits by their distance, soft bits by their correlation;
// the plain forms are in marker_search.py and marker.py. Sixty-four places at once, one bit of the marker
// after the other, so that only whole vectors are read.
#include <algorithm>
#include <cstring>

#include "decoders/coding/fec.h"
#include "decoders/coding/fec_variants.h"

namespace tramthu {
namespace {

typedef uint8_t Bytes __attribute__((vector_size(64)));
typedef int8_t SoftBits __attribute__((vector_size(32)));
typedef int16_t Sums __attribute__((vector_size(64)));

TRAMTHU_INLINE void distance_body(const uint8_t* bits, size_t count, uint64_t marker, size_t marker_bits,
                                  uint8_t* distance) {
    constexpr size_t kPlaces = sizeof(Bytes);
    const size_t places = count - marker_bits + 1;
    for (size_t k = 0; k < places; k += kPlaces) {
        const size_t left = std::min(kPlaces, places - k);
        Bytes sum = {}, window = {};
        for (size_t j = 0; j < marker_bits; ++j) {
            if (left == kPlaces)
                std::memcpy(&window, bits + k + j, kPlaces);
            else
                std::memcpy(&window, bits + k + j, left);
            const auto bit = uint8_t(marker >> (marker_bits - 1 - j) & 1);
            sum += window ^ bit;
        }
        std::memcpy(distance + k, &sum, left);
    }
}

constexpr size_t kSafe = 128;  // soft bits that a sum of 16 bits holds

TRAMTHU_INLINE void correlation_body(const int8_t* soft, size_t count, const int8_t* pattern, size_t size,
                                     int32_t* correlation) {
    constexpr size_t kPlaces = sizeof(SoftBits);
    const size_t places = count - size + 1;
    for (size_t k = 0; k < places; k += kPlaces) {
        const size_t left = std::min(kPlaces, places - k);
        int32_t total[kPlaces] = {};
        for (size_t start = 0; start < size; start += kSafe) {
            Sums sum = {};
            SoftBits window = {};
            for (size_t j = start; j < std::min(size, start + kSafe); ++j) {
                const int16_t sign = pattern[j];
                if (left == kPlaces)
                    std::memcpy(&window, soft + k + j, kPlaces);
                else
                    std::memcpy(&window, soft + k + j, left);
                sum += __builtin_convertvector(window, Sums) * sign;
            }
            for (size_t i = 0; i < kPlaces; ++i) total[i] += sum[i];
        }
        std::copy(total, total + left, correlation + k);
    }
}

TRAMTHU_VARIANTS_OF(distance,
                    (const uint8_t* bits, size_t count, uint64_t marker, size_t marker_bits, uint8_t* out),
                    (bits, count, marker, marker_bits, out))
TRAMTHU_VARIANTS_OF(correlation,
                    (const int8_t* soft, size_t count, const int8_t* pattern, size_t size, int32_t* out),
                    (soft, count, pattern, size, out))

}  // namespace

void marker_distance(const uint8_t* bits, size_t count, uint64_t marker, size_t marker_bits,
                     uint8_t* distance, Level level) {
    if (count >= marker_bits) distance_at(level)(bits, count, marker, marker_bits, distance);
}

void marker_correlation(const int8_t* soft, size_t count, const int8_t* pattern, size_t size,
                        int32_t* correlation, Level level) {
    if (count >= size) correlation_at(level)(soft, count, pattern, size, correlation);
}

}  // namespace tramthu

// Distance of every 32-bit window from a frame marker; the plain form is in frame_sync.py.
#include <bit>

#include "decoders/fec.h"

namespace tramthu {

void marker_distance(const uint8_t* bits, size_t count, uint32_t marker, uint8_t* distance) {
    if (count < 32) return;
    uint32_t window = 0;
    for (size_t k = 0; k < 31; ++k) window = window << 1 | (bits[k] & 1u);
    for (size_t k = 31; k < count; ++k) {
        window = window << 1 | (bits[k] & 1u);
        distance[k - 31] = uint8_t(std::popcount(window ^ marker));
    }
}

}  // namespace tramthu

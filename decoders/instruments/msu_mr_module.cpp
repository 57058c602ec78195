// Python's door to the MSU-MR codec.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/pair.h>

#include <utility>

#include "msu_mr_codec.h"

namespace nb = nanobind;
using Counts = nb::ndarray<std::uint8_t, nb::ndim<2>, nb::device::cpu>;

namespace {

std::pair<int, std::size_t> decode_packet(nb::bytes scan, int quality, Counts counts) {
    if (counts.shape(0) != tramthu::kBlockSide ||
        counts.shape(1) != tramthu::kBlockSide * tramthu::kBlocksPerPacket)
        throw nb::value_error("counts must be an array of 8 rows and 112 columns");
    if (counts.stride(1) != 1) throw nb::value_error("the columns of counts must lie side by side in memory");
    std::size_t bits = 0;
    const auto* data = static_cast<const std::uint8_t*>(scan.data());
    const std::size_t size = scan.size();
    int blocks = 0;
    {
        const nb::gil_scoped_release unlocked;
        blocks = tramthu::decode_msu_mr_packet(data, size, quality, counts.data(), counts.stride(0), &bits);
    }
    return {blocks, bits};
}

}  // namespace

NB_MODULE(_msu_mr, m) {
    m.doc() = "MSU-MR image codec; decoders.msu_mr_codec holds the specification.";
    m.def("decode_packet", &decode_packet, nb::arg("scan"), nb::arg("quality"),
          nb::arg("counts").noconvert());
}

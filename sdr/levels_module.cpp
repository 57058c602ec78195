// Python's door to the sums over raw samples.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include <string>

#include "sdr/level_sums.h"

namespace nb = nanobind;
using Raw = nb::ndarray<const std::uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

namespace {

template <typename Sums>
nb::tuple summed(Sums (*of)(const std::uint8_t*, std::size_t), const Raw& raw, std::size_t bytes_per_sample) {
    if (raw.size() % bytes_per_sample != 0) throw nb::value_error("raw must hold whole samples");
    Sums sums;
    {
        const nb::gil_scoped_release unlocked;
        sums = of(raw.data(), raw.size() / bytes_per_sample);
    }
    return nb::make_tuple(sums.i, sums.q, sums.power, sums.clipped);
}

nb::tuple level_sums(const Raw& raw, const std::string& format) {
    if (format == "cs16") return summed(&tramthu::sums_of_cs16, raw, 4);
    if (format == "cs8") return summed(&tramthu::sums_of_cs8, raw, 2);
    if (format == "cu8") return summed(&tramthu::sums_of_cu8, raw, 2);
    if (format == "cf32") return summed(&tramthu::sums_of_cf32, raw, 8);
    throw nb::value_error("format must be cf32, cs16, cs8 or cu8");
}

}  // namespace

NB_MODULE(_levels, m) {
    m.doc() = "Sums over raw samples; sdr.level_sums holds the specification.";
    m.def("level_sums", &level_sums, nb::arg("raw"), nb::arg("fmt"));
}

// Python's view of the kernels in front of the demodulators: lengths are checked here, and the GIL is
// released.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include <complex>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "decoders/demodulation/decimator.h"

namespace nb = nanobind;

namespace {

using tramthu::Level;
using Complex = std::complex<float>;
using Samples = nb::ndarray<const Complex, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Taps = nb::ndarray<const float, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Decimated = nb::ndarray<nb::numpy, Complex, nb::ndim<1>>;

const float* floats(const Samples& samples) { return reinterpret_cast<const float*>(samples.data()); }

Decimated decimate(const Samples& before, const Samples& samples, const Taps& taps, std::size_t factor,
                   const std::string& instruction_set) {
    const Level level = tramthu::level_named(instruction_set);
    const std::size_t count = taps.shape(0), there = before.shape(0) + samples.shape(0);
    if (count == 0 || count % 8 != 0)
        throw std::invalid_argument("the number of taps is a multiple of eight");
    if (factor < 1) throw std::invalid_argument("the factor is at least 1");
    const std::size_t outputs = there < count ? 0 : (there - count) / factor + 1;
    std::vector<float> twice(2 * count);
    for (std::size_t k = 0; k < count; ++k) twice[2 * k] = twice[2 * k + 1] = taps.data()[k];
    auto out = std::make_unique_for_overwrite<float[]>(2 * outputs);
    {
        nb::gil_scoped_release released;
        tramthu::decimate({floats(before), before.shape(0), floats(samples), samples.shape(0), twice.data(),
                           count, factor, outputs, out.get()},
                          level);
    }
    auto* data = reinterpret_cast<Complex*>(out.release());
    nb::capsule owner(data, [](void* memory) noexcept { delete[] static_cast<float*>(memory); });
    return Decimated(data, {outputs}, owner);
}

}  // namespace

NB_MODULE(_intake, m) {
    m.def("decimate", &decimate, nb::arg("before"), nb::arg("samples"), nb::arg("taps"), nb::arg("factor"),
          nb::arg("instruction_set") = "");
}

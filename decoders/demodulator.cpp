// The extension module decoders._demod: numpy in, numpy out, every length checked, the GIL released.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cmath>
#include <complex>
#include <memory>
#include <stdexcept>
#include <vector>

#include "decoders/matched_filter.h"

namespace nb = nanobind;

namespace {

using Complex = std::complex<float>;
using Samples = nb::ndarray<const Complex, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Taps = nb::ndarray<const float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Array = nb::ndarray<nb::numpy, Complex, nb::ndim<1>>;

Array owned(std::unique_ptr<Complex[]> data, std::size_t count) {
    Complex* raw = data.release();
    nb::capsule owner(raw, [](void* p) noexcept { delete[] static_cast<Complex*>(p); });
    return Array(raw, {count}, owner);
}

Array matched_samples(const Samples& samples, const Taps& taps, double first, double step,
                      std::ptrdiff_t count, double frequency) {
    if (!std::isfinite(first) || !std::isfinite(step) || !std::isfinite(frequency) || count < 0)
        throw std::invalid_argument("first, step and frequency must be finite and count not negative");
    if (taps.shape(0) < 2 || taps.shape(1) < 8 || taps.shape(1) % 8 != 0)
        throw std::invalid_argument("taps must be [phases + 1, a multiple of 8]");
    const std::size_t length = samples.shape(0);
    auto out = std::make_unique<Complex[]>(static_cast<std::size_t>(count));
    {
        nb::gil_scoped_release release;
        std::vector<float> mixed(2 * length);
        tramthu::mix(reinterpret_cast<const float*>(samples.data()), length, frequency, mixed.data());
        tramthu::filter_at(mixed.data(), static_cast<std::ptrdiff_t>(length), taps.data(),
                           static_cast<std::ptrdiff_t>(taps.shape(0)) - 1,
                           static_cast<std::ptrdiff_t>(taps.shape(1)), first, step, count,
                           reinterpret_cast<float*>(out.get()));
    }
    return owned(std::move(out), static_cast<std::size_t>(count));
}

}  // namespace

NB_MODULE(_demod, m) {
    m.doc() = "Kernels of the demodulator; the plain forms beside them are the specification.";
    m.def("matched_samples", &matched_samples, nb::arg("samples"), nb::arg("taps"), nb::arg("first"),
          nb::arg("step"), nb::arg("count"), nb::arg("frequency"));
}

// Python's view of the kernel in front of the demodulators: lengths are checked here, and the GIL is
// released.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include <algorithm>
#include <complex>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "decoders/demodulation/decimator.h"

namespace nb = nanobind;

namespace {

using tramthu::Code;
using tramthu::Level;
using Complex = std::complex<float>;
using Samples = nb::ndarray<const Complex, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Taps = nb::ndarray<const float, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Room = nb::ndarray<Complex, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <typename Value>
using Values = nb::ndarray<const Value, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

template <typename Value>
bool is_aligned(const Value* data) {
    return reinterpret_cast<std::uintptr_t>(data) % alignof(Value) == 0;
}

template <typename Value, Code code>
nb::tuple decimate(const Samples& before, const Values<Value>& values, float zero, float scale,
                   const Taps& taps, std::size_t factor, Room& out, std::size_t chunk, float largest,
                   float suspicious, float over_median, double most, std::size_t skirt,
                   const std::string& instruction_set) {
    const Level level = tramthu::level_named(instruction_set);
    const std::size_t tap_count = taps.shape(0), count = values.shape(0) / 2;
    const std::size_t there = before.shape(0) + count;
    if (tap_count % 8 != 0) throw std::invalid_argument("the number of taps is a multiple of eight");
    if (factor < 1 || factor > std::max<std::size_t>(tap_count, 1))
        throw std::invalid_argument("the factor is at least 1 and at most as many as taps");
    if (before.shape(0) >= std::max<std::size_t>(tap_count, 1))
        throw std::invalid_argument("what waits from before is less than an output needs");
    if (chunk == 0 || values.shape(0) % 2 != 0 || count % chunk != 0)
        throw std::invalid_argument("the samples are whole chunks");
    if (!is_aligned(values.data()) || !is_aligned(before.data()) || !is_aligned(out.data()))
        throw std::invalid_argument("the arrays must be aligned");
    const std::size_t outputs = there < tap_count ? 0 : tap_count ? (there - tap_count) / factor + 1 : there;
    if (out.shape(0) < outputs) throw std::invalid_argument("there is no room for the outputs");
    std::vector<float> twice(2 * tap_count);
    for (std::size_t k = 0; k < tap_count; ++k) twice[2 * k] = twice[2 * k + 1] = taps.data()[k];
    tramthu::Decimated done;
    {
        const nb::gil_scoped_release released;
        done = tramthu::decimate({.before = reinterpret_cast<const float*>(before.data()),
                                  .before_count = before.shape(0),
                                  .samples = values.data(),
                                  .count = count,
                                  .code = code,
                                  .zero = zero,
                                  .scale = scale,
                                  .blanking = {chunk, largest, suspicious, over_median, most, skirt},
                                  .twice = twice.data(),
                                  .taps = tap_count,
                                  .factor = factor,
                                  .out = reinterpret_cast<float*>(out.data())},
                                 level);
    }
    auto held = std::make_unique_for_overwrite<float[]>(done.held.size());
    std::copy(done.held.begin(), done.held.end(), held.get());
    auto* data = reinterpret_cast<Complex*>(held.release());
    nb::capsule owner(data, [](void* memory) noexcept { delete[] static_cast<float*>(memory); });
    return nb::make_tuple(outputs, done.impulses, done.unusable,
                          nb::ndarray<nb::numpy, Complex, nb::ndim<1>>(data, {done.held.size() / 2}, owner));
}

template <typename Value, Code code>
void define(nb::module_& m) {
    m.def("decimate", &decimate<Value, code>, nb::arg("before"), nb::arg("values").noconvert(),
          nb::arg("zero"), nb::arg("scale"), nb::arg("taps"), nb::arg("factor"), nb::arg("out").noconvert(),
          nb::arg("chunk"), nb::arg("largest"), nb::arg("suspicious"), nb::arg("over_median"),
          nb::arg("most"), nb::arg("skirt"), nb::arg("instruction_set") = "");
}

}  // namespace

NB_MODULE(_intake, m) {
    m.doc() = "The kernel in front of the demodulators; the plain forms beside it are the specification.";
    define<float, Code::f32>(m);
    define<std::int16_t, Code::s16>(m);
    define<std::int8_t, Code::s8>(m);
    define<std::uint8_t, Code::u8>(m);
}

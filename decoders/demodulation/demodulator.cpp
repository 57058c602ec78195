// The extension module decoders._demod: numpy in, numpy out, every length checked, the GIL released.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include <cmath>
#include <complex>
#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <string>

#include "decoders/demodulation/matched_filter.h"
#include "decoders/demodulation/phase_kernels.h"

namespace nb = nanobind;

namespace {

using Complex = std::complex<float>;
using Samples = nb::ndarray<const Complex, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Taps = nb::ndarray<const float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Doubles = nb::ndarray<const double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Rails = nb::ndarray<const float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Gain = nb::ndarray<const float, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Array = nb::ndarray<nb::numpy, Complex, nb::ndim<1>>;
using Lines = nb::ndarray<nb::numpy, std::complex<double>, nb::ndim<1>>;
using Values = nb::ndarray<nb::numpy, float, nb::ndim<1>>;
using Moments = nb::ndarray<nb::numpy, double, nb::ndim<2>>;
using Soft = nb::ndarray<nb::numpy, std::int8_t, nb::ndim<2>>;
using tramthu::Level;

template <typename Result, typename T>
Result owned(std::unique_ptr<T[]> data, std::initializer_list<std::size_t> shape) {
    T* raw = data.release();
    nb::capsule owner(raw, [](void* p) noexcept { delete[] static_cast<T*>(p); });
    return Result(raw, shape, owner);
}

const float* floats(const Samples& samples) { return reinterpret_cast<const float*>(samples.data()); }

Array matched_samples(const Samples& samples, const Taps& taps, double first, double step,
                      std::ptrdiff_t count, double frequency, double slope, double turns,
                      const std::string& instruction_set) {
    if (!std::isfinite(first) || !std::isfinite(step) || count < 0)
        throw std::invalid_argument("first and step must be finite and count not negative");
    if (!std::isfinite(frequency) || !std::isfinite(slope) || !std::isfinite(turns))
        throw std::invalid_argument("frequency, slope and turns must be finite");
    if (taps.shape(0) < 2 || taps.shape(1) < 8 || taps.shape(1) % 8 != 0)
        throw std::invalid_argument("taps must be [phases + 1, a multiple of 8]");
    const Level level = tramthu::level_named(instruction_set);
    auto out = std::make_unique_for_overwrite<Complex[]>(static_cast<std::size_t>(count));
    const tramthu::MatchedFilter job = {.samples = floats(samples),
                                        .count = static_cast<std::ptrdiff_t>(samples.shape(0)),
                                        .taps = taps.data(),
                                        .phases = static_cast<std::ptrdiff_t>(taps.shape(0)) - 1,
                                        .tap_count = static_cast<std::ptrdiff_t>(taps.shape(1)),
                                        .first = first,
                                        .step = step,
                                        .frequency = frequency,
                                        .slope = slope,
                                        .turns = turns,
                                        .outputs = count,
                                        .out = reinterpret_cast<float*>(out.get())};
    {
        nb::gil_scoped_release release;
        tramthu::matched_filter(job, level);
    }
    return owned<Array>(std::move(out), {static_cast<std::size_t>(count)});
}

Array turn_back(const Samples& samples, const Doubles& turns, const Doubles& steps, std::size_t length,
                const std::string& instruction_set) {
    const std::size_t count = samples.shape(0);
    if (length == 0) throw std::invalid_argument("length must be positive");
    const std::size_t pieces = (count + length - 1) / length;
    if (turns.shape(0) < pieces || steps.shape(0) < pieces)
        throw std::invalid_argument("turns and steps must cover all samples");
    const Level level = tramthu::level_named(instruction_set);
    auto out = std::make_unique_for_overwrite<Complex[]>(count);
    {
        nb::gil_scoped_release release;
        tramthu::turn_back(floats(samples), count, turns.data(), steps.data(), length,
                           reinterpret_cast<float*>(out.get()), level);
    }
    return owned<Array>(std::move(out), {count});
}

Array fourth_power(const Samples& symbols, const std::string& instruction_set) {
    const std::size_t count = symbols.shape(0);
    const Level level = tramthu::level_named(instruction_set);
    auto out = std::make_unique_for_overwrite<Complex[]>(count);
    {
        nb::gil_scoped_release release;
        tramthu::fourth_power(floats(symbols), count, reinterpret_cast<float*>(out.get()), level);
    }
    return owned<Array>(std::move(out), {count});
}

Lines fourth_lines(const Samples& symbols, std::size_t window, const std::string& instruction_set) {
    if (window == 0 || window % 16 != 0 || symbols.shape(0) % window != 0)
        throw std::invalid_argument("symbols must be whole windows of a multiple of 16");
    const Level level = tramthu::level_named(instruction_set);
    const std::size_t windows = symbols.shape(0) / window;
    auto out = std::make_unique_for_overwrite<std::complex<double>[]>(windows);
    {
        nb::gil_scoped_release release;
        tramthu::fourth_lines(floats(symbols), windows, window, reinterpret_cast<double*>(out.get()), level);
    }
    return owned<Lines>(std::move(out), {windows});
}

Values turn_to_rails(const Samples& outputs, const Doubles& turns, const Doubles& steps, std::size_t length,
                     const std::string& instruction_set) {
    if (length == 0 || length % 16 != 0) throw std::invalid_argument("length must be a multiple of 16");
    const std::size_t pieces = turns.shape(0);
    if (steps.shape(0) != pieces || outputs.shape(0) % length != 0 || outputs.shape(0) / length != pieces)
        throw std::invalid_argument("outputs must be as many pieces as there are turns and steps");
    const Level level = tramthu::level_named(instruction_set);
    auto out = std::make_unique_for_overwrite<float[]>(outputs.shape(0));
    {
        nb::gil_scoped_release release;
        tramthu::turn_to_rails(floats(outputs), pieces, turns.data(), steps.data(), length, out.get(), level);
    }
    return owned<Values>(std::move(out), {outputs.shape(0)});
}

Lines edge_lines(const Samples& outputs, const Samples& taps, std::size_t window,
                 const std::string& instruction_set) {
    const std::size_t tap_count = taps.shape(0);
    if (tap_count % 2 == 0 || window == 0 || window % 64 != 0)
        throw std::invalid_argument("the number of taps must be odd, the window a multiple of 64");
    if (outputs.shape(0) + 1 < tap_count || (outputs.shape(0) + 1 - tap_count) % window != 0)
        throw std::invalid_argument("outputs must be whole windows and taps - 1 more");
    const Level level = tramthu::level_named(instruction_set);
    const std::size_t windows = (outputs.shape(0) + 1 - tap_count) / window;
    auto out = std::make_unique_for_overwrite<std::complex<double>[]>(windows);
    {
        nb::gil_scoped_release release;
        tramthu::edge_lines(floats(outputs), windows, window, floats(taps), tap_count,
                            reinterpret_cast<double*>(out.get()), level);
    }
    return owned<Lines>(std::move(out), {windows});
}

Moments moments(const Rails& rails, const std::string& instruction_set) {
    const std::size_t rows = rails.shape(0), columns = rails.shape(1);
    const Level level = tramthu::level_named(instruction_set);
    auto out = std::make_unique_for_overwrite<double[]>(3 * rows);
    {
        nb::gil_scoped_release release;
        tramthu::moments(rails.data(), rows, columns, out.get(), level);
    }
    return owned<Moments>(std::move(out), {rows, 3});
}

Soft soft_bits(const Rails& rails, const Gain& gain, float scale, const std::string& instruction_set) {
    const std::size_t rows = rails.shape(0), columns = rails.shape(1);
    if (gain.shape(0) != rows) throw std::invalid_argument("one gain per row of rails");
    const Level level = tramthu::level_named(instruction_set);
    auto out = std::make_unique_for_overwrite<std::int8_t[]>(rows * columns);
    {
        nb::gil_scoped_release release;
        tramthu::soft_bits(rails.data(), rows, columns, gain.data(), scale, out.get(), level);
    }
    return owned<Soft>(std::move(out), {rows, columns});
}

}  // namespace

NB_MODULE(_demod, m) {
    m.doc() = "Kernels of the demodulator; the plain forms beside them are the specification.";
    const auto set = [] { return nb::arg("instruction_set") = ""; };
    m.def("matched_samples", &matched_samples, nb::arg("samples"), nb::arg("taps"), nb::arg("first"),
          nb::arg("step"), nb::arg("count"), nb::arg("frequency"), nb::arg("slope") = 0.0,
          nb::arg("turns") = 0.0, set());
    m.def("turn_back", &turn_back, nb::arg("samples"), nb::arg("turns"), nb::arg("steps"), nb::arg("length"),
          set());
    m.def("fourth_power", &fourth_power, nb::arg("symbols"), set());
    m.def("fourth_lines", &fourth_lines, nb::arg("symbols"), nb::arg("window"), set());
    m.def("turn_to_rails", &turn_to_rails, nb::arg("outputs"), nb::arg("turns"), nb::arg("steps"),
          nb::arg("length"), set());
    m.def("edge_lines", &edge_lines, nb::arg("outputs"), nb::arg("taps"), nb::arg("window"), set());
    m.def("moments", &moments, nb::arg("rails"), set());
    m.def("soft_bits", &soft_bits, nb::arg("rails"), nb::arg("gain"), nb::arg("scale"), set());
}

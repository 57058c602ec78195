// Python's view of the error correction kernels: lengths are checked here, and the GIL is released.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

#include "decoders/coding/fec.h"

namespace nb = nanobind;

namespace {

using tramthu::Level;

template <typename T, int kDimensions>
using In = nb::ndarray<const T, nb::ndim<kDimensions>, nb::c_contig, nb::device::cpu>;
template <typename T, int kDimensions>
using Out = nb::ndarray<nb::numpy, T, nb::ndim<kDimensions>>;

template <typename T>
nb::capsule owner(T* data) {
    return nb::capsule(data, [](void* p) noexcept { delete[] static_cast<T*>(p); });
}

void check_viterbi(size_t head, size_t length, size_t tail) {
    if (length == 0 || head > (size_t(1) << 20) || length > (size_t(1) << 20) || tail > (size_t(1) << 20))
        throw std::invalid_argument("length must be 1 … 2^20, head and tail at most 2^20");
}

auto viterbi(In<int8_t, 2> soft, size_t head, size_t length, size_t tail,
             const std::string& instruction_set) {
    const size_t rows = soft.shape(0);
    check_viterbi(head, length, tail);
    if (soft.shape(1) != 2 * (head + length + tail))
        throw std::invalid_argument("soft has " + std::to_string(soft.shape(1)) +
                                    " columns; needed are 2 * (head + length + tail)");
    const Level level = tramthu::level_named(instruction_set);
    auto* bits = new uint8_t[rows * length];
    nb::capsule bits_owner = owner(bits);
    auto* score = new int32_t[rows];
    nb::capsule score_owner = owner(score);
    {
        nb::gil_scoped_release released;
        tramthu::viterbi_blocks({soft.data(), rows, head, length, tail, bits, score}, level);
    }
    return nb::make_tuple(Out<uint8_t, 2>(bits, {rows, length}, bits_owner),
                          Out<int32_t, 1>(score, {rows}, score_owner));
}

auto viterbi_stream(In<int8_t, 1> soft, size_t rows, size_t head, size_t length, size_t tail,
                    const std::string& instruction_set) {
    check_viterbi(head, length, tail);
    if (rows > (size_t(1) << 20) || soft.shape(0) != 2 * (head + rows * length + tail))
        throw std::invalid_argument("soft has " + std::to_string(soft.shape(0)) +
                                    " places; needed are 2 * (head + rows * length + tail)");
    const Level level = tramthu::level_named(instruction_set);
    auto* bits = new uint8_t[rows * length];
    nb::capsule bits_owner = owner(bits);
    auto* score = new int32_t[2 * rows];
    nb::capsule score_owner = owner(score);
    {
        nb::gil_scoped_release released;
        tramthu::viterbi_blocks(
            {soft.data(), rows, head, length, tail, bits, score, 2 * length, score + rows}, level);
    }
    return nb::make_tuple(Out<uint8_t, 2>(bits, {rows, length}, bits_owner),
                          Out<int32_t, 2>(score, {2, rows}, score_owner));
}

auto siso(In<int8_t, 1> soft, In<uint8_t, 1> known, bool nrz_m, const std::string& instruction_set) {
    const Level level = tramthu::level_named(instruction_set);
    const size_t count = known.shape(0);
    if (soft.shape(0) != 2 * count) throw std::invalid_argument("soft must be twice as long as known");
    if (count > (size_t(1) << 22)) throw std::invalid_argument("at most 2^22 bits at once");
    auto* llr = new int32_t[count];
    nb::capsule llr_owner = owner(llr);
    {
        nb::gil_scoped_release released;
        tramthu::siso(soft.data(), known.data(), count, nrz_m, llr, level);
    }
    return Out<int32_t, 1>(llr, {count}, llr_owner);
}

void check_parity(int parity) {
    if (parity != 16 && parity != 32)
        throw std::invalid_argument("parity is 16 or 32 bytes, not " + std::to_string(parity));
}

auto rs_decode(In<uint8_t, 1> word, In<uint8_t, 1> erasures, int parity) {
    check_parity(parity);
    if (word.shape(0) != 255) throw std::invalid_argument("a codeword has 255 bytes");
    bool seen[255] = {};
    for (size_t e = 0; e < erasures.shape(0); ++e) {
        const uint8_t position = erasures.data()[e];
        if (position > 254 || seen[position])
            throw std::invalid_argument("erasures must be distinct, below 255");
        seen[position] = true;
    }
    auto* fixed = new uint8_t[255];
    nb::capsule fixed_owner = owner(fixed);
    std::copy(word.data(), word.data() + 255, fixed);
    int corrected = 0;
    {
        nb::gil_scoped_release released;
        corrected = tramthu::rs_decode(fixed, erasures.data(), erasures.shape(0), parity);
    }
    return nb::make_tuple(Out<uint8_t, 1>(fixed, {255}, fixed_owner), corrected);
}

auto rs_decode_words(In<uint8_t, 2> words, int parity) {
    check_parity(parity);
    if (words.shape(1) != 255) throw std::invalid_argument("a codeword has 255 bytes");
    const size_t count = words.shape(0);
    auto* fixed = new uint8_t[255 * count];
    nb::capsule fixed_owner = owner(fixed);
    auto* corrected = new int32_t[count];
    nb::capsule corrected_owner = owner(corrected);
    {
        nb::gil_scoped_release released;
        std::copy(words.data(), words.data() + 255 * count, fixed);
        for (size_t k = 0; k < count; ++k)
            corrected[k] = tramthu::rs_decode(fixed + 255 * k, nullptr, 0, parity);
    }
    return nb::make_tuple(Out<uint8_t, 2>(fixed, {count, 255}, fixed_owner),
                          Out<int32_t, 1>(corrected, {count}, corrected_owner));
}

auto decode_blocks(In<uint8_t, 2> bits, In<bool, 1> turned, size_t skip, In<uint8_t, 1> sequence,
                   In<uint8_t, 1> from_wire, int parity, size_t varied) {
    check_parity(parity);
    const size_t count = bits.shape(0), bytes = sequence.shape(0), interleave = bytes / 255;
    if (bytes == 0 || bytes % 255) throw std::invalid_argument("the sequence has 255 bytes per codeword");
    if (skip > bits.shape(1) || bits.shape(1) - skip != 8 * bytes)
        throw std::invalid_argument("bits has " + std::to_string(bits.shape(1)) +
                                    " columns; needed are skip + 8 per byte of the sequence");
    if (turned.shape(0) != count) throw std::invalid_argument("turned must have a place per row of bits");
    if (from_wire.shape(0) != 256) throw std::invalid_argument("from_wire has 256 places");
    auto* words = new uint8_t[count * bytes];
    nb::capsule words_owner = owner(words);
    auto* corrected = new int32_t[count * interleave];
    nb::capsule corrected_owner = owner(corrected);
    {
        nb::gil_scoped_release released;
        tramthu::decode_blocks({bits.data(), reinterpret_cast<const uint8_t*>(turned.data()), count, skip,
                                interleave, sequence.data(), from_wire.data(), parity, varied, words,
                                corrected});
    }
    return nb::make_tuple(Out<uint8_t, 3>(words, {count, interleave, 255}, words_owner),
                          Out<int32_t, 2>(corrected, {count, interleave}, corrected_owner));
}

auto symbol_signs(In<uint8_t, 2> sent, In<int8_t, 2> soft, const std::string& instruction_set) {
    const Level level = tramthu::level_named(instruction_set);
    const size_t rows = sent.shape(0), bytes = sent.shape(1);
    if (soft.shape(0) != rows || soft.shape(1) != 16 * bytes)
        throw std::invalid_argument("soft must have 16 places per byte that was sent");
    auto* counts = new int64_t[3 * rows];
    nb::capsule counts_owner = owner(counts);
    {
        nb::gil_scoped_release released;
        tramthu::symbol_signs({sent.data(), soft.data(), rows, bytes, counts}, level);
    }
    return Out<int64_t, 2>(counts, {rows, 3}, counts_owner);
}

auto spread_symbols(In<int8_t, 1> soft, const std::vector<size_t>& places, const std::vector<int>& signs,
                    size_t symbols, const std::string& instruction_set) {
    const Level level = tramthu::level_named(instruction_set);
    const size_t cycle = places.size();
    if (cycle < 1 || cycle > 4096 || signs.size() != cycle || symbols < 1 || symbols > 4096)
        throw std::invalid_argument("a cycle has 1 … 4096 soft bits and symbols, and a sign per soft bit");
    if (soft.shape(0) % cycle) throw std::invalid_argument("soft must be whole cycles");
    if (std::any_of(places.begin(), places.end(), [=](size_t place) { return place >= symbols; }))
        throw std::invalid_argument("a place lies beyond the symbols of a cycle");
    const std::vector<int8_t> narrow(signs.begin(), signs.end());
    const size_t cycles = soft.shape(0) / cycle;
    auto* out = new int8_t[cycles * symbols];
    nb::capsule out_owner = owner(out);
    {
        nb::gil_scoped_release released;
        tramthu::spread_symbols({soft.data(), cycles, cycle, symbols, places.data(), narrow.data(), out},
                                level);
    }
    return Out<int8_t, 1>(out, {cycles * symbols}, out_owner);
}

auto marker_distance(In<uint8_t, 1> bits, uint64_t marker, size_t marker_bits,
                     const std::string& instruction_set) {
    const Level level = tramthu::level_named(instruction_set);
    if (marker_bits < 1 || marker_bits > 64) throw std::invalid_argument("a marker has 1 … 64 bits");
    if (marker_bits < 64 && marker >> marker_bits) throw std::invalid_argument("the marker has more bits");
    const size_t count = bits.shape(0) < marker_bits ? 0 : bits.shape(0) - marker_bits + 1;
    auto* distance = new uint8_t[count];
    nb::capsule distance_owner = owner(distance);
    {
        nb::gil_scoped_release released;
        tramthu::marker_distance(bits.data(), bits.shape(0), marker, marker_bits, distance, level);
    }
    return Out<uint8_t, 1>(distance, {count}, distance_owner);
}

auto marker_correlation(In<int8_t, 1> soft, In<int8_t, 1> pattern, const std::string& instruction_set) {
    const Level level = tramthu::level_named(instruction_set);
    const size_t size = pattern.shape(0);
    if (size < 1 || size > 65536) throw std::invalid_argument("a pattern has 1 … 65536 places");
    if (!std::all_of(pattern.data(), pattern.data() + size, [](int8_t sign) { return std::abs(sign) <= 1; }))
        throw std::invalid_argument("a pattern is made of -1, 0 and 1");
    const size_t count = soft.shape(0) < size ? 0 : soft.shape(0) - size + 1;
    auto* correlation = new int32_t[count];
    nb::capsule correlation_owner = owner(correlation);
    {
        nb::gil_scoped_release released;
        tramthu::marker_correlation(soft.data(), soft.shape(0), pattern.data(), size, correlation, level);
    }
    return Out<int32_t, 1>(correlation, {count}, correlation_owner);
}

}  // namespace

NB_MODULE(_fec, m) {
    m.def("viterbi", &viterbi, nb::arg("soft"), nb::arg("head"), nb::arg("length"), nb::arg("tail"),
          nb::arg("instruction_set"));
    m.def("instruction_set", [] {
        const Level best = tramthu::best_level();
        return best == Level::v4 ? "v4" : best == Level::v3 ? "v3" : "generic";
    });
    m.def("siso", &siso, nb::arg("soft"), nb::arg("known"), nb::arg("nrz_m"),
          nb::arg("instruction_set") = "");
    m.def("rs_decode", &rs_decode, nb::arg("word"), nb::arg("erasures"), nb::arg("parity"));
    m.def("rs_decode_words", &rs_decode_words, nb::arg("words"), nb::arg("parity"));
    m.def("viterbi_stream", &viterbi_stream, nb::arg("soft"), nb::arg("rows"), nb::arg("head"),
          nb::arg("length"), nb::arg("tail"), nb::arg("instruction_set") = "");
    m.def("decode_blocks", &decode_blocks, nb::arg("bits"), nb::arg("turned"), nb::arg("skip"),
          nb::arg("sequence"), nb::arg("from_wire"), nb::arg("parity"), nb::arg("varied"));
    m.def("symbol_signs", &symbol_signs, nb::arg("sent"), nb::arg("soft"), nb::arg("instruction_set") = "");
    m.def("spread_symbols", &spread_symbols, nb::arg("soft"), nb::arg("places"), nb::arg("signs"),
          nb::arg("symbols"), nb::arg("instruction_set") = "");
    m.def("marker_distance", &marker_distance, nb::arg("bits"), nb::arg("marker"),
          nb::arg("marker_bits") = 32, nb::arg("instruction_set") = "");
    m.def("marker_correlation", &marker_correlation, nb::arg("soft"), nb::arg("pattern"),
          nb::arg("instruction_set") = "");
}

// The kernels as a program without Python, for processors that are only emulated: test_aarch64.py.
//
//     kernels_program FOLDER
//
// Reads what each kernel is given from files in FOLDER, numbers in machine format, and writes what it
// returns.
#include <complex>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "decoders/coding/fec.h"
#include "decoders/demodulation/decimator.h"
#include "decoders/demodulation/matched_filter.h"
#include "decoders/demodulation/phase_kernels.h"
#include "decoders/instruments/msu_mr_codec.h"

namespace {

using tramthu::Level;

class Folder {
  public:
    explicit Folder(std::filesystem::path path) : path_(std::move(path)) {}

    template <typename T>
    std::vector<T> read(const std::string& name) const {
        std::ifstream file(path_ / name, std::ios::binary);
        if (!file) throw std::runtime_error("cannot read " + name);
        std::vector<T> data(std::filesystem::file_size(path_ / name) / sizeof(T));
        file.read(reinterpret_cast<char*>(data.data()), std::streamsize(data.size() * sizeof(T)));
        return data;
    }

    template <typename T>
    void write(const std::string& name, const std::vector<T>& data) const {
        std::ofstream file(path_ / (name + ".out"), std::ios::binary);
        file.write(reinterpret_cast<const char*>(data.data()), std::streamsize(data.size() * sizeof(T)));
    }

    std::vector<size_t> sizes(const std::string& name) const {
        const auto read_sizes = read<int64_t>(name + ".sizes");
        return {read_sizes.begin(), read_sizes.end()};
    }

  private:
    std::filesystem::path path_;
};

void viterbi(const Folder& folder) {
    const auto size = folder.sizes("viterbi");  // rows, head, length, tail
    const auto soft = folder.read<int8_t>("soft");
    std::vector<uint8_t> bits(size[0] * size[2]);
    std::vector<int32_t> score(size[0]);
    tramthu::viterbi_blocks({soft.data(), size[0], size[1], size[2], size[3], bits.data(), score.data()},
                            Level::generic);
    folder.write("bits", bits);
    folder.write("score", score);
}

void frames(const Folder& folder) {
    const auto size = folder.sizes("viterbi");
    const auto soft = folder.read<int8_t>("soft");
    const size_t rows = (soft.size() / 2 - size[1] - size[3]) / size[2];
    std::vector<uint8_t> bits(rows * size[2]);
    std::vector<int32_t> score(2 * rows);
    tramthu::viterbi_blocks({soft.data(), rows, size[1], size[2], size[3], bits.data(), score.data(),
                             2 * size[2], score.data() + rows},
                            Level::generic);
    folder.write("stream_bits", bits);
    folder.write("stream_score", score);
    const auto sent = folder.read<uint8_t>("sent");
    std::vector<int64_t> signs(3);
    tramthu::symbol_signs({sent.data(), soft.data(), 1, sent.size(), signs.data()}, Level::generic);
    folder.write("signs", signs);
    const size_t places[] = {0, 3, 1, 4};
    const int8_t turns[] = {1, -1, 1, 1};
    std::vector<int8_t> spread(6000);
    tramthu::spread_symbols({soft.data(), 1000, 4, 6, places, turns, spread.data()}, Level::generic);
    folder.write("spread", spread);
    const auto blocks = folder.read<uint8_t>("frames"), sequence = folder.read<uint8_t>("sequence"),
               from_wire = folder.read<uint8_t>("from_wire");
    const uint8_t turned[] = {0, 1, 0};
    std::vector<uint8_t> words(3 * sequence.size());
    std::vector<int32_t> corrected(3 * 4);
    tramthu::decode_blocks({blocks.data(), turned, 3, 32, 4, sequence.data(), from_wire.data(), 32, 32,
                            words.data(), corrected.data()});
    folder.write("block_words", words);
    folder.write("block_corrected", corrected);
}

void siso(const Folder& folder) {
    const auto known = folder.read<uint8_t>("known");
    const auto soft = folder.read<int8_t>("soft");
    std::vector<int32_t> llr(known.size());
    for (const bool nrz_m : {false, true}) {
        tramthu::siso(soft.data(), known.data(), known.size(), nrz_m, llr.data());
        folder.write(nrz_m ? "llr_nrz_m" : "llr", llr);
    }
}

void reed_solomon(const Folder& folder) {
    const auto erasures = folder.read<uint8_t>("erasures");
    for (const int parity : {16, 32}) {
        for (const size_t erased : {size_t(0), erasures.size()}) {
            auto words = folder.read<uint8_t>("words_" + std::to_string(parity));
            std::vector<int32_t> corrected(words.size() / 255);
            for (size_t k = 0; k < corrected.size(); ++k)
                corrected[k] = tramthu::rs_decode(&words[255 * k], erasures.data(), erased, parity);
            const std::string name = std::to_string(parity) + "_" + std::to_string(erased);
            folder.write("fixed_" + name, words);
            folder.write("corrected_" + name, corrected);
        }
    }
}

void markers(const Folder& folder) {
    const auto bits = folder.read<uint8_t>("stream");
    const auto marker = folder.read<uint64_t>("marker");
    std::vector<uint8_t> distance(bits.size() - 59);
    tramthu::marker_distance(bits.data(), bits.size(), marker[0], 60, distance.data());
    folder.write("distance", distance);
    const auto soft = folder.read<int8_t>("soft"), pattern = folder.read<int8_t>("pattern");
    std::vector<int32_t> correlation(soft.size() - pattern.size() + 1);
    tramthu::marker_correlation(soft.data(), soft.size(), pattern.data(), pattern.size(), correlation.data());
    folder.write("correlation", correlation);
}

void imager(const Folder& folder) {
    const auto scan = folder.read<uint8_t>("scan");
    std::vector<uint8_t> counts(8 * 112);
    size_t bits_used = 0;
    const int blocks =
        tramthu::decode_msu_mr_packet(scan.data(), scan.size(), 30, counts.data(), 112, &bits_used);
    folder.write("counts", counts);
    folder.write("blocks", std::vector<int64_t>{blocks, int64_t(bits_used)});
}

void demodulator(const Folder& folder) {
    const auto samples = folder.read<float>("samples"), taps = folder.read<float>("taps");
    const auto number = folder.read<double>("numbers");  // first, step, frequency
    const auto size = folder.sizes("demodulator");       // phases, outputs, lengths, window
    const auto count = samples.size() / 2;
    std::vector<float> out(2 * size[1]);
    tramthu::matched_filter({.samples = samples.data(),
                             .count = std::ptrdiff_t(count),
                             .taps = taps.data(),
                             .phases = std::ptrdiff_t(size[0]),
                             .tap_count = std::ptrdiff_t(taps.size() / (size[0] + 1)),
                             .first = number[0],
                             .step = number[1],
                             .frequency = number[2],
                             .outputs = std::ptrdiff_t(size[1]),
                             .out = out.data()},
                            Level::generic);
    folder.write("matched", out);
    const auto turns = folder.read<double>("turns"), steps = folder.read<double>("steps");
    out.resize(samples.size());
    tramthu::turn_back(samples.data(), count, turns.data(), steps.data(), size[2], out.data(),
                       Level::generic);
    folder.write("turned", out);
    std::vector<float> rails(count);
    tramthu::turn_to_rails(samples.data(), count / size[4], turns.data(), steps.data(), size[4], rails.data(),
                           Level::generic);
    folder.write("rails", rails);
    tramthu::fourth_power(samples.data(), count, out.data(), Level::generic);
    folder.write("fourth", out);
    std::vector<double> fourths(2 * (count / size[4]));
    tramthu::fourth_lines(samples.data(), count / size[4], size[4], fourths.data(), Level::generic);
    folder.write("fourth_lines", fourths);
    const auto edge_taps = folder.read<float>("edge_taps");
    const size_t windows = (count + 1 - edge_taps.size() / 2) / size[3];
    std::vector<double> lines(2 * windows);
    tramthu::edge_lines(samples.data(), windows, size[3], edge_taps.data(), edge_taps.size() / 2,
                        lines.data(), Level::generic);
    folder.write("lines", lines);
    const auto gain = folder.read<float>("gain");
    const size_t rows = gain.size(), columns = samples.size() / rows;
    std::vector<double> sums(3 * rows);
    tramthu::moments(samples.data(), rows, columns, sums.data(), Level::generic);
    folder.write("moments", sums);
    std::vector<int8_t> soft(samples.size());
    tramthu::soft_bits(samples.data(), rows, columns, gain.data(), 8.0F, soft.data(), Level::generic);
    folder.write("soft_bits", soft);
}

template <typename Value>
void lower(const Folder& folder, const std::string& name, tramthu::Code code, float zero, float scale) {
    const auto values = folder.read<Value>("codes_" + name);
    const auto taps = folder.read<float>("taps");
    std::vector<float> twice(96), out(2 * (values.size() / 6 + 1));
    for (size_t k = 0; k < 48; ++k) twice[2 * k] = twice[2 * k + 1] = taps[k];
    const auto done = tramthu::decimate({.before = out.data(),
                                         .before_count = 0,
                                         .samples = values.data(),
                                         .count = values.size() / 2,
                                         .code = code,
                                         .zero = zero,
                                         .scale = scale,
                                         .blanking = {100, 1e6F, 16.0F, 23.0F, 0.25, 2},
                                         .twice = twice.data(),
                                         .taps = 48,
                                         .factor = 3,
                                         .out = out.data()},
                                        Level::generic);
    out.resize(2 * ((values.size() / 2 - 48) / 3 + 1));
    folder.write("lowered_" + name, out);
    folder.write("held_" + name, done.held);
    folder.write("blanked_" + name, std::vector<int64_t>{int64_t(done.impulses), int64_t(done.unusable)});
}

void decimator(const Folder& folder) {
    lower<float>(folder, "cf32", tramthu::Code::f32, 0.0F, 1.0F);
    lower<int16_t>(folder, "cs16", tramthu::Code::s16, 0.0F, 1.0F / 32768);
    lower<int8_t>(folder, "cs8", tramthu::Code::s8, 0.0F, 1.0F / 128);
    lower<uint8_t>(folder, "cu8", tramthu::Code::u8, 127.5F, float(1.0 / 127.5));
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 2) {
        std::fputs("one folder, please\n", stderr);
        return 2;
    }
    const Folder folder(arguments[1]);
    for (const auto kernel : {viterbi, frames, siso, reed_solomon, markers, imager, demodulator, decimator})
        kernel(folder);
    return 0;
}

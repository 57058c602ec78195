// The words after driver=tramthu_sim, checked; README of them all: sim/soapy/__init__.py.
#pragma once
#include <SoapySDR/Types.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tramthu_sim {

// `count` samples from `first`; of a stall `count` is how long their delivery is held up, in samples.
struct Stretch {
    std::int64_t first, count;
};

constexpr std::int64_t kMostFed = std::int64_t{1} << 26;  // samples of a socket that are kept in memory

struct Settings {
    std::string serial = "sim0", hardware = "simulated receiver", bias_key = "biastee";
    // What is heard: a file, a socket, or the sample's own number. Another file while the bias tee is on.
    std::string file, bias_file, socket;
    bool loop = false;
    std::string format = "CS16";
    double native_rate = 0;  // Hz; 0: any
    // How it comes.
    bool pace = true, stamps = true, corrections = true;
    std::int64_t mtu = 16384;       // samples of a transfer
    std::int64_t fifo = 0;          // samples that wait for the reader; 0: a second of them
    std::optional<double> epoch_s;  // POSIX time of sample 0
    // What goes wrong.
    std::vector<Stretch> losses, stalls;
    bool overflow_code = true, overflow_stops = false;
    std::int64_t timeouts = 0, short_reads = 0;  // every N-th read; 0: never
    double rate_error_hz = 0, frequency_error_hz = 0, crystal_ppm = 0, jitter_ms = 0;
    std::int64_t silent_at, die_at;
    std::string control, log;

    explicit Settings(const SoapySDR::Kwargs& words);  // std::invalid_argument says what is wrong
};

// Serial numbers of the devices that are there, `serial` chooses among them.
std::vector<std::string> serials_of(const SoapySDR::Kwargs& words);

std::size_t width_of(const std::string& format);  // bytes of a sample

enum class Plug { plugged, unplugged, busy, hung };

// What the control file says now; plugged where there is none.
Plug plug_of(const std::string& control);

}  // namespace tramthu_sim

#include "sim/soapy/settings.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <limits>
#include <set>
#include <sstream>
#include <stdexcept>
#include <system_error>

namespace tramthu_sim {

namespace {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMostSamples = std::int64_t{1} << 50;
constexpr std::size_t kMostStretches = 1'000'000;

const std::set<std::string> kKnown = {
    "driver",
    "label",
    "serial",
    "serials",
    "devices",
    "hardware",
    "bias_key",
    "file",
    "bias_file",
    "socket",
    "loop",
    "format",
    "rate",
    "pace",
    "stamps",
    "corrections",
    "mtu",
    "fifo",
    "epoch",
    "losses",
    "stalls",
    "overflow_code",
    "overflow_stops",
    "timeouts",
    "short_reads",
    "rate_error",
    "frequency_error",
    "crystal_ppm",
    "jitter_ms",
    "silent_at",
    "die_at",
    "control",
    "log",
};

[[noreturn]] void refuse(const std::string& what) { throw std::invalid_argument("tramthu_sim: " + what); }

class Words {
  public:
    explicit Words(const SoapySDR::Kwargs& words) : words_(words) {
        for (const auto& [name, value] : words)
            if (kKnown.count(name) == 0) refuse("unknown word '" + name + "'; known are" + known());
    }

    std::string text(const char* name, const std::string& otherwise) const {
        const auto found = words_.find(name);
        return found == words_.end() ? otherwise : found->second;
    }

    // Not a number and infinite are allowed where a device is to tell nonsense.
    double number(const char* name, double otherwise, double least, double most,
                  bool nonsense = false) const {
        const auto found = words_.find(name);
        if (found == words_.end()) return otherwise;
        double value = 0;  // from_chars, as a decimal point is a comma where a program set its locale
        const char *begin = found->second.data(), *end = begin + found->second.size();
        const auto [stop, error] = std::from_chars(begin, end, value);
        if (error != std::errc() || stop != end) refuse(said(name) + ": a number is needed");
        if (nonsense || (value >= least && value <= most)) return value;
        std::ostringstream range;
        range << " lies outside " << least << " to " << most;
        refuse(said(name) + range.str());
    }

    std::int64_t count(const char* name, std::int64_t otherwise, std::int64_t least,
                       std::int64_t most) const {
        if (words_.count(name) == 0) return otherwise;
        const double value = number(name, 0, static_cast<double>(least), static_cast<double>(most));
        if (value != std::floor(value)) refuse(said(name) + ": a whole number is needed");
        return static_cast<std::int64_t>(value);
    }

    bool truth(const char* name, bool otherwise) const { return count(name, otherwise, 0, 1) == 1; }

    std::string said(const char* name) const { return std::string(name) + "=" + words_.at(name); }

  private:
    static std::string known() {
        std::string all;
        for (const auto& name : kKnown) all += " " + name;
        return all;
    }

    const SoapySDR::Kwargs& words_;
};

bool is_file(const std::string& path) {  // a pipe might never answer, a device never end
    std::error_code error;
    return std::filesystem::is_regular_file(path, error);
}

// Lines "first count", '#' begins a comment; in order and apart.
std::vector<Stretch> stretches(const std::string& path) {
    std::vector<Stretch> found;
    if (path.empty()) return found;
    if (!is_file(path)) refuse(path + " cannot be read");
    std::ifstream file(path);
    if (!file) refuse(path + " cannot be read");
    std::string line;
    for (std::size_t number = 1; std::getline(file, line); number++) {
        line = line.substr(0, line.find('#'));
        std::replace(line.begin(), line.end(), ',', ' ');
        if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
        std::istringstream words(line);
        Stretch stretch{};
        std::string rest;
        const std::int64_t behind = found.empty() ? 0 : found.back().first + found.back().count;
        const std::string where = path + ", line " + std::to_string(number) + ": ";
        if (!(words >> stretch.first >> stretch.count) || words >> rest)
            refuse(where + "two whole numbers are needed, the first sample and how many");
        if (stretch.first < behind || stretch.count < 1 || stretch.first > kMostSamples ||
            stretch.count > kMostSamples)
            refuse(where + "begins at " + std::to_string(behind) + " or later and holds at least one sample");
        if (found.size() == kMostStretches) refuse(where + "a million lines are enough");
        found.push_back(stretch);
    }
    if (file.bad()) refuse(path + " cannot be read");
    return found;
}

}  // namespace

Settings::Settings(const SoapySDR::Kwargs& given) {
    const Words words(given);
    serial = words.text("serial", serials_of(given).empty() ? serial : serials_of(given).front());
    hardware = words.text("hardware", hardware);
    bias_key = words.text("bias_key", bias_key);
    file = words.text("file", "");
    bias_file = words.text("bias_file", "");
    socket = words.text("socket", "");
    if (!file.empty() && !socket.empty()) refuse("file= and socket= exclude each other");
    if (!bias_file.empty() && file.empty()) refuse("bias_file= needs file=, heard while the bias tee is off");
    loop = words.truth("loop", loop);
    format = words.text("format", format);
    width_of(format);
    native_rate = words.number("rate", 0, 1, 1e9);
    pace = words.truth("pace", pace);
    if (!pace && !socket.empty()) refuse("pace=0 needs a file, or the sample's own number");
    stamps = words.truth("stamps", stamps);
    corrections = words.truth("corrections", corrections);
    mtu = words.count("mtu", mtu, 1, std::int64_t{1} << 24);
    fifo = words.count("fifo", fifo, 0, std::int64_t{1} << 32);
    if (fifo != 0 && fifo < mtu) refuse(words.said("fifo") + " is shorter than a transfer of mtu samples");
    if (!socket.empty() && fifo > kMostFed)
        refuse(words.said("fifo") + ": what comes from a socket waits in memory; at most " +
               std::to_string(kMostFed));
    if (given.count("epoch") != 0) epoch_s = words.number("epoch", 0, 0, 4e9);
    losses = stretches(words.text("losses", ""));
    stalls = stretches(words.text("stalls", ""));
    overflow_code = words.truth("overflow_code", overflow_code);
    overflow_stops = words.truth("overflow_stops", overflow_stops);
    timeouts = words.count("timeouts", 0, 0, kMostSamples);
    short_reads = words.count("short_reads", 0, 0, kMostSamples);
    if (timeouts == 1) refuse("timeouts=1: every read would time out; use silent_at=0");
    rate_error_hz = words.number("rate_error", 0, 0, 0, true);
    frequency_error_hz = words.number("frequency_error", 0, -1e9, 1e9);
    crystal_ppm = words.number("crystal_ppm", 0, -9e5, 1e7);
    jitter_ms = words.number("jitter_ms", 0, 0, 1e4);
    silent_at = words.count("silent_at", kNever, 0, kMostSamples);
    die_at = words.count("die_at", kNever, 0, kMostSamples);
    control = words.text("control", "");
    log = words.text("log", "");
}

std::vector<std::string> serials_of(const SoapySDR::Kwargs& words) {
    std::vector<std::string> all;
    if (const auto listed = words.find("serials"); listed != words.end()) {
        std::istringstream parts(listed->second);
        for (std::string part; std::getline(parts, part, ':');) all.push_back(part);
    } else {
        const std::int64_t devices = Words(words).count("devices", 1, 0, 100);
        for (std::int64_t i = 0; i < devices; i++) all.push_back("sim" + std::to_string(i));
    }
    if (const auto wanted = words.find("serial"); wanted != words.end())
        all.erase(std::remove_if(all.begin(), all.end(),
                                 [&](const std::string& serial) { return serial != wanted->second; }),
                  all.end());
    return all;
}

std::size_t width_of(const std::string& format) {
    if (format == "CU8" || format == "CS8") return 2;
    if (format == "CS16") return 4;
    if (format == "CF32") return 8;
    refuse("format=" + format + "; allowed are CU8, CS8, CS16 and CF32");
}

Plug plug_of(const std::string& control) {
    if (!is_file(control)) return Plug::plugged;
    std::ifstream file(control);
    std::string word;
    file >> std::setw(16) >> word;  // one that is just being written anew says nothing
    if (word == "unplugged") return Plug::unplugged;
    if (word == "busy") return Plug::busy;
    return word == "hung" ? Plug::hung : Plug::plugged;
}

}  // namespace tramthu_sim

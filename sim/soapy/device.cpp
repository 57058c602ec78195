// A SoapySDR device that hears what it is given, for tests of the true path: driver=tramthu_sim,…
// What it can be told is listed in sim/soapy/__init__.py, what it writes down in event_log.h.
#include <SoapySDR/ConverterRegistry.hpp>
#include <SoapySDR/Device.hpp>
#include <SoapySDR/Formats.hpp>
#include <SoapySDR/Registry.hpp>
#include <algorithm>
#include <atomic>
#include <cmath>
#include <map>
#include <mutex>
#include <stdexcept>

#include "sim/soapy/event_log.h"
#include "sim/soapy/settings.h"
#include "sim/soapy/stream.h"

namespace tramthu_sim {

namespace {

using SoapySDR::Kwargs;
using Formats = std::vector<std::string>;

// Gains as an R820T has them, roughly; whole decibels.
const std::vector<std::pair<std::string, double>> kGains = {{"LNA", 20}, {"MIX", 15}, {"VGA", 15}};
const Formats kFormats = {"CS16", "CF32", "CS8", "CU8"};
constexpr long long kLatestNs = 1LL << 62;
constexpr double kLeastRate = 1e3, kMostRate = 1e8, kMostHz = 6e9;

double full_scale_of(const std::string& format) {
    return format == "CS16" ? 32768 : format == "CF32" ? 1 : 128;
}

class Device final : public SoapySDR::Device {
  public:
    explicit Device(const Settings& settings)
        : settings_(settings), log_(settings_.log), stream_(settings_, log_) {
        rate_ = settings_.native_rate != 0 ? settings_.native_rate : 1e6;
        log_.event("opened");
    }
    ~Device() override { log_.event("closed"); }

    std::string getDriverKey() const override { return "tramthu_sim"; }
    std::string getHardwareKey() const override { return settings_.hardware; }
    Kwargs getHardwareInfo() const override { return {{"serial", settings_.serial}}; }
    size_t getNumChannels(const int direction) const override { return direction == SOAPY_SDR_RX; }

    // The stream.
    Formats getStreamFormats(const int, const size_t) const override {
        Formats can = {settings_.format};
        for (const auto& target : SoapySDR::ConverterRegistry::listTargetFormats(settings_.format))
            if (target != settings_.format && std::count(kFormats.begin(), kFormats.end(), target) != 0)
                can.push_back(target);
        return can;
    }
    std::string getNativeStreamFormat(const int, const size_t, double& full_scale) const override {
        full_scale = full_scale_of(settings_.format);
        return settings_.format;
    }
    SoapySDR::Stream* setupStream(const int direction, const std::string& format,
                                  const std::vector<size_t>& channels, const Kwargs&) override {
        const Formats can = getStreamFormats(direction, 0);
        if (direction != SOAPY_SDR_RX || (!channels.empty() && channels != std::vector<size_t>{0}))
            throw std::invalid_argument("tramthu_sim: there is one channel, and it receives");
        if (std::count(can.begin(), can.end(), format) == 0)
            throw std::invalid_argument("tramthu_sim: no stream of " + format + " samples");
        const std::lock_guard lock(mutex_);
        if (set_up_) throw std::runtime_error("tramthu_sim: the stream is set up already");
        present();
        convert_ = nullptr;
        if (format != settings_.format)
            convert_ = SoapySDR::ConverterRegistry::getFunction(settings_.format, format);
        set_up_ = true;
        log_.setting("format", format);
        return handle();
    }
    void closeStream(SoapySDR::Stream* stream) override {
        if (stream != handle()) return;
        stream_.deactivate();
        const std::lock_guard lock(mutex_);
        set_up_ = false;
    }
    size_t getStreamMTU(SoapySDR::Stream*) const override { return static_cast<size_t>(settings_.mtu); }
    int activateStream(SoapySDR::Stream* stream, const int flags, const long long, const size_t) override {
        if (stream != handle()) return SOAPY_SDR_STREAM_ERROR;
        if (flags != 0) return SOAPY_SDR_NOT_SUPPORTED;
        return stream_.activate() ? 0 : SOAPY_SDR_STREAM_ERROR;
    }
    int deactivateStream(SoapySDR::Stream* stream, const int flags, const long long) override {
        if (stream != handle()) return SOAPY_SDR_STREAM_ERROR;
        if (flags != 0) return SOAPY_SDR_NOT_SUPPORTED;
        stream_.deactivate();
        return 0;
    }
    int readStream(SoapySDR::Stream* stream, void* const* buffers, const size_t count, int& flags,
                   long long& time_ns, const long timeout_us) override {
        flags = 0;
        if (stream != handle() || buffers == nullptr || buffers[0] == nullptr) return SOAPY_SDR_STREAM_ERROR;
        if (convert_ == nullptr)
            return stream_.read(static_cast<std::byte*>(buffers[0]), count, flags, time_ns, timeout_us);
        const std::size_t most = std::min(count, static_cast<std::size_t>(settings_.mtu));
        std::vector<std::byte> native(most * width_of(settings_.format));
        const int got = stream_.read(native.data(), most, flags, time_ns, timeout_us);
        if (got > 0) convert_(native.data(), buffers[0], static_cast<std::size_t>(got), 1.0);
        return got;
    }

    // Tuning.
    std::vector<std::string> listFrequencies(const int, const size_t) const override { return {"RF"}; }
    SoapySDR::RangeList getFrequencyRange(const int, const size_t, const std::string&) const override {
        return {SoapySDR::Range(0, kMostHz)};
    }
    void setFrequency(const int, const size_t, const std::string&, const double hz, const Kwargs&) override {
        const std::lock_guard lock(mutex_);
        present();
        frequency_hz_ = within("frequency", hz, 0, kMostHz) + settings_.frequency_error_hz;
        log_.setting("frequency", hz);
        stream_.tune(rate_, frequency_hz_);
    }
    double getFrequency(const int, const size_t, const std::string&) const override { return frequency_hz_; }
    SoapySDR::RangeList getSampleRateRange(const int, const size_t) const override {
        if (settings_.native_rate != 0)
            return {SoapySDR::Range(settings_.native_rate, settings_.native_rate)};
        return {SoapySDR::Range(kLeastRate, kMostRate)};
    }
    std::vector<double> listSampleRates(const int, const size_t) const override {
        if (settings_.native_rate != 0) return {settings_.native_rate};
        return {250e3, 1e6, 2.4e6, 10e6};
    }
    void setSampleRate(const int, const size_t, const double rate) override {
        const std::lock_guard lock(mutex_);
        present();
        within("sample rate", rate, kLeastRate, kMostRate);
        log_.setting("sample rate", rate);
        rate_ = settings_.native_rate != 0 ? settings_.native_rate : rate;
        stream_.tune(rate_, frequency_hz_);
    }
    double getSampleRate(const int, const size_t) const override { return rate_ + settings_.rate_error_hz; }
    SoapySDR::RangeList getBandwidthRange(const int, const size_t) const override {
        return {SoapySDR::Range(2e5, kMostRate)};
    }
    void setBandwidth(const int, const size_t, const double hz) override { number("bandwidth", hz); }
    double getBandwidth(const int, const size_t) const override { return kept("bandwidth"); }

    // Gains.
    std::vector<std::string> listGains(const int, const size_t) const override {
        std::vector<std::string> names;
        for (const auto& [name, most] : kGains) names.push_back(name);
        return names;
    }
    SoapySDR::Range getGainRange(const int, const size_t, const std::string& name) const override {
        return SoapySDR::Range(0, most_of(name), 1);
    }
    using SoapySDR::Device::getGain;
    using SoapySDR::Device::getGainRange;
    using SoapySDR::Device::setGain;
    void setGain(const int, const size_t, const std::string& name, const double db) override {
        const double whole = std::floor(std::clamp(db, 0.0, most_of(name)));
        number("gain " + name, std::isfinite(db) ? whole : 0);
    }
    double getGain(const int, const size_t, const std::string& name) const override {
        return kept("gain " + name);
    }
    bool hasGainMode(const int, const size_t) const override { return true; }
    void setGainMode(const int, const size_t, const bool automatic) override {
        number("gain mode", automatic);
    }
    bool getGainMode(const int, const size_t) const override { return kept("gain mode") != 0; }

    // Corrections.
    bool hasFrequencyCorrection(const int, const size_t) const override { return settings_.corrections; }
    void setFrequencyCorrection(const int, const size_t, const double ppm) override { correct("ppm", ppm); }
    double getFrequencyCorrection(const int, const size_t) const override { return kept("ppm"); }
    bool hasDCOffsetMode(const int, const size_t) const override { return settings_.corrections; }
    void setDCOffsetMode(const int, const size_t, const bool automatic) override {
        correct("dc offset mode", automatic);
    }
    bool getDCOffsetMode(const int, const size_t) const override { return kept("dc offset mode") != 0; }
    bool hasIQBalanceMode(const int, const size_t) const override { return settings_.corrections; }
    void setIQBalanceMode(const int, const size_t, const bool automatic) override {
        correct("iq balance mode", automatic);
    }
    bool getIQBalanceMode(const int, const size_t) const override { return kept("iq balance mode") != 0; }

    // Antenna and bias tee.
    std::vector<std::string> listAntennas(const int, const size_t) const override { return {"RX", "HF"}; }
    void setAntenna(const int, const size_t, const std::string& name) override {
        if (name != "RX" && name != "HF")
            throw std::invalid_argument("tramthu_sim: no antenna port '" + name + "'; there are RX and HF");
        const std::lock_guard lock(mutex_);
        present();
        antenna_ = name;
        log_.setting("antenna", name);
    }
    std::string getAntenna(const int, const size_t) const override {
        const std::lock_guard lock(mutex_);
        return antenna_;
    }
    SoapySDR::ArgInfoList getSettingInfo() const override {
        SoapySDR::ArgInfo bias;
        bias.key = settings_.bias_key;
        bias.value = "false";
        bias.name = "bias tee";
        bias.description = "feeds the preamplifier through the antenna cable";
        bias.type = SoapySDR::ArgInfo::BOOL;
        return {bias};
    }
    using SoapySDR::Device::readSetting;
    using SoapySDR::Device::writeSetting;
    void writeSetting(const std::string& key, const std::string& value) override {
        if (key != settings_.bias_key)
            throw std::invalid_argument("tramthu_sim: no setting '" + key + "'; there is " +
                                        settings_.bias_key);
        if (value != "true" && value != "false")
            throw std::invalid_argument("tramthu_sim: " + key + " is true or false, not '" + value + "'");
        const std::lock_guard lock(mutex_);
        present();
        bias_tee_ = value == "true";
        stream_.switch_bias_tee(bias_tee_);
        log_.setting(key, value);
    }
    std::string readSetting(const std::string& key) const override {
        const std::lock_guard lock(mutex_);
        return key == settings_.bias_key ? (bias_tee_ ? "true" : "false") : "";
    }

    // Time.
    bool hasHardwareTime(const std::string& what) const override { return settings_.stamps && what.empty(); }
    long long getHardwareTime(const std::string&) const override {
        return settings_.stamps ? stream_.hardware_time_ns() : 0;
    }
    void setHardwareTime(const long long time_ns, const std::string&) override {
        if (!settings_.stamps) throw std::runtime_error("tramthu_sim: no clock with stamps=0");
        if (time_ns < 0 || time_ns > kLatestNs) throw std::invalid_argument("tramthu_sim: no such time");
        log_.setting("hardware time", static_cast<double>(time_ns));
        stream_.set_hardware_time_ns(time_ns);
    }

  private:
    SoapySDR::Stream* handle() { return reinterpret_cast<SoapySDR::Stream*>(this); }

    void present() {
        if (stream_.gone()) throw std::runtime_error("tramthu_sim: the device is unplugged");
    }
    double within(const char* name, double value, double least, double most) const {
        if (value >= least && value <= most) return value;
        throw std::invalid_argument("tramthu_sim: a " + std::string(name) + " of " + std::to_string(value) +
                                    " lies outside " + std::to_string(least) + " to " + std::to_string(most));
    }
    double most_of(const std::string& gain) const {
        for (const auto& [name, most] : kGains)
            if (name == gain) return most;
        throw std::invalid_argument("tramthu_sim: no gain '" + gain + "'; there are LNA, MIX and VGA");
    }
    void number(const std::string& name, double value) {
        const std::lock_guard lock(mutex_);
        present();
        numbers_[name] = value;
        log_.setting(name, value);
    }
    void correct(const std::string& name, double value) {
        if (!settings_.corrections) throw std::runtime_error("tramthu_sim: no " + name + " here");
        number(name, value);
    }
    double kept(const std::string& name) const {
        const std::lock_guard lock(mutex_);
        const auto found = numbers_.find(name);
        return found == numbers_.end() ? 0 : found->second;
    }

    const Settings settings_;
    const EventLog log_;
    mutable std::mutex mutex_;
    mutable Stream stream_;
    std::atomic<double> rate_, frequency_hz_ = 1e8;
    std::string antenna_ = "RX";
    bool bias_tee_ = false, set_up_ = false;
    std::map<std::string, double> numbers_;
    SoapySDR::ConverterRegistry::ConverterFunction convert_ = nullptr;
};

SoapySDR::KwargsList find(const Kwargs& words) {
    SoapySDR::KwargsList found;
    if (const auto control = words.find("control");
        control != words.end() && plug_of(control->second) == Plug::unplugged)
        return found;
    for (const auto& serial : serials_of(words))
        found.push_back({{"label", "simulated receiver " + serial}, {"serial", serial}});
    return found;
}

SoapySDR::Device* make(const Kwargs& words) {
    const Settings settings(words);
    const Plug plug = plug_of(settings.control);
    if (plug == Plug::unplugged || serials_of(words).empty())
        throw std::runtime_error("tramthu_sim: there is no device " + settings.serial);
    if (plug == Plug::busy) throw std::runtime_error("tramthu_sim: the device is in use by another program");
    return new Device(settings);
}

const SoapySDR::Registry registry("tramthu_sim", &find, &make, SOAPY_SDR_ABI_VERSION);

}  // namespace

}  // namespace tramthu_sim

// A SoapySDR device for the tests: counts its samples, and loses, stalls or dies where its arguments say.
//   driver=tramthu_test[,serial=a][,lose_at=N,lose=N][,stamps=0][,silent_at=N][,die_at=N][,rate_error=F]
#include <SoapySDR/Device.hpp>
#include <SoapySDR/Registry.hpp>
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <thread>

using SoapySDR::Kwargs;

static double number(const Kwargs& args, const char* name, double otherwise) {
    auto found = args.find(name);
    return found == args.end() ? otherwise : std::atof(found->second.c_str());
}

class TestDevice : public SoapySDR::Device {
  public:
    explicit TestDevice(const Kwargs& args) : args_(args) {}
    std::string getHardwareKey() const override { return "test device"; }
    size_t getNumChannels(const int direction) const override { return direction == SOAPY_SDR_RX; }
    void setSampleRate(const int, const size_t, const double rate) override { rate_ = rate; }
    double getSampleRate(const int, const size_t) const override {
        return rate_ + number(args_, "rate_error", 0);
    }
    using SoapySDR::Device::setFrequency;
    void setFrequency(const int, const size_t, const double hz, const Kwargs&) override { hz_ = hz; }
    double getFrequency(const int, const size_t) const override { return hz_ + 12.5; }
    void setGain(const int, const size_t, const double db) override { gain_ = double(int(db)); }
    double getGain(const int, const size_t) const override { return gain_; }
    std::string getAntenna(const int, const size_t) const override { return "RX"; }
    std::string getNativeStreamFormat(const int, const size_t, double& scale) const override {
        scale = 32768;
        return "CS16";
    }
    SoapySDR::Stream* setupStream(const int, const std::string& format, const std::vector<size_t>&,
                                  const Kwargs&) override {
        if (format != "CS16") throw std::runtime_error("this device speaks CS16 only");
        return reinterpret_cast<SoapySDR::Stream*>(this);
    }
    void closeStream(SoapySDR::Stream*) override {}
    int activateStream(SoapySDR::Stream*, const int, const long long, const size_t) override { return 0; }
    int deactivateStream(SoapySDR::Stream*, const int, const long long) override { return 0; }
    int readStream(SoapySDR::Stream*, void* const* buffs, const size_t count, int& flags, long long& time_ns,
                   const long timeout_us) override {
        if (at_ >= number(args_, "die_at", 1e18)) return SOAPY_SDR_STREAM_ERROR;
        if (at_ >= number(args_, "silent_at", 1e18)) {
            std::this_thread::sleep_for(std::chrono::microseconds(timeout_us));
            return SOAPY_SDR_TIMEOUT;
        }
        double lose_at = number(args_, "lose_at", 1e18);
        if (!lost_ && at_ >= lose_at) {
            lost_ = true;
            uint64_t lose = uint64_t(number(args_, "lose", 0));
            if (number(args_, "stamps", 1) == 0)
                std::this_thread::sleep_for(std::chrono::duration<double>(lose / rate_));
            at_ += lose;
            return SOAPY_SDR_OVERFLOW;
        }
        size_t most = at_ < lose_at ? size_t(lose_at - at_) : count;
        size_t got = std::min({count, most, size_t(1000)});
        auto out = static_cast<uint32_t*>(buffs[0]);
        for (size_t i = 0; i < got; i++) out[i] = uint32_t(at_ + i);
        if (number(args_, "stamps", 1) != 0) {
            flags |= SOAPY_SDR_HAS_TIME;
            time_ns = (long long)(at_ * 1e9 / rate_ + 0.5);
        }
        at_ += got;
        return int(got);
    }

  private:
    Kwargs args_;
    double rate_ = 1e6, hz_ = 0, gain_ = 0;
    uint64_t at_ = 0;
    bool lost_ = false;
};

static SoapySDR::KwargsList find(const Kwargs& args) {
    SoapySDR::KwargsList found;
    for (const char* serial : {"a", "b"})
        if (args.count("serial") == 0 || args.at("serial") == serial) {
            Kwargs device = args;
            device["serial"] = serial;
            found.push_back(device);
        }
    return found;
}
static SoapySDR::Device* make(const Kwargs& args) { return new TestDevice(args); }
static SoapySDR::Registry registry("tramthu_test", &find, &make, SOAPY_SDR_ABI_VERSION);

// The stream of samples in time: a clock that numbers them, a FIFO that loses what is not read, the faults.
//
// Sample n is on air at base time + (n - base sample) / rate, rate being the crystal's true one. It can be
// read once its transfer of `mtu` samples is complete; a FIFO that runs over keeps its newer half.
#pragma once
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <random>
#include <vector>

#include "sim/soapy/event_log.h"
#include "sim/soapy/feed.h"
#include "sim/soapy/settings.h"
#include "sim/soapy/source.h"

namespace tramthu_sim {

class Stream {
  public:
    Stream(const Settings& settings, const EventLog& log);

    // All may be called from several threads at once.
    void tune(double sample_rate, double frequency_hz);
    void switch_bias_tee(bool on);
    bool activate();  // false when the device is gone
    void deactivate();
    // As SoapySDR::Device::readStream, into samples of the native format.
    int read(std::byte* out, std::size_t count, int& flags, long long& time_ns, long timeout_us);
    long long hardware_time_ns();
    void set_hardware_time_ns(long long time_ns);
    // Whether the device has been unplugged since it was opened; then it stays useless.
    bool gone();

  private:
    using Clock = std::chrono::steady_clock;

    double true_rate() const;
    double sample_at(Clock::time_point time) const;
    Clock::time_point time_of(std::int64_t sample) const;
    long long hardware_ns(std::int64_t sample) const;
    std::int64_t delivered(Clock::time_point now);
    std::int64_t fifo() const;
    std::int64_t before_the_end(std::int64_t upto) const;
    Clock::time_point worth_waiting_until(Clock::time_point now) const;
    void rebase(Clock::time_point now);
    void ask_feed();
    void run_feed();
    bool is_gone(Clock::time_point now);
    std::int64_t stalled(std::int64_t on_air) const;
    void lose(std::int64_t upto, const char* cause);
    void lose_what_is_due(std::int64_t produced);
    int take(std::byte* out, std::size_t count, int& flags, long long& time_ns, Clock::time_point now);
    int die();
    std::int64_t whole_or_short(std::int64_t count);

    const Settings settings_;
    const EventLog& log_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::unique_ptr<Source> source_, bias_source_;
    Feed* feed_ = nullptr;  // the source, where it is one
    const Clock::time_point opened_ = Clock::now();
    double rate_ = 1e6, frequency_hz_ = 1e8;
    bool active_ = false, based_ = false, bias_tee_ = false, dead_ = false, gone_ = false, hung_ = false;
    Clock::time_point base_time_, looked_;
    std::int64_t base_sample_ = 0, first_ = 0, next_ = 0, produced_ = 0;
    long long base_hardware_ns_ = 0;
    std::vector<Stretch>::const_iterator loss_;
    std::uint64_t reads_ = 0;
    bool tell_overflow_ = false, stopped_ = false;
    std::minstd_rand random_{1};
};

}  // namespace tramthu_sim

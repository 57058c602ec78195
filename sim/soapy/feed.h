// Samples that another program sends over a unix socket, as sim/soapy/feeder.py does.
//   we connect and say    {"sample_rate": 250000, "frequency_hz": 1.379e8, "format": "CS16", "time_s": null}
//                         in one line; time_s: of our first sample after `epoch`, null without an epoch
//   it sends              raw samples without end, faster than real time; we let it wait
#pragma once
#include <algorithm>
#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "sim/soapy/event_log.h"
#include "sim/soapy/source.h"

namespace tramthu_sim {

class Feed final : public Source {
  public:
    Feed(std::string path, std::string format, const EventLog& log);
    ~Feed() override;

    // Connect, ask, and wait for the first sample; std::runtime_error when nobody sends.
    // `time_s`: of the first sample after sample 0, NaN where sample 0 has no time.
    void ask(double sample_rate, double frequency_hz, double time_s);
    // Take what comes as sample `first` and on. It waits in `capacity` samples; of those that are on air by
    // `on_air` no more than `fifo` are kept.
    void run(std::int64_t first, std::int64_t fifo, std::int64_t capacity,
             std::function<std::int64_t()> on_air);
    void end();
    // Samples before this one are there; all of them, as silence, once the sender is gone.
    std::int64_t ready() const { return ready_; }
    // While held nothing is overwritten: to be held around `oldest` and `copy`.
    std::unique_lock<std::mutex> hold() { return std::unique_lock(mutex_); }
    // The oldest sample that is still there, now that those before `wanted` are needed no more.
    std::int64_t oldest(std::int64_t wanted) { return kept_from_ = std::max(kept_from_, wanted); }
    bool copy(std::int64_t first, std::int64_t count, std::byte* out) override;

  private:
    void receive();
    std::size_t room(std::int64_t held_bytes);

    const std::string path_, format_;
    const std::int64_t width_;
    const EventLog& log_;
    std::mutex mutex_;
    std::function<std::int64_t()> on_air_;
    std::vector<std::byte> ring_;
    std::int64_t first_ = 0, fifo_ = 0, kept_from_ = 0, ended_ = 0;
    std::atomic<std::int64_t> ready_ = 0;
    std::atomic<bool> stop_ = false;
    std::thread thread_;
    int socket_ = -1;
};

}  // namespace tramthu_sim

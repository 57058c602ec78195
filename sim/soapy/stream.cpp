#include "sim/soapy/stream.h"

#include <SoapySDR/Constants.h>
#include <SoapySDR/Errors.h>

#include <SoapySDR/Time.hpp>
#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>

namespace tramthu_sim {

namespace {

using std::chrono::duration;
using std::chrono::duration_cast;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr long kLongestWaitUs = 3'600'000'000;
constexpr auto kLook = milliseconds(10);  // at the control file
constexpr auto kShortestNap = microseconds(500), kLongestNap = microseconds(1'000'000);
constexpr double kLongestS = 4e9;   // twice that still fits into nanoseconds
constexpr double kFeedLeadS = 2.0;  // how far the sender may run ahead
constexpr std::int64_t kEndless = std::numeric_limits<std::int64_t>::max();

double posix_now() { return duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

nanoseconds seconds_in_ns(double seconds) {
    return nanoseconds(std::llround(std::clamp(seconds, -kLongestS, kLongestS) * 1e9));
}

// 0 … 1 of a transfer: the same one is late each time.
double lateness_of(std::int64_t transfer) {
    std::uint64_t z = (static_cast<std::uint64_t>(transfer) + 1) * 0x9E3779B97F4A7C15ULL;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return static_cast<double>(z >> 11) * 0x1p-53;
}

}  // namespace

Stream::Stream(const Settings& settings, const EventLog& log)
    : settings_(settings), log_(log), loss_(settings_.losses.begin()) {
    if (settings_.native_rate != 0) rate_ = settings_.native_rate;
    if (!settings_.file.empty()) source_ = file_source(settings_.file, settings_.format, settings_.loop);
    if (!settings_.bias_file.empty())
        bias_source_ = file_source(settings_.bias_file, settings_.format, settings_.loop);
    if (!source_ && settings_.socket.empty()) source_ = counter_source(settings_.format);
}

void Stream::tune(double sample_rate, double frequency_hz) {
    const std::lock_guard lock(mutex_);
    if (sample_rate == rate_ && frequency_hz == frequency_hz_) return;
    if (based_ && sample_rate != rate_) rebase(Clock::now());
    rate_ = sample_rate;
    frequency_hz_ = frequency_hz;
    if (active_) {
        ask_feed();
        run_feed();
    }
}

void Stream::switch_bias_tee(bool on) {
    const std::lock_guard lock(mutex_);
    bias_tee_ = on;
}

bool Stream::activate() {
    const std::lock_guard lock(mutex_);
    if (is_gone(Clock::now())) return false;
    if (active_) return true;
    if (!based_ && settings_.epoch_s) {
        base_time_ = Clock::now() - seconds_in_ns(posix_now() - *settings_.epoch_s);
        base_hardware_ns_ += duration_cast<nanoseconds>(base_time_ - opened_).count();
        based_ = true;
    }
    const bool timed = based_;
    if (settings_.pace && timed) next_ = std::max<std::int64_t>(std::llround(sample_at(Clock::now())), 0);
    ask_feed();
    if (!timed) {  // the first samples are on air now
        base_time_ = Clock::now();
        base_hardware_ns_ += duration_cast<nanoseconds>(base_time_ - opened_).count();
        based_ = true;
    }
    run_feed();
    first_ = produced_ = next_;
    while (loss_ != settings_.losses.end() && loss_->first + loss_->count <= next_) ++loss_;
    dead_ = tell_overflow_ = stopped_ = false;
    active_ = true;
    log_.activated(next_, posix_now() - duration<double>(Clock::now() - time_of(next_)).count());
    changed_.notify_all();
    return true;
}

void Stream::deactivate() {
    const std::lock_guard lock(mutex_);
    if (!active_) return;
    active_ = false;
    if (feed_ != nullptr) feed_->end();
    log_.event("deactivated");
    changed_.notify_all();
}

int Stream::read(std::byte* out, std::size_t count, int& flags, long long& time_ns, long timeout_us) {
    std::unique_lock lock(mutex_);
    const auto deadline = Clock::now() + microseconds(std::clamp(timeout_us, 0L, kLongestWaitUs));
    reads_++;
    const bool in_vain = settings_.timeouts != 0 && reads_ % settings_.timeouts == 0;
    if (count == 0) return 0;
    while (true) {
        const auto now = Clock::now();
        if (is_gone(now) || dead_) return SOAPY_SDR_STREAM_ERROR;
        if (active_ && !in_vain && !hung_)
            if (const int result = take(out, count, flags, time_ns, now); result != 0) return result;
        if (now >= deadline) return SOAPY_SDR_TIMEOUT;
        changed_.wait_until(lock, std::min(deadline, worth_waiting_until(now)));
    }
}

long long Stream::hardware_time_ns() {
    const std::lock_guard lock(mutex_);
    const auto now = Clock::now();
    if (!based_) return base_hardware_ns_ + duration_cast<nanoseconds>(now - opened_).count();
    return hardware_ns(settings_.pace ? std::llround(sample_at(now)) : next_);
}

void Stream::set_hardware_time_ns(long long time_ns) {
    const std::lock_guard lock(mutex_);
    const auto now = Clock::now();
    if (!based_) {
        base_hardware_ns_ = time_ns - duration_cast<nanoseconds>(now - opened_).count();
    } else {
        base_hardware_ns_ += time_ns - hardware_ns(settings_.pace ? std::llround(sample_at(now)) : next_);
    }
}

bool Stream::gone() {
    const std::lock_guard lock(mutex_);
    return is_gone(Clock::now());
}

double Stream::true_rate() const { return rate_ * (1 + settings_.crystal_ppm * 1e-6); }

double Stream::sample_at(Clock::time_point time) const {
    return static_cast<double>(base_sample_) + duration<double>(time - base_time_).count() * true_rate();
}

Stream::Clock::time_point Stream::time_of(std::int64_t sample) const {
    return base_time_ + seconds_in_ns(static_cast<double>(sample - base_sample_) / true_rate());
}

// The hardware counts its own samples, so its clock is off by the crystal's error.
long long Stream::hardware_ns(std::int64_t sample) const {
    return base_hardware_ns_ + SoapySDR::ticksToTimeNs(sample - base_sample_, rate_);
}

// Samples that can be read come before this one.
std::int64_t Stream::delivered(Clock::time_point now) {
    if (!settings_.pace) return kEndless;
    const auto transfers_at = [&](Clock::time_point time) {
        return static_cast<std::int64_t>(std::floor(sample_at(time) - static_cast<double>(first_))) /
               settings_.mtu;
    };
    const double late_s = settings_.jitter_ms * 1e-3 * lateness_of(transfers_at(now));
    std::int64_t upto = first_ + transfers_at(now - seconds_in_ns(late_s)) * settings_.mtu;
    upto = std::min(upto, stalled(std::llround(sample_at(now))));
    if (feed_ != nullptr) upto = std::min(upto, feed_->ready());
    return produced_ = std::max(produced_, upto);
}

// Where a stall holds up what comes, its first sample.
std::int64_t Stream::stalled(std::int64_t on_air) const {
    const auto behind =
        std::upper_bound(settings_.stalls.begin(), settings_.stalls.end(), on_air,
                         [](std::int64_t sample, const Stretch& stall) { return sample < stall.first; });
    if (behind == settings_.stalls.begin()) return kEndless;
    const Stretch& stall = *std::prev(behind);
    return on_air < stall.first + stall.count ? stall.first : kEndless;
}

// What happens to a stream that was there before; one that is opened later goes on.
std::int64_t Stream::before_the_end(std::int64_t upto) const {
    for (const std::int64_t end : {settings_.silent_at, settings_.die_at})
        if (first_ < end || end == 0) upto = std::min(upto, end);
    return upto;
}

std::int64_t Stream::fifo() const {
    if (settings_.fifo != 0) return settings_.fifo;
    return std::max(static_cast<std::int64_t>(rate_), 4 * settings_.mtu);
}

Stream::Clock::time_point Stream::worth_waiting_until(Clock::time_point now) const {
    const auto look = now + (settings_.control.empty() ? kLongestNap : kLook);
    if (!active_ || hung_) return look;
    const std::int64_t transfers = std::max<std::int64_t>(next_ - first_, 0) / settings_.mtu + 1;
    const auto complete = settings_.pace ? time_of(first_ + transfers * settings_.mtu) : look;
    return std::clamp<Clock::time_point>(complete, now + kShortestNap, look);
}

// A new rate counts from the present sample.
void Stream::rebase(Clock::time_point now) {
    const std::int64_t sample = settings_.pace ? std::llround(sample_at(now)) : next_;
    base_hardware_ns_ = hardware_ns(sample);
    base_sample_ = first_ = next_ = produced_ = sample;
    base_time_ = now;
    if (active_) log_.activated(next_, posix_now());
}

void Stream::ask_feed() {
    if (settings_.socket.empty()) return;
    if (feed_ == nullptr) {
        auto feed = std::make_unique<Feed>(settings_.socket, settings_.format, log_);
        feed_ = feed.get();
        source_ = std::move(feed);
    }
    const double nan = std::numeric_limits<double>::quiet_NaN();
    feed_->ask(rate_, frequency_hz_, settings_.epoch_s ? static_cast<double>(next_) / true_rate() : nan);
}

// The sender's clock is a copy of ours as it is now: a new rate asks it anew.
void Stream::run_feed() {
    if (feed_ == nullptr) return;
    const auto most = std::min(fifo(), kMostFed);
    const auto ahead = std::min(static_cast<std::int64_t>(kFeedLeadS * rate_), kMostFed) + settings_.mtu;
    const auto base_time = base_time_;
    const auto base_sample = base_sample_;
    const double rate = true_rate();
    feed_->run(next_, most, most + ahead, [=] {
        const double passed = duration<double>(Clock::now() - base_time).count() * rate;
        return base_sample + static_cast<std::int64_t>(passed);
    });
}

bool Stream::is_gone(Clock::time_point now) {
    if (gone_ || settings_.control.empty() || now - looked_ < kLook) return gone_;
    looked_ = now;
    const Plug plug = plug_of(settings_.control);
    gone_ = plug == Plug::unplugged;
    hung_ = plug == Plug::hung;
    if (gone_) log_.event("unplugged");
    return gone_;
}

// Go on at `upto`; what lies before it is lost.
void Stream::lose(std::int64_t upto, const char* cause) {
    if (upto <= next_) return;
    log_.lost(next_, upto - next_, cause);
    next_ = upto;
    tell_overflow_ = settings_.overflow_code;
    stopped_ = settings_.overflow_stops;
}

// All losses that come before the next sample.
void Stream::lose_what_is_due(std::int64_t produced) {
    // The newer half stays, so that a reader who is late for the next read as well gets samples.
    const bool full = settings_.pace && produced - next_ > fifo();
    std::int64_t oldest = full ? produced - fifo() / 2 : next_;
    if (feed_ != nullptr) oldest = std::max(oldest, feed_->oldest(next_));
    lose(oldest, "fifo full");
    for (; loss_ != settings_.losses.end() && loss_->first <= next_; ++loss_)
        lose(loss_->first + loss_->count, "injected");
}

// Samples, OVERFLOW, STREAM_ERROR, or 0 when nothing has come.
int Stream::take(std::byte* out, std::size_t count, int& flags, long long& time_ns, Clock::time_point now) {
    if (stopped_ && !tell_overflow_) return 0;
    const auto held = feed_ ? feed_->hold() : std::unique_lock<std::mutex>();
    std::int64_t upto = before_the_end(delivered(now));
    lose_what_is_due(upto);
    if (tell_overflow_) {
        tell_overflow_ = false;
        return SOAPY_SDR_OVERFLOW;
    }
    if (next_ >= settings_.die_at && upto == settings_.die_at) return die();
    if (loss_ != settings_.losses.end()) upto = std::min(upto, loss_->first);
    const auto most = std::min<std::int64_t>(static_cast<std::int64_t>(count), settings_.mtu);
    if (upto <= next_) return 0;
    const std::int64_t got = whole_or_short(std::min(upto - next_, most));
    Source& source = bias_tee_ && bias_source_ ? *bias_source_ : *source_;
    if (!source.copy(next_, got, out)) return die();
    if (settings_.stamps) {
        flags |= SOAPY_SDR_HAS_TIME;
        time_ns = hardware_ns(next_);
    }
    next_ += got;
    return static_cast<int>(got);
}

int Stream::die() {
    log_.event("died");
    dead_ = true;
    return SOAPY_SDR_STREAM_ERROR;
}

std::int64_t Stream::whole_or_short(std::int64_t count) {
    if (settings_.short_reads == 0 || reads_ % settings_.short_reads != 0) return count;
    return 1 + static_cast<std::int64_t>(random_()) % count;
}

}  // namespace tramthu_sim

#include "sim/soapy/feed.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <utility>

namespace tramthu_sim {

namespace {

constexpr int kPatienceMs = 60'000;  // a pass is prepared before its first sample comes
constexpr std::int64_t kEndless = std::numeric_limits<std::int64_t>::max();
constexpr auto kNap = std::chrono::milliseconds(2);

int connected(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path)
        throw std::invalid_argument("tramthu_sim: socket=" + path + ": the path is too long");
    std::copy(path.begin(), path.end(), address.sun_path);
    const int file = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (file < 0 || connect(file, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        const std::string why = std::strerror(errno);
        if (file >= 0) close(file);
        throw std::runtime_error("tramthu_sim: socket=" + path + ": " + why);
    }
    return file;
}

// Whether a first sample comes; an end without one is none.
bool answered(int file) {
    pollfd readable{file, POLLIN, 0};
    int come = 0;
    do come = poll(&readable, 1, kPatienceMs);
    while (come < 0 && errno == EINTR);
    char first = 0;
    return come == 1 && recv(file, &first, 1, MSG_PEEK) == 1;
}

}  // namespace

Feed::Feed(std::string path, std::string format, const EventLog& log)
    : path_(std::move(path)),
      format_(std::move(format)),
      width_(static_cast<std::int64_t>(width_of(format_))),
      log_(log) {}

Feed::~Feed() { end(); }

void Feed::ask(double sample_rate, double frequency_hz, double time_s) {
    end();
    socket_ = connected(path_);
    const std::string line =
        "{\"sample_rate\": " + json_number(sample_rate) + ", \"frequency_hz\": " + json_number(frequency_hz) +
        ", \"format\": " + json_text(format_) + ", \"time_s\": " + json_number(time_s) + "}\n";
    const bool sent = send(socket_, line.data(), line.size(), MSG_NOSIGNAL) == std::ssize(line);
    if (!sent || !answered(socket_)) {
        end();
        throw std::runtime_error("tramthu_sim: socket=" + path_ + ": nobody sends samples there");
    }
    log_.event("feed began");
}

void Feed::run(std::int64_t first, std::int64_t fifo, std::int64_t capacity,
               std::function<std::int64_t()> on_air) {
    ring_.resize(static_cast<std::size_t>(capacity * width_));
    first_ = kept_from_ = first;
    fifo_ = fifo;
    on_air_ = std::move(on_air);
    ready_ = first_;
    stop_ = false;
    thread_ = std::thread([this] { receive(); });
}

void Feed::end() {
    stop_ = true;
    if (socket_ >= 0) shutdown(socket_, SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
    if (socket_ >= 0) close(socket_);
    socket_ = -1;
}

void Feed::receive() {
    std::int64_t held = 0;  // bytes since first_
    while (!stop_) {
        const std::size_t some = room(held);
        if (some == 0) {
            std::this_thread::sleep_for(kNap);
            continue;
        }
        const auto at = static_cast<std::size_t>((first_ * width_ + held) % std::ssize(ring_));
        const ssize_t got = recv(socket_, ring_.data() + at, std::min(some, ring_.size() - at), 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        held += got;
        ready_ = first_ + held / width_;
    }
    if (stop_) return;
    log_.event("feed ended");
    ended_ = ready_;
    ready_ = kEndless;
}

// Bytes that may be written without touching what may still be read.
std::size_t Feed::room(std::int64_t held_bytes) {
    const std::lock_guard lock(mutex_);
    kept_from_ = std::max(kept_from_, std::min(on_air_(), ready_.load()) - fifo_);
    const std::int64_t free = (kept_from_ - first_) * width_ + std::ssize(ring_) - held_bytes;
    return static_cast<std::size_t>(std::max<std::int64_t>(free, 0));
}

bool Feed::copy(std::int64_t first, std::int64_t count, std::byte* out) {
    // ended_ is set before ready_ becomes endless.
    const std::int64_t end = ready_ == kEndless ? ended_ : first + count;
    const std::int64_t there = std::clamp<std::int64_t>(end - first, 0, count);
    for (std::int64_t at = first * width_, left = there * width_; left > 0;) {
        const std::int64_t place = at % std::ssize(ring_);
        const std::int64_t some = std::min(left, std::ssize(ring_) - place);
        std::memcpy(out, ring_.data() + place, static_cast<std::size_t>(some));
        at += some;
        left -= some;
        out += some;
    }
    silence(format_, count - there, out);
    return true;
}

}  // namespace tramthu_sim

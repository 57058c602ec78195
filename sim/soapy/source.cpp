#include "sim/soapy/source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <stdexcept>

namespace tramthu_sim {

namespace {

template <typename Word>
void count_up(std::int64_t first, std::int64_t count, std::byte* out) {
    for (std::int64_t i = 0; i < count; i++) {
        const Word word = static_cast<Word>(first + i);
        std::memcpy(out + i * static_cast<std::int64_t>(sizeof word), &word, sizeof word);
    }
}

void count_floats(std::int64_t first, std::int64_t count, std::byte* out) {
    for (std::int64_t i = 0; i < count; i++) {
        const auto number = static_cast<std::uint32_t>(first + i);
        const float pair[2] = {static_cast<float>(number & 0xFFFF) / 65536,
                               static_cast<float>(number >> 16) / 65536};
        std::memcpy(out + i * static_cast<std::int64_t>(sizeof pair), pair, sizeof pair);
    }
}

class Counter final : public Source {
  public:
    explicit Counter(std::size_t width) : width_(width) {}

    bool copy(std::int64_t first, std::int64_t count, std::byte* out) override {
        if (width_ == 2) count_up<std::uint16_t>(first, count, out);
        if (width_ == 4) count_up<std::uint32_t>(first, count, out);
        if (width_ == 8) count_floats(first, count, out);
        return true;
    }

  private:
    std::size_t width_;
};

class File final : public Source {
  public:
    File(const std::string& path, const std::string& format, bool loop)
        : format_(format), loop_(loop), width_(static_cast<std::int64_t>(width_of(format))) {
        // A pipe without a writer would hold up the opening for good.
        file_ = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (file_ < 0) throw std::invalid_argument("tramthu_sim: " + path + ": " + std::strerror(errno));
        struct stat about{};
        const bool regular = fstat(file_, &about) == 0 && S_ISREG(about.st_mode);
        if (!regular || about.st_size == 0 || about.st_size % width_ != 0) {
            close(file_);
            throw std::invalid_argument(
                "tramthu_sim: " + path +
                (regular ? ": its " + std::to_string(about.st_size) + " bytes are no whole number of " +
                               format + " samples of " + std::to_string(width_) + " bytes, or none"
                         : " is no file"));
        }
        samples_ = about.st_size / width_;
    }
    ~File() override { close(file_); }

    bool copy(std::int64_t first, std::int64_t count, std::byte* out) override {
        while (count > 0) {
            const std::int64_t at = loop_ ? first % samples_ : first;
            if (at >= samples_) {
                silence(format_, count, out);
                return true;
            }
            const std::int64_t some = std::min(count, samples_ - at);
            if (!read_all(at * width_, some * width_, out)) return false;
            first += some;
            count -= some;
            out += some * width_;
        }
        return true;
    }

  private:
    bool read_all(std::int64_t at, std::int64_t bytes, std::byte* out) const {
        while (bytes > 0) {
            const ssize_t got = pread(file_, out, static_cast<std::size_t>(bytes), at);
            if (got < 0 && errno == EINTR) continue;
            if (got <= 0) return false;
            at += got;
            bytes -= got;
            out += got;
        }
        return true;
    }

    std::string format_;
    bool loop_;
    std::int64_t width_, samples_ = 0;
    int file_ = -1;
};

}  // namespace

std::unique_ptr<Source> counter_source(const std::string& format) {
    return std::make_unique<Counter>(width_of(format));
}

std::unique_ptr<Source> file_source(const std::string& path, const std::string& format, bool loop) {
    return std::make_unique<File>(path, format, loop);
}

void silence(const std::string& format, std::int64_t count, std::byte* out) {
    std::memset(out, format == "CU8" ? 128 : 0, static_cast<std::size_t>(count) * width_of(format));
}

}  // namespace tramthu_sim

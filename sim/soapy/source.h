// Where the samples come from: their own numbers, a file, or a program behind a socket.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "sim/soapy/settings.h"

namespace tramthu_sim {

class Source {
  public:
    virtual ~Source() = default;
    Source() = default;
    Source(const Source&) = delete;
    Source& operator=(const Source&) = delete;

    // Samples `first` … `first + count` into `out`; false when they cannot be had any more.
    virtual bool copy(std::int64_t first, std::int64_t count, std::byte* out) = 0;
};

// The sample's own number: CS16 as one u32, CU8 and CS8 as u16, CF32 as I, Q = low, high 16 bits / 65536.
std::unique_ptr<Source> counter_source(const std::string& format);

// Raw samples of a file; behind its end zeros, or it begins again. It is read as it is needed and not mapped:
// a file that is cut short meanwhile must not kill the reader, nor count as the reader's memory.
std::unique_ptr<Source> file_source(const std::string& path, const std::string& format, bool loop);

void silence(const std::string& format, std::int64_t count, std::byte* out);

}  // namespace tramthu_sim

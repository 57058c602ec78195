// What the device was asked and what it really did, a JSON object a line: the truth for tests.
//   {"event": "setting", "name": "frequency", "value": 1.379e8}
//   {"event": "activated", "first": 0, "time": 1795323329.25}    the first sample, and its POSIX time
//   {"event": "lost", "first": 12345, "count": 678, "cause": "injected"}, or "fifo full"
//   {"event": "opened" | "closed" | "deactivated" | "died" | "unplugged" | "feed began" | "feed ended"}
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace tramthu_sim {

class EventLog {
  public:
    explicit EventLog(const std::string& path);  // "" for none; std::invalid_argument when it cannot be made
    ~EventLog();
    EventLog(const EventLog&) = delete;
    EventLog& operator=(const EventLog&) = delete;

    void event(std::string_view what) const;
    void setting(std::string_view name, double value) const;
    void setting(std::string_view name, std::string_view value) const;
    void activated(std::int64_t first, double time_s) const;
    void lost(std::int64_t first, std::int64_t count, std::string_view cause) const;

  private:
    void line(const std::string& fields) const;

    int file_ = -1;
};

std::string json_text(std::string_view text);
std::string json_number(double number);  // null for what JSON has no number for

}  // namespace tramthu_sim

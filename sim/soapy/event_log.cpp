#include "sim/soapy/event_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <stdexcept>

namespace tramthu_sim {

EventLog::EventLog(const std::string& path) {
    if (path.empty()) return;
    file_ = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0666);
    if (file_ < 0) throw std::invalid_argument("tramthu_sim: log=" + path + ": " + std::strerror(errno));
}

EventLog::~EventLog() {
    if (file_ >= 0) close(file_);
}

void EventLog::event(std::string_view what) const { line("\"event\": " + json_text(what)); }

void EventLog::setting(std::string_view name, double value) const {
    line("\"event\": \"setting\", \"name\": " + json_text(name) + ", \"value\": " + json_number(value));
}

void EventLog::setting(std::string_view name, std::string_view value) const {
    line("\"event\": \"setting\", \"name\": " + json_text(name) + ", \"value\": " + json_text(value));
}

void EventLog::activated(std::int64_t first, double time_s) const {
    line("\"event\": \"activated\", \"first\": " + std::to_string(first) +
         ", \"time\": " + json_number(time_s));
}

void EventLog::lost(std::int64_t first, std::int64_t count, std::string_view cause) const {
    line("\"event\": \"lost\", \"first\": " + std::to_string(first) +
         ", \"count\": " + std::to_string(count) + ", \"cause\": " + json_text(cause));
}

// In one piece, so that several processes may share a log, and at once, so that a killed one leaves it whole.
void EventLog::line(const std::string& fields) const {
    if (file_ < 0) return;
    const std::string whole = "{" + fields + "}\n";
    if (write(file_, whole.data(), whole.size()) < 0)
        std::fprintf(stderr, "tramthu_sim: the log cannot be written: %s\n", std::strerror(errno));
}

std::string json_text(std::string_view text) {
    std::string quoted = "\"";
    for (const char letter : text) {
        const auto code = static_cast<unsigned char>(letter);
        char escaped[8];
        std::snprintf(escaped, sizeof escaped, "\\u%04x", code);
        // What is beyond ASCII is told byte by byte: it may be no UTF-8.
        const bool plain = code >= 0x20 && code < 0x7F && letter != '"' && letter != '\\';
        quoted += plain ? std::string(1, letter) : std::string(escaped);
    }
    return quoted + "\"";
}

std::string json_number(double number) {
    if (!std::isfinite(number)) return "null";
    char text[40];
    return std::string(text, std::to_chars(text, text + sizeof text, number).ptr);
}

}  // namespace tramthu_sim

#include "unimiss/core/log.h"

#include <spdlog/sinks/ansicolor_sink.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/ringbuffer_sink.h>
#include <spdlog/spdlog.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <mutex>

#include "unimiss/core/error.h"

namespace unimiss {
namespace {

bool on_terminal() {
  static const bool terminal = isatty(STDERR_FILENO) == 1;
  return terminal;
}

spdlog::color_mode color_mode() {
  const char* off = std::getenv("NO_COLOR");
  return off != nullptr && *off != '\0' ? spdlog::color_mode::never
                                        : spdlog::color_mode::automatic;
}

/// Standard error, with the line of progress below the messages.
class TerminalSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  TerminalSink() : messages_(color_mode()) {}

  void show(std::string_view line) {
    const std::lock_guard lock(mutex_);
    line_ = line;
    redraw();
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    if (!line_.empty()) std::fputs(kClear, stderr);
    messages_.log(message);
    messages_.flush();
    if (!line_.empty()) redraw();
  }
  void flush_() override { messages_.flush(); }
  void set_pattern_(const std::string& pattern) override {
    messages_.set_pattern(pattern);
  }
  void set_formatter_(std::unique_ptr<spdlog::formatter> formatter) override {
    messages_.set_formatter(std::move(formatter));
  }

 private:
  static constexpr const char* kClear = "\r\033[K";
  void redraw() {
    // A line that wraps could not be taken back.
    winsize size{};
    const bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0;
    const size_t width = known && size.ws_col > 1 ? size.ws_col - 1 : 79;
    std::fputs(kClear, stderr);
    std::fputs(line_.substr(0, width).c_str(), stderr);
    std::fflush(stderr);
  }

  spdlog::sinks::ansicolor_stderr_sink_st messages_;
  std::string line_;
};

const std::shared_ptr<TerminalSink>& terminal() {
  static const auto sink = std::make_shared<TerminalSink>();
  return sink;
}

/// The last messages, for a file that is opened after them.
const std::shared_ptr<spdlog::sinks::ringbuffer_sink_mt>& earlier() {
  constexpr size_t kMessages = 10000;
  static const auto sink =
      std::make_shared<spdlog::sinks::ringbuffer_sink_mt>(kMessages);
  return sink;
}

std::shared_ptr<spdlog::logger> make_logger(const char* name) {
  auto created = std::make_shared<spdlog::logger>(name, earlier());
  created->set_pattern("%H:%M:%S %^%L%$ %v");
  created->flush_on(spdlog::level::info);
  return created;
}

/// Of several processes, not the first.
bool follows = false;

/// What goes everywhere.
spdlog::logger& logger() {
  static const auto instance = [] {
    auto created = make_logger("unimiss");
    terminal()->set_pattern("%H:%M:%S %^%L%$ %v");
    created->sinks().push_back(terminal());
    return created;
  }();
  return *instance;
}

/// What goes to the file alone.
spdlog::logger& file_logger() {
  static const auto instance = make_logger("unimiss file");
  return *instance;
}

}  // namespace

void log_info(std::string_view message) { logger().info("{}", message); }

void log_warning(std::string_view message) { logger().warn("{}", message); }

void log_as_process(int64_t rank) {
  follows = rank > 0;
  if (!follows) return;
  logger().set_level(spdlog::level::warn);
  terminal()->set_pattern(fmt::format("%H:%M:%S %^%L%$ [process {}] %v", rank));
}

void log_no_more() { logger().set_level(spdlog::level::off); }

bool logs_no_more() { return logger().level() == spdlog::level::off; }

void log_progress(std::string_view line, std::string_view message) {
  if (follows) return;
  if (on_terminal()) {
    if (!message.empty()) log_to_file_only(message);
    terminal()->show(line);
  } else if (!message.empty()) {
    log_info(message);
  }
}

void log_to_file_only(std::string_view message) {
  file_logger().info("{}", message);
}

std::string progress_bar(double share) {
  constexpr int kWidth = 20;
  share = std::clamp(share, 0.0, 1.0);
  const int full = static_cast<int>(share * kWidth);
  return fmt::format("[{:<{}}] {:3.0f} %", std::string(full, '='), kWidth,
                     std::floor(100 * share));
}

std::string duration_text(double seconds) {
  const auto whole = static_cast<int64_t>(std::max(0.0, std::round(seconds)));
  const int64_t minutes = whole / 60, hours = minutes / 60, days = hours / 24;
  if (days > 0) return fmt::format("{} d {:02} h", days, hours % 24);
  if (hours > 0) return fmt::format("{} h {:02} min", hours, minutes % 60);
  if (minutes > 0) return fmt::format("{} min {:02} s", minutes, whole % 60);
  return fmt::format("{} s", whole);
}

void log_to_file(const std::string& path) {
  try {
    auto sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(path);
    sink->set_pattern("%Y-%m-%d %H:%M:%S %L %v");
    for (const auto& message : earlier()->last_raw()) sink->log(message);
    logger().sinks().push_back(sink);
    file_logger().sinks().push_back(std::move(sink));
  } catch (const spdlog::spdlog_ex& error) {
    throw DataError(path, std::string("cannot write the log (") + error.what() +
                              "); choose an output folder you can write to");
  }
}

}  // namespace unimiss

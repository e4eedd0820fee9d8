#include "unimiss/core/log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/ringbuffer_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include "unimiss/core/error.h"

namespace unimiss {
namespace {

/// The last messages, for a file that is opened after them.
const std::shared_ptr<spdlog::sinks::ringbuffer_sink_mt>& earlier() {
  constexpr size_t kMessages = 10000;
  static const auto sink =
      std::make_shared<spdlog::sinks::ringbuffer_sink_mt>(kMessages);
  return sink;
}

spdlog::logger& logger() {
  static auto instance = [] {
    auto created = std::make_shared<spdlog::logger>(
        "unimiss", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
    created->sinks().push_back(earlier());
    created->set_pattern("%H:%M:%S %^%L%$ %v");
    created->flush_on(spdlog::level::info);
    return created;
  }();
  return *instance;
}

}  // namespace

void log_info(std::string_view message) { logger().info("{}", message); }

void log_warning(std::string_view message) { logger().warn("{}", message); }

void log_to_file(const std::string& path) {
  try {
    auto sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(path);
    sink->set_pattern("%Y-%m-%d %H:%M:%S %L %v");
    for (const auto& message : earlier()->last_raw()) sink->log(message);
    logger().sinks().push_back(std::move(sink));
  } catch (const spdlog::spdlog_ex& error) {
    throw DataError(path, std::string("cannot write the log (") + error.what() +
                              "); choose an output folder you can write to");
  }
}

}  // namespace unimiss

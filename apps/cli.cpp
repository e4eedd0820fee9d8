#include "cli.h"

#include <fmt/format.h>
#include <malloc.h>
#include <torch/types.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <string>
#include <string_view>

#include "unimiss/core/log.h"
#include "version.h"

namespace unimiss {
namespace {

constexpr const char* kOutOfMemory =
    "out of memory; use a smaller batch (data.batch_size_2d, "
    "data.batch_size_3d; in fine-tuning data.batch_size, or more parts by "
    "optimizer.accumulate, and inference.batch), smaller inputs or network "
    "(model.*, head.prototypes), or fewer loader threads (data.workers)";

bool wants_stack_trace() {
  const char* value = std::getenv("TORCH_SHOW_CPP_STACKTRACES");
  return value && std::string_view(value) == "1";
}

void print_error(std::string_view message) {
  // The first of several processes says what all have to say.
  if (!logs_no_more()) fmt::print(stderr, "error: {}\n", message);
  log_to_file_only(fmt::format("error: {}", message));
}

}  // namespace

void tune_allocator() {
  constexpr int kGibibyte = 1 << 30;
  mallopt(M_MMAP_THRESHOLD, kGibibyte);
  mallopt(M_TRIM_THRESHOLD, 2 * (kGibibyte - 1));
  mallopt(M_TOP_PAD, 64 << 20);
}

int run_app(const std::function<void()>& body) {
  // A reader of our output that ends (`| tee log` at Ctrl-C) must not end us.
  std::signal(SIGPIPE, SIG_IGN);
  try {
    body();
    return EXIT_SUCCESS;
  } catch (const ConfigError& error) {
    print_error(error.what());
    return kExitUsage;
  } catch (const Preempted& stopped) {
    log_info(stopped.what());
    return kExitPreempted;
  } catch (const Error& error) {
    print_error(error.what());
  } catch (const c10::Error& error) {
    // LibTorch's allocators have exceptions of no type of their own.
    const std::string_view what = error.what_without_backtrace();
    if (what.find("allocate memory") != std::string_view::npos ||
        what.find("out of memory") != std::string_view::npos) {
      print_error(kOutOfMemory);
      return kExitFailed;
    }
    print_error(wants_stack_trace() ? error.what()
                                    : error.what_without_backtrace());
  } catch (const std::bad_alloc&) {
    print_error(kOutOfMemory);
  } catch (const std::exception& error) {
    print_error(error.what());
  }
  return kExitFailed;
}

int run_app(CLI::App& app, int argc, char** argv,
            const std::function<void()>& body) {
  app.set_version_flag("--version", version_text,
                       "version, commit, LibTorch, CUDA, CPU capability");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == EXIT_SUCCESS ? EXIT_SUCCESS : kExitUsage;
  }
  return run_app(body);
}

}  // namespace unimiss

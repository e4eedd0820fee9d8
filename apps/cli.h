#pragma once

#include <CLI/CLI.hpp>
#include <functional>

#include "unimiss/core/error.h"

/// What every program's main() shares: the memory allocator's settings and the
/// one place that turns an exception into a message and an exit status.
///
///     int main(int argc, char** argv) {
///       unimiss::tune_allocator();
///       CLI::App app("Pretrains a network");
///       ...
///       return unimiss::run_app(app, argc, argv, [&] { ... });
///     }
namespace unimiss {

/// Makes glibc keep freed memory instead of returning it to the system: tensors
/// are otherwise paged in anew at every operator, up to 7 times slower. Call it
/// before anything allocates; the process then stays at its largest size.
void tune_allocator();

/// Calls body(); an exception becomes a message on standard error and the exit
/// status returned. A bug (c10::Error) is shown without its C++ stack trace,
/// unless the environment has TORCH_SHOW_CPP_STACKTRACES=1.
int run_app(const std::function<void()>& body);

/// Parses the command line, then calls body() in the same way.
int run_app(CLI::App& app, int argc, char** argv,
            const std::function<void()>& body);

}  // namespace unimiss

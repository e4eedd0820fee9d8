#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

#include "unimiss/core/error.h"
#include "unimiss/core/fields.h"

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

/// Parses the command line, --version included, then calls body() in the same
/// way.
int run_app(CLI::App& app, int argc, char** argv,
            const std::function<void()>& body);

/// An option whose values are the names of an enum. target: an Enum, or an
/// optional one; it is left alone where the option is not given.
template <class Enum, class Target>
CLI::Option* add_choice(CLI::App& app, const std::string& name, Target& target,
                        const std::string& description) {
  std::vector<std::string> names;
  names.reserve(std::size(EnumNames<Enum>::kNames));
  for (const auto& [value, text] : EnumNames<Enum>::kNames) {
    names.emplace_back(text);
  }
  return app
      .add_option_function<std::string>(
          name,
          [&target](const std::string& given) {
            for (const auto& [value, text] : EnumNames<Enum>::kNames) {
              if (given == text) target = value;
            }
          },
          description)
      ->check(CLI::IsMember(names));
}

}  // namespace unimiss

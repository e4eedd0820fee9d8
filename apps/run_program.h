#pragma once

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "cli.h"
#include "unimiss/config/config_file.h"
#include "unimiss/core/abandoned_thread.h"
#include "unimiss/core/device.h"
#include "unimiss/core/log.h"
#include "unimiss/core/text.h"
#include "unimiss/distributed/launcher.h"
#include "unimiss/distributed/process.h"
#include "unimiss/train/resume.h"
#include "unimiss/train/run_cost.h"
#include "unimiss/train/run_options.h"
#include "unimiss/train/stop_request.h"

/// The command line of the programs that train.
namespace unimiss {

struct RunArguments {
  std::string config_file, resume = "auto";
  std::optional<std::string> output;
  std::vector<std::string> overrides;
  bool print_config = false, dry_run = false, no_steps = false;
  int64_t processes = 1;
};

void add_run_options(CLI::App& app, RunArguments& arguments,
                     const std::string& configs, const std::string& examples);

/// The words of a command line.
std::string command_of(int argc, char** argv);

train::ResumeRequest resume_request(const std::string& text);
train::RealSteps real_steps(const RunArguments& arguments);
/// The overrides, --output among them.
std::vector<std::string> all_overrides(const RunArguments& arguments);
/// Logs warnings where this is the first of several processes, or the only one.
config::Warn warn_once();
/// To standard output; throws RunError where that is full.
void print(const std::string& text);

/// What run_main() takes for one program: a struct Program with
///
///     using Config = ...;
///     static constexpr const char* kDescription;  // for --help
///     static constexpr const char* kConfigs;      // their folder
///     static constexpr const char* kExamples;     // of overrides
///     static Config read(file, overrides, warn);
///     static std::string run(config, request);      // what to tell at the end
///     static std::string dry_run(config, steps);
///     static void check_processes(config, count);

/// The configuration that a command line asks for. Of several processes the
/// first one tells what is to be told of it, which the launcher leaves to it.
template <class Program>
typename Program::Config read_config(const RunArguments& arguments,
                                     const config::Warn& warn) {
  return Program::read(arguments.config_file, all_overrides(arguments), warn);
}

template <class Program>
void run_program(const RunArguments& arguments, int argc, char** argv) {
  const auto config = read_config<Program>(arguments, warn_once());
  if (arguments.print_config) return print(config::dump(config));
  if (arguments.dry_run) {
    Program::check_processes(config, arguments.processes);
    return print(Program::dry_run(config, real_steps(arguments)));
  }
  const std::string summary = Program::run(
      config, {.command = command_of(argc, argv),
               .resume = resume_request(arguments.resume),
               .programs = program_folder(argc > 0 ? argv[0] : "")});
  if (summary.empty()) return;  // another process tells it
  log_to_file_only(summary);
  std::cout << summary << std::flush;
}

/// Starts the processes; the exit status of all.
template <class Program>
int launch_program(const RunArguments& arguments, int argc, char** argv) {
  // Its mistakes are told once.
  const auto config = read_config<Program>(arguments, [](std::string_view) {});
  Program::check_processes(config, arguments.processes);
  check_device(config.run.device, arguments.processes);
  std::vector<int> stop_signals;
  for (const train::StopSignal signal : config.run.stop_signals) {
    stop_signals.push_back(train::number_of(signal));
  }
  return distributed::launch({.words = {argv, argv + argc},
                              .processes = arguments.processes,
                              .stop_signals = stop_signals});
}

/// The whole of a program.
template <class Program>
int run_main(int argc, char** argv) {
  distributed::end_with_parent();
  CLI::App app(Program::kDescription);
  RunArguments arguments;
  add_run_options(app, arguments, Program::kConfigs, Program::kExamples);
  int status = 0;
  const int failed = run_app(app, argc, argv, [&] {
    if (!arguments.dry_run && !arguments.print_config &&
        distributed::should_launch(arguments.processes)) {
      status = launch_program<Program>(arguments, argc, argv);
    } else {
      run_program<Program>(arguments, argc, argv);
    }
  });
  const int code = failed != 0 ? failed : status;
  if (has_abandoned_threads()) {
    std::cout << std::flush;
    std::_Exit(code);
  }
  return code;
}

}  // namespace unimiss

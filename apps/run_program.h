#pragma once

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "cli.h"
#include "launch.h"
#include "process.h"
#include "unimiss/config/fields.h"
#include "unimiss/core/abandoned_thread.h"
#include "unimiss/core/device.h"
#include "unimiss/core/log.h"
#include "unimiss/pretrain/dry_run.h"
#include "unimiss/train/resume.h"
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
/// A path that is the same from wherever it is read; empty stays empty.
void make_absolute(std::string& path);
/// To standard output; throws RunError where that is full.
void print(const std::string& text);

/// What differs between programs.
template <class Config>
struct RunProgram {
  std::string description, configs;  ///< for --help: what it does, their folder
  std::string examples;              ///< of overrides
  std::function<Config(const std::string&, const std::vector<std::string>&)>
      read_file;
  std::function<Config(const std::string&, const std::string&)> read_text;
  /// Makes the paths absolute, so that a saved configuration reruns the run.
  std::function<void(Config&)> fix_paths;
  /// Throws ConfigError where so many processes cannot share its batches.
  std::function<void(const Config&, int64_t)> check_processes;
  /// Both return what is to be told at the end.
  std::function<std::string(const Config&, train::RealSteps)> dry_run;
  std::function<std::string(const Config&, const train::RunRequest&,
                            const train::CompareConfig<Config>&)>
      run;
};

template <class Config>
void run_program(const RunArguments& arguments, const std::string& command,
                 const RunProgram<Config>& program) {
  const Config config =
      program.read_file(arguments.config_file, all_overrides(arguments));
  if (arguments.print_config) return print(config::dump(config));
  if (arguments.dry_run) {
    program.check_processes(config, arguments.processes);
    return print(program.dry_run(config, real_steps(arguments)));
  }
  Config fixed = config;
  program.fix_paths(fixed);
  const train::RunRequest request{config::dump(fixed), command,
                                  resume_request(arguments.resume)};
  // How the configuration of a checkpoint differs from the one given.
  const auto compare = [&](const std::string& text) {
    train::EarlierConfig<Config> earlier{
        program.read_text(text, "the checkpoint's configuration"), {}};
    for (const auto& [key, left, right] :
         config::compare(earlier.config, config)) {
      earlier.changes.push_back({key, left, right});
    }
    return earlier;
  };
  const std::string summary = program.run(config, request, compare);
  if (summary.empty()) return;  // another process tells it
  log_to_file_only(summary);
  std::cout << summary << std::flush;
}

/// The whole of a program.
template <class Config>
int run_main(int argc, char** argv, const RunProgram<Config>& program) {
  end_with_parent();
  CLI::App app(program.description);
  RunArguments arguments;
  add_run_options(app, arguments, program.configs, program.examples);
  int status = 0;
  const int failed = run_app(app, argc, argv, [&] {
    if (!arguments.dry_run && !arguments.print_config &&
        should_launch(arguments.processes)) {
      // Its mistakes are told once.
      const Config config =
          program.read_file(arguments.config_file, all_overrides(arguments));
      program.check_processes(config, arguments.processes);
      check_device(config.run.device, arguments.processes);
      std::vector<int> stop_signals;
      for (const train::StopSignal signal : config.run.stop_signals) {
        stop_signals.push_back(train::number_of(signal));
      }
      status = launch(argc, argv, arguments.processes, stop_signals);
    } else {
      run_program(arguments, command_of(argc, argv), program);
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

#include "run_program.h"

#include "config_reference.h"
#include "unimiss/config/override.h"
#include "unimiss/core/error.h"
#include "unimiss/distributed/world.h"

namespace unimiss {

void add_run_options(CLI::App& app, RunArguments& arguments,
                     const std::string& configs, const std::string& examples) {
  app.add_option("--config", arguments.config_file,
                 "YAML file; see " + configs + " and docs/config-reference.md")
      ->required();
  app.add_option("--output", arguments.output,
                 "folder for all the run writes (run.output)");
  app.add_option("--resume", arguments.resume,
                 "auto: go on where the run in that folder stopped, if there "
                 "is one; never: refuse a folder that holds a run; PATH: begin "
                 "a new folder from another run's folder or checkpoint")
      ->capture_default_str();
  app.add_flag("--print-config", arguments.print_config,
               "print the whole configuration, defaults included, and end");
  app.add_flag("--dry-run", arguments.dry_run,
               "tell what the run would be: sizes, steps, learning rates, "
               "memory, time, disk; writes nothing into its folder");
  app.add_flag("--no-steps", arguments.no_steps,
               "with --dry-run: take no real steps, tell no memory and time")
      ->needs("--dry-run");
  app.add_option("--nproc-per-node", arguments.processes,
                 "processes of this machine that train together, one a GPU (or "
                 "on CPUs); batches are divided among them. Not under torchrun "
                 "or srun, which start them themselves")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app.add_option("overrides", arguments.overrides,
                 "group.key=value, e.g. " + examples);
  app.add_flag_callback(
      "--config-reference",
      [] {
        std::cout << config_reference() << std::flush;
        throw CLI::Success();
      },
      "print all keys with defaults and meanings (Markdown), and end");
  app.footer(
      "Exit status: 0 done; 1 the run failed; 2 arguments, configuration or "
      "data were found bad before training; 75 stopped by a signal or the time "
      "limit and saved: run the same command again to go on.");
}

std::string command_of(int argc, char** argv) {
  std::string command;
  for (int i = 0; i < argc; ++i) {
    command += (i > 0 ? " " : "") + std::string(argv[i]);
  }
  return command;
}

train::ResumeRequest resume_request(const std::string& text) {
  using Mode = train::ResumeRequest::Mode;
  if (text == "auto") return {Mode::kAuto, ""};
  if (text == "never") return {Mode::kNever, ""};
  return {Mode::kFrom, text};
}

train::RealSteps real_steps(const RunArguments& arguments) {
  return arguments.no_steps ? train::RealSteps::kNone
                            : train::RealSteps::kTaken;
}

std::vector<std::string> all_overrides(const RunArguments& arguments) {
  std::vector<std::string> overrides = arguments.overrides;
  if (arguments.output) {
    overrides.push_back(config::text_override("run.output", *arguments.output));
  }
  return overrides;
}

config::Warn warn_once() {
  if (distributed::world_from_environment().rank == 0) return log_warning;
  return [](std::string_view) {};
}

void print(const std::string& text) {
  // What was asked to be printed must not be lost on a full disk.
  std::cout << text << std::flush;
  if (!std::cout) throw RunError("standard output cannot be written");
}

}  // namespace unimiss

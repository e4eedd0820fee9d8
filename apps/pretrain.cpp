// unimiss-pretrain: self-supervised pretraining on images and volumes.
#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "cli.h"
#include "config_reference.h"
#include "pretrain_file.h"
#include "unimiss/config/fields.h"
#include "unimiss/config/override.h"
#include "unimiss/core/error.h"
#include "unimiss/core/log.h"
#include "unimiss/train/dry_run.h"
#include "unimiss/train/pretraining_run.h"

namespace unimiss {
namespace {

struct Arguments {
  std::string config_file, resume = "auto";
  std::optional<std::string> output;
  std::vector<std::string> overrides;
  bool print_config = false, dry_run = false, no_steps = false;
};

void add_options(CLI::App& app, Arguments& arguments) {
  app.add_option("--config", arguments.config_file,
                 "YAML file; see configs/pretrain/ and "
                 "docs/config-reference.md")
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
               "memory, time, disk; writes nothing");
  app.add_flag("--no-steps", arguments.no_steps,
               "with --dry-run: take no real steps, tell no memory and time")
      ->needs("--dry-run");
  app.add_option("overrides", arguments.overrides,
                 "group.key=value, e.g. run.max_steps=200 data.images=list.txt "
                 "'data.spacing=[3, 1, 1]'");
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

train::ResumeRequest resume_request(const std::string& text) {
  using Mode = train::ResumeRequest::Mode;
  if (text == "auto") return {Mode::kAuto, ""};
  if (text == "never") return {Mode::kNever, ""};
  return {Mode::kFrom, text};
}

/// A saved configuration reruns the run from wherever it is read.
train::PretrainConfig with_absolute_paths(train::PretrainConfig config) {
  const auto make = [](std::string& path) {
    if (!path.empty()) {
      path = std::filesystem::absolute(path).lexically_normal().string();
    }
  };
  for (std::string& list : config.data.images) make(list);
  for (std::string& list : config.data.volumes) make(list);
  make(config.data.cache);
  make(config.init.weights);
  return config;
}

/// What was asked to be printed must not be lost on a full disk.
void print(const std::string& text) {
  std::cout << text << std::flush;
  if (!std::cout) throw RunError("standard output cannot be written");
}

/// How the configuration of a checkpoint differs from the one given.
train::EarlierConfig<train::PretrainConfig> compare_config(
    const std::string& text, const train::PretrainConfig& config) {
  train::EarlierConfig<train::PretrainConfig> earlier{
      read_pretrain_text(text, "the checkpoint's configuration"), {}};
  for (const auto& [key, left, right] :
       config::compare(earlier.config, config)) {
    earlier.changes.push_back({key, left, right});
  }
  return earlier;
}

void pretrain(const Arguments& arguments, const std::string& command) {
  std::vector<std::string> overrides = arguments.overrides;
  if (arguments.output) {
    overrides.push_back(config::text_override("run.output", *arguments.output));
  }
  const auto config = read_pretrain_file(arguments.config_file, overrides);
  if (arguments.print_config) {
    print(config::dump(config));
    return;
  }
  if (arguments.dry_run) {
    print(train::dry_run(config, arguments.no_steps ? train::RealSteps::kNone
                                                    : train::RealSteps::kTaken)
              .describe());
    return;
  }
  train::RunRequest request;
  request.config_text = config::dump(with_absolute_paths(config));
  request.command = command;
  request.resume = resume_request(arguments.resume);
  const std::string summary =
      train::run_pretraining(config, request, [&](const std::string& text) {
        return compare_config(text, config);
      }).describe();
  log_to_file_only(summary);
  std::cout << summary << std::flush;
}

}  // namespace
}  // namespace unimiss

int main(int argc, char** argv) {
  unimiss::tune_allocator();
  CLI::App app(
      "Pretrains a Medical Transformer on unlabelled X-rays and CT volumes by "
      "self-distillation.");
  unimiss::Arguments arguments;
  unimiss::add_options(app, arguments);
  std::string command;
  for (int i = 0; i < argc; ++i) {
    command += (i > 0 ? " " : "") + std::string(argv[i]);
  }
  return unimiss::run_app(app, argc, argv,
                          [&] { unimiss::pretrain(arguments, command); });
}

// unimiss-table: fine-tunes from several initialisations with several shares of
// the labels over several seeds, and makes one table of the results.
#include <fmt/format.h>

#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "cli.h"
#include "unimiss/core/log.h"
#include "unimiss/distributed/process.h"
#include "unimiss/finetune/table_plan.h"
#include "unimiss/io/durable_file.h"
#include "unimiss/report/result_table.h"

namespace unimiss {
namespace {

namespace fs = std::filesystem;
using finetune::TableRun;

struct TableArguments {
  finetune::TableRequest request;
  std::string title;
  bool dry_run = false;
};

/// Runs unimiss-finetune, which lies beside this program; its exit status.
int run_finetune(const std::string& config, const TableRun& run) {
  finetune::begin_table_run(run);
  const std::string program =
      (fs::read_symlink("/proc/self/exe").parent_path() / "unimiss-finetune")
          .string();
  std::vector<std::string> words{program, "--config", config, "--output",
                                 run.folder};
  words.insert(words.end(), run.overrides.begin(), run.overrides.end());
  return distributed::status_of(distributed::start_process(
      program, words, distributed::own_environment()));
}

void write_table(const TableArguments& arguments,
                 const std::vector<TableRun>& runs) {
  const std::string& output = arguments.request.output;
  const auto cells = finetune::table_cells(runs);
  const std::string title =
      arguments.title.empty()
          ? fs::path(arguments.request.config).stem().string()
          : arguments.title;
  const std::string table = report::table_markdown(title, cells);
  fs::create_directories(output);
  io::write_durably(output + "/table.md", table);
  report::draw_table(output + "/table.png", title, cells);
  std::cout << '\n' << table << std::flush;
}

int make_table(const TableArguments& arguments) {
  const std::vector<TableRun> runs = finetune::plan_table(arguments.request);
  std::vector<const TableRun*> missing;
  for (const TableRun& run : runs) {
    if (!run.finished) missing.push_back(&run);
  }
  log_info(
      fmt::format("{} of {} runs are missing", missing.size(), runs.size()));
  if (arguments.dry_run) {
    for (const TableRun* run : missing) std::cout << run->folder << '\n';
    return 0;
  }
  std::vector<std::string> failed;
  for (size_t i = 0; i < missing.size(); ++i) {
    const TableRun& run = *missing[i];
    log_info(
        fmt::format("run {} of {}: {}", i + 1, missing.size(), run.folder));
    const int status = run_finetune(arguments.request.config, run);
    if (status == kExitPreempted) {
      write_table(arguments, runs);
      throw Preempted("stopped; run the same command again to go on");
    }
    if (status != 0) {
      failed.push_back(fmt::format("{} (exit status {})", run.folder, status));
    }
  }
  write_table(arguments, runs);
  for (const std::string& each : failed) log_warning("failed: " + each);
  return failed.empty() ? 0 : kExitFailed;
}

}  // namespace
}  // namespace unimiss

int main(int argc, char** argv) {
  using namespace unimiss;
  CLI::App app(
      "Fine-tunes from several initialisations with several shares of the "
      "labels over several seeds, runs what is missing, and makes one table: "
      "table.md and table.png in --output.");
  TableArguments arguments;
  app.add_option("--config", arguments.request.config,
                 "YAML file of configs/finetune/")
      ->required();
  app.add_option("--output", arguments.request.output,
                 "folder for runs and table")
      ->required();
  app.add_option("--init", arguments.request.initializations,
                 "scratch, or NAME=WEIGHTS, with a run's folder or a file; "
                 "once for each; the others are compared with the first")
      ->required()
      ->allow_extra_args(false);
  app.add_option("--label-ratio", arguments.request.ratios,
                 "shares of the training cases, in (0, 1]: 0.2,0.4,1")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->capture_default_str();
  app.add_option("--seed", arguments.request.seeds,
                 "run.seed of the runs of a cell: 1,2,3")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->capture_default_str();
  app.add_option("--title", arguments.title, "left out: the config's name");
  app.add_flag("--dry-run", arguments.dry_run, "only name the missing runs");
  app.add_option("overrides", arguments.request.overrides,
                 "group.key=value, for all runs");
  int status = 0;
  const int failed =
      run_app(app, argc, argv, [&] { status = make_table(arguments); });
  return failed != 0 ? failed : status;
}

// unimiss-table: fine-tunes from several initialisations with several shares of
// the labels over several seeds, and makes one table of the results.
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "cli.h"
#include "process.h"
#include "run_program.h"
#include "unimiss/config/field_attributes.h"
#include "unimiss/config/fields.h"
#include "unimiss/core/log.h"
#include "unimiss/data/case_list.h"
#include "unimiss/finetune/config_file.h"
#include "unimiss/finetune/initial_weights.h"
#include "unimiss/io/durable_file.h"
#include "unimiss/report/result_table.h"

namespace unimiss {
namespace {

namespace fs = std::filesystem;

struct TableArguments {
  std::string config, output, title;
  std::vector<std::string> initializations;
  std::vector<double> ratios{1};
  std::vector<int64_t> seeds{1, 2, 3};
  std::vector<std::string> overrides;
  bool dry_run = false;
};

struct Initialization {
  std::string name;
  std::string weights;  ///< empty: random ones
};

/// "scratch", or "NAME=WEIGHTS".
std::vector<Initialization> read_initializations(
    const std::vector<std::string>& texts) {
  std::vector<Initialization> read;
  std::set<std::string> names;
  for (const std::string& text : texts) {
    const size_t equals = text.find('=');
    Initialization each{text.substr(0, equals), ""};
    if (equals != std::string::npos) {
      each.weights = text.substr(equals + 1);
      require(fs::exists(each.weights), "--init",
              "'" + each.weights + "' does not exist");
      each.weights = config::absolute_path(each.weights);
    } else {
      require(text == "scratch", "--init",
              "must be scratch, or NAME=WEIGHTS (is '" + text + "')");
    }
    require(!each.name.empty() && data::file_name(each.name) == each.name,
            "--init", "'" + each.name + "' cannot be the name of a folder");
    require(names.insert(each.name).second, "--init",
            "names '" + each.name + "' twice");
    read.push_back(each);
  }
  return read;
}

struct Run {
  std::string folder;
  Initialization initialization;
  double ratio;
  int64_t seed;

  std::vector<std::string> overrides(const TableArguments& arguments) const {
    std::vector<std::string> words = arguments.overrides;
    words.push_back(fmt::format("data.label_ratio={}", ratio));
    words.push_back(fmt::format("run.seed={}", seed));
    if (initialization.weights.empty()) {
      words.emplace_back("init.from_scratch=true");
    } else {
      words.emplace_back("init.from_scratch=false");
      words.push_back("init.weights=" + initialization.weights);
    }
    return words;
  }
};

template <class Value>
void require_distinct(const std::vector<Value>& values, const char* option) {
  require(std::set(values.begin(), values.end()).size() == values.size(),
          option, "names a value twice");
}

std::vector<Run> runs_of(const TableArguments& arguments) {
  require_distinct(arguments.ratios, "--label-ratio");
  require_distinct(arguments.seeds, "--seed");
  std::vector<Run> runs;
  for (const Initialization& each :
       read_initializations(arguments.initializations)) {
    for (const double ratio : arguments.ratios) {
      for (const int64_t seed : arguments.seeds) {
        runs.push_back({fmt::format("{}/{}/ratio_{}/seed_{}", arguments.output,
                                    each.name, ratio, seed),
                        each, ratio, seed});
      }
    }
  }
  return runs;
}

/// Size and checksum of files, each read once.
class FileTexts {
 public:
  std::string of(const std::string& path) {
    auto [known, added] = texts_.try_emplace(path);
    if (added) {
      const io::FileDigest digest = io::digest_of(path);
      known->second =
          fmt::format("# {} {} {:08x}\n", path, digest.bytes, digest.crc32);
    }
    return known->second;
  }

 private:
  std::map<std::string, std::string> texts_;
};

/// Everything that a run's result follows from, but for the images and labels
/// themselves.
std::string settings_of(const TableArguments& arguments, const Run& run,
                        FileTexts& texts) {
  finetune::FinetuneConfig config =
      finetune::read_config(arguments.config, run.overrides(arguments));
  require(!config.data.test.empty() || !config.data.dataset.empty(),
          "data.test", "is empty, so that there is nothing to compare");
  config.run.output.clear();
  std::string text = config::dump(config);
  std::vector<std::string> files = config::list_files(config);
  if (!config.data.dataset.empty()) {
    files.push_back(config.data.dataset + "/dataset.json");
  }
  before_work([&] {
    if (!config.init.from_scratch) {
      files.push_back(finetune::initial_weights_file(config.init));
    }
    for (const std::string& file : files) text += texts.of(file);
  });
  return text;
}

/// The lines that tell size and checksum of files.
std::string file_lines(const std::string& settings) {
  std::string lines;
  std::istringstream stream(settings);
  for (std::string line; std::getline(stream, line);) {
    if (line.starts_with('#')) lines += line + '\n';
  }
  return lines;
}

/// Whether two texts of settings_of() say the same, whatever keys were called
/// when they were written.
bool same_settings(const std::string& before, const std::string& now) {
  if (before == now) return true;
  if (file_lines(before) != file_lines(now)) return false;
  try {
    const auto read = [](const std::string& text) {
      return finetune::read_config_text(text, "table_settings.yaml");
    };
    return config::compare(read(before), read(now)).empty();
  } catch (const ConfigError&) {
    return false;
  }
}

/// Whether the run has finished, with these settings. Throws ConfigError where
/// it was made with others.
bool has_finished(const Run& run, const std::string& settings) {
  const std::string name = run.folder + "/table_settings.yaml";
  const bool has_begun = fs::exists(run.folder + "/manifest.json") ||
                         fs::exists(run.folder + "/test");
  if (!has_begun) return false;
  std::ifstream file(name);
  if (file) {
    const std::string before{std::istreambuf_iterator<char>(file), {}};
    if (!same_settings(before, settings)) {
      throw ConfigError(name +
                        ": tells of a run with other settings, weights or "
                        "lists; choose another --output, or remove the folder "
                        "of that run");
    }
    return report::read_test_result(run.folder).has_value();
  }
  throw ConfigError(run.folder +
                    ": is a run, but not of this table (there is no "
                    "table_settings.yaml); choose another --output, or remove "
                    "that run");
}

/// Runs unimiss-finetune, which lies beside this program; its exit status.
int finetune(const TableArguments& arguments, const Run& run,
             const std::string& settings) {
  fs::create_directories(run.folder);
  io::write_durably(run.folder + "/table_settings.yaml", settings);
  const std::string program =
      (fs::read_symlink("/proc/self/exe").parent_path() / "unimiss-finetune")
          .string();
  std::vector<std::string> words{program, "--config", arguments.config,
                                 "--output", run.folder};
  for (const std::string& each : run.overrides(arguments)) {
    words.push_back(each);
  }
  return status_of(start_process(program, words, own_environment()));
}

std::vector<report::TableCell> cells_of(const TableArguments& arguments,
                                        const std::vector<Run>& runs) {
  std::vector<report::TableCell> cells;
  for (const Run& run : runs) {
    if (cells.empty() ||
        cells.back().initialization != run.initialization.name ||
        cells.back().label_ratio != run.ratio) {
      cells.push_back({run.initialization.name,
                       run.ratio,
                       {},
                       static_cast<int64_t>(arguments.seeds.size())});
    }
    if (auto result = report::read_test_result(run.folder)) {
      cells.back().results[run.seed] = std::move(*result);
    }
  }
  return cells;
}

void write_table(const TableArguments& arguments,
                 const std::vector<Run>& runs) {
  const auto cells = cells_of(arguments, runs);
  const std::string title = arguments.title.empty()
                                ? fs::path(arguments.config).stem().string()
                                : arguments.title;
  const std::string table = report::table_markdown(title, cells);
  fs::create_directories(arguments.output);
  io::write_durably(arguments.output + "/table.md", table);
  report::draw_table(arguments.output + "/table.png", title, cells);
  std::cout << '\n' << table << std::flush;
}

int make_table(const TableArguments& arguments) {
  const std::vector<Run> runs = runs_of(arguments);
  // Everything that can be found wrong is, before the first hour of training.
  std::vector<std::string> settings;
  std::vector<const Run*> missing;
  FileTexts texts;
  for (const Run& run : runs) {
    settings.push_back(settings_of(arguments, run, texts));
    if (!has_finished(run, settings.back())) missing.push_back(&run);
  }
  log_info(
      fmt::format("{} of {} runs are missing", missing.size(), runs.size()));
  if (arguments.dry_run) {
    for (const Run* run : missing) std::cout << run->folder << '\n';
    return 0;
  }
  std::vector<std::string> failed;
  for (size_t i = 0; i < missing.size(); ++i) {
    const Run& run = *missing[i];
    log_info(
        fmt::format("run {} of {}: {}", i + 1, missing.size(), run.folder));
    const int status = finetune(arguments, run, settings[&run - runs.data()]);
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
  app.add_option("--config", arguments.config, "YAML file of configs/finetune/")
      ->required();
  app.add_option("--output", arguments.output, "folder for runs and table")
      ->required();
  app.add_option("--init", arguments.initializations,
                 "scratch, or NAME=WEIGHTS, with a run's folder or a file; "
                 "once for each; the others are compared with the first")
      ->required()
      ->allow_extra_args(false);
  app.add_option("--label-ratio", arguments.ratios,
                 "shares of the training cases, in (0, 1]: 0.2,0.4,1")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->capture_default_str();
  app.add_option("--seed", arguments.seeds,
                 "run.seed of the runs of a cell: 1,2,3")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->capture_default_str();
  app.add_option("--title", arguments.title, "left out: the config's name");
  app.add_flag("--dry-run", arguments.dry_run, "only name the missing runs");
  app.add_option("overrides", arguments.overrides,
                 "group.key=value, for all runs");
  int status = 0;
  const int failed =
      run_app(app, argc, argv, [&] { status = make_table(arguments); });
  return failed != 0 ? failed : status;
}

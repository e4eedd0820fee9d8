#include "unimiss/finetune/table_plan.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <string_view>
#include <utility>

#include "finetune/initial_weights.h"
#include "unimiss/core/error.h"
#include "unimiss/data/case_list.h"
#include "unimiss/finetune/config_file.h"
#include "unimiss/io/durable_file.h"

namespace unimiss::finetune {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSettings = "/table_settings.yaml";

struct Initialization {
  std::string name;
  std::string weights;  ///< empty: random ones
};

Initialization read_initialization(const std::string& text) {
  const size_t equals = text.find('=');
  Initialization read{text.substr(0, equals), ""};
  if (equals != std::string::npos) {
    read.weights = text.substr(equals + 1);
    require(fs::exists(read.weights), "--init",
            "'" + read.weights + "' does not exist");
    read.weights = config::absolute_path(read.weights);
  } else {
    require(text == "scratch", "--init",
            "must be scratch, or NAME=WEIGHTS (is '" + text + "')");
  }
  require(!read.name.empty() && data::file_name(read.name) == read.name,
          "--init", "'" + read.name + "' cannot be the name of a folder");
  return read;
}

std::vector<Initialization> read_initializations(
    const std::vector<std::string>& texts) {
  std::vector<Initialization> read;
  std::set<std::string> names;
  for (const std::string& text : texts) {
    read.push_back(read_initialization(text));
    const std::string& name = read.back().name;
    require(names.insert(name).second, "--init", "names '" + name + "' twice");
  }
  return read;
}

template <class Value>
void require_distinct(const std::vector<Value>& values, const char* option) {
  require(std::set(values.begin(), values.end()).size() == values.size(),
          option, "names a value twice");
}

TableRun run_of(const TableRequest& request, const Initialization& start,
                double ratio, int64_t seed) {
  TableRun run;
  run.folder = fmt::format("{}/{}/ratio_{}/seed_{}", request.output, start.name,
                           ratio, seed);
  run.initialization = start.name;
  run.ratio = ratio;
  run.seed = seed;
  run.overrides = request.overrides;
  run.overrides.push_back(fmt::format("data.label_ratio={}", ratio));
  run.overrides.push_back(fmt::format("run.seed={}", seed));
  if (start.weights.empty()) {
    run.overrides.emplace_back("init.from_scratch=true");
  } else {
    run.overrides.emplace_back("init.from_scratch=false");
    run.overrides.push_back("init.weights=" + start.weights);
  }
  return run;
}

/// Size and checksum of files, each read once.
class FileLines {
 public:
  std::string of(const std::string& path) {
    auto [known, added] = lines_.try_emplace(path);
    if (added) {
      const io::FileDigest digest = io::digest_of(path);
      known->second =
          fmt::format("# {} {} {:08x}\n", path, digest.bytes, digest.crc32);
    }
    return known->second;
  }

 private:
  std::map<std::string, std::string> lines_;
};

std::string settings_of(const std::string& file,
                        const std::vector<std::string>& overrides,
                        const config::Warn& warn, FileLines& lines) {
  FinetuneConfig config = read_config(file, overrides, warn);
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
      files.push_back(initial_weights_file(config.init));
    }
    for (const std::string& each : files) text += lines.of(each);
  });
  return text;
}

/// The lines of FileLines in settings.
std::string file_lines(const std::string& settings) {
  std::string lines;
  std::istringstream stream(settings);
  for (std::string line; std::getline(stream, line);) {
    if (line.starts_with('#')) lines += line + '\n';
  }
  return lines;
}

/// Whether two settings say the same, whatever keys were called when they were
/// written.
bool same_settings(const std::string& before, const std::string& now) {
  if (before == now) return true;
  if (file_lines(before) != file_lines(now)) return false;
  try {
    return config::compare(read_config_text(before, kSettings),
                           read_config_text(now, kSettings))
        .empty();
  } catch (const ConfigError&) {
    return false;
  }
}

/// Whether a run has finished. Throws ConfigError where it was made with other
/// settings, or not for a table.
bool has_finished(const TableRun& run) {
  const bool has_begun = fs::exists(run.folder + "/manifest.json") ||
                         fs::exists(run.folder + "/test");
  if (!has_begun) return false;
  const std::string name = run.folder + kSettings;
  std::ifstream file(name);
  if (!file) {
    throw ConfigError(run.folder +
                      ": is a run, but not of this table (there is no "
                      "table_settings.yaml); choose another --output, or "
                      "remove that run");
  }
  const std::string before{std::istreambuf_iterator<char>(file), {}};
  if (!same_settings(before, run.settings)) {
    throw ConfigError(name +
                      ": tells of a run with other settings, weights or "
                      "lists; choose another --output, or remove the folder "
                      "of that run");
  }
  return report::read_test_result(run.folder).has_value();
}

/// Passes each line on once.
class Once {
 public:
  explicit Once(const config::Warn& warn) : warn_(warn) {}
  void operator()(std::string_view line) {
    if (told_.insert(std::string(line)).second) warn_(line);
  }

 private:
  const config::Warn& warn_;
  std::set<std::string> told_;
};

}  // namespace

std::vector<TableRun> plan_table(const TableRequest& request,
                                 const config::Warn& warn) {
  require_distinct(request.ratios, "--label-ratio");
  require_distinct(request.seeds, "--seed");
  std::vector<TableRun> runs;
  for (const Initialization& start :
       read_initializations(request.initializations)) {
    for (const double ratio : request.ratios) {
      for (const int64_t seed : request.seeds) {
        runs.push_back(run_of(request, start, ratio, seed));
      }
    }
  }
  FileLines lines;
  Once once(warn);
  for (TableRun& run : runs) {
    run.settings =
        settings_of(request.config, run.overrides, std::ref(once), lines);
    run.finished = has_finished(run);
  }
  return runs;
}

void begin_table_run(const TableRun& run) {
  fs::create_directories(run.folder);
  io::write_durably(run.folder + kSettings, run.settings);
}

std::vector<report::TableCell> table_cells(const std::vector<TableRun>& runs) {
  std::vector<report::TableCell> cells;
  for (const TableRun& run : runs) {
    if (cells.empty() || cells.back().initialization != run.initialization ||
        cells.back().label_ratio != run.ratio) {
      cells.push_back({run.initialization, run.ratio, {}, 0});
    }
    ++cells.back().seeds;
    if (auto result = report::read_test_result(run.folder)) {
      cells.back().results[run.seed] = *std::move(result);
    }
  }
  return cells;
}

}  // namespace unimiss::finetune

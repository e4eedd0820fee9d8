#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <numeric>
#include <string_view>

#include "report/evaluation_input.h"
#include "unimiss/core/log.h"
#include "unimiss/core/problems.h"
#include "unimiss/core/text.h"

namespace unimiss::report {
namespace {

/// Which column has the case, and which the probabilities of each class.
struct ProbabilityColumns {
  size_t id = 0, count = 0;
  std::vector<size_t> classes;
};

ProbabilityColumns columns_of(const std::string& path,
                              const std::vector<std::string>& header,
                              std::vector<std::string>& classes) {
  const auto id = std::find(header.begin(), header.end(), "case");
  const auto predicted = std::find(header.begin(), header.end(), "predicted");
  std::vector<std::string> names;
  std::map<std::string, size_t> places;
  for (auto field = header.begin(); field != header.end(); ++field) {
    // A class may be called so, too: in another column.
    if (field == id || field == predicted) continue;
    names.push_back(*field);
    places[*field] = field - header.begin();
  }
  require(id != header.end(), path,
          "has no column 'case'; a predictions.csv begins with "
          "case,predicted,CLASS,CLASS,...");
  if (classes.empty()) {
    require(!names.empty(), path, "has no column of a class");
    classes = names;
    log_warning(
        fmt::format("{}: the classes are taken to be its columns, 0 the first "
                    "where the references have numbers: {}; --classes says "
                    "otherwise",
                    path, fmt::join(classes, ", ")));
  }
  auto wanted = classes, found = names;
  std::sort(wanted.begin(), wanted.end());
  std::sort(found.begin(), found.end());
  require(wanted == found, path,
          fmt::format("has the classes {}, but {} are expected",
                      fmt::join(names, ", "), fmt::join(classes, ", ")));
  ProbabilityColumns columns{
      static_cast<size_t>(id - header.begin()), header.size(), {}};
  for (const std::string& name : classes) {
    columns.classes.push_back(places.at(name));
  }
  return columns;
}

/// The probabilities of a row, or what is wrong with it.
std::string read_row(const std::vector<std::string>& fields,
                     const ProbabilityColumns& columns, ClassRelation relation,
                     std::vector<double>& probabilities) {
  for (const size_t column : columns.classes) {
    const std::string& text = fields[column];
    double value = -1;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc() || stop != end || !(value >= 0 && value <= 1)) {
      return fmt::format("has '{}' where a probability from 0 to 1 must be",
                         text);
    }
    probabilities.push_back(value);
  }
  const double sum =
      std::accumulate(probabilities.begin(), probabilities.end(), 0.0);
  if (relation == ClassRelation::kExclusive && std::abs(sum - 1) > 1e-3) {
    return fmt::format("has probabilities that sum to {:.4g}, not to 1", sum);
  }
  return "";
}

}  // namespace

std::string probabilities_file(const std::string& predictions) {
  std::error_code ignored;
  return std::filesystem::is_directory(predictions, ignored)
             ? predictions + "/predictions.csv"
             : predictions;
}

ProbabilityTable read_probabilities(const std::string& path,
                                    const PredictedTask& task) {
  std::ifstream file(path);
  require(file.is_open(), path, "cannot be read");
  ProbabilityTable table;
  table.classes = task.classes;
  std::optional<ProbabilityColumns> columns;
  std::string text;
  for (int64_t number = 1; std::getline(file, text); ++number) {
    const std::string_view line =
        trimmed(number == 1 ? without_byte_order_mark(text) : text);
    if (line.empty()) continue;
    const auto fields = csv_fields(line);
    if (!columns) {
      require(fields.has_value(), path, "has a quote that is not closed");
      columns = columns_of(path, *fields, table.classes);
      continue;
    }
    if (!fields || fields->size() != columns->count) {
      table.bad.push_back({fmt::format("line {}", number),
                           fmt::format("{} has not the {} fields of the header",
                                       path, columns->count)});
      continue;
    }
    const std::string& id = fields->at(columns->id);
    std::vector<double> probabilities;
    const std::string wrong =
        read_row(*fields, *columns, task.target.relation(), probabilities);
    if (!wrong.empty()) {
      table.bad.push_back(
          {id, fmt::format("{}: line {} {}", path, number, wrong)});
    } else if (!table.cases.emplace(id, std::move(probabilities)).second) {
      table.bad.push_back(
          {id, fmt::format("{}: line {} names it again", path, number)});
    }
  }
  require(columns.has_value(), path, "is empty");
  for (const BadCase& bad : table.bad) table.cases.erase(bad.id);
  return table;
}

}  // namespace unimiss::report

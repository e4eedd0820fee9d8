#include "data/list_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "unimiss/core/text.h"

namespace unimiss::data {

std::string line_text(int64_t line) { return fmt::format("line {}", line); }

ListReader::ListReader(std::filesystem::path folder,
                       const ManifestOptions& options, ProblemList& problems)
    : folder_(std::move(folder)), options_(options), problems_(problems) {}

std::vector<ListRow> ListReader::read(std::istream& list) {
  std::vector<ListRow> rows;
  std::string text;
  bool first = true;
  for (int64_t number = 1; std::getline(list, text); ++number) {
    const std::string_view line =
        trimmed(number == 1 ? without_byte_order_mark(text) : text);
    if (line.empty() || line.starts_with('#')) continue;
    if (std::exchange(first, false) && is_header(number, line)) continue;
    std::optional<ListRow> row =
        columns_.empty() ? plain_row(number, line) : csv_row(number, line);
    if (row) rows.push_back(std::move(*row));
  }
  return rows;
}

bool ListReader::expects_target() const {
  return options_.target != ManifestTarget::kNone &&
         options_.target != ManifestTarget::kUnread;
}

bool ListReader::is_header(int64_t number, std::string_view line) {
  const auto fields = csv_fields(line);
  if (!fields ||
      std::find(fields->begin(), fields->end(), "image") == fields->end()) {
    return false;
  }
  // A plain list may begin with a file or folder of that name.
  if (fields->size() == 1 && std::filesystem::exists(folder_ / "image")) {
    return false;
  }
  columns_ = *fields;
  for (const char* column : {"label", "split"}) {
    const bool needed = std::string_view(column) == "label"
                            ? expects_target()
                            : !options_.split.empty();
    if (needed &&
        std::find(columns_.begin(), columns_.end(), column) == columns_.end()) {
      problems_.add(line_text(number),
                    fmt::format("the header has no column '{}'", column));
    }
  }
  return true;
}

std::optional<ListRow> ListReader::plain_row(int64_t number,
                                             std::string_view line) {
  ListRow row{number, std::string(line), {}, {}, {}};
  if (!expects_target()) return row;
  const size_t blank = line.find_last_of(kBlanks);
  if (blank == std::string_view::npos) {
    problems_.add(
        line_text(number),
        fmt::format(
            "'{}' has no {}", line,
            options_.target == ManifestTarget::kMask ? "mask" : "label"));
    return std::nullopt;
  }
  row.image = std::string(trimmed(line.substr(0, blank)));
  row.target = std::string(line.substr(blank + 1));
  return row;
}

std::optional<ListRow> ListReader::csv_row(int64_t number,
                                           std::string_view line) {
  const auto fields = csv_fields(line);
  if (!fields || fields->size() != columns_.size()) {
    problems_.add(line_text(number),
                  fields ? fmt::format("{} fields, the header has {}",
                                       fields->size(), columns_.size())
                         : "a quote is not closed");
    return std::nullopt;
  }
  ListRow row;
  row.line = number;
  for (size_t i = 0; i < columns_.size(); ++i) {
    const std::string& value = (*fields)[i];
    if (columns_[i] == "image") row.image = value;
    if (columns_[i] == "label") row.target = value;
    if (columns_[i] == "patient") row.patient = value;
    if (columns_[i] == "split") row.split = value;
  }
  if (!options_.split.empty() && row.split != options_.split) {
    return std::nullopt;
  }
  return row;
}

}  // namespace unimiss::data

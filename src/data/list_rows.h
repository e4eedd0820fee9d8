#pragma once

#include <cstdint>
#include <filesystem>
#include <istream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/problem_list.h"
#include "unimiss/data/manifest.h"

/// The two forms of a list, as rows of text.
namespace unimiss::data {

/// "line 7", as problems name it.
std::string line_text(int64_t line);

/// One line before it is checked.
struct ListRow {
  int64_t line = 0;
  std::string image, target, patient, split;
};

/// Reads the rows of one list, whichever form it has.
class ListReader {
 public:
  ListReader(std::filesystem::path folder, const ManifestOptions& options,
             ProblemList& problems);

  std::vector<ListRow> read(std::istream& list);

 private:
  bool expects_target() const;
  bool is_header(int64_t number, std::string_view line);
  std::optional<ListRow> plain_row(int64_t number, std::string_view line);
  std::optional<ListRow> csv_row(int64_t number, std::string_view line);

  const std::filesystem::path folder_;
  const ManifestOptions& options_;
  ProblemList& problems_;
  std::vector<std::string> columns_;
};

}  // namespace unimiss::data

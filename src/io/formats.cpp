#include "unimiss/io/formats.h"

#include <algorithm>
#include <cctype>

namespace unimiss::io {
namespace {

bool ends_in(std::string_view name, std::string_view ending,
             LetterCase letter_case) {
  if (letter_case == LetterCase::kExact) return name.ends_with(ending);
  return name.size() >= ending.size() &&
         std::equal(ending.begin(), ending.end(), name.end() - ending.size(),
                    [](char wanted, unsigned char letter) {
                      return wanted == std::tolower(letter);
                    });
}

template <class Wanted>
std::string list_of(Wanted wanted) {
  std::string list;
  for (const FileFormat& format : kFileFormats) {
    if (!wanted(format)) continue;
    list.append(list.empty() ? "" : ", ").append(format.ending);
  }
  return list;
}

}  // namespace

const FileFormat* find_format(std::string_view name, LetterCase letter_case) {
  for (const FileFormat& format : kFileFormats) {
    if (ends_in(name, format.ending, letter_case)) return &format;
  }
  return nullptr;
}

bool is_read_as(std::string_view name, int rank) {
  const FileFormat* format = find_format(name);
  return format != nullptr && format->rank == rank &&
         format->reader != FileReader::kNone;
}

bool may_be_detached(std::string_view path) {
  const FileFormat* format = find_format(path, LetterCase::kExact);
  return format != nullptr && format->reader != FileReader::kNone &&
         format->data == FileData::kMayBeBeside;
}

std::string without_ending(std::string name) {
  const FileFormat* format = find_format(name);
  if (format != nullptr && name.size() > format->ending.size()) {
    name.resize(name.size() - format->ending.size());
  }
  return name;
}

std::string endings_read(int rank) {
  return list_of([rank](const FileFormat& format) {
    return format.rank == rank && format.reader != FileReader::kNone;
  });
}

std::string endings_written(int rank) {
  return list_of([rank](const FileFormat& format) {
    return format.rank == rank && format.is_written();
  });
}

}  // namespace unimiss::io

#pragma once

#include <string>
#include <vector>

namespace unimiss::data {

/// The files that a list names, in its order.
///
/// One path a line, relative to the list's own folder (or absolute); spaces
/// within a path are kept. Blank lines and lines that begin with # are skipped;
/// a byte-order mark and Windows line ends are tolerated.
/// Throws DataError when the list cannot be read, names nothing, or names files
/// that do not exist; the missing ones are all reported, with line numbers.
std::vector<std::string> read_manifest(const std::string& path);

}  // namespace unimiss::data

#include "unimiss/config/field_attributes.h"

#include <filesystem>

namespace unimiss::config {

std::string absolute_path(const std::string& path) {
  if (path.empty()) return path;
  return std::filesystem::absolute(path).lexically_normal().string();
}

}  // namespace unimiss::config

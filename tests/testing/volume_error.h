#pragma once

#include <gmock/gmock.h>

#include <string>

#include "testing/error_text.h"
#include "testing/files.h"
#include "testing/temporary_directory.h"
#include "unimiss/core/error.h"
#include "unimiss/io/volume.h"

namespace unimiss::testing {

/// The message of the DataError that reading a volume ends with; it must name
/// the file. "no error" where there is none.
inline std::string volume_error(const std::string& path) {
  return unimiss::testing::error_text<DataError>(
      [&] { io::read_volume(path); });
}

/// Of a file with this name and content.
inline std::string volume_error(const std::string& name,
                                const std::string& bytes) {
  const TemporaryDirectory folder;
  write_bytes(folder.file(name), bytes);
  std::string error = volume_error(folder.file(name));
  if (error != "no error") {
    EXPECT_THAT(error, ::testing::HasSubstr(name));
  }
  return error;
}

}  // namespace unimiss::testing

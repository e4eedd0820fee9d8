#pragma once

#include <string>

#include "unimiss/core/error.h"

namespace unimiss::train {

/// What is wrong with several lists or kinds of files, to be told at once.
class CollectedErrors {
 public:
  /// Calls work(); what its DataError says is kept.
  template <class Work>
  void run(const Work& work) {
    try {
      work();
    } catch (const DataError& error) {
      text_ += (text_.empty() ? "" : "\n") + std::string(error.what());
    }
  }
  /// Throws all of it as one DataError.
  void throw_if_any() const {
    if (!text_.empty()) throw DataError(text_);
  }

 private:
  std::string text_;
};

}  // namespace unimiss::train

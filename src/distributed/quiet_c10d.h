#pragma once

#include <c10/util/Logging.h>

#include <cstdlib>

namespace unimiss::distributed {

/// What c10d says of its connections, backtraces included, is in what it
/// throws, too: as long as one of these lives it is not said, unless
/// TORCH_CPP_LOG_LEVEL asks for it.
class QuietC10d {
 public:
  QuietC10d() {
    if (std::getenv("TORCH_CPP_LOG_LEVEL") == nullptr) {
      FLAGS_caffe2_log_level = c10::GLOG_FATAL;
    } else {
      c10::initLogging();  // reads it
      before_ = FLAGS_caffe2_log_level;
    }
  }
  ~QuietC10d() { FLAGS_caffe2_log_level = before_; }
  QuietC10d(const QuietC10d&) = delete;
  QuietC10d& operator=(const QuietC10d&) = delete;

 private:
  int before_ = FLAGS_caffe2_log_level;
};

}  // namespace unimiss::distributed

#include "unimiss/core/crash_point.h"

#ifdef UNIMISS_CRASH_POINTS
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <string>

namespace unimiss {
namespace {

struct Asked {
  std::string point;
  int count = 1;
};

Asked asked() {
  const char* text = std::getenv("UNIMISS_CRASH_AT");
  if (text == nullptr) return {};
  Asked asked{text, 1};
  const size_t colon = asked.point.find(':');
  if (colon == std::string::npos) return asked;
  asked.count = std::atoi(asked.point.c_str() + colon + 1);
  asked.point.resize(colon);
  return asked;
}

}  // namespace

void crash_at(CrashPoint point) {
  static const Asked where = asked();
  static std::atomic<int> reached{0};
  if (where.point == enum_name(point) && ++reached == where.count) {
    std::raise(SIGKILL);
  }
}

}  // namespace unimiss
#endif

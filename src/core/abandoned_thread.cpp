#include "unimiss/core/abandoned_thread.h"

#include <atomic>

namespace unimiss {
namespace {

std::atomic<bool> abandoned = false;

}  // namespace

void abandon(std::thread& thread) {
  abandoned = true;
  thread.detach();
}

bool has_abandoned_threads() { return abandoned; }

}  // namespace unimiss

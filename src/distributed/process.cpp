#include "unimiss/distributed/process.h"

#include <fmt/format.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <type_traits>

#include "unimiss/core/error.h"

namespace unimiss::distributed {
namespace {

static_assert(std::is_same_v<ProcessId, pid_t>);

constexpr const char* kParent = "UNIMISS_PARENT";

std::vector<char*> pointers_of(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

std::vector<std::string> own_environment() {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    variables.emplace_back(*variable);
  }
  return variables;
}

ProcessId start_process(const std::string& program,
                        std::vector<std::string> words,
                        std::vector<std::string> variables) {
  std::erase_if(variables, [](const std::string& variable) {
    return variable.starts_with(std::string(kParent) + "=");
  });
  variables.push_back(fmt::format("{}={}", kParent, getpid()));
  pid_t process = 0;
  const int error =
      posix_spawn(&process, program.c_str(), nullptr, nullptr,
                  pointers_of(words).data(), pointers_of(variables).data());
  if (error != 0) {
    throw RunError(fmt::format("{}: cannot be started ({})", program,
                               std::strerror(error)));
  }
  return process;
}

int status_of(ProcessId process) {
  int status = 0;
  while (waitpid(process, &status, 0) < 0) {
    if (errno != EINTR) return kExitFailed;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : kExitFailed;
}

void end_with_parent() {
  const char* variable = std::getenv(kParent);
  if (variable == nullptr) return;
  const std::string parent = variable;
  unsetenv(kParent);  // what this program starts is not that one's
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  // It may have ended before this was set.
  if (std::to_string(getppid()) != parent) std::raise(SIGTERM);
}

}  // namespace unimiss::distributed

#include "testing/program.h"

#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>

namespace unimiss::testing {

ProgramResult run_program(const std::string& name,
                          const std::string& arguments) {
  const char* folder = std::getenv("UNIMISS_PROGRAMS");
  if (folder == nullptr) {
    throw std::runtime_error("UNIMISS_PROGRAMS is not set: run by ctest");
  }
  const std::string command =
      std::string(folder) + "/" + name + " " + arguments + " 2>&1";
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("cannot run " + command);
  ProgramResult result;
  char buffer[4096];
  while (const size_t count = fread(buffer, 1, sizeof buffer, pipe)) {
    result.output.append(buffer, count);
  }
  const int status = pclose(pipe);
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return result;
}

}  // namespace unimiss::testing

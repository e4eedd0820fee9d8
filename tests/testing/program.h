#pragma once

#include <string>

namespace unimiss::testing {

/// What a program said and how it ended.
struct ProgramResult {
  int status = -1;
  std::string output;  ///< standard output and error
};

/// Runs a program of this build with arguments as a shell would read them, on
/// one thread. UNIMISS_PROGRAMS names the folder of the programs.
ProgramResult run_program(const std::string& name,
                          const std::string& arguments);

}  // namespace unimiss::testing

#pragma once

#include <stdexcept>
#include <string>

namespace unimiss {

/// Exit statuses of all programs. 0 is success, --help included.
inline constexpr int kExitFailed = 1;      ///< the run failed, or a bug
inline constexpr int kExitUsage = 2;       ///< found bad before any work began
inline constexpr int kExitPreempted = 75;  ///< stopped as asked: run it again

/// A mistake in what the user gave us, as opposed to a bug (TORCH_CHECK).
///
/// The message names the place (file, line or key), the problem, why it is one
/// and what to do, in the form "<place>: <problem> (<why>); <suggestion>".
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A command line, a configuration or data that cannot be run, found before
/// any work began. Exit status kExitUsage.
class ConfigError : public Error {
 public:
  using Error::Error;
};

/// A file that cannot be read, is damaged, or does not hold what it should.
class DataError : public Error {
 public:
  using Error::Error;  ///< of several files
  DataError(const std::string& file, const std::string& problem)
      : Error(file + ": " + problem) {}
};

/// What is found bad before any work begins is the user's to correct: a
/// DataError of check() becomes a ConfigError.
template <class Check>
auto before_work(const Check& check) {
  try {
    return check();
  } catch (const DataError& error) {
    throw ConfigError(error.what());
  }
}

/// A run that was asked to stop and has saved what it needs to go on. Exit
/// status kExitPreempted.
class Preempted : public Error {
 public:
  using Error::Error;
};

/// A run that cannot go on, e.g. because the loss is no longer finite.
class RunError : public Error {
 public:
  using Error::Error;
};

}  // namespace unimiss

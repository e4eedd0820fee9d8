#pragma once

#include <stdexcept>
#include <string>

namespace unimiss {

/// A mistake in what the user gave us, as opposed to a bug (TORCH_CHECK).
///
/// The message names the place (file, line or key), the problem, why it is one
/// and what to do, in the form "<place>: <problem> (<why>); <suggestion>".
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A command line or a configuration that cannot be run. Exit status 2.
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

/// A run that cannot go on, e.g. because the loss is no longer finite.
class RunError : public Error {
 public:
  using Error::Error;
};

}  // namespace unimiss

#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "unimiss/augment/sample.h"

namespace unimiss::pretrain {

/// What a run shows on one picture: what the network saw, and how it went.
class ContactSheet {
 public:
  /// Keeps both views of the first six samples of each kind; a volume is shown
  /// by its middle slice.
  void add_views(const augment::Views& batch);
  void add_term(const std::string& name, int64_t step, double value);
  void add_entropy(const std::string& phase, int64_t step, double value);

  /// Writes a PNG, a DurableFile: views of both kinds, loss terms, teacher
  /// entropy.
  void write(const std::string& path) const;

 private:
  struct Curve {
    std::vector<double> steps, values;
    void add(int64_t step, double value);
  };
  augment::Views images_, volumes_;
  std::map<std::string, Curve> terms_, entropies_;
};

}  // namespace unimiss::pretrain

#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "unimiss/augment/sample.h"

namespace unimiss::pretrain {

/// A number over the optimizer steps that had it.
struct Curve {
  std::vector<double> steps, values;
};
using Curves = std::map<std::string, Curve>;

/// What a run shows on one picture: what the network saw, and how it went.
class ContactSheet {
 public:
  /// Keeps the views of the first six samples of each kind; a volume is shown
  /// by its middle slice.
  void add_views(const augment::Sample& batch);

  /// Writes a PNG, a DurableFile: views of both kinds, `terms` of the loss by
  /// name, the entropy of the teacher's targets by phase, in nats.
  void write(const std::string& path, const Curves& terms,
             const Curves& entropies) const;

 private:
  augment::Sample images_, volumes_;
};

}  // namespace unimiss::pretrain

#pragma once

namespace unimiss {

/// How the classes of a place, or of a case, relate.
enum class ClassRelation {
  kExclusive,    ///< there is one: softmax, cross-entropy
  kOverlapping,  ///< each by itself: sigmoid, binary cross-entropy
};

}  // namespace unimiss

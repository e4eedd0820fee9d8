#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "unimiss/augment/case.h"
#include "unimiss/core/fields.h"

/// Which cases are learned from, and which ones are only looked at.
namespace unimiss::data {

struct SplitOptions {
  double validation_share = 0.25;
  int64_t folds = 0;
  int64_t fold = 0;
  double label_ratio = 1;
  int64_t seed = 0;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("validation_share", self.validation_share,
          "share of the patients that validation takes, in [0, 1); not used "
          "with folds",
          was("validation"));
    visit("folds", self.folds,
          "parts of a cross-validation, at least 2; 0: none, but one "
          "validation of the share");
    visit("fold", self.fold,
          "the part that is the validation of this run, from 0");
    visit("label_ratio", self.label_ratio,
          "share of the training patients that are learned from, in (0, 1]; "
          "validation is the same for all");
    visit("seed", self.seed, "what the draw of the patients depends on");
  }
  void check(Problems& problems) const;
};

/// Ids of cases. `test` is empty unless a file gives it.
struct Split {
  std::vector<std::string> train, validation, test;
};

/// Draws a split, in the order of the cases.
///
/// All cases of a patient (Case::patient; a case without one is a patient of
/// its own id) go the same way. Patients are drawn from strata, so that each
/// part has its share of each, to a patient: a patient's stratum is the rarest
/// class, the one of the fewest patients, that any of its cases has (the lower
/// number where two are as rare), as in the iterative stratification of
/// multi-label data (Sechidis et al. 2011). Patients without a label, and all
/// of a segmentation, are one stratum.
///
/// - Validation gets round(share * patients), or every `folds`-th patient, so
///   that each patient is in the validation of one fold exactly.
/// - Of the training patients of each stratum, `label_ratio` are kept, rounded
///   up: those of a lower ratio are among those of a higher one.
///
/// The split depends on the seed and on the ids, patients and labels, not on
/// the order of the cases. Throws ConfigError for options that cannot be, for
/// no cases, and where no training or (unless its share is 0) no validation is
/// left.
Split make_split(const std::vector<augment::Case>& cases,
                 const SplitOptions& options);

/// The cases of these ids, in the order of the ids; each must exist.
std::vector<augment::Case> select_cases(const std::vector<augment::Case>& cases,
                                        const std::vector<std::string>& ids);

/// Throws ConfigError, with what is in both (the first ten and a number),
/// where two sets of cases share a file of an image, an id or a patient. Links
/// to files are followed. The names are for the message: "train", "test".
void check_disjoint(const std::vector<augment::Case>& a,
                    const std::string& name_a,
                    const std::vector<augment::Case>& b,
                    const std::string& name_b);

/// Reads a split of nnU-Net's form (splits_final.json), a list with an object
/// for each fold: [{"train": [ids], "val": [ids]}]; `test` is optional.
///
/// Throws DataError, with all that is wrong, where the file is no such list or
/// has no such fold, for an id that none of the cases has or that is there
/// twice, and for an empty train.
Split read_split(const std::string& path,
                 const std::vector<augment::Case>& cases, int64_t fold = 0);

/// Writes a split in that form, as its only fold. Throws DataError where it
/// cannot be written.
void write_split(const std::string& path, const Split& split);

}  // namespace unimiss::data

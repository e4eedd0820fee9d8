#pragma once

#include <torch/types.h>

#include <optional>
#include <string>
#include <vector>

#include "predict/case_record.h"
#include "unimiss/data/case_cache.h"
#include "unimiss/predict/prediction.h"
#include "unimiss/report/case_files.h"
#include "unimiss/task/saved_network.h"

namespace unimiss::predict {

/// Predicts one case after another with the same networks.
class CasePrediction {
 public:
  CasePrediction(const PredictionRequest& request,
                 std::vector<task::SavedNetwork> networks,
                 report::FilesOfCases references);

  /// What was done for the case, where all its files are there, of its images
  /// as they are now.
  std::optional<CaseRecord> done(const augment::Case& of) const;
  /// Writes them, the record last. A reference at fault is left out. Throws
  /// DataError naming the file at fault.
  CaseRecord predict(const augment::Case& of) const;
  /// Throws ConfigError where the output is the folder of an image of the case,
  /// or a reference would be overwritten.
  void check_apart(const augment::Case& of) const;
  /// The first of the case's files that is there; empty: none.
  std::string file_there(const augment::Case& of) const;

 private:
  const task::Task& first() const { return *networks_.front().task; }
  std::vector<std::string> wanted_files(const augment::Case& of) const;
  augment::Case with_reference(const augment::Case& of) const;
  template <class Use>
  void for_each_network(const augment::Case& of, std::string& problem,
                        const Use& use) const;
  data::CaseOnBothGrids read(const augment::Case& of,
                             const data::CaseDecodeOptions& options,
                             std::string& problem) const;
  task::Prediction predict(const augment::Case& of, data::CaseReference& own,
                           torch::Tensor& image, std::string& problem) const;
  void keep_map(const augment::Case& of, const torch::Tensor& map,
                const data::CaseReference& own, const torch::Tensor& image,
                CaseRecord& record) const;
  std::optional<double> dice_of(const torch::Tensor& map,
                                const torch::Tensor& reference) const;
  void draw(const CaseRecord& record, const torch::Tensor& image,
            const data::CaseReference& own, const torch::Tensor& map) const;

  const PredictionRequest& request_;
  std::vector<task::SavedNetwork> networks_;
  report::FilesOfCases references_;
};

}  // namespace unimiss::predict

#pragma once

#include <torch/types.h>

#include <optional>
#include <string>
#include <vector>

#include "predict/case_files.h"
#include "predict/case_record.h"
#include "unimiss/data/case_cache.h"
#include "unimiss/predict/prediction.h"
#include "unimiss/predict/saved_network.h"

namespace unimiss::predict {

/// Predicts one case after another with the same networks.
class CasePrediction {
 public:
  CasePrediction(const PredictionRequest& request,
                 std::vector<SavedNetwork> networks, FilesOfCases references);

  /// What was done for the case, where all its files are there, of its images
  /// as they are now.
  std::optional<CaseRecord> done(const data::Case& of) const;
  /// Writes them, the record last. A reference at fault is left out. Throws
  /// DataError naming the file at fault.
  CaseRecord predict(const data::Case& of) const;
  /// Throws ConfigError where the output is the folder of an image of the case,
  /// or a reference would be overwritten.
  void check_apart(const data::Case& of) const;
  /// The first of the case's files that is there; empty: none.
  std::string file_there(const data::Case& of) const;

 private:
  bool segments() const { return data::is_segmentation(format_.target); }
  std::vector<std::string> wanted_files(const data::Case& of) const;
  data::Case with_reference(const data::Case& of) const;
  template <class Use>
  void for_each_network(const data::Case& of, std::string& problem,
                        const Use& use) const;
  data::CaseOnBothGrids read(const data::Case& of,
                             const data::CaseDecodeOptions& options,
                             std::string& problem) const;
  torch::Tensor predict_map(const data::Case& of, data::CaseReference& own,
                            torch::Tensor& image, std::string& problem) const;
  void segment(const data::Case& of, CaseRecord& record) const;
  void classify(const data::Case& of, CaseRecord& record) const;
  std::optional<double> dice_of(const torch::Tensor& map,
                                const torch::Tensor& reference) const;
  void draw(const CaseRecord& record, const torch::Tensor& image,
            const data::CaseReference& own, const torch::Tensor& map) const;

  const PredictionRequest& request_;
  std::vector<SavedNetwork> networks_;
  FilesOfCases references_;
  train::MapFormat format_;
};

}  // namespace unimiss::predict

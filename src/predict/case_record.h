#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "unimiss/augment/case.h"

namespace unimiss::predict {

/// What was done for a case: cases/ID.json.
struct CaseRecord {
  std::string id;
  std::string input;      ///< which files, how large, of when
  std::string reference;  ///< likewise; empty: none
  std::vector<std::string> files;
  /// Size and checksum of the maps among them, as they were written.
  std::map<std::string, std::string> maps;
  std::optional<double> dice;         ///< mean over classes, of a reference
  std::vector<double> probabilities;  ///< of a classification
  std::string reference_problem;      ///< why it was left out; empty: it is not
};

std::string record_file(const std::string& output, const std::string& id);
/// Nothing where the file is missing or is no record.
std::optional<CaseRecord> read_record(const std::string& output,
                                      const std::string& id);
void write_record(const std::string& output, const CaseRecord& record);
/// Whether the maps are there with the size they had.
bool maps_are_there(const std::string& output, const CaseRecord& record);
/// Size and checksum of maps that lie there.
std::map<std::string, std::string> digests_of(
    const std::string& output, const std::vector<std::string>& maps);

/// Before the case of a record is predicted: removes what is told of it and, if
/// that was of another input, the files that were made of that one. Throws
/// DataError, and removes nothing, where one of its maps is no longer as it was
/// written: somebody may have corrected it.
void forget_others(const std::string& output, const CaseRecord& record);
/// The ids of all cases, in order.
std::vector<std::string> recorded_ids(const std::string& output);
/// Of these cases, without those that are no record.
std::vector<CaseRecord> read_records(const std::string& output,
                                     const std::vector<std::string>& ids);

/// Tells the files of a case, their sizes and times of change.
std::string input_text(const std::vector<std::string>& files);

}  // namespace unimiss::predict

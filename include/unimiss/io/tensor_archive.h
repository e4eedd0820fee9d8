#pragma once

#include <torch/types.h>

#include <map>
#include <string>

namespace unimiss::io {

using TensorMap = std::map<std::string, torch::Tensor>;
using Metadata = std::map<std::string, std::string>;

/// Reads and writes the safetensors format: a little-endian u64 header length,
/// a JSON header {"name": {"dtype", "shape", "data_offsets"}, "__metadata__"},
/// the tensors' bytes. Python's `safetensors` reads what is written here.

/// Writes contiguous copies on the CPU, in name order, under a temporary name
/// beside `path` that is renamed once complete: no half-written file is ever
/// seen. Errors: DataError where the file cannot be written; a dtype that the
/// format does not have.
void save_tensors(const std::string& path, const TensorMap& tensors,
                  const Metadata& metadata = {});

/// Reads all tensors. The header is checked against the file first: offsets
/// that leave the file, overlap or disagree with shape and dtype are a
/// DataError, and nothing is allocated for them.
TensorMap load_tensors(const std::string& path);

/// The header's "__metadata__", empty where there is none.
Metadata load_metadata(const std::string& path);

}  // namespace unimiss::io

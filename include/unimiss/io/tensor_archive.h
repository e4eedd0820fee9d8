#pragma once

#include <torch/types.h>

#include <map>
#include <string>

#include "unimiss/io/durable_file.h"

namespace unimiss::io {

using TensorMap = std::map<std::string, torch::Tensor>;
using Metadata = std::map<std::string, std::string>;

/// Reads and writes the safetensors format: a little-endian u64 header length,
/// a JSON header {"name": {"dtype", "shape", "data_offsets"}, "__metadata__"},
/// the tensors' bytes. Python's `safetensors` reads what is written here.

/// Writes contiguous copies on the CPU, in name order, as a DurableFile: no
/// half-written file is ever seen. Errors: DataError where the file cannot be
/// written; a dtype that the format does not have.
FileDigest save_tensors(const std::string& path, const TensorMap& tensors,
                        const Metadata& metadata = {});

/// Reads all tensors. The header is checked against the file first: offsets
/// that leave the file, overlap or disagree with shape and dtype, a name that
/// comes twice and shapes beyond LibTorch's are a DataError, and nothing is
/// allocated for them. So is a BOOL other than 0 and 1.
TensorMap load_tensors(const std::string& path);

/// The header's "__metadata__", empty where there is none; a DataError where it
/// is other than text.
Metadata load_metadata(const std::string& path);

}  // namespace unimiss::io

#include "unimiss/io/tensor_archive.h"

#include <ATen/Functions.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "testing/files.h"
#include "testing/temporary_directory.h"
#include "unimiss/core/error.h"

namespace unimiss::io {
namespace {

/// A file of this header and so many bytes of data.
std::string archive(const std::string& header, size_t data) {
  std::string bytes(8, '\0');
  for (int i = 0; i < 8; ++i) {
    bytes[i] = static_cast<char>(header.size() >> (8 * i) & 0xff);
  }
  return bytes + header + std::string(data, '\1');
}

TEST(TensorArchive, ReturnsWhatWasSaved) {
  const testing::TemporaryDirectory folder;
  const std::string path = folder.file("a.safetensors");
  const TensorMap saved{
      {"float", at::rand({2, 3})},
      {"view", at::rand({4, 5}).t()},
      {"double", at::rand({1}, torch::kDouble)},
      {"half", at::rand({3}).to(torch::kHalf)},
      {"bfloat16", at::rand({3}).to(torch::kBFloat16)},
      {"long", at::arange(4, torch::kLong)},
      {"bool", at::ones({2}, torch::kBool)},
      {"scalar", at::rand({})},
      {"empty", at::empty({0, 3})},
  };
  save_tensors(path, saved, {{"step", "7"}});
  const TensorMap loaded = load_tensors(path);
  ASSERT_EQ(loaded.size(), saved.size());
  for (const auto& [name, tensor] : saved) {
    EXPECT_EQ(loaded.at(name).scalar_type(), tensor.scalar_type()) << name;
    EXPECT_TRUE(at::equal(loaded.at(name), tensor)) << name;
  }
  EXPECT_EQ(load_metadata(path).at("step"), "7");
  EXPECT_FALSE(std::filesystem::exists(path + ".part"));
}

TEST(TensorArchive, EveryTruncationIsAnError) {
  const testing::TemporaryDirectory folder;
  const std::string path = folder.file("a.safetensors");
  save_tensors(path, {{"a", at::rand({3})}, {"b", at::rand({2, 2})}});
  const std::string bytes = testing::read_bytes(path);
  for (size_t size = 0; size < bytes.size(); ++size) {
    testing::write_bytes(path, bytes.substr(0, size));
    EXPECT_THROW(load_tensors(path), DataError) << size;
  }
}

TEST(TensorArchive, ImpossibleHeadersAreErrorsBeforeAnyAllocation) {
  const testing::TemporaryDirectory folder;
  const std::string path = folder.file("a.safetensors");
  auto entry = [](const char* name, const char* dtype, const char* shape,
                  const char* offsets) {
    return fmt::format(R"("{}":{{"dtype":"{}","shape":{},"data_offsets":{}}})",
                       name, dtype, shape, offsets);
  };
  auto only = [&](const char* dtype, const char* shape, const char* offsets) {
    return fmt::format("{{{}}}", entry("a", dtype, shape, offsets));
  };
  for (const std::string& header : std::initializer_list<std::string>{
           "no json",
           "[]",
           only("F99", "[2]", "[0,8]"),
           only("F32", "[-2]", "[0,8]"),
           only("F32", "[4611686018427387904,8]", "[0,8]"),
           only("F32", "[2]", "[0,800]"),
           only("F32", "[2]", "[8,0]"),
           only("F32", "[2]", "[0,4]"),
           // Two tensors on the same bytes; bytes of nobody.
           fmt::format("{{{},{}}}", entry("a", "F32", "[2]", "[0,8]"),
                       entry("b", "F32", "[2]", "[0,8]")),
           only("F32", "[1]", "[0,4]"),
       }) {
    testing::write_bytes(path, archive(header, 8));
    EXPECT_THROW(load_tensors(path), DataError) << header;
  }
  // What the helper writes is read when it is right.
  testing::write_bytes(path, archive(only("F32", "[2]", "[0,8]"), 8));
  EXPECT_EQ(load_tensors(path).at("a").numel(), 2);
}

TEST(TensorArchive, AFolderThatIsNotThereIsAnError) {
  const testing::TemporaryDirectory folder;
  EXPECT_THROW(save_tensors(folder.file("no/a.safetensors"), {}), DataError);
  EXPECT_THROW(load_tensors(folder.file("a.safetensors")), DataError);
}

}  // namespace
}  // namespace unimiss::io

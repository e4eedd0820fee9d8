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
  std::string ones;
  for (int i = 0; i < 64; ++i) ones += ",1";
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
           // What JSON converts, and what LibTorch has no strides for.
           only("F32", "[2.5]", "[0,8]"),
           only("F32", "[1e300]", "[0,8]"),
           only("U8", "[8,true]", "[0,8]"),
           only("F32", "[2]", "[0.0,8]"),
           only("F32", "[2]", "[0,8,9]"),
           only("F32", "{}", "[0,8]"),
           only("F32", "null", "[0,8]"),
           only("F32", "[[2]]", "[0,8]"),
           only("F32", "[18446744073709551615]", "[0,8]"),
           fmt::format("{{{},{}}}", entry("a", "F32", "[2]", "[0,8]"),
                       entry("b", "F32", "[0,4611686018427387904,8]", "[8,8]")),
           R"({"a":1})",
           R"({"a":{"dtype":7,"shape":[2],"data_offsets":[0,8]}})",
           // The same name twice; more axes than operations take.
           fmt::format("{{{},{}}}", entry("a", "F32", "[1]", "[0,4]"),
                       entry("a", "F32", "[2]", "[0,8]")),
           only("F32", ("[2" + ones + "]").c_str(), "[0,8]"),
       }) {
    testing::write_bytes(path, archive(header, 8));
    EXPECT_THROW(load_tensors(path), DataError) << header;
  }
  // What the helper writes is read when it is right.
  testing::write_bytes(path, archive(only("F32", "[2]", "[0,8]"), 8));
  EXPECT_EQ(load_tensors(path).at("a").numel(), 2);
}

TEST(TensorArchive, DeepHeadersAreErrors) {
  const testing::TemporaryDirectory folder;
  const std::string path = folder.file("a.safetensors");
  const std::string deep =
      std::string(500'000, '[') + std::string(500'000, ']');
  for (const std::string& header : {deep, R"({"a":)" + deep + "}",
                                    R"({"__metadata__":{"a":)" + deep + "}}"}) {
    testing::write_bytes(path, archive(header, 0));
    EXPECT_THROW(load_metadata(path), DataError);
    EXPECT_THROW(load_tensors(path), DataError);
  }
}

TEST(TensorArchive, MetadataIsText) {
  const testing::TemporaryDirectory folder;
  const std::string path = folder.file("a.safetensors");
  for (const char* metadata : {"1", "null", "[]", R"("step")", R"({"step":7})",
                               R"({"step":null})", R"({"step":{"a":"b"}})"}) {
    testing::write_bytes(
        path, archive(fmt::format(R"({{"__metadata__":{}}})", metadata), 0));
    EXPECT_THROW(load_metadata(path), DataError) << metadata;
  }
  testing::write_bytes(path, archive(R"({"__metadata__":{}})", 0));
  EXPECT_TRUE(load_metadata(path).empty());
}

TEST(TensorArchive, ABoolIsZeroOrOne) {
  const testing::TemporaryDirectory folder;
  const std::string path = folder.file("a.safetensors");
  const std::string good =
      archive(R"({"a":{"dtype":"BOOL","shape":[3],"data_offsets":[0,3]}})", 3);
  testing::write_bytes(path, good);
  EXPECT_TRUE(load_tensors(path).at("a").all().item<bool>());
  testing::write_bytes(path, good.substr(0, good.size() - 1) + "\2");
  EXPECT_THROW(load_tensors(path), DataError);
}

TEST(TensorArchive, AFolderThatIsNotThereIsAnError) {
  const testing::TemporaryDirectory folder;
  EXPECT_THROW(save_tensors(folder.file("no/a.safetensors"), {}), DataError);
  EXPECT_THROW(load_tensors(folder.file("a.safetensors")), DataError);
}

}  // namespace
}  // namespace unimiss::io

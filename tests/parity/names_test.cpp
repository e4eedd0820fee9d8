#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "parity/fixture.h"
#include "unimiss/model/classification_network.h"
#include "unimiss/model/official_names.h"
#include "unimiss/model/segmentation_network.h"

namespace unimiss::parity {
namespace {

struct Row {
  std::string shape, group;
  int64_t numel = 0;
};

std::map<std::string, Row> read_table(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);  // header
  std::map<std::string, Row> rows;
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    std::string name, is_parameter;
    Row row;
    fields >> name >> row.shape >> row.numel >> is_parameter >> row.group;
    rows[name] = row;
  }
  return rows;
}

std::string shape_text(const torch::Tensor& tensor) {
  std::ostringstream text;
  for (int64_t i = 0; i < tensor.dim(); ++i) {
    text << (i ? "x" : "") << tensor.size(i);
  }
  return text.str();
}

void check_variant(model::MitVariant variant, const std::string& name,
                   int64_t backbone, int64_t total) {
  model::MitOptions options;
  options.variant = variant;
  const ssl::Network network(options, ssl::ProjectionHeadOptions{});
  const auto rows = read_table(std::string(std::getenv("UNIMISS_GOLDEN")) +
                               "/state_dict_" + name + ".tsv");
  int64_t sum = 0, backbone_sum = 0;
  for (const auto& item : network->named_parameters()) {
    const std::string official = model::official_name(item.key());
    ASSERT_TRUE(rows.contains(official)) << item.key() << " → " << official;
    EXPECT_EQ(shape_text(item.value()), rows.at(official).shape) << official;
    EXPECT_EQ(item.value().requires_grad(), rows.at(official).group != "frozen")
        << official;
    const bool decayed =
        item.value().dim() > 1 && !item.key().ends_with("bias");
    if (item.value().requires_grad()) {
      EXPECT_EQ(decayed, rows.at(official).group == "wd") << official;
    }
    sum += item.value().numel();
    if (official.starts_with("backbone.")) {
      backbone_sum += item.value().numel();
    }
  }
  EXPECT_EQ(network->named_parameters().size(), rows.size());
  EXPECT_EQ(sum, total);
  if (backbone > 0) {
    EXPECT_EQ(backbone_sum, backbone);
  }
}

/// name → shape, of a table without groups.
std::map<std::string, std::string> read_shapes(const std::string& file) {
  std::map<std::string, std::string> shapes;
  for (const auto& [name, row] :
       read_table(std::string(std::getenv("UNIMISS_GOLDEN")) + "/" + file)) {
    shapes[name] = row.shape;
  }
  return shapes;
}

template <class Network>
std::map<std::string, std::string> official_shapes(
    const Network& network, std::string (*official)(const std::string&)) {
  std::map<std::string, std::string> shapes;
  for (const auto& item : network->named_parameters()) {
    EXPECT_TRUE(
        shapes.emplace(official(item.key()), shape_text(item.value())).second)
        << item.key();
  }
  return shapes;
}

TEST(Names, TheSegmentationNetworkHasTheOfficialNamesAndShapes) {
  model::SegmentationNetworkOptions options;
  options.backbone.dimensions = model::Dimensions::k3d;
  options.backbone.volume_size = {48, 192, 192};
  options.outputs = 14;
  EXPECT_EQ(official_shapes(model::SegmentationNetwork(options),
                            model::official_segmentation_name),
            read_shapes("state_dict_bcv_seg_small.tsv"));
}

TEST(Names, TheClassificationNetworkHasTheOfficialNamesAndShapes) {
  model::ClassificationNetworkOptions options;
  options.backbone.dimensions = model::Dimensions::k3d;
  options.backbone.volume_size = {64, 128, 128};
  EXPECT_EQ(official_shapes(model::ClassificationNetwork(options),
                            model::official_classification_name),
            read_shapes("state_dict_ricord_cls_small.tsv"));
}

TEST(Names, SmallHasTheOfficialNamesShapesAndGroups) {
  check_variant(model::MitVariant::kSmall, "small", 43'942'944, 65'606'944);
}

TEST(Names, TinyHasTheOfficialNamesShapesAndGroups) {
  check_variant(model::MitVariant::kTiny, "tiny", 0, 42'044'336);
}

}  // namespace
}  // namespace unimiss::parity

#include "unimiss/model/official_names.h"

#include <c10/util/Exception.h>

#include <regex>
#include <string>
#include <vector>

namespace unimiss::model {
namespace {

std::string one_up(const std::string& digit) {
  return std::to_string(std::stoi(digit) + 1);
}

/// The part of a name inside a transformer block or an attention layer.
std::string block_part(const std::string& part) {
  static const std::regex reduction(
      R"(attention\.reduction\.(weight|bias)_(\d)d)");
  static const std::regex attention(R"(attention\.(.*))");
  static const std::regex linear(R"((fc[12]\..*))");
  std::smatch m;
  if (std::regex_match(part, m, reduction)) {
    return "attn.sr" + m.str(2) + "D." + m.str(1);
  }
  if (std::regex_match(part, m, attention)) return "attn." + m.str(1);
  if (std::regex_match(part, m, linear)) return "mlp." + m.str(1);
  return part;
}

/// "weight_2d" → {"2D", "conv.weight"}, "norm_bias_3d" → {"3D", "norm.bias"}.
std::pair<std::string, std::string> conv_part(const std::string& part) {
  static const std::regex pattern(R"((norm_)?(weight|bias)_(\d)d)");
  std::smatch m;
  TORCH_CHECK(std::regex_match(part, m, pattern), "no conv parameter: ", part);
  return {m.str(3) + "D", (m[1].matched ? "norm." : "conv.") + m.str(2)};
}

std::string encoder_name(const std::string& name) {
  static const std::regex stem(R"(stem\.conv\.(\w+))");
  static const std::regex embedding(R"(embeddings\.(\d)\.conv\.(\w+))");
  static const std::regex position(R"(stages\.(\d)\.position\.table_(\d)d)");
  static const std::regex block(R"(stages\.(\d)\.blocks\.(\d+)\.(.*))");
  static const std::regex projection(R"(class_projections\.(\d)\.(\w+))");
  std::smatch m;
  if (std::regex_match(name, m, stem)) {
    const auto [rank, part] = conv_part(m.str(1));
    return "patch_embed" + rank + "0." + part;
  }
  if (std::regex_match(name, m, embedding)) {
    const auto [rank, part] = conv_part(m.str(2));
    return "patch_embed" + rank + one_up(m.str(1)) + ".proj." + part;
  }
  if (std::regex_match(name, m, position)) {
    return "pos_embed" + m.str(2) + "D" + one_up(m.str(1));
  }
  if (std::regex_match(name, m, block)) {
    return "block" + one_up(m.str(1)) + "." + m.str(2) + "." +
           block_part(m.str(3));
  }
  if (std::regex_match(name, m, projection)) {
    return "cls_tokens" + one_up(one_up(m.str(1))) + "." + m.str(2);
  }
  TORCH_CHECK(name == "class_token", "no encoder parameter: ", name);
  return "cls_tokens1";
}

std::string decoder_name(const std::string& name) {
  static const std::regex embedding(
      R"(embeddings\.(\d)\.conv\.(weight|bias)_(\d)d)");
  static const std::regex position(R"(stages\.(\d)\.position\.table_(\d)d)");
  static const std::regex block(R"(stages\.(\d)\.blocks\.(\d+)\.(.*))");
  static const std::regex projection(R"(class_projections\.(\d)\.(\w+))");
  static const std::regex norm(R"(norm\.\w+)");
  std::smatch m;
  if (std::regex_match(name, m, embedding)) {
    return "DecEmbed" + m.str(3) + "D" + m.str(1) + ".proj." + m.str(2);
  }
  if (std::regex_match(name, m, position)) {
    return "DecPosEmbed" + m.str(2) + "D" + m.str(1);
  }
  if (std::regex_match(name, m, block)) {
    return "Decblock" + m.str(1) + "." + m.str(2) + "." + block_part(m.str(3));
  }
  if (std::regex_match(name, m, projection)) {
    return "cls_tokens" + m.str(1) + "." + m.str(2);
  }
  TORCH_CHECK(std::regex_match(name, norm), "no decoder parameter: ", name);
  return name;
}

}  // namespace

std::string official_name(const std::string& name) {
  const std::string encoder = "backbone.encoder.";
  const std::string decoder = "backbone.decoder.";
  if (name.starts_with(encoder)) {
    return "backbone.transformer." + encoder_name(name.substr(encoder.size()));
  }
  if (name.starts_with(decoder)) {
    return "backbone." + decoder_name(name.substr(decoder.size()));
  }
  TORCH_CHECK(name.starts_with("head."), "no parameter of a network: ", name);
  return name;
}

std::string official_segmentation_name(const std::string& name) {
  static const std::regex up(R"(head\.up\.conv\.(weight|bias)_\dd)");
  static const std::regex join(R"(head\.join\.(\w+))");
  static const std::regex classifier(
      R"(head\.classifiers\.(\d)\.(weight|bias)_\dd)");
  std::smatch m;
  if (std::regex_match(name, m, up)) {
    return "transposeconv_stage3." + m.str(1);
  }
  if (std::regex_match(name, m, join)) {
    return "stage3_de." + conv_part(m.str(1)).second;
  }
  if (std::regex_match(name, m, classifier)) {
    // Four of deep supervision, then the one for the result.
    return (m.str(1) == "4" ? "" : "ds" + m.str(1) + "_") + "cls_conv." +
           m.str(2);
  }
  std::string shared = official_name(name).substr(sizeof("backbone.") - 1);
  for (const char* tag : {"2D", "3D"}) {
    const size_t at = shared.find(tag);
    if (at != std::string::npos) return shared.erase(at, 2);
  }
  return shared;
}

std::string official_classification_name(const std::string& name) {
  const std::string encoder = "encoder.", norm = "norm.",
                    classifier = "classifier.";
  if (name.starts_with(encoder)) {
    return encoder_name(name.substr(encoder.size()));
  }
  if (name.starts_with(norm)) return "norm_new." + name.substr(norm.size());
  TORCH_CHECK(name.starts_with(classifier),
              "no parameter of a classification network: ", name);
  return "head_new." + name.substr(classifier.size());
}

}  // namespace unimiss::model

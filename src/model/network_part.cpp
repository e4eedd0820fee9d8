#include "unimiss/model/network_part.h"

#include <regex>

namespace unimiss::model {

NetworkPart part_of(const std::string& parameter) {
  static const std::regex staged(
      R"((backbone\.)?(encoder|decoder)\.(embeddings|stages|class_projections)\.(\d)\..*)");
  std::smatch m;
  if (std::regex_match(parameter, m, staged)) {
    const auto first =
        m.str(2) == "encoder" ? NetworkPart::kEncoder1 : NetworkPart::kDecoder1;
    // A projection leads from one stage to the next.
    const int after = m.str(3) == "class_projections" ? 1 : 0;
    const int part = static_cast<int>(first) + std::stoi(m.str(4)) + after;
    return static_cast<NetworkPart>(part);
  }
  const std::string name = parameter.starts_with("backbone.")
                               ? parameter.substr(sizeof("backbone.") - 1)
                               : parameter;
  if (name.starts_with("encoder.")) return NetworkPart::kStem;
  if (name.starts_with("decoder.")) return NetworkPart::kDecoder3;
  return NetworkPart::kHead;
}

int parts_above(NetworkPart part, HasDecoder decoder) {
  constexpr int kDecoderParts = 3;
  const int above =
      static_cast<int>(NetworkPart::kHead) - static_cast<int>(part);
  const bool below_decoder = part < NetworkPart::kDecoder1;
  return decoder == HasDecoder::kNo && below_decoder ? above - kDecoderParts
                                                     : above;
}

}  // namespace unimiss::model

#include <fmt/format.h>
#include <yaml-cpp/depthguard.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <sstream>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "config/limits.h"
#include "unimiss/config/node.h"
#include "unimiss/core/error.h"

namespace unimiss::config {
namespace {

/// yaml-cpp's positions count from 0.
std::string place_of(const std::string& name, const YAML::Mark& mark) {
  if (name == kCommandLine || mark.is_null()) return name;
  return fmt::format("{}:{}:{}", name, mark.line + 1, mark.column + 1);
}

[[noreturn]] void throw_too_deep(const std::string& place) {
  throw ConfigError(
      fmt::format("{}: nested more than {} levels deep (an alias inside its "
                  "own anchor?)",
                  place, kMaximumDepth));
}

/// Strict UTF-8 of characters. yaml-cpp takes any bytes, but writes U+FFFD
/// where they are not: the saved configuration would not be that of the run.
bool is_utf8(std::string_view text) {
  constexpr uint32_t kSmallest[] = {0, 0x80, 0x800, 0x10000};
  for (size_t at = 0; at < text.size();) {
    const auto lead = static_cast<uint8_t>(text[at++]);
    if (lead < 0x80) continue;
    if (lead < 0xc2 || lead > 0xf4) return false;
    const int following = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    uint32_t point = lead & (0x3fu >> following);
    for (int i = 0; i < following; ++i, ++at) {
      if (at == text.size()) return false;
      const auto byte = static_cast<uint8_t>(text[at]);
      if ((byte & 0xc0) != 0x80) return false;
      point = point << 6 | (byte & 0x3f);
    }
    const bool surrogate = point >= 0xd800 && point <= 0xdfff;
    const bool no_character =
        (point & 0xfffe) == 0xfffe || (point >= 0xfdd0 && point <= 0xfdef);
    if (point < kSmallest[following] || point > 0x10ffff || surrogate ||
        no_character) {
      return false;
    }
  }
  return true;
}

/// Throws where a second document begins. YAML::LoadAll() would not end: a
/// stray "," or "]" is to yaml-cpp a document of no length, again and again.
class OneDocument : public YAML::EventHandler {
 public:
  explicit OneDocument(const std::string& name) : name_(name) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ == 1) return;
    throw ConfigError(place_of(name_, mark) +
                      ": a second YAML document begins here (only one is "
                      "read); remove the line `---`, or the stray character");
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}

 private:
  const std::string& name_;
  int documents_ = 0;
};

/// Throws ConfigError where a line, counted from 0, is indented by a tab: what
/// YAML makes of it is anything but clear.
void throw_at_tab(const std::string& text, const std::string& name, int line) {
  std::istringstream stream(text);
  std::string content;
  for (int i = 0; i <= line; ++i) {
    if (!std::getline(stream, content)) return;
  }
  const size_t tab = content.find('\t');
  if (tab == std::string::npos || content.find_first_not_of(" \t") < tab) {
    return;
  }
  throw ConfigError(
      fmt::format("{}:{}:{}: a tab indents this line (YAML allows only "
                  "spaces there); replace it by spaces",
                  name, line + 1, tab + 1));
}

void check_one_document(const std::string& text, const std::string& name) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  OneDocument events(name);
  while (parser.HandleNextDocument(events)) {
  }
}

/// yaml-cpp's nodes of one document to ours. An alias becomes a copy, so that
/// aliases of aliases grow exponentially: what is made is counted.
class Converter {
 public:
  explicit Converter(const std::string& name) : name_(name) {}

  Node convert(const YAML::Node& yaml, int depth) {
    Node node;
    node.place = place_of(name_, yaml.Mark());
    if (depth > kMaximumDepth) throw_too_deep(node.place);
    count(1, node.place);
    if (yaml.IsScalar()) {
      check_text(yaml.Scalar(), node.place);
      node.kind = Node::Kind::kScalar;
      node.text = yaml.Scalar();
      node.quoted = yaml.Tag() == "!";
    } else if (yaml.IsSequence()) {
      node.kind = Node::Kind::kSequence;
      for (const YAML::Node& item : yaml) {
        node.items.push_back(convert(item, depth + 1));
      }
    } else if (yaml.IsMap()) {
      node.kind = Node::Kind::kMapping;
      convert_entries(yaml, depth, node);
    }
    return node;
  }

 private:
  void convert_entries(const YAML::Node& yaml, int depth, Node& node) {
    std::unordered_set<std::string_view> keys;
    for (const auto& pair : yaml) {
      const std::string place = place_of(name_, pair.first.Mark());
      if (!pair.first.IsScalar()) {
        throw ConfigError(place + ": a key must be a plain word");
      }
      const std::string& key = pair.first.Scalar();
      check_text(key, place);
      if (!keys.insert(key).second) {
        node.repeated.push_back({key, place});
        continue;
      }
      Node value = convert(pair.second, depth + 1);
      // `key:` with nothing behind it: nothing has no place of its own.
      const bool behind = pair.second.Mark().column > pair.first.Mark().column;
      if (value.kind == Node::Kind::kNull && !behind) value.place = place;
      node.entries.push_back({key, place, std::move(value)});
    }
  }

  void check_text(const std::string& text, const std::string& place) {
    count(text.size(), place);
    if (is_utf8(text)) return;
    throw ConfigError(
        place + ": the text is not UTF-8; save the file in that encoding");
  }

  void count(size_t size, const std::string& place) {
    size_ += size;
    if (size_ <= kMaximumSize) return;
    throw ConfigError(fmt::format(
        "{}: the values up to here are more than a configuration of {} KiB "
        "can hold (aliases of aliases?); write fewer",
        place, kMaximumSize / 1024));
  }

  const std::string& name_;
  size_t size_ = 0;
};

}  // namespace

Node parse_yaml(const std::string& text, const std::string& name) {
  if (text.size() > kMaximumSize) {
    throw ConfigError(fmt::format(
        "{}: larger than {} KiB (no configuration is; is this another kind of "
        "file?); check the path",
        name, kMaximumSize / 1024));
  }
  try {
    check_one_document(text, name);
    return Converter(name).convert(YAML::Load(text), 0);
  } catch (const YAML::DeepRecursion& error) {
    throw_too_deep(place_of(name, error.mark));
  } catch (const YAML::Exception& error) {
    throw_at_tab(text, name, error.mark.line);
    throw ConfigError(fmt::format("{}: not valid YAML: {}",
                                  place_of(name, error.mark), error.msg));
  }
}

}  // namespace unimiss::config

#include "config_reference.h"

#include <fmt/format.h>

#include <string_view>

#include "unimiss/config/fields.h"
#include "unimiss/finetune/config.h"
#include "unimiss/pretrain/config.h"

namespace unimiss {
namespace {

constexpr std::string_view kIntroduction = R"(# Configuration reference

All keys of a [pretraining's](#pretraining) and of a
[fine-tuning's](#fine-tuning) configuration with their defaults.
[pretraining.md](pretraining.md) tells how files are written and extend each
other. Any key can be given on the command line as `group.key=value`.

Ranges are [closed] or (open); probabilities lie in [0, 1], and counts end at a
billion. Sizes of volumes are in the order (D, H, W). A list of one item needs no
brackets.

This file is written by `unimiss-pretrain --config-reference`.

# Pretraining

The defaults are those of the paper's preset; what `loss.preset: official` starts
from instead stands below each table.
)";

constexpr std::string_view kFinetuning = R"(
# Fine-tuning

[finetuning.md](finetuning.md) tells what the groups mean together.
)";

/// The defaults of a group that another preset changes, a line each.
std::string differences(const std::string& group,
                        const std::vector<config::Difference>& all) {
  std::string lines;
  for (const config::Difference& difference : all) {
    // The preset itself is what is being told about.
    if (!difference.key.starts_with(group + ".") ||
        difference.key == "loss.preset") {
      continue;
    }
    lines += fmt::format("- `{}`: `{}`\n", difference.key, difference.right);
  }
  return lines.empty() ? "" : "\nWith `loss.preset: official`:\n\n" + lines;
}

}  // namespace

std::string config_reference() {
  const auto paper = pretrain::PretrainConfig::of(pretrain::Preset::kPaper);
  const auto all = config::compare(
      paper, pretrain::PretrainConfig::of(pretrain::Preset::kOfficial));
  std::string text(kIntroduction);
  pretrain::PretrainConfig::visit_fields(
      paper, [&](std::string_view name, const auto& options,
                 std::string_view meaning, FieldAttributes = {}) {
        const std::string group(name);
        text += fmt::format("\n## `{}`: {}\n\n{}{}", group, meaning,
                            config::document(options, group),
                            differences(group, all));
      });
  text += kFinetuning;
  const finetune::FinetuneConfig finetuning;
  finetune::FinetuneConfig::visit_fields(
      finetuning, [&](std::string_view name, const auto& options,
                      std::string_view meaning, FieldAttributes = {}) {
        const std::string group(name);
        text += fmt::format("\n## `{}`: {}\n\n{}", group, meaning,
                            config::document(options, group));
      });
  return text;
}

}  // namespace unimiss

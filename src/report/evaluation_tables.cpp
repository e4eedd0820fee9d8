#include "report/evaluation_tables.h"

#include <fmt/format.h>

#include <cmath>

namespace unimiss::report {
namespace {

/// Above 100, as mm³ are, digits behind the point say nothing.
std::string short_number(const Json& value) {
  if (!value.is_number()) return "";
  const auto number = value.get<double>();
  return fmt::format("{:.{}f}", number,
                     std::abs(number) < 10    ? 4
                     : std::abs(number) < 100 ? 2
                                              : 1);
}

/// "0.9000 [0.8000, 0.9500]"
std::string with_interval(const Json& value, const Json& interval) {
  if (!value.is_number()) return "–";
  if (!interval.is_object()) return short_number(value);
  return fmt::format("{} [{}, {}]", short_number(value),
                     short_number(interval.at("low")),
                     short_number(interval.at("high")));
}

std::string rule_of_columns(size_t count) {
  std::string rule = "|---|";
  for (size_t i = 0; i < count; ++i) rule += "---:|";
  return rule + "\n";
}

/// Of images without a pixel spacing distances are in pixels.
std::string in_units(std::string text, const Json& summary) {
  const Json made = summary.value("evaluation", Json::object());
  if (!made.contains("pixel_spacing_mm") ||
      !made.at("pixel_spacing_mm").is_null()) {
    return text;
  }
  for (size_t at = 0; (at = text.find("mm", at)) != std::string::npos;) {
    text.replace(at, 2, "pixels");
  }
  return text;
}

std::string segmentation_means(const Json& summary) {
  const ScoreTable table = score_table(summary);
  std::string text = "| class |";
  for (const auto& metric : table.metrics) {
    text += fmt::format(" {} |", in_units(metric.title, summary));
  }
  text += "\n" + rule_of_columns(table.metrics.size());
  const auto row = [&](const std::string& name, const Json& means,
                       const Json& intervals) {
    text += fmt::format("| {} |", name);
    for (const auto& metric : table.metrics) {
      text += fmt::format(" {} |",
                          with_interval(item_of(means, {metric.name}),
                                        item_of(intervals, {metric.name})));
    }
    text += "\n";
  };
  for (size_t k = 0; k < table.labels.size(); ++k) {
    row(table.names[k], item_of(summary, {"mean", table.labels[k]}),
        item_of(summary, {"interval", "mean", table.labels[k]}));
  }
  row("**mean**", item_of(summary, {"foreground_mean"}),
      item_of(summary, {"interval", "foreground_mean"}));
  return text;
}

std::string classification_means(const Json& summary) {
  std::string text = "| class |";
  for (const auto& column : kClassColumns) {
    text += fmt::format(" {} |", column.name);
  }
  text += "\n" + rule_of_columns(kClassColumns.size());
  const Json interval = item_of(summary, {"interval"});
  for (const Json& name : summary.at("classes")) {
    text += fmt::format("| {} |", name.get<std::string>());
    for (const auto& column : kClassColumns) {
      const auto key = name.get<std::string>();
      text += fmt::format(
          " {} |", with_interval(item_of(summary, {column.of_class, key}),
                                 item_of(interval, {column.of_class, key})));
    }
    text += "\n";
  }
  text += "| **all** |";
  for (const auto& column : kClassColumns) {
    text +=
        fmt::format(" {} |", with_interval(item_of(summary, {column.name}),
                                           item_of(interval, {column.name})));
  }
  text += "\n";
  if (!summary.contains("confusion_matrix")) return text;
  text += "\nCases of the row's class that were given the column's:\n\n| |";
  for (const Json& name : summary.at("classes")) {
    text += fmt::format(" {} |", name.get<std::string>());
  }
  text += "\n" + rule_of_columns(summary.at("classes").size());
  for (size_t k = 0; k < summary.at("classes").size(); ++k) {
    text += fmt::format("| {} |", summary["classes"][k].get<std::string>());
    for (const Json& count : summary["confusion_matrix"][k]) {
      text += fmt::format(" {} |", count.get<int64_t>());
    }
    text += "\n";
  }
  return text;
}

std::string difference_row(const std::string& name, const std::string& metric,
                           const Json& difference) {
  const Json& p = difference.at("p_value");
  return fmt::format(
      "| {} | {} | {} | {} | {} |\n", name, metric,
      with_interval(difference.at("difference"), difference),
      p.is_number() ? fmt::format("{:.4g}", p.get<double>()) : "–",
      difference.at("cases").get<int64_t>());
}

std::string comparison_rows(const Json& summary, const Json& comparison) {
  std::string text;
  if (is_segmentation_summary(summary)) {
    for (const auto& [label, metrics] : comparison.at("mean").items()) {
      for (const auto& [metric, difference] : metrics.items()) {
        text +=
            difference_row(summary.at("classes").at(label), metric, difference);
      }
    }
    for (const auto& [metric, difference] :
         comparison.at("foreground_mean").items()) {
      text += difference_row("**mean**", metric, difference);
    }
    return text;
  }
  for (const auto& [name, item] : comparison.items()) {
    if (!item.is_object()) continue;
    if (item.contains("difference")) {
      text += difference_row("**all**", name, item);
      continue;
    }
    const std::string metric = name.substr(0, name.find("_per_class"));
    for (const auto& [class_name, difference] : item.items()) {
      text += difference_row(class_name, metric, difference);
    }
  }
  return text;
}

std::string bad_section(const Json& summary) {
  const Json& bad = summary.at("bad_cases");
  if (bad.empty()) return "";
  std::string text = "\n## Cases that were left out\n\n";
  for (const Json& each : bad) {
    text += fmt::format("- {}: {}\n", each.at("case").get<std::string>(),
                        each.at("problem").get<std::string>());
  }
  return text;
}

}  // namespace

std::string comparison_section(const Json& summary) {
  if (!summary.contains("comparison")) return "";
  const Json& comparison = summary.at("comparison");
  return fmt::format(
      "\n## Compared with {}\n\nOver {} cases of both ({} only here, {} only "
      "there). The difference is this one minus the other, with its 95 % "
      "interval; p is of Wilcoxon's signed-rank test, not corrected for the "
      "number of rows.\n\n| class | metric | difference | p | cases |\n"
      "|---|---|---:|---:|---:|\n{}",
      comparison.at("with").get<std::string>(),
      comparison.at("cases").get<int64_t>(), comparison.at("only_here").size(),
      comparison.at("only_there").size(), comparison_rows(summary, comparison));
}

Json item_of(const Json& json, std::initializer_list<std::string> path) {
  const Json* item = &json;
  for (const std::string& key : path) {
    if (!item->is_object() || !item->contains(key)) return nullptr;
    item = &item->at(key);
  }
  return *item;
}

bool is_segmentation_summary(const Json& summary) {
  return summary.contains("foreground_mean");
}

std::string means_table(const Json& summary) {
  return is_segmentation_summary(summary) ? segmentation_means(summary)
                                          : classification_means(summary);
}

std::string markdown_of(const Json& summary) {
  const Json& made = summary.at("evaluation");
  std::string text = fmt::format(
      "# Evaluation\n\n- predictions: {}\n- references: {}\n- cases: {}\n",
      made.at("predictions").get<std::string>(),
      made.at("references").get<std::string>(),
      summary.at("metric_per_case").size());
  if (made.contains("missing")) {
    text += in_units(
        fmt::format("- NSD at {:g} mm; a volume difference is prediction minus "
                    "reference, in mm³ (of images mm²)\n- {}; one of them "
                    "lacked it {} times\n",
                    made.at("tolerance_mm").get<double>(),
                    made.at("missing").at("text").get<std::string>(),
                    made.at("missing").at("count").get<int64_t>()),
        summary);
  }
  text += fmt::format(
      "\n## Means\n\nWith 95 % intervals of {} bootstrap resamples of the "
      "cases.\n\n{}",
      made.at("bootstrap").at("resamples").get<int64_t>(),
      means_table(summary));
  return text + comparison_section(summary) + bad_section(summary);
}

}  // namespace unimiss::report

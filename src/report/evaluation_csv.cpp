#include <fmt/format.h>

#include "report/evaluation_tables.h"
#include "unimiss/core/text.h"

namespace unimiss::report {
namespace {

std::string exact_number(const Json& value) {
  return value.is_number() ? fmt::format("{:.9g}", value.get<double>()) : "";
}

std::string segmentation_csv(const Json& summary) {
  const ScoreTable table = score_table(summary);
  std::string text = "row,case,class";
  for (const auto& metric : table.metrics) {
    text += fmt::format(",{}", metric.name);
  }
  text += "\n";
  for (size_t i = 0; i < table.cases.size(); ++i) {
    for (size_t k = 0; k < table.labels.size(); ++k) {
      text += fmt::format("case,{},{}", csv_field(table.cases[i]),
                          csv_field(table.names[k]));
      for (size_t m = 0; m < table.metrics.size(); ++m) {
        const auto& value = table.values[k][m][i];
        text += "," + exact_number(value ? Json(*value) : Json());
      }
      text += "\n";
    }
  }
  const auto rows = [&](const std::string& name, const Json& means,
                        const Json& intervals) {
    for (const std::string row : {"mean", "low", "high"}) {
      text += fmt::format("{},,{}", row, csv_field(name));
      for (const auto& metric : table.metrics) {
        text += "," + exact_number(row == "mean" ? item_of(means, {metric.name})
                                                 : item_of(intervals,
                                                           {metric.name, row}));
      }
      text += "\n";
    }
  };
  for (size_t k = 0; k < table.labels.size(); ++k) {
    rows(table.names[k], item_of(summary, {"mean", table.labels[k]}),
         item_of(summary, {"interval", "mean", table.labels[k]}));
  }
  rows("", item_of(summary, {"foreground_mean"}),
       item_of(summary, {"interval", "foreground_mean"}));
  return text;
}

std::string classification_csv(const Json& summary) {
  std::string text = "row,class";
  for (const auto& column : kClassColumns) {
    text += fmt::format(",{}", column.name);
  }
  text += "\n";
  const auto rows = [&](const std::string& name) {
    for (const std::string row : {"value", "low", "high"}) {
      text += fmt::format("{},{}", row, csv_field(name));
      for (const auto& column : kClassColumns) {
        Json item = row == "value" ? summary : item_of(summary, {"interval"});
        item = name.empty() ? item_of(item, {column.name})
                            : item_of(item, {column.of_class, name});
        text +=
            "," + exact_number(row == "value" ? item : item_of(item, {row}));
      }
      text += "\n";
    }
  };
  for (const Json& name : summary.at("classes")) rows(name.get<std::string>());
  rows("");
  return text;
}

}  // namespace

std::string csv_of(const Json& summary) {
  return is_segmentation_summary(summary) ? segmentation_csv(summary)
                                          : classification_csv(summary);
}

}  // namespace unimiss::report

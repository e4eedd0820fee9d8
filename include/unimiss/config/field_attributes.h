#pragma once

#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "unimiss/config/field_types.h"
#include "unimiss/core/fields.h"

/// What the attributes of fields (core/fields.h) are for.
namespace unimiss::config {

/// A path that is the same from wherever it is read; empty stays empty.
std::string absolute_path(const std::string& path);

namespace detail {

/// Calls use(text) for each text of a field: itself, or the items of a list.
template <class Field, class Use>
void for_each_text(Field& field, const Use& use) {
  if constexpr (kIsVector<std::remove_cv_t<Field>>) {
    for (auto& text : field) use(text);
  } else {
    use(field);
  }
}

template <class T>
concept TextField = std::is_same_v<T, std::string> ||
    std::is_same_v<T, std::vector<std::string>>;

/// Calls use(text, attributes) for each text in options and their groups.
template <class Options, class Use>
void visit_texts(Options& options, const Use& use) {
  using Plain = std::remove_cv_t<Options>;
  Plain::visit_fields(
      options, [&](std::string_view, auto& field, std::string_view,
                   FieldAttributes attributes = {}) {
        using Field = std::remove_cvref_t<decltype(field)>;
        if constexpr (OptionsStruct<Field>) {
          visit_texts(field, use);
        } else if constexpr (TextField<Field>) {
          for_each_text(field, [&](auto& text) { use(text, attributes); });
        }
      });
}

}  // namespace detail

/// Makes the paths (kPath) absolute, so that saved options are those of the run
/// wherever they are read.
template <OptionsStruct Options>
void make_paths_absolute(Options& options) {
  detail::visit_texts(options,
                      [](std::string& path, const FieldAttributes& attributes) {
                        if (attributes.path) path = absolute_path(path);
                      });
}

/// The files that name the data (kList), in the order of the fields.
template <OptionsStruct Options>
std::vector<std::string> list_files(const Options& options) {
  std::vector<std::string> files;
  detail::visit_texts(
      options, [&](const std::string& path, const FieldAttributes& attributes) {
        if (attributes.list && !path.empty()) files.push_back(path);
      });
  return files;
}

}  // namespace unimiss::config

#include "machines/host/option_list.h"

#include <algorithm>

namespace mimus {

namespace {

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words(1);
  for (size_t i = 0; i < text.size(); ++i) {
    const bool comma = text[i] == ',';
    if (comma && i + 1 < text.size() && text[i + 1] == ',')
      ++i;
    else if (comma) {
      words.emplace_back();
      continue;
    }
    words.back() += text[i];
  }
  return words;
}

}  // namespace

OptionList::OptionList(std::string_view text) {
  std::vector<std::string> words = split_words(text);
  first_ = std::move(words.front());
  for (size_t i = 1; i < words.size(); ++i) {
    const size_t equals = words[i].find('=');
    if (equals == std::string::npos)
      options_.push_back({words[i], {}});
    else
      options_.push_back({words[i].substr(0, equals), words[i].substr(equals + 1)});
  }
}

Expected<void> OptionList::allow_only(std::string_view what, std::span<const std::string_view> known) const {
  for (const Option& option : options_) {
    if (std::ranges::find(known, option.name) != known.end()) continue;
    std::string list;
    for (std::string_view name : known) list += (list.empty() ? "" : ", ") + std::string(name);
    return usage_error(std::string(what) + ": unknown option '" + option.name + "'; there are: " + list);
  }
  return {};
}

const std::string* OptionList::value(std::string_view name) const {
  for (auto option = options_.rbegin(); option != options_.rend(); ++option)
    if (option->name == name) return option->value ? &*option->value : nullptr;
  return nullptr;
}

Expected<bool> OptionList::flag(std::string_view name) const {
  bool set = false;
  for (const Option& option : options_) {
    if (option.name != name) continue;
    if (option.value && *option.value != "on" && *option.value != "off")
      return usage_error("option '" + option.name + "' is on or off, not '" + *option.value + "'");
    set = !option.value || *option.value == "on";
  }
  return set;
}

}  // namespace mimus

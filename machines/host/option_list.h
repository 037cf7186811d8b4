// The option values of the command line that look like "disk.img,format=raw,readonly": a first word, then options.
// A comma inside a word is written twice.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"

namespace mimus {

class OptionList {
 public:
  struct Option {
    std::string name;
    std::optional<std::string> value;  // absent for a bare "readonly"
  };

  explicit OptionList(std::string_view text);

  const std::string& first() const { return first_; }
  std::span<const Option> options() const { return options_; }
  // Usage error if an option is none of `known`; `what` names what is being described ("--disk").
  Expected<void> allow_only(std::string_view what, std::span<const std::string_view> known) const;
  // The last value given for `name`; null if it was not given, or without value.
  const std::string* value(std::string_view name) const;
  // "name", "name=on" and "name=off".
  Expected<bool> flag(std::string_view name) const;

 private:
  std::string first_;
  std::vector<Option> options_;
};

}  // namespace mimus

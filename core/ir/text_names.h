// The words of the text form for the values of attributes and exits, each list in the order of its enum.
#pragma once

#include <span>
#include <string_view>

#include "core/base/types.h"

namespace mimus::ir::names {

inline constexpr std::string_view kAlign[] = {"none", "natural", "atomic16"};
inline constexpr std::string_view kOrder[] = {"relaxed", "acquire", "release", "acq_rel", "seq_cst"};
inline constexpr std::string_view kRounding[] = {"rne", "rtz", "rdn", "rup", "rmm", "rod", "current"};
inline constexpr std::string_view kIntRule[] = {"riscv", "arm", "x86"};
inline constexpr std::string_view kNanRule[] = {"positive_default", "x86_default"};
inline constexpr std::string_view kFpMinRule[] = {"number_2019", "minmax_2019", "num_2008", "x86"};
inline constexpr std::string_view kFence[] = {"full", "load_load", "store_store", "load_store", "acquire", "release"};
inline constexpr std::string_view kExit[] = {"jump", "indirect", "call", "call_indirect", "ret", "trap", "yield"};

// Index of `name`, or -1.
constexpr int find(std::span<const std::string_view> list, std::string_view name) {
  for (size_t i = 0; i < list.size(); ++i)
    if (list[i] == name) return int(i);
  return -1;
}

}  // namespace mimus::ir::names

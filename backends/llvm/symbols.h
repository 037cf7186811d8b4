// The names by which compiled objects refer to code outside LLVM. The object's relocations against them are resolved
// when the blob is placed.
#pragma once

#include <array>
#include <string_view>

#include "core/base/types.h"

namespace mimus::jit {

enum class Symbol : u8 {
  load,
  store,
  load_linked,
  store_conditional,
  amo,
  cas,
  zero_block,
  trap,
  assist,  // calls a C function that works on state.guest_mxcsr: soft-float for rare cases
  leave,   // out of generated code; the state in memory is exact, pins included
  count,
};

inline constexpr std::array<std::string_view, unsigned(Symbol::count)> kSymbolNames = {
    "mimus.load",   "mimus.store", "mimus.load_linked", "mimus.store_conditional",
    "mimus.amo",    "mimus.cas",   "mimus.zero_block",  "mimus.trap",
    "mimus.assist", "mimus.leave",
};
// "exit.N": the code for way out N of the region. "entry": the region's function. "cells": its link cells.
inline constexpr std::string_view kExitPrefix = "exit.";
inline constexpr std::string_view kEntryName = "entry";
inline constexpr std::string_view kCellsName = "cells";

}  // namespace mimus::jit

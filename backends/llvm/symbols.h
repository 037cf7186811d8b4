// The names by which compiled objects refer to code outside LLVM, and the numbers of the slow paths. The object's
// relocations against the names are resolved when the blob is placed.
#pragma once

#include <array>
#include <string_view>

#include "core/base/types.h"

namespace mimus::jit {

// Functions of struct Runtime.
enum class Slow : u8 { load, store, load_linked, store_conditional, amo, cas, zero_block, trap, count };

enum class Symbol : u8 {
  assist,       // calls a C function that works on state.guest_mxcsr: soft float for rare cases
  assist_wide,  // the same, keeping all bits of the vector registers
  leave,        // out of generated code; the state in memory is exact, pins included
  count,
};

inline constexpr std::array<std::string_view, unsigned(Symbol::count)> kSymbolNames = {
    "mimus.assist", "mimus.assist_wide", "mimus.leave"};
// "exit.N": the code for way out N of the region. "entry": the region's function. "cells": its link cells.
inline constexpr std::string_view kExitPrefix = "exit.";
inline constexpr std::string_view kEntryName = "entry";
inline constexpr std::string_view kPersonalityName = "mimus.personality";  // never looked up
inline constexpr std::string_view kCellsName = "cells";
// A table of addresses in the slab: first Function, then the frontend's helpers in their order. So no object holds an
// address of this process.
inline constexpr std::string_view kFunctionsName = "mimus.functions";
enum class Function : u8 { fp_assist, load_elements, store_elements, count };

}  // namespace mimus::jit

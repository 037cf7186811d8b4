// The IR's text form: printing, parsing and verifying. print(parse(t)) == t for every text that print made.
//
//   block pc=0x80000000 phys=0x80000000 mode=0x3 bytes=8 insns=2
//     insn 0x80000000 +4
//     %1 = read.i64 x5
//     %2 = constant.i64 0x10
//     %3 = add.i64 %1, %2
//     write x5, %3
//     exit_if %7, jump 0x80000010 [insns 2]
//     end indirect %3 [insns 2]
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "core/base/error.h"
#include "core/engine/helper.h"
#include "core/ir/block.h"
#include "core/state/layout.h"

namespace mimus::ir {

struct TextContext {
  const StateLayout& layout;
  std::span<const HelperDesc> helpers;
};

std::string print(const Block& block, const TextContext& context);
Expected<Block> parse(std::string_view text, const TextContext& context);  // errors name line and column

// Checks every invariant listed in verify.cc (SSA order, type rules, slots, exits, one `end`, last). The error
// quotes the offending line.
Expected<void> verify(const Block& block, const TextContext& context);

}  // namespace mimus::ir

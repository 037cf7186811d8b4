// What printer, parser and verifier share.
#pragma once

#include "core/ir/text.h"

namespace mimus::ir {

inline constexpr std::string_view kInsnWord = "insn";  // the text form of begin_insn

// Slots and helpers are named before the operands, other immediates come after them.
constexpr bool imm_leads(ImmKind kind) { return kind == ImmKind::slot || kind == ImmKind::helper; }

// Which fields of an Exit its kind uses.
struct ExitShape {
  bool value, target, return_pc, cause;
};
constexpr ExitShape exit_shape(Exit::Kind kind) {
  constexpr ExitShape shapes[] = {
      {.value = false, .target = true, .return_pc = false, .cause = false},  // jump
      {.value = true, .target = false, .return_pc = false, .cause = false},  // indirect
      {.value = false, .target = true, .return_pc = true, .cause = false},   // call
      {.value = true, .target = false, .return_pc = true, .cause = false},   // call_indirect
      {.value = true, .target = false, .return_pc = false, .cause = false},  // ret
      {.value = false, .target = false, .return_pc = false, .cause = true},  // trap
      {.value = false, .target = true, .return_pc = false, .cause = false},  // yield
  };
  return shapes[static_cast<unsigned>(kind)];
}

// One instruction as `print` shows it, without indentation. Every index in it must be valid.
std::string print_line(const Block& block, const TextContext& context, ValueId id);

}  // namespace mimus::ir

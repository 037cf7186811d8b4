#include <fmt/format.h>

#include "core/ir/text.h"
#include "core/ir/text_internal.h"
#include "core/ir/text_names.h"

namespace mimus::ir {

namespace {

using Out = std::back_insert_iterator<std::string>;

struct Printer {
  const Block& block;
  const TextContext& context;
  std::string text;

  Out out() { return std::back_inserter(text); }
  template <class... Args>
  void add(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(out(), format, std::forward<Args>(args)...);
  }
};

// -- attributes: " [word value, word]" with what is not default --

void attr_none(Printer&, const Inst&) {}
void attr_mem(Printer& p, const Inst& inst) {
  const MemAttr attr = MemAttr::unpack(inst.attr);
  std::string list;
  if (attr.align != Align::none) list += fmt::format(", align {}", names::kAlign[unsigned(attr.align)]);
  if (attr.order != Order::relaxed) list += fmt::format(", order {}", names::kOrder[unsigned(attr.order)]);
  if (attr.big_endian) list += ", big_endian";
  if (attr.privilege) list += fmt::format(", regime {}", attr.privilege - 1);
  if (!list.empty()) p.add(" [{}]", list.substr(2));
}
void attr_fp(Printer& p, const Inst& inst) {
  const FpAttr attr = FpAttr::unpack(inst.attr);
  std::string list;
  if (attr.rounding != Rounding::current) list += fmt::format(", round {}", names::kRounding[unsigned(attr.rounding)]);
  if (attr.rule != IntRule::riscv) list += fmt::format(", rule {}", names::kIntRule[unsigned(attr.rule)]);
  if (!attr.exact) list += ", quiet";
  if (attr.flush) list += ", flush";
  if (!list.empty()) p.add(" [{}]", list.substr(2));
}
void attr_fpmin(Printer& p, const Inst& inst) { p.add(" [{}]", names::kFpMinRule[inst.attr]); }
void attr_nanrule(Printer& p, const Inst& inst) { p.add(" [{}]", names::kNanRule[inst.attr]); }
void attr_fence(Printer& p, const Inst& inst) { p.add(" [{}]", names::kFence[inst.attr]); }

constexpr void (*kAttr[])(Printer&, const Inst&) = {
    attr_none, attr_mem, attr_fp, attr_fpmin, attr_nanrule, attr_fence, attr_none,  // in the order of AttrKind
};

// -- exits --

void print_exit(Printer& p, const Exit& exit) {
  p.add("{}", names::kExit[unsigned(exit.kind)]);
  const ExitShape shape = exit_shape(exit.kind);
  if (shape.value) p.add(" %{}", exit.value);
  if (shape.target) p.add(" {:#x}", exit.target);
  if (shape.return_pc) p.add(" return {:#x}", exit.return_pc);
  if (shape.cause) p.add(" {} tval {:#x}", exit.cause, exit.tval);
  p.add(" [insns {}]", exit.insns);
}

// -- immediates that follow the operands --

void imm_none(Printer&, const Inst&) {}
void imm_value(Printer& p, const Inst& inst) { p.add(" {:#x}", inst.imm); }
void imm_pool(Printer& p, const Inst& inst) {
  const bool shuffle = info(inst.op).arity != 0;
  const unsigned count = shuffle ? inst.type.lanes : inst.type.bytes();
  p.text += shuffle ? ", {" : " {";
  for (unsigned i = 0; i < count; ++i) {
    const u8 byte = p.block.pool[inst.imm + i];
    if (shuffle)
      p.add("{}{}", i ? ", " : "", byte);
    else
      p.add("{:02x}", byte);
  }
  p.add("}}");
}
void imm_slot(Printer& p, const Inst& inst) { p.add(" {}", p.context.layout.slots[inst.imm].name); }
void imm_pc(Printer& p, const Inst& inst) { p.add(" {:#x} +{}", inst.imm, inst.attr); }
void imm_field(Printer& p, const Inst& inst) { p.add(", lsb {}, width {}", inst.imm & 0xff, inst.imm >> 8); }
void imm_lane(Printer& p, const Inst& inst) { p.add(", {}", inst.imm); }
void imm_helper(Printer& p, const Inst& inst) { p.add(" {}", p.context.helpers[inst.imm].name); }
void imm_exit(Printer& p, const Inst& inst) {
  p.text += info(inst.op).arity ? ", " : " ";
  print_exit(p, p.block.exits[inst.imm]);
}
void imm_flags(Printer& p, const Inst& inst) {
  p.add(", kind {}, slot {}", inst.imm >> 16, p.context.layout.slots[inst.imm & 0xffff].name);
}
void imm_poly(Printer& p, const Inst& inst) { p.add(", poly {:#x}", inst.imm); }
void imm_size(Printer& p, const Inst& inst) { p.add(", size {}", inst.imm); }

constexpr void (*kImm[])(Printer&, const Inst&) = {
    imm_none,   imm_value, imm_pool,  imm_slot, imm_pc,   imm_field, imm_lane, imm_none /* disp: after the address */,
    imm_helper, imm_exit,  imm_flags, imm_poly, imm_size,
};

void print_displacement(Printer& p, u64 imm) {
  const s64 disp = s64(imm);
  if (disp > 0) p.add(" + {}", disp);
  if (disp < 0) p.add(" - {}", 0 - imm);
}

void print_operands(Printer& p, const Inst& inst, std::string_view separator) {
  for (unsigned i = 0; i < arity(inst); ++i) {
    p.add("{}%{}", i ? ", " : separator, inst.args[i]);
    if (i == 0 && info(inst.op).imm == ImmKind::disp) print_displacement(p, inst.imm);
  }
}

void print_inst(Printer& p, ValueId id) {
  const Inst& inst = p.block.insts[id];
  const OpInfo& op = info(inst.op);
  p.add("  ");
  if (!inst.type.is_void()) p.add("%{} = ", id);
  p.add("{}", inst.op == Op::begin_insn ? kInsnWord : op.name);
  if (!inst.type.is_void()) p.add(".{}", to_string(inst.type));
  if (imm_leads(op.imm)) {
    kImm[unsigned(op.imm)](p, inst);
    print_operands(p, inst, op.imm == ImmKind::slot ? ", " : " ");
  } else {
    print_operands(p, inst, " ");
    kImm[unsigned(op.imm)](p, inst);
  }
  kAttr[unsigned(op.attr)](p, inst);
  p.add("\n");
}

}  // namespace

std::string print(const Block& block, const TextContext& context) {
  Printer p{block, context, {}};
  p.add("block pc={:#x} phys={:#x} mode={:#x} bytes={} insns={}\n", block.key.pc, block.key.physical, block.key.mode,
        block.guest_bytes, block.guest_insns);
  for (ValueId id = 0; id < block.insts.size(); ++id) print_inst(p, id);
  return std::move(p.text);
}

std::string print_line(const Block& block, const TextContext& context, ValueId id) {
  Printer p{block, context, {}};
  print_inst(p, id);
  return p.text.substr(2, p.text.size() - 3);
}

}  // namespace mimus::ir

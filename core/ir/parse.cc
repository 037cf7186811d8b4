#include <unordered_map>

#include "core/ir/text.h"
#include "core/ir/text_cursor.h"
#include "core/ir/text_internal.h"
#include "core/ir/text_names.h"

namespace mimus::ir {

namespace {

class Parser {
 public:
  Parser(std::string_view text, const TextContext& context) : in_(text), context_(context) {}
  Expected<Block> parse();

 private:
  Expected<void> header();
  Expected<void> instruction();
  Expected<Op> op();
  Expected<void> type(Inst& inst);
  Expected<ValueId> value();
  Expected<void> operands(Inst& inst, bool after_immediate);
  Expected<void> displacement(Inst& inst);
  Expected<Exit> exit();
  Expected<void> exit_insns(Exit& exit);
  Expected<SlotId> slot();
  Expected<void> attribute(Inst& inst);
  template <class E>
  Expected<E> one_of(std::span<const std::string_view> list, std::string_view what);

  // One per ImmKind and AttrKind.
  Expected<void> imm_none(Inst&) { return {}; }
  Expected<void> imm_value(Inst& inst) { return number_into(inst.imm); }
  Expected<void> imm_pool(Inst& inst);
  Expected<void> imm_slot(Inst& inst);
  Expected<void> imm_pc(Inst& inst);
  Expected<void> imm_field(Inst& inst);
  Expected<void> imm_lane(Inst& inst);
  Expected<void> imm_helper(Inst& inst);
  Expected<void> imm_exit(Inst& inst);
  Expected<void> imm_flags(Inst& inst);
  Expected<void> imm_poly(Inst& inst);
  Expected<void> imm_size(Inst& inst);
  Expected<void> attr_mem(Inst& inst);
  Expected<void> attr_fp(Inst& inst);
  Expected<void> attr_fpmin(Inst& inst) { return attr_enum(inst, names::kFpMinRule); }
  Expected<void> attr_nanrule(Inst& inst) { return attr_enum(inst, names::kNanRule); }
  Expected<void> attr_fence(Inst& inst) { return attr_enum(inst, names::kFence); }
  Expected<void> attr_enum(Inst& inst, std::span<const std::string_view> list);

  Expected<void> number_into(u64& out, u64 limit = ~u64{0}) {
    MIMUS_TRY(out, in_.number(limit));
    return {};
  }
  Expected<void> bytes_in_hex();
  Expected<void> shuffle_indices();

  using Part = Expected<void> (Parser::*)(Inst&);
  static const Part kImm[];
  static const Part kAttr[];

  TextCursor in_;
  const TextContext& context_;
  Block block_;
  std::unordered_map<u64, ValueId> labels_;  // the number behind % -> the instruction
};

const Parser::Part Parser::kImm[] = {
    &Parser::imm_none,  &Parser::imm_value, &Parser::imm_pool, &Parser::imm_slot,   &Parser::imm_pc,
    &Parser::imm_field, &Parser::imm_lane,  &Parser::imm_none, &Parser::imm_helper, &Parser::imm_exit,
    &Parser::imm_flags, &Parser::imm_poly,  &Parser::imm_size,
};
// Read inside brackets that may be missing; null: the op has no attributes in the text.
const Parser::Part Parser::kAttr[] = {
    nullptr, &Parser::attr_mem, &Parser::attr_fp, &Parser::attr_fpmin, &Parser::attr_nanrule, &Parser::attr_fence,
    nullptr,
};

template <class E>
Expected<E> Parser::one_of(std::span<const std::string_view> list, std::string_view what) {
  const std::string_view word = in_.word();
  const int index = names::find(list, word);
  if (index >= 0) return E(index);
  in_.unread(word);
  std::string known;
  for (std::string_view name : list) known += (known.empty() ? "" : ", ") + std::string(name);
  return in_.error("unknown " + std::string(what) + " '" + std::string(word) + "' (known: " + known + ")");
}

Expected<void> Parser::header() {
  in_.skip_lines();
  MIMUS_CHECK(in_.expect("block"));
  u64 bytes = 0, insns = 0;
  struct Field {
    std::string_view name;
    u64* value;
    u64 limit;
  };
  const Field fields[] = {{"pc", &block_.key.pc, ~u64{0}},
                          {"phys", &block_.key.physical, ~u64{0}},
                          {"mode", &block_.key.mode, ~u64{0}},
                          {"bytes", &bytes, ~u32{0}},
                          {"insns", &insns, ~u32{0}}};
  for (const Field& field : fields) {
    MIMUS_CHECK(in_.expect(field.name));
    MIMUS_CHECK(in_.expect("="));
    MIMUS_CHECK(number_into(*field.value, field.limit));
  }
  block_.guest_bytes = u32(bytes);
  block_.guest_insns = u32(insns);
  if (!in_.at_line_end()) return in_.error("expected the end of the line");
  return {};
}

Expected<Op> Parser::op() {
  const std::string_view word = in_.word();
  if (word == kInsnWord) return Op::begin_insn;
  for (unsigned i = 0; i < kOpCount; ++i)
    if (kOps[i].name == word && Op(i) != Op::begin_insn) return Op(i);
  in_.unread(word);
  return in_.error("unknown op '" + std::string(word) + "'");
}

Expected<void> Parser::type(Inst& inst) {
  if (!in_.accept(".")) return in_.error("expected '.' and the result's type");
  const std::string_view word = in_.word();
  inst.type = parse_type(word);
  if (!inst.type.is_void()) return {};
  in_.unread(word);
  return in_.error("unknown type '" + std::string(word) + "'");
}

Expected<ValueId> Parser::value() {
  MIMUS_CHECK(in_.expect("%"));
  MIMUS_TRY(const u64 label, in_.number());
  const auto found = labels_.find(label);
  if (found == labels_.end()) return in_.error("%" + std::to_string(label) + " is not defined above");
  return found->second;
}

Expected<void> Parser::displacement(Inst& inst) {
  const bool minus = in_.accept("-");
  if (!minus && !in_.accept("+")) return {};
  MIMUS_CHECK(number_into(inst.imm));
  if (minus) inst.imm = 0 - inst.imm;
  return {};
}

Expected<void> Parser::operands(Inst& inst, bool after_immediate) {
  const bool any = inst.op == Op::helper;
  const unsigned count = any ? 4 : info(inst.op).arity;
  for (unsigned i = 0; i < count; ++i) {
    if (any && in_.at_line_end()) break;
    if (i > 0 || (after_immediate && !any)) MIMUS_CHECK(in_.expect(","));
    MIMUS_TRY(inst.args[i], value());
    if (any) inst.attr = u16(i + 1);
    if (i == 0 && info(inst.op).imm == ImmKind::disp) MIMUS_CHECK(displacement(inst));
  }
  return {};
}

Expected<void> Parser::attribute(Inst& inst) {
  const Part read = kAttr[unsigned(info(inst.op).attr)];
  if (info(inst.op).attr == AttrKind::fp) inst.attr = FpAttr{}.pack();
  if (!read || !in_.accept("[")) return {};
  do MIMUS_CHECK((this->*read)(inst));
  while (in_.accept(","));
  return in_.expect("]");
}

Expected<void> Parser::instruction() {
  Inst inst;
  u64 label = 0;
  const bool labelled = in_.accept("%");
  if (labelled) {
    MIMUS_CHECK(number_into(label));
    if (labels_.contains(label)) return in_.error("%" + std::to_string(label) + " is defined twice");
    MIMUS_CHECK(in_.expect("="));
  }
  MIMUS_TRY(inst.op, op());
  if (labelled) MIMUS_CHECK(type(inst));
  const ImmKind imm = info(inst.op).imm;
  const Part read_imm = kImm[unsigned(imm)];
  if (imm_leads(imm)) MIMUS_CHECK((this->*read_imm)(inst));
  MIMUS_CHECK(operands(inst, imm_leads(imm)));
  if (!imm_leads(imm)) {
    if (inst.args[0] != kNoValue && imm != ImmKind::none && imm != ImmKind::disp) MIMUS_CHECK(in_.expect(","));
    MIMUS_CHECK((this->*read_imm)(inst));
  }
  MIMUS_CHECK(attribute(inst));
  if (!in_.at_line_end()) return in_.error("expected the end of the line");
  if (labelled) labels_[label] = ValueId(block_.insts.size());
  block_.insts.push_back(inst);
  return {};
}

Expected<Block> Parser::parse() {
  MIMUS_CHECK(header());
  for (in_.skip_lines(); !in_.at_end(); in_.skip_lines()) MIMUS_CHECK(instruction());
  return std::move(block_);
}

// -- immediates --

Expected<void> Parser::bytes_in_hex() {
  const std::string_view digits = in_.word();
  if (digits.size() % 2) return in_.error("expected two hexadecimal digits a byte");
  for (size_t i = 0; i < digits.size(); i += 2) {
    u8 byte = 0;
    const auto result = std::from_chars(digits.data() + i, digits.data() + i + 2, byte, 16);
    if (result.ptr != digits.data() + i + 2) return in_.error("expected hexadecimal digits");
    block_.pool.push_back(byte);
  }
  return {};
}
Expected<void> Parser::shuffle_indices() {
  do {
    MIMUS_TRY(const u64 index, in_.number(255));
    block_.pool.push_back(u8(index));
  } while (in_.accept(","));
  return {};
}
Expected<void> Parser::imm_pool(Inst& inst) {
  inst.imm = block_.pool.size();
  const bool shuffle = info(inst.op).rule == TypeRule::shuffle;
  MIMUS_CHECK(in_.expect("{"));
  MIMUS_CHECK(shuffle ? shuffle_indices() : bytes_in_hex());
  const size_t wanted = shuffle ? inst.type.lanes : inst.type.bytes();
  if (block_.pool.size() - inst.imm != wanted) return in_.error("expected " + std::to_string(wanted) + " bytes");
  return in_.expect("}");
}
Expected<SlotId> Parser::slot() {
  const std::string_view word = in_.word();
  for (size_t i = 0; i < context_.layout.slots.size(); ++i)
    if (context_.layout.slots[i].name == word) return SlotId(i);
  in_.unread(word);
  return in_.error("unknown slot '" + std::string(word) + "'");
}
Expected<void> Parser::imm_slot(Inst& inst) {
  MIMUS_TRY(inst.imm, slot());
  return {};
}
Expected<void> Parser::imm_pc(Inst& inst) {
  MIMUS_CHECK(number_into(inst.imm));
  MIMUS_CHECK(in_.expect("+"));
  MIMUS_TRY(const u64 length, in_.number(0xffff));
  inst.attr = u16(length);
  return {};
}
Expected<void> Parser::imm_field(Inst& inst) {
  u64 lsb = 0, width = 0;
  MIMUS_CHECK(in_.expect("lsb"));
  MIMUS_CHECK(number_into(lsb, 127));
  MIMUS_CHECK(in_.expect(","));
  MIMUS_CHECK(in_.expect("width"));
  MIMUS_CHECK(number_into(width, 128));
  inst.imm = lsb | width << 8;
  return {};
}
Expected<void> Parser::imm_lane(Inst& inst) { return number_into(inst.imm, 255); }
Expected<void> Parser::imm_helper(Inst& inst) {
  const std::string_view word = in_.word();
  for (size_t i = 0; i < context_.helpers.size(); ++i) {
    if (context_.helpers[i].name != word) continue;
    inst.imm = i;
    return {};
  }
  in_.unread(word);
  return in_.error("unknown helper '" + std::string(word) + "'");
}
Expected<void> Parser::imm_flags(Inst& inst) {
  u64 kind = 0;
  MIMUS_CHECK(in_.expect("kind"));
  MIMUS_CHECK(number_into(kind, 0xffff));
  MIMUS_CHECK(in_.expect(","));
  MIMUS_CHECK(in_.expect("slot"));
  MIMUS_TRY(const SlotId first, slot());
  inst.imm = kind << 16 | first;
  return {};
}
Expected<void> Parser::imm_poly(Inst& inst) {
  MIMUS_CHECK(in_.expect("poly"));
  return number_into(inst.imm, ~u32{0});
}
Expected<void> Parser::imm_size(Inst& inst) {
  MIMUS_CHECK(in_.expect("size"));
  return number_into(inst.imm, kPageSize);
}

Expected<void> Parser::exit_insns(Exit& exit) {
  MIMUS_CHECK(in_.expect("["));
  MIMUS_CHECK(in_.expect("insns"));
  MIMUS_TRY(const u64 insns, in_.number(~u32{0}));
  exit.insns = u32(insns);
  return in_.expect("]");
}
Expected<Exit> Parser::exit() {
  Exit exit;
  MIMUS_TRY(exit.kind, one_of<Exit::Kind>(names::kExit, "exit"));
  const ExitShape shape = exit_shape(exit.kind);
  if (shape.value) {
    MIMUS_TRY(exit.value, value());
  }
  if (shape.target) MIMUS_CHECK(number_into(exit.target));
  if (shape.return_pc) {
    MIMUS_CHECK(in_.expect("return"));
    MIMUS_CHECK(number_into(exit.return_pc));
  }
  if (shape.cause) {
    MIMUS_TRY(const u64 cause, in_.number(~u32{0}));
    exit.cause = u32(cause);
    MIMUS_CHECK(in_.expect("tval"));
    MIMUS_CHECK(number_into(exit.tval));
  }
  MIMUS_CHECK(exit_insns(exit));
  return exit;
}
Expected<void> Parser::imm_exit(Inst& inst) {
  MIMUS_TRY(const Exit read, exit());
  inst.imm = block_.exits.size();
  block_.exits.push_back(read);
  return {};
}

// -- attributes --

Expected<void> Parser::attr_mem(Inst& inst) {
  MemAttr attr = MemAttr::unpack(inst.attr);
  if (in_.accept("align")) {
    MIMUS_TRY(attr.align, one_of<Align>(names::kAlign, "alignment"));
  } else if (in_.accept("order")) {
    MIMUS_TRY(attr.order, one_of<Order>(names::kOrder, "order"));
  } else if (in_.accept("big_endian")) {
    attr.big_endian = true;
  } else if (in_.accept("regime")) {
    MIMUS_TRY(const u64 regime, in_.number(14));
    attr.privilege = u8(regime + 1);
  } else {
    return in_.error("expected align, order, big_endian or regime");
  }
  inst.attr = attr.pack();
  return {};
}
Expected<void> Parser::attr_fp(Inst& inst) {
  FpAttr attr = FpAttr::unpack(inst.attr);
  if (in_.accept("round")) {
    MIMUS_TRY(attr.rounding, one_of<Rounding>(names::kRounding, "rounding mode"));
  } else if (in_.accept("rule")) {
    MIMUS_TRY(attr.rule, one_of<IntRule>(names::kIntRule, "rule"));
  } else if (in_.accept("quiet")) {
    attr.exact = false;
  } else if (in_.accept("flush")) {
    attr.flush = true;
  } else {
    return in_.error("expected round, rule, quiet or flush");
  }
  inst.attr = attr.pack();
  return {};
}
Expected<void> Parser::attr_enum(Inst& inst, std::span<const std::string_view> list) {
  MIMUS_TRY(inst.attr, one_of<u16>(list, "attribute"));
  return {};
}

}  // namespace

Expected<Block> parse(std::string_view text, const TextContext& context) { return Parser(text, context).parse(); }

}  // namespace mimus::ir

#include "tests/ir/random_ir.h"

#include <algorithm>
#include <random>

#include "core/ir/builder.h"
#include "tests/ir/machine.h"

namespace mimus::test {

namespace {

using namespace ir;

constexpr GuestPc kFirstPc = 0x4000;
constexpr u64 kBlockStride = 0x100;  // between the blocks of a region

class Generator {
 public:
  Generator(u64 seed, const RandomOptions& options, Block& block, unsigned index, unsigned blocks)
      : random_(seed), options_(options), block_(block), builder_(block, layout()), blocks_(blocks) {
    block_.key.pc = kFirstPc + index * kBlockStride;
    block_.key.physical = block_.key.pc;
  }

  void run();

 private:
  // Ways to make an instruction of one op, by its type rule.
  using Make = void (Generator::*)(Op);
  static const Make kMake[];
  void none(Op op);
  void any(Op op);
  void same(Op op);
  void fsame(Op op);
  void compare(Op op);
  void fcompare(Op op);
  void carry(Op op);
  void adc(Op op);
  void select(Op op);
  void widen(Op op);
  void narrow(Op op);
  void bitcast(Op op);
  void pair(Op op);
  void crc(Op op);
  void fclass(Op op);
  void fconvert(Op op);
  void fto_int(Op op);
  void ffrom_int(Op op);
  void unbox(Op op);
  void box(Op op);
  void splat(Op op);
  void lane_get(Op op);
  void lane_set(Op op);
  void same_elem(Op op);
  void shuffle(Op op);
  void reduce(Op op);
  void mask_bits(Op op);
  void v2i64(Op op) { fixed(op, vec(Elem::i64, 2)); }
  void v4i32(Op op) { fixed(op, vec(Elem::i32, 4)); }
  void v16i8(Op op) { fixed(op, vec(Elem::i8, 16)); }
  void fixed(Op op, Type type);
  void slot_read(Op op);
  void slot_write(Op op);
  void flags(Op op);
  void load(Op op);
  void store(Op op);
  void store_c(Op op);
  void amo(Op op);
  void cas(Op op);
  void helper(Op op);
  void exit(Op op);
  void effect(Op op);

  u64 below(u64 limit) { return random_() % limit; }
  bool chance(unsigned percent) { return below(100) < percent; }
  bool wanted(Op op) const;
  bool supported(Op op, Type type, std::initializer_list<Any> args, u64 imm, u16 attr) const;
  void put(Op op, Type type, std::initializer_list<Any> args, u64 imm = 0, u16 attr = 0);

  Type with_lanes(Elem elem);
  Type int_type();
  Type small_int();
  Type float_type();
  Type any_type();
  Any value(Type type);
  Any fresh(Type type);
  u64 word();
  u16 fp_attr(Op op);
  u16 mem_attr(Type type, bool atomic);
  I64 address();
  Exit random_exit();
  void burn_fuel();
  void show_values();

  std::mt19937_64 random_;
  const RandomOptions& options_;
  Block& block_;
  Builder builder_;
  unsigned blocks_;
  std::vector<Any> values_;
};

const Generator::Make Generator::kMake[] = {
    &Generator::none,      &Generator::any,        &Generator::same,      &Generator::fsame,     &Generator::compare,
    &Generator::fcompare,  &Generator::carry,      &Generator::adc,       &Generator::select,    &Generator::widen,
    &Generator::narrow,    &Generator::bitcast,    &Generator::pair,      &Generator::crc,       &Generator::fclass,
    &Generator::fconvert,  &Generator::fto_int,    &Generator::ffrom_int, &Generator::unbox,     &Generator::box,
    &Generator::splat,     &Generator::lane_get,   &Generator::lane_set,  &Generator::same_elem, &Generator::shuffle,
    &Generator::reduce,    &Generator::mask_bits,  &Generator::v2i64,     &Generator::v4i32,     &Generator::v16i8,
    &Generator::slot_read, &Generator::slot_write, &Generator::flags,     &Generator::load,      &Generator::store,
    &Generator::store_c,   &Generator::amo,        &Generator::cas,       &Generator::helper,    &Generator::exit,
    &Generator::effect,
};

// -- types and values --

Type Generator::with_lanes(Elem elem) {
  if (!options_.vectors || !chance(25)) return {elem};
  const unsigned bytes = Type{elem}.bytes();
  const u16 lanes = u16(2u << below(5));
  return {elem, u16(std::min<unsigned>(lanes, 64 / bytes))};
}
Type Generator::int_type() {
  static constexpr Elem elems[] = {Elem::i1,  Elem::i8,  Elem::i16, Elem::i32, Elem::i32,
                                   Elem::i64, Elem::i64, Elem::i64, Elem::i128};
  return with_lanes(elems[below(std::size(elems) - !options_.wide)]);
}
Type Generator::small_int() {
  static constexpr Elem elems[] = {Elem::i8, Elem::i16, Elem::i32, Elem::i64};
  return with_lanes(elems[below(4)]);
}
Type Generator::float_type() {
  static constexpr Elem elems[] = {Elem::f32, Elem::f64, Elem::f64, Elem::f16, Elem::bf16, Elem::f80};
  return with_lanes(elems[below(options_.odd_floats ? 6 : 3)]);
}
Type Generator::any_type() { return options_.floats && chance(25) ? float_type() : int_type(); }

u64 Generator::word() {
  static constexpr u64 kSpecial[] = {0,
                                     1,
                                     2,
                                     3,
                                     31,
                                     63,
                                     64,
                                     0x80,
                                     0xff,
                                     0x8000,
                                     0x7fffffff,
                                     0x80000000,
                                     ~u64{0},
                                     u64{1} << 63,
                                     0x3ff0000000000000,
                                     0x7ff0000000000000,
                                     0xffffffff3f800000};
  return chance(60) ? kSpecial[below(std::size(kSpecial))] : random_() >> below(64);
}

// A value of the type: one made before, mostly.
Any Generator::value(Type type) {
  if (chance(85)) {
    const size_t start = values_.empty() ? 0 : below(values_.size());
    for (size_t i = 0; i < values_.size(); ++i) {
      const Any& candidate = values_[(start + i) % values_.size()];
      if (candidate.type == type) return candidate;
    }
  }
  return fresh(type);
}
Any Generator::fresh(Type type) {
  const auto slots = layout().slots;
  const size_t start = below(slots.size());
  for (size_t i = 0; i < slots.size() && chance(90); ++i) {
    const SlotId slot = SlotId((start + i) % slots.size());
    if (slots[slot].type != type || slot == kSlotFuel || slot == kSlotPc) continue;
    values_.push_back(builder_.read_any(slot));
    return values_.back();
  }
  if (!type.is_vector() && type.bits() <= 64) return builder_.constant_any(type, word());
  const u64 offset = block_.pool.size();
  for (unsigned i = 0; i < type.bytes(); ++i) block_.pool.push_back(u8(random_()));
  if (type.elem == Elem::i1)
    for (unsigned i = 0; i < type.bytes(); ++i) block_.pool[offset + i] &= 1;
  if (type.elem == Elem::f80)
    for (unsigned i = 0; i < type.bytes(); ++i)
      if (i % 16 >= 10) block_.pool[offset + i] = 0;
  values_.push_back(builder_.emit(Op::constant_wide, type, {}, offset));
  return values_.back();
}

bool Generator::supported(Op op, Type type, std::initializer_list<Any> args, u64 imm, u16 attr) const {
  if (!options_.supports) return true;
  Inst inst{op, attr, type, {kNoValue, kNoValue, kNoValue, kNoValue}, imm};
  Type types[4];
  unsigned n = 0;
  for (const Any& arg : args) {
    inst.args[n] = arg.id;
    types[n++] = arg.type;
  }
  return options_.supports(inst, std::span(types, n));
}

// Emits the instruction if the engine knows it, and keeps its value for later operands.
void Generator::put(Op op, Type type, std::initializer_list<Any> args, u64 imm, u16 attr) {
  if (!supported(op, type, args, imm, attr)) return;
  Any result = builder_.emit(op, type, args, imm, attr);
  if (type.is_void()) return;
  if (has(info(op).effects, Effects::fp_env) && type.is_float() && op != Op::tiny_fix)
    result = builder_.emit(Op::nan_fix, type, {result}, 0, u16(below(2)));
  values_.push_back(result);
}

// -- attributes --

u16 Generator::fp_attr(Op op) {
  if (info(op).attr == AttrKind::fpmin) return u16(below(4));
  if (info(op).attr == AttrKind::nanrule) return u16(below(2));
  if (info(op).attr != AttrKind::fp) return 0;
  FpAttr attr;
  if (chance(30)) attr.rounding = Rounding(below(options_.odd_rounding ? 6 : 4));
  attr.exact = !chance(20);
  if (chance(25)) attr.rule = IntRule::arm;
  return attr.pack();
}
u16 Generator::mem_attr(Type type, bool atomic) {
  MemAttr attr;
  if (atomic || chance(25)) attr.align = Align::natural;
  if (chance(15)) attr.order = ir::Order(below(5));
  if (!atomic && chance(5) && type.elem != Elem::i1 && type.elem != Elem::f80) attr.big_endian = true;
  return attr.pack();
}
// Mostly inside RAM; aligned half of the time.
I64 Generator::address() {
  I64 at = I64::from(value(i64));
  if (options_.faults && chance(4)) return at;
  at = builder_.and_(at, builder_.constant(chance(50) ? 0x3fc0 : 0x3fff));
  return builder_.add(at, builder_.constant(options_.faults ? kRamBase : kRamBase - 0x100));
}

// -- rules --

void Generator::none(Op op) {
  if (op == Op::fence) put(op, kVoid, {}, 0, u16(below(6)));
}
void Generator::any(Op op) {
  if (op == Op::fp_flags_read) return put(op, i64, {});
  const Type type = any_type();
  if (op == Op::constant_wide) {
    fresh(type);
  } else {
    put(op, type, {}, word());
  }
}
void Generator::same(Op op) {
  const Type t = int_type();
  u64 imm = 0;
  if (info(op).imm == ImmKind::field) {
    const u64 lsb = below(t.lane_bits()), width = 1 + below(t.lane_bits() - lsb);
    imm = lsb | width << 8;
  }
  const Any a = value(t);
  if (info(op).arity == 1)
    put(op, t, {a}, imm);
  else
    put(op, t, {a, value(t)}, imm);
}
void Generator::fsame(Op op) {
  const Type t = float_type();
  if (op == Op::fma && t.elem == Elem::f80) return;
  const u16 attr = fp_attr(op);
  const Any a = value(t);
  if (info(op).arity == 1) return put(op, t, {a}, 0, attr);
  const Any b = value(t);
  if (info(op).arity == 2)
    put(op, t, {a, b}, 0, attr);
  else
    put(op, t, {a, b, value(t)}, 0, attr);
}
void Generator::compare(Op op) {
  const Type t = int_type();
  const Any a = value(t);
  put(op, {Elem::i1, t.lanes}, {a, value(t)});
}
void Generator::fcompare(Op op) {
  const Type t = float_type();
  const Any a = value(t);
  put(op, {Elem::i1, t.lanes}, {a, value(t)});
}
void Generator::carry(Op op) {
  const Type t = int_type(), mask{Elem::i1, t.lanes};
  const Any a = value(t), b = value(t);
  put(op, mask, {a, b, value(mask)});
}
void Generator::adc(Op op) {
  const Type t = int_type(), mask{Elem::i1, t.lanes};
  const Any a = value(t), b = value(t);
  put(op, t, {a, b, value(mask)});
}
void Generator::select(Op op) {
  const Type t = any_type();
  const Any a = value(chance(50) ? i1 : Type{Elem::i1, t.lanes}), b = value(t);
  put(op, t, {a, b, value(t)});
}
void Generator::widen(Op op) {
  const Type from = int_type(), to = int_type();
  const Type wide{to.elem, from.lanes};
  if (to.elem > from.elem && wide.bits() <= 2048) put(op, wide, {value(from)});
}
void Generator::narrow(Op op) {
  const Type from = int_type(), to = int_type();
  if (to.elem < from.elem) put(op, {to.elem, from.lanes}, {value(from)});
}
void Generator::bitcast(Op op) {
  const Type from = any_type();
  const auto fits = [&](Type t) { return t.elem != Elem::i1 && t.elem != Elem::f80 && t.bits() == from.bits(); };
  if (!fits(from)) return;
  for (unsigned tries = 0; tries < 16; ++tries) {
    const Type to = any_type();
    if (fits(to)) return put(op, to, {value(from)});
  }
}
void Generator::pair(Op op) {
  const Type t = small_int();
  if (t.elem == Elem::i64 && !options_.wide) return;
  if (t.bytes() > 32) return;
  const Any a = value(t);
  put(op, {Elem(u8(t.elem) + 1), t.lanes}, {a, value(t)});
}
void Generator::crc(Op op) {
  const Any a = value(i32);
  put(op, i32, {a, value({small_int().elem})}, chance(50) ? 0x82f63b78 : 0xedb88320);
}
void Generator::fclass(Op op) { put(op, i64, {value({float_type().elem})}); }
void Generator::fconvert(Op op) {
  const Type from = float_type(), to = float_type();
  const u16 attr = fp_attr(op);
  if (to.elem != from.elem && from.lanes * Type{to.elem}.bytes() <= 64)
    put(op, {to.elem, from.lanes}, {value(from)}, 0, attr);
}
void Generator::fto_int(Op op) {
  const Type from = float_type();
  const Elem to = small_int().elem;
  const u16 attr = fp_attr(op);
  if (from.lanes * Type{to}.bytes() <= 64) put(op, {to, from.lanes}, {value(from)}, 0, attr);
}
void Generator::ffrom_int(Op op) {
  const Type from = small_int();
  const Elem to = float_type().elem;
  const u16 attr = fp_attr(op);
  if (from.lanes * Type{to}.bytes() <= 64) put(op, {to, from.lanes}, {value(from)}, 0, attr);
}
void Generator::unbox(Op op) {
  static constexpr Type types[] = {f32, f16, bf16};
  put(op, types[below(options_.odd_floats ? 3 : 1)], {value(i64)});
}
void Generator::box(Op op) {
  static constexpr Type types[] = {f32, f16, bf16};
  put(op, i64, {value(types[below(options_.odd_floats ? 3 : 1)])});
}
void Generator::splat(Op op) {
  const Type t = any_type();
  if (t.is_vector()) put(op, t, {value({t.elem})});
}
void Generator::lane_get(Op op) {
  const Type t = any_type();
  if (t.is_vector()) put(op, {t.elem}, {value(t)}, below(t.lanes));
}
void Generator::lane_set(Op op) {
  const Type t = any_type();
  if (!t.is_vector()) return;
  const Any a = value(t);
  put(op, t, {a, value({t.elem})}, below(t.lanes));
}
void Generator::same_elem(Op op) {
  const Type t = any_type();
  if (!t.is_vector()) return;
  const Any a = value(t);
  Type index{small_int().elem, t.lanes};
  if (index.bytes() > 64) index.elem = Elem::i8;
  put(op, t, {a, value(index)});
}
void Generator::shuffle(Op op) {
  const Type t = any_type();
  if (!t.is_vector()) return;
  const Any a = value(t), b = value(t);
  const u64 offset = block_.pool.size();
  for (unsigned i = 0; i < t.lanes; ++i) block_.pool.push_back(u8(below(2 * t.lanes)));
  put(op, t, {a, b}, offset);
}
void Generator::reduce(Op op) {
  const Type t = int_type();
  if (t.is_vector()) put(op, {t.elem}, {value(t)});
}
void Generator::mask_bits(Op op) { put(op, i64, {value({Elem::i1, u16(1u << below(7))})}); }
void Generator::fixed(Op op, Type type) {
  const u64 imm = op == Op::clmul_wide ? below(2) : 0;
  const Any a = value(type);
  if (info(op).arity == 1) return put(op, type, {a}, imm);
  const Any b = value(type);
  if (info(op).arity == 2) return put(op, type, {a, b}, imm);
  put(op, type, {a, b, value(type)}, imm);
}
void Generator::slot_read(Op) {
  const SlotId slot = SlotId(below(layout().slots.size()));
  if (slot != kSlotFuel && slot != kSlotPc && supported(Op::read, layout().slots[slot].type, {}, slot, 0))
    values_.push_back(builder_.read_any(slot));
}
void Generator::slot_write(Op op) {
  const SlotId slot = SlotId(chance(70) ? below(kWords) : below(layout().slots.size()));
  if (slot != kSlotFuel && slot != kSlotPc) put(op, kVoid, {value(layout().slots[slot].type)}, slot);
}
void Generator::flags(Op op) {
  static constexpr Type types[] = {i8, i16, i32, i64};
  const Type t = types[below(4)];
  const Any a = value(t), b = value(t);
  put(op, kVoid, {a, b, value(t)}, below(100) << 16 | kSlotKind);
}
void Generator::load(Op op) {
  const bool linked = op == Op::load_linked;
  const Type t = linked ? Type{small_int().elem} : any_type();
  const I64 at = address();
  const u64 disp = linked || chance(50) ? 0 : below(64) - 16;
  const u16 attr = mem_attr(t, linked);
  if (info(op).arity == 1) return put(op, t, {at}, disp, attr);
  if (!t.is_vector()) return;
  const Any mask = value({Elem::i1, t.lanes});
  put(op, t, {at, mask, value(t)}, disp, attr);
}
void Generator::store(Op op) {
  const Type t = any_type();
  const I64 at = address();
  const u64 disp = chance(50) ? 0 : below(64) - 16;
  const u16 attr = mem_attr(t, false);
  const Any data = value(t);
  if (info(op).arity == 2) return put(op, kVoid, {at, data}, disp, attr);
  if (t.is_vector()) put(op, kVoid, {at, data, value({Elem::i1, t.lanes})}, disp, attr);
}
void Generator::store_c(Op op) {
  const Type t{small_int().elem};
  const I64 at = address();
  const u16 attr = mem_attr(t, true);
  put(op, i64, {at, value(t)}, 0, attr);
}
void Generator::amo(Op op) {
  const Type t{options_.wide && chance(10) ? Elem::i128 : small_int().elem};
  const I64 at = address();
  const u16 attr = mem_attr(t, true);
  put(op, t, {at, value(t)}, 0, attr);
}
void Generator::cas(Op op) {
  const Type t{options_.wide && chance(10) ? Elem::i128 : small_int().elem};
  const I64 at = address();
  const u16 attr = mem_attr(t, true);
  const Any expected = value(t);
  put(op, t, {at, expected, value(t)}, 0, attr);
}
void Generator::helper(Op op) {
  const u64 row = below(helpers().size());
  const HelperDesc& desc = helpers()[row];
  static constexpr Type types[] = {i1, i8, i16, i32, i64, i64, i64, f32, f64};
  Any args[4];
  for (unsigned i = 0; i < desc.arity; ++i) args[i] = value(types[below(options_.floats ? 9 : 7)]);
  if (has(desc.effects, HelperEffects::may_leave))
    builder_.write(SlotId(kSlotPc), builder_.constant(block_.key.pc + 4 * (block_.guest_insns - 1)));
  const Type type = chance(80) ? i64 : kVoid;
  switch (desc.arity) {
    case 0: return put(op, type, {}, row, 0);
    case 1: return put(op, type, {args[0]}, row, 1);
    case 2: return put(op, type, {args[0], args[1]}, row, 2);
    default: return put(op, type, {args[0], args[1], args[2], args[3]}, row, 4);
  }
}
void Generator::effect(Op op) {
  if (op == Op::fp_flags_write) return put(op, kVoid, {value(i64)});
  const I64 at = address();
  put(op, kVoid, {at}, 16u << below(4));
}

// -- leaving --

Exit Generator::random_exit() {
  Exit exit;
  if (blocks_ > 1 && chance(80)) {
    exit.target = kFirstPc + below(blocks_) * kBlockStride;
    return exit;
  }
  exit.kind = Exit::Kind(below(options_.faults ? 7 : 5));
  exit.target = block_.key.pc + (chance(70) ? 0x800 : 0x10000);
  exit.return_pc = block_.key.pc + 0x40;
  exit.cause = u32(below(16));
  exit.tval = random_();
  const auto kind = exit.kind;
  if (kind == Exit::Kind::indirect || kind == Exit::Kind::call_indirect || kind == Exit::Kind::ret)
    exit.value = value(i64).id;
  return exit;
}
void Generator::exit(Op op) {
  if (op == Op::end) return;
  const I1 condition = I1::from(value(i1));
  const Exit exit = random_exit();
  builder_.exit_if(condition, exit);
}

void Generator::burn_fuel() {
  const I64 fuel = builder_.read(kSlotFuel);
  builder_.write(kSlotFuel, builder_.sub(fuel, builder_.constant(1)));
  builder_.exit_if(builder_.cmp(Op::eq, fuel, builder_.constant(0)), {.kind = Exit::Kind::yield, .target = 0x9000});
}

// Mixes the values made last into a slot, so that a wrong one is seen.
void Generator::show_values() {
  I64 sum = builder_.read(10);
  const size_t first = values_.size() > 24 ? values_.size() - 24 : 0;
  for (size_t i = first; i < values_.size(); ++i) {
    Any v = values_[i];
    if (v.type.is_vector() && !supported(Op::lane_get, {v.type.elem}, {v}, 0, 0)) continue;
    if (v.type.is_vector()) v = builder_.emit(Op::lane_get, {v.type.elem}, {v}, v.type.lanes - 1u);
    if (v.type == f64) v = builder_.emit(Op::bitcast, i64, {v});
    if (v.type == f32) v = builder_.emit(Op::bitcast, i32, {v});
    if (!v.type.is_int() || v.type == i128) continue;
    if (v.type != i64) v = builder_.emit(Op::zext, i64, {v});
    sum = builder_.add(builder_.bin(Op::rotl, sum, builder_.constant(5)), I64::from(v));
  }
  builder_.write(10, sum);
}

bool Generator::wanted(Op op) const {
  if (!options_.only.empty()) return std::ranges::find(options_.only, op) != options_.only.end();
  const OpInfo& row = info(op);
  if (op == Op::begin_insn || op == Op::end) return false;
  if (row.rule == TypeRule::exit) return options_.exits;
  if (row.rule == TypeRule::helper) return options_.helpers;
  const bool atomic = has(row.effects, Effects::barrier) || op == Op::load_linked;
  if (atomic) return options_.atomics;
  if (has(row.effects, Effects::reads_memory | Effects::writes_memory)) return options_.memory;
  const auto rule = row.rule;
  const bool fp = rule == TypeRule::fsame || (rule >= TypeRule::fclass && rule <= TypeRule::box) ||
                  rule == TypeRule::fcompare || has(row.effects, Effects::fp_env);
  if (fp) return options_.floats;
  const bool vector = (rule >= TypeRule::splat && rule <= TypeRule::v16i8) || op == Op::constant_wide;
  return !vector || options_.vectors;
}

void Generator::run() {
  for (unsigned i = 0; i < options_.insns; ++i) {
    builder_.begin_insn(block_.key.pc + 4 * i, 4);
    if (i == 0 && blocks_ > 1) burn_fuel();
    const unsigned ops = 1 + unsigned(below(options_.ops));
    for (unsigned k = 0; k < ops; ++k) {
      const auto& only = options_.only;
      const Op op = only.empty() ? Op(below(kOpCount)) : only[below(only.size())];
      if (wanted(op)) (this->*kMake[unsigned(info(op).rule)])(op);
    }
    if (chance(60)) slot_write(Op::write);
  }
  show_values();
  block_.guest_bytes = 4 * block_.guest_insns;
  builder_.end(random_exit());
}

}  // namespace

Block random_block(u64 seed, const RandomOptions& options) { return std::move(random_region(seed, 1, options)[0]); }

std::vector<Block> random_region(u64 seed, unsigned blocks, const RandomOptions& options) {
  std::vector<Block> region(blocks);
  for (unsigned i = 0; i < blocks; ++i) Generator(seed * 64 + i, options, region[i], i, blocks).run();
  return region;
}

}  // namespace mimus::test

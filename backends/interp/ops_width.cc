// Constants, guest slots, widening and narrowing, bit fields, choosing.
#include <algorithm>

#include "backends/interp/hot.h"

namespace mimus::interp {

namespace {

u8* slot_at(CpuState* state, u64 offset) { return reinterpret_cast<u8*>(state) + offset; }

const Record* run_constant(const Record* r, u8* frame, CpuState* state) {
  put<u64>(frame + r->result, r->imm);
  return next(r, frame, state);
}
// Lanes of `attr` bytes, `extra` of them, each imm zero-extended.
const Record* run_constant_lanes(const Record* r, u8* frame, CpuState*) {
  u8 lane[16] = {};
  put<u64>(lane, r->imm);
  for (u32 i = 0; i < r->extra; ++i) std::memcpy(frame + r->result + i * r->attr, lane, r->attr);
  return r + 1;
}
const Record* run_constant_wide(const Record* r, u8* frame, CpuState*) {
  put<u64>(frame + r->result, 0);
  std::memcpy(frame + r->result, program_of(frame).pool.data() + r->imm, r->extra);
  return r + 1;
}

template <class U>
const Record* run_read(const Record* r, u8* frame, CpuState* state) {
  put_scalar<U>(frame + r->result, get<U>(slot_at(state, r->imm)));
  return next(r, frame, state);
}
const Record* run_read_wide(const Record* r, u8* frame, CpuState* state) {
  std::memcpy(frame + r->result, slot_at(state, r->imm), r->extra);
  return r + 1;
}
template <class U, Source S>
const Record* run_write(const Record* r, u8* frame, CpuState* state) {
  put<U>(slot_at(state, r->imm), operand<S, U>(frame, state, r->a, 0));
  return next(r, frame, state);
}
template <class U>
const Record* run_write_imm(const Record* r, u8* frame, CpuState* state) {
  put<U>(slot_at(state, r->imm), U(r->a | u64{r->b} << 32));
  return next(r, frame, state);
}
const Record* run_write_wide(const Record* r, u8* frame, CpuState* state) {
  std::memcpy(slot_at(state, r->imm), frame + r->a, r->extra);
  return r + 1;
}

// The handler for a value of `type` kept in one word, by its size in memory.
template <class Make>
Handler by_bytes(ir::Type type, Make make) {
  switch (type.bytes()) {
    case 1: return make.template operator()<u8>();
    case 2: return make.template operator()<u16>();
    case 4: return make.template operator()<u32>();
    default: return make.template operator()<u64>();
  }
}

// The four slots of a pending-flags record; extra: bytes of the operands, imm: offset of the kind's SlotDesc.
const Record* run_pending_flags(const Record* r, u8* frame, CpuState* state) {
  const auto* slots = reinterpret_cast<const SlotDesc*>(r->imm);
  const u64 kind = r->attr;
  std::memcpy(slot_at(state, slots[0].offset), &kind, std::min(slots[0].type.bytes(), 8u));
  const u32 places[] = {r->a, r->b, r->c};
  for (unsigned i = 0; i < 3; ++i) {
    u8 value[16] = {};
    std::memcpy(value, frame + places[i], r->extra);
    std::memcpy(slot_at(state, slots[i + 1].offset), value, std::min(slots[i + 1].type.bytes(), 16u));
  }
  return r + 1;
}

// Copies a value; the rest of its place in the frame becomes zero.
const Record* run_copy(const Record* r, u8* frame, CpuState*) {
  if (r->extra < 8) put<u64>(frame + r->result, 0);
  std::memmove(frame + r->result, frame + r->a, r->extra);
  return r + 1;
}

template <unsigned From, unsigned To>
const Record* run_sext_lanes(const Record* r, u8* frame, CpuState*) {
  for (u32 i = 0; i < r->extra; ++i) set_lane<To>(frame, r->result, i, lane_at<From>(frame, r->a, i).s());
  return r + 1;
}
template <unsigned From, unsigned To>
const Record* run_zext_lanes(const Record* r, u8* frame, CpuState*) {  // and trunc
  for (u32 i = 0; i < r->extra; ++i) set_lane<To>(frame, r->result, i, lane_at<From>(frame, r->a, i).bits);
  return r + 1;
}
template <unsigned From, unsigned To>
const Record* run_sext(const Record* r, u8* frame, CpuState* state) {
  set_scalar<To>(frame, r->result, lane_at<From>(frame, r->a).s());
  return next(r, frame, state);
}
template <unsigned From, unsigned To>
const Record* run_zext(const Record* r, u8* frame, CpuState* state) {  // and trunc
  set_scalar<To>(frame, r->result, lane_at<From>(frame, r->a).bits);
  return next(r, frame, state);
}

Handler resize(Lowering& l, bool sign) {
  l.use(1);
  l.record().extra = l.type().lanes;
  const bool vector = l.type().is_vector();
  return by_width(l.arg_type(0).lane_bits(), [&]<unsigned From>() {
    return by_width(l.type().lane_bits(), [&]<unsigned To>() -> Handler {
      if (sign) return vector ? &run_sext_lanes<From, To> : &run_sext<From, To>;
      return vector ? &run_zext_lanes<From, To> : &run_zext<From, To>;
    });
  });
}

template <unsigned W>
const Record* run_pair(const Record* r, u8* frame, CpuState*) {
  for (u32 i = 0; i < r->extra; ++i) {
    using Wide = Uint<2 * W>;
    const Wide value = Wide(Wide{lane_at<W>(frame, r->b, i).bits} << W | lane_at<W>(frame, r->a, i).bits);
    if (r->extra == 1)
      set_scalar<2 * W>(frame, r->result, value);
    else
      set_lane<2 * W>(frame, r->result, i, value);
  }
  return r + 1;
}

// -- bit fields: imm holds lsb | width << 8 --
template <unsigned W>
Uint<W> field_mask(u64 imm) {
  const unsigned width = imm >> 8 & 0xff;
  return width >= W ? Lane<W>::mask : Uint<W>((Uint<W>{1} << width) - 1);
}
template <unsigned W>
Uint<W> field(Lane<W> a, u64 imm) {
  return Uint<W>(a.bits >> (imm & 0xff)) & field_mask<W>(imm);
}
struct Extract {
  template <unsigned W>
  static Uint<W> apply(Lane<W> a, Lane<W>, u64 imm) {
    return field<W>(a, imm);
  }
};
struct SignedExtract {
  template <unsigned W>
  static Uint<W> apply(Lane<W> a, Lane<W>, u64 imm) {
    const Uint<W> sign = Uint<W>(Uint<W>{1} << ((imm >> 8 & 0xff) - 1));
    return Uint<W>((field<W>(a, imm) ^ sign) - sign);
  }
};
struct Insert {
  template <unsigned W>
  static Uint<W> apply(Lane<W> a, Lane<W> b, u64 imm) {
    const Uint<W> mask = Uint<W>(field_mask<W>(imm) << (imm & 0xff));
    return Uint<W>((a.bits & ~mask) | (Uint<W>(b.bits << (imm & 0xff)) & mask));
  }
};
template <class F, unsigned W>
const Record* run_field(const Record* r, u8* frame, CpuState* state) {
  set_scalar<W>(frame, r->result, F::template apply<W>(lane_at<W>(frame, r->a), lane_at<W>(frame, r->b), r->imm));
  return next(r, frame, state);
}
template <class F, unsigned W>
const Record* run_field_lanes(const Record* r, u8* frame, CpuState*) {
  for (u32 i = 0; i < r->extra; ++i)
    set_lane<W>(frame, r->result, i,
                F::template apply<W>(lane_at<W>(frame, r->a, i), lane_at<W>(frame, r->b, i), r->imm));
  return r + 1;
}
template <class F>
Handler bit_field(Lowering& l, unsigned operands) {
  l.use(operands);
  if (operands == 1) l.record().b = l.record().a;
  l.record().imm = l.inst().imm;
  l.record().extra = l.type().lanes;
  return by_width(l.type().lane_bits(), [&]<unsigned W>() -> Handler {
    return l.type().is_vector() ? &run_field_lanes<F, W> : &run_field<F, W>;
  });
}

const Record* run_select(const Record* r, u8* frame, CpuState* state) {
  put<u64>(frame + r->result, get<u64>(frame + (get<u8>(frame + r->a) ? r->b : r->c)));
  return next(r, frame, state);
}
const Record* run_select_wide(const Record* r, u8* frame, CpuState*) {
  std::memcpy(frame + r->result, frame + (get<u8>(frame + r->a) ? r->b : r->c), r->extra);
  return r + 1;
}
// `attr` bytes a lane.
const Record* run_select_lanes(const Record* r, u8* frame, CpuState*) {
  for (u32 i = 0; i < r->extra; ++i) {
    const u32 from = get<u8>(frame + r->a + i) ? r->b : r->c;
    std::memcpy(frame + r->result + i * r->attr, frame + from + i * r->attr, r->attr);
  }
  return r + 1;
}

}  // namespace

Handler lower_constant(Lowering& l) {
  const ir::Type type = l.type();
  l.use(0);
  l.record().imm = type.lane_bits() < 64 ? bits(l.inst().imm, 0, type.lane_bits()) : l.inst().imm;
  if (in_word(type)) return run_constant;
  l.record().extra = type.lanes;
  l.record().attr = u16(type.bytes() / type.lanes);
  return run_constant_lanes;
}
Handler lower_constant_wide(Lowering& l) {
  l.use(0);
  l.record().imm = l.pool_base() + l.inst().imm;
  l.record().extra = l.type().bytes();
  return run_constant_wide;
}
Handler read_handler(ir::Type type) {
  return by_bytes(type, []<class U>() -> Handler { return run_read<U>; });
}
Handler clean_handler(ir::Type type) {
  return by_width(type.bits(), []<unsigned W>() -> Handler {
    if constexpr (W > 64)
      return nullptr;
    else
      return run_zext<W, 64>;
  });
}
Handler constant_handler() { return run_constant; }

// A word stays in its slot until it is needed elsewhere.
Handler lower_read(Lowering& l) {
  const SlotDesc& slot = l.layout().state.slots[l.inst().imm];
  if (l.alias(slot)) return nullptr;
  l.use(0);
  l.record().imm = slot.offset;
  l.record().extra = l.type().bytes();
  return in_word(l.type()) ? read_handler(l.type()) : run_read_wide;
}
Handler lower_write(Lowering& l) {
  const ir::Type type = l.arg_type(0);
  const u32 offset = l.layout().state.slots[l.inst().imm].offset;
  l.record().imm = offset;
  l.record().extra = type.bytes();
  if (const auto value = l.constant(0)) {
    l.before_write(offset, type.bytes());
    l.record().a = u32(*value);
    l.record().b = u32(*value >> 32);
    return by_bytes(type, []<class U>() -> Handler { return run_write_imm<U>; });
  }
  const Place from = in_word(type) ? l.place(l.inst().args[0]) : Place{Source::frame, l.in_frame(l.inst().args[0])};
  l.record().a = from.offset;
  l.before_write(offset, type.bytes());
  if (!in_word(type)) return run_write_wide;
  return by_bytes(
      type, [&]<class U>() { return by_source(from.source, []<Source S>() -> Handler { return run_write<U, S>; }); });
}
Handler lower_begin_insn(Lowering&) { return nullptr; }
Handler lower_pending_flags(Lowering& l) {
  l.use(3);
  for (u64 slot = l.inst().imm & 0xffff, end = slot + 4; slot < end; ++slot)
    l.before_write(l.layout().state.slots[slot].offset, l.layout().state.slots[slot].type.bytes());
  l.record().attr = u16(l.inst().imm >> 16);
  l.record().imm = reinterpret_cast<u64>(&l.layout().state.slots[l.inst().imm & 0xffff]);
  l.record().extra = l.arg_type(0).bytes();
  return run_pending_flags;
}

Handler lower_zext(Lowering& l) { return l.type() == ir::i64 ? hot_extend<false>(l) : resize(l, false); }
Handler lower_sext(Lowering& l) { return l.type() == ir::i64 ? hot_extend<true>(l) : resize(l, true); }
// A word's low bytes are where the word is.
Handler lower_trunc(Lowering& l) {
  static_assert(std::endian::native == std::endian::little);
  if (l.type() != ir::i1 && l.alias_operand()) return nullptr;
  return resize(l, false);
}
Handler lower_bitcast(Lowering& l) {
  l.use(1);
  l.record().extra = l.type().bytes();
  return run_copy;
}
Handler lower_pair(Lowering& l) {
  l.use(2);
  l.record().extra = l.type().lanes;
  return by_width(l.arg_type(0).lane_bits(), []<unsigned W>() -> Handler {
    if constexpr (W == 1 || W == 128)
      return nullptr;
    else
      return run_pair<W>;
  });
}
Handler lower_extract(Lowering& l) { return bit_field<Extract>(l, 1); }
Handler lower_sextract(Lowering& l) { return bit_field<SignedExtract>(l, 1); }
Handler lower_insert(Lowering& l) { return bit_field<Insert>(l, 2); }

Handler lower_select(Lowering& l) {
  l.use(3);
  l.record().extra = l.type().bytes();
  if (in_word(l.type())) return run_select;
  if (!l.arg_type(0).is_vector()) return run_select_wide;
  l.record().extra = l.type().lanes;
  l.record().attr = u16(l.type().bytes() / l.type().lanes);
  return run_select_lanes;
}

}  // namespace mimus::interp

// Guest memory. Plain accesses look into the software TLB (core/memory/soft_tlb.h) and go to the runtime on a miss;
// atomics always go to the runtime (core/engine/runtime.h), which is where reservations and locks are.
#include <algorithm>

#include "backends/interp/hot.h"
#include "core/engine/runtime.h"

namespace mimus::interp {

namespace {

using ir::Align;
using ir::MemAttr;

// Guest RAM is shared with other threads; races there are the guest's own.
template <class U>
struct [[gnu::packed, gnu::may_alias]] Unaligned {
  U value;
};
template <class U>
[[gnu::no_sanitize_thread]] inline U guest_read(const u8* host) {
  return reinterpret_cast<const Unaligned<U>*>(host)->value;
}
template <class U>
[[gnu::no_sanitize_thread]] inline void guest_write(u8* host, U value) {
  reinterpret_cast<Unaligned<U>*>(host)->value = value;
}
[[gnu::no_sanitize_thread]] void guest_copy(u8* to, const u8* from, u32 bytes) {
  for (u32 i = 0; i < bytes; ++i) to[i] = from[i];
}

// The host address of [va, va + bytes) when the TLB has it, else null. bytes <= 4096; align: 1 or a power of two.
[[gnu::always_inline]] inline u8* tlb_hit(CpuState* state, u64 va, u32 bytes, u32 align, bool write) {
  const u64 index = va >> (kPageBits - kTlbEntryShift) & state->tlb_mask;
  const auto* entry = reinterpret_cast<const TlbEntry*>(reinterpret_cast<const u8*>(state->tlb) + index);
  const u64 tag = (write ? entry->write_tag : entry->read_tag).load(std::memory_order_relaxed);
  if (((va + bytes - 1) & ~kPageMask) != tag || (va & (align - 1)) != 0) [[unlikely]]
    return nullptr;
  return reinterpret_cast<u8*>(va + entry->addend);
}

void exact_pc(const Record* r, const u8* frame, CpuState* state) { state->pc = program_of(frame).insns[r->insn].pc; }

u64 address(const Record* r, const u8* frame) { return get<u64>(frame + r->a) + r->imm; }

// -- the plain cases: one word, relaxed, little-endian, the current regime --
template <class U, Source A, Target T>
[[gnu::noinline]] const Record* load_miss(const Record* r, u8* frame, CpuState* state) {
  exact_pc(r, frame, state);
  const u32 desc = access_desc(std::countr_zero(sizeof(U)), r->attr);
  const u64 va = operand<A, u64>(frame, state, r->a, 0) + r->imm;
  const U value = U(state->runtime->load(state, va, desc, 0));
  if (state->leave) return leave_early(r, frame, state);
  finish<T>(frame, state, r->result, value);
  return r + 1;
}
template <class U, bool Natural, Source A, Target T>
const Record* run_load(const Record* r, u8* frame, CpuState* state) {
  const u64 va = operand<A, u64>(frame, state, r->a, 0) + r->imm;
  const u8* host = tlb_hit(state, va, sizeof(U), Natural ? sizeof(U) : 1, false);
  if (!host) [[unlikely]]
    return load_miss<U, A, T>(r, frame, state);
  finish<T>(frame, state, r->result, guest_read<U>(host));
  return next(r, frame, state);
}
// A constant to store is in b and c.
template <class U, Source B>
U stored(const Record* r, const u8* frame, const CpuState* state) {
  return operand<B, U>(frame, state, r->b, r->b | u64{r->c} << 32);
}
template <class U, Source A, Source B>
[[gnu::noinline]] const Record* store_miss(const Record* r, u8* frame, CpuState* state) {
  exact_pc(r, frame, state);
  const u32 desc = access_desc(std::countr_zero(sizeof(U)), r->attr);
  const u64 va = operand<A, u64>(frame, state, r->a, 0) + r->imm;
  state->runtime->store(state, va, stored<U, B>(r, frame, state), desc, 0);
  return state->leave ? leave_early(r, frame, state) : r + 1;
}
template <class U, bool Natural, Source A, Source B>
const Record* run_store(const Record* r, u8* frame, CpuState* state) {
  const u64 va = operand<A, u64>(frame, state, r->a, 0) + r->imm;
  u8* host = tlb_hit(state, va, sizeof(U), Natural ? sizeof(U) : 1, true);
  if (!host) [[unlikely]]
    return store_miss<U, A, B>(r, frame, state);
  guest_write<U>(host, stored<U, B>(r, frame, state));
  return next(r, frame, state);
}

// -- every other case. extra: bytes of an element | elements << 8 --
struct Shape {
  u32 bytes, count;
  explicit Shape(const Record* r) : bytes(r->extra & 0xff), count(r->extra >> 8) {}
  u32 total() const { return bytes * count; }
};

void order_before(ir::Order order) {
  if (order == ir::Order::seq_cst)
    std::atomic_thread_fence(std::memory_order_seq_cst);
  else if (order >= ir::Order::release)
    std::atomic_thread_fence(std::memory_order_release);
}
void order_after(ir::Order order) {
  if (order == ir::Order::seq_cst)
    std::atomic_thread_fence(std::memory_order_seq_cst);
  else if (order == ir::Order::acquire || order == ir::Order::acq_rel)
    std::atomic_thread_fence(std::memory_order_acquire);
}

// Host memory for an access as a whole, if the TLB and the attributes allow one.
u8* whole_access(CpuState* state, u64 va, Shape shape, MemAttr attr, bool write) {
  if (attr.privilege || attr.align == Align::atomic16) return nullptr;
  return tlb_hit(state, va, shape.total(), attr.align == Align::natural ? shape.bytes : 1, write);
}
void swap_element(u8* data, u32 bytes, MemAttr attr) {
  if (attr.big_endian) std::reverse(data, data + bytes);
}
// One element through the runtime. Values pass as numbers: the runtime knows the byte order from the attributes.
void load_element(CpuState* state, u64 va, u8* out, u32 bytes, u16 attr) {
  const u64 value = state->runtime->load(state, va, access_desc(std::countr_zero(bytes), attr), 0);
  if (bytes == 16)
    std::memcpy(out, state->scratch, 16);
  else
    std::memcpy(out, &value, bytes);
}
void store_element(CpuState* state, u64 va, const u8* data, u32 bytes, u16 attr) {
  u64 value = 0;
  if (bytes == 16)
    std::memcpy(state->scratch, data, 16);
  else
    std::memcpy(&value, data, bytes);
  state->runtime->store(state, va, value, access_desc(std::countr_zero(bytes), attr), 0);
}

const Record* run_load_any(const Record* r, u8* frame, CpuState* state) {
  const Shape shape(r);
  const MemAttr attr = MemAttr::unpack(r->attr);
  const u64 va = address(r, frame);
  u8 value[256 + 8] = {};
  order_before(attr.order == ir::Order::seq_cst ? attr.order : ir::Order::relaxed);
  if (const u8* host = whole_access(state, va, shape, attr, false)) {
    guest_copy(value, host, shape.total());
    for (u32 i = 0; i < shape.count; ++i) swap_element(value + i * shape.bytes, shape.bytes, attr);
  } else {
    exact_pc(r, frame, state);
    for (u32 i = 0; i < shape.count; ++i) {
      load_element(state, va + u64{i} * shape.bytes, value + i * shape.bytes, shape.bytes, r->attr);
      if (state->leave) return leave_early(r, frame, state);
    }
  }
  order_after(attr.order);
  std::memcpy(frame + r->result, value, std::max(shape.total(), 8u));
  return r + 1;
}

const Record* run_store_any(const Record* r, u8* frame, CpuState* state) {
  const Shape shape(r);
  const MemAttr attr = MemAttr::unpack(r->attr);
  const u64 va = address(r, frame);
  order_before(attr.order);
  if (u8* host = whole_access(state, va, shape, attr, true)) {
    u8 value[256];
    std::memcpy(value, frame + r->b, shape.total());
    for (u32 i = 0; i < shape.count; ++i) swap_element(value + i * shape.bytes, shape.bytes, attr);
    guest_copy(host, value, shape.total());
  } else {
    exact_pc(r, frame, state);
    for (u32 i = 0; i < shape.count; ++i) {
      store_element(state, va + u64{i} * shape.bytes, frame + r->b + i * shape.bytes, shape.bytes, r->attr);
      if (state->leave) return leave_early(r, frame, state);
    }
  }
  if (attr.order == ir::Order::seq_cst) order_after(attr.order);
  return r + 1;
}

// -- masked: lanes whose mask is clear are not accessed at all --
const Record* run_load_masked(const Record* r, u8* frame, CpuState* state) {
  const Shape shape(r);
  const u64 va = address(r, frame);
  u8 value[256];
  std::memcpy(value, frame + r->c, shape.total());
  exact_pc(r, frame, state);
  for (u32 i = 0; i < shape.count; ++i) {
    if (!get<u8>(frame + r->b + i)) continue;
    load_element(state, va + u64{i} * shape.bytes, value + i * shape.bytes, shape.bytes, r->attr);
    if (state->leave) return leave_early(r, frame, state);
  }
  std::memcpy(frame + r->result, value, shape.total());
  return r + 1;
}
const Record* run_store_masked(const Record* r, u8* frame, CpuState* state) {
  const Shape shape(r);
  const u64 va = address(r, frame);
  exact_pc(r, frame, state);
  for (u32 i = 0; i < shape.count; ++i) {
    if (!get<u8>(frame + r->c + i)) continue;
    store_element(state, va + u64{i} * shape.bytes, frame + r->b + i * shape.bytes, shape.bytes, r->attr);
    if (state->leave) return leave_early(r, frame, state);
  }
  return r + 1;
}

// -- i1 is a byte in memory of which the low bit counts --
const Record* run_mask_low_bits(const Record* r, u8* frame, CpuState*) {
  for (u32 i = 0; i < r->extra; ++i) frame[r->result + i] &= 1;
  return r + 1;
}

// -- atomics --
void to_scratch(CpuState* state, unsigned word, const u8* value, u32 bytes) {
  state->scratch[word] = state->scratch[word + 1] = 0;
  std::memcpy(&state->scratch[word], value, bytes);
}
void result_from(u8* frame, u32 place, u64 value, const CpuState* state, u32 bytes) {
  if (bytes == 16)
    std::memcpy(frame + place, state->scratch, 16);
  else
    put<u64>(frame + place, bytes == 8 ? value : bits(value, 0, bytes * 8));
}

const Record* run_load_linked(const Record* r, u8* frame, CpuState* state) {
  exact_pc(r, frame, state);
  const u32 desc = access_desc(std::countr_zero(r->extra), r->attr);
  const u64 value = state->runtime->load_linked(state, address(r, frame), desc, 0);
  if (state->leave) return leave_early(r, frame, state);
  result_from(frame, r->result, value, state, r->extra);
  return r + 1;
}
const Record* run_store_conditional(const Record* r, u8* frame, CpuState* state) {
  exact_pc(r, frame, state);
  const u32 desc = access_desc(std::countr_zero(r->extra), r->attr);
  to_scratch(state, 0, frame + r->b, r->extra);
  const u64 failed = state->runtime->store_conditional(state, address(r, frame), state->scratch[0], desc, 0);
  if (state->leave) return leave_early(r, frame, state);
  put<u64>(frame + r->result, failed);
  return r + 1;
}
// c: the Op.
const Record* run_amo(const Record* r, u8* frame, CpuState* state) {
  exact_pc(r, frame, state);
  const u32 desc = access_desc(std::countr_zero(r->extra), r->attr);
  u64 value = 0;
  std::memcpy(&value, frame + r->b, r->extra);
  const u64 old = state->runtime->amo(state, address(r, frame), value, desc, 0, r->c);
  if (state->leave) return leave_early(r, frame, state);
  result_from(frame, r->result, old, state, r->extra);
  return r + 1;
}

u128 amo_result(ir::Op op, u128 old, u128 value) {
  switch (op) {
    case ir::Op::amo_add: return old + value;
    case ir::Op::amo_and: return old & value;
    case ir::Op::amo_or: return old | value;
    case ir::Op::amo_xor: return old ^ value;
    case ir::Op::amo_smin: return s128(old) < s128(value) ? old : value;
    case ir::Op::amo_smax: return s128(old) > s128(value) ? old : value;
    case ir::Op::amo_umin: return old < value ? old : value;
    case ir::Op::amo_umax: return old > value ? old : value;
    default: return value;  // amo_swap
  }
}
// 16 bytes: a compare-and-swap loop, since the runtime's amo ends at 8.
const Record* run_amo16(const Record* r, u8* frame, CpuState* state) {
  exact_pc(r, frame, state);
  const u64 va = address(r, frame);
  const u128 value = get<u128>(frame + r->b);
  u128 old = 0;
  for (u128 seen = ~u128{0}; seen != old;) {
    seen = old;
    put<u128>(reinterpret_cast<u8*>(&state->scratch[0]), seen);
    put<u128>(reinterpret_cast<u8*>(&state->scratch[2]), amo_result(ir::Op(r->c), seen, value));
    state->runtime->cas(state, va, access_desc(4, r->attr), 0);
    if (state->leave) return leave_early(r, frame, state);
    old = get<u128>(reinterpret_cast<u8*>(&state->scratch[0]));
  }
  put<u128>(frame + r->result, old);
  return r + 1;
}
const Record* run_cas(const Record* r, u8* frame, CpuState* state) {
  exact_pc(r, frame, state);
  to_scratch(state, 0, frame + r->b, r->extra);
  to_scratch(state, 2, frame + r->c, r->extra);
  state->runtime->cas(state, address(r, frame), access_desc(std::countr_zero(r->extra), r->attr), 0);
  if (state->leave) return leave_early(r, frame, state);
  result_from(frame, r->result, state->scratch[0], state, r->extra);
  return r + 1;
}

// Executed as the strongest barrier needed.
const Record* run_fence(const Record* r, u8*, CpuState*) {
  const auto kind = ir::FenceKind(r->attr);
  if (kind == ir::FenceKind::full)
    std::atomic_thread_fence(std::memory_order_seq_cst);
  else
    std::atomic_thread_fence(std::memory_order_acq_rel);
  return r + 1;
}
const Record* run_zero_block(const Record* r, u8* frame, CpuState* state) {
  const u32 bytes = u32(r->imm);
  const u64 va = get<u64>(frame + r->a) & ~u64{bytes - 1};
  const bool current = MemAttr::unpack(r->attr).privilege == 0;
  if (u8* host = current ? tlb_hit(state, va, bytes, 1, true) : nullptr) {
    for (u32 i = 0; i < bytes; ++i) guest_write<u8>(host + i, 0);
    return r + 1;
  }
  exact_pc(r, frame, state);
  state->runtime->zero_block(state, va, bytes, 0);
  return state->leave ? leave_early(r, frame, state) : r + 1;
}

u32 shape_of(ir::Type type) { return type.bytes() / type.lanes | u32(type.lanes) << 8; }

bool plain(const ir::Inst& inst, ir::Type type) {
  const MemAttr attr = MemAttr::unpack(inst.attr);
  return in_word(type) && attr.order == ir::Order::relaxed && !attr.big_endian && !attr.privilege &&
         attr.align != Align::atomic16;
}
template <class Make>
Handler by_size(ir::Type type, Make make) {
  switch (type.bytes()) {
    case 1: return make.template operator()<u8>();
    case 2: return make.template operator()<u16>();
    case 4: return make.template operator()<u32>();
    default: return make.template operator()<u64>();
  }
}
void memory_fields(Lowering& l, unsigned operands, ir::Type type) {
  l.use(operands);
  l.record().imm = l.inst().imm;
  l.record().attr = l.inst().attr;
  l.record().extra = type.bytes();
}
Handler lower_amo(Lowering& l) {
  memory_fields(l, 2, l.type());
  l.record().c = u32(l.inst().op);
  return l.type().bytes() == 16 ? run_amo16 : run_amo;
}

Place address_fields(Lowering& l) {
  const Place address = l.place(l.inst().args[0]);
  l.record().a = address.offset;
  l.record().imm = l.inst().imm;
  l.record().attr = l.inst().attr;
  return address;
}
template <class Make>
Handler by_alignment(Lowering& l, ir::Type type, Make make) {
  const bool natural = MemAttr::unpack(l.inst().attr).align == Align::natural;
  return by_size(type, [&]<class U>() {
    return natural ? make.template operator()<U, true>() : make.template operator()<U, false>();
  });
}
Handler lower_plain_load(Lowering& l) {
  const Source from = address_fields(l).source;
  u32 slot = 0;
  const Target target = l.take_write(slot);
  if (target == Target::frame)
    l.use_result();
  else
    l.record().result = slot;
  return by_alignment(l, l.type(), [&]<class U, bool Natural>() {
    return by_source(from, [&]<Source A>() -> Handler {
      if (target == Target::frame) return run_load<U, Natural, A, Target::frame>;
      if (target == Target::slot_sext) return run_load<U, Natural, A, Target::slot_sext>;
      return run_load<U, Natural, A, Target::slot>;  // unsigned values widen with zeros
    });
  });
}
Handler lower_plain_store(Lowering& l) {
  const Source from = address_fields(l).source;
  Source value = Source::imm;
  if (const auto constant = l.constant(1)) {
    l.record().b = u32(*constant);
    l.record().c = u32(*constant >> 32);
  } else {
    const Place place = l.place(l.inst().args[1]);
    l.record().b = place.offset;
    value = place.source;
  }
  return by_alignment(l, l.arg_type(1), [&]<class U, bool Natural>() {
    return by_source(from, [&]<Source A>() {
      return by_operand(value, []<Source B>() -> Handler { return run_store<U, Natural, A, B>; });
    });
  });
}

// The record of an i1 load is followed by one that keeps the low bits.
Handler with_low_bits(Lowering& l, Handler load) {
  if (l.type().elem != ir::Elem::i1) return load;
  l.record().run = load;
  l.emit_record();
  l.record().extra = l.type().lanes;
  return run_mask_low_bits;
}

}  // namespace

Handler lower_load(Lowering& l) {
  const ir::Type type = l.type();
  if (plain(l.inst(), type) && type != ir::i1) return lower_plain_load(l);
  memory_fields(l, 1, type);
  l.record().extra = shape_of(type);
  return with_low_bits(l, run_load_any);
}
Handler lower_store(Lowering& l) {
  const ir::Type type = l.arg_type(1);
  if (plain(l.inst(), type)) return lower_plain_store(l);
  memory_fields(l, 2, type);
  l.record().extra = shape_of(type);
  return run_store_any;
}
Handler lower_load_masked(Lowering& l) {
  memory_fields(l, 3, l.type());
  l.record().extra = shape_of(l.type());
  return with_low_bits(l, run_load_masked);
}
Handler lower_store_masked(Lowering& l) {
  memory_fields(l, 3, l.arg_type(1));
  l.record().extra = shape_of(l.arg_type(1));
  return run_store_masked;
}
Handler lower_load_linked(Lowering& l) {
  memory_fields(l, 1, l.type());
  return run_load_linked;
}
Handler lower_store_conditional(Lowering& l) {
  memory_fields(l, 2, l.arg_type(1));
  return run_store_conditional;
}
Handler lower_amo_swap(Lowering& l) { return lower_amo(l); }
Handler lower_amo_add(Lowering& l) { return lower_amo(l); }
Handler lower_amo_and(Lowering& l) { return lower_amo(l); }
Handler lower_amo_or(Lowering& l) { return lower_amo(l); }
Handler lower_amo_xor(Lowering& l) { return lower_amo(l); }
Handler lower_amo_smin(Lowering& l) { return lower_amo(l); }
Handler lower_amo_smax(Lowering& l) { return lower_amo(l); }
Handler lower_amo_umin(Lowering& l) { return lower_amo(l); }
Handler lower_amo_umax(Lowering& l) { return lower_amo(l); }
Handler lower_cas(Lowering& l) {
  memory_fields(l, 3, l.type());
  return run_cas;
}
Handler lower_fence(Lowering& l) {
  l.record().attr = l.inst().attr;
  return run_fence;
}
Handler lower_zero_block(Lowering& l) {
  memory_fields(l, 1, ir::i64);
  return run_zero_block;
}

}  // namespace mimus::interp

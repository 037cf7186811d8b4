// Vector loads and stores, masked or not. A hit for all bytes is one host access; anything else goes element by element
// through the runtime, by one C call: the first element that faults ends the access, as in the interpreter.
#include <cstddef>

#include "backends/llvm/access.h"

namespace mimus::jit {
static constexpr u32 kMaxBytes = sizeof(CpuState::scratch);  // the vector travels there

// Elements go from or to scratch. `shape`: number of elements; lanes whose bit in `mask` is clear are left alone.
u64 load_elements(CpuState* state, u64 va, u64 desc, u64 mask, u32 count) {
  const u32 bytes = 1u << (desc & 15);
  u8 value[kMaxBytes];
  std::memcpy(value, state->scratch, sizeof value);
  for (u32 i = 0; i < count; ++i) {
    if (!(mask >> i & 1)) continue;
    const u64 low = state->runtime->load(state, va + u64{i} * bytes, u32(desc), 0);
    if (state->leave) return 0;
    if (bytes == 16)
      std::memcpy(value + i * 16, state->scratch, 16);
    else
      std::memcpy(value + i * bytes, &low, bytes);
  }
  std::memcpy(state->scratch, value, sizeof value);
  return 0;
}

u64 store_elements(CpuState* state, u64 va, u64 desc, u64 mask, u32 count) {
  const u32 bytes = 1u << (desc & 15);
  u8 value[kMaxBytes];
  std::memcpy(value, state->scratch, sizeof value);
  for (u32 i = 0; i < count; ++i) {
    if (!(mask >> i & 1)) continue;
    u64 low = 0;
    if (bytes == 16)
      std::memcpy(state->scratch, value + i * 16, 16);
    else
      std::memcpy(&low, value + i * bytes, bytes);
    state->runtime->store(state, va + u64{i} * bytes, low, u32(desc), 0);
    if (state->leave) return 0;
  }
  return 0;
}

namespace {

using ir::Inst;
using ir::Op;
using llvm::Value;

bool fits(Lowering& l, const Inst& i, ir::Type t) {
  if (t.bytes() > kMaxBytes || t.lanes > 64)
    l.refuse("only vectors up to 512 bits");
  else if (t.elem == ir::Elem::f80)
    l.refuse("80-bit floats");
  else if (ir::MemAttr::unpack(i.attr).align == ir::Align::atomic16)
    l.refuse("16-byte atomic accesses");
  else
    return true;
  return false;
}

void call_elements(Lowering& l, const Access& access, Function function, Value* mask, ir::Type t) {
  l.call_function(function, {access.address(), l.b.getInt64(access.desc()), mask}, l.b.getInt32(t.lanes), true);
}

// The lanes of an i1 vector as a u64.
Value* mask_word(Lowering& l, Value* lanes, ir::Type t) {
  return l.b.CreateZExt(l.b.CreateBitCast(lanes, l.b.getIntNTy(t.lanes)), l.b.getInt64Ty());
}
Value* all_lanes(Lowering& l, ir::Type t) { return l.b.getInt64(~u64{0} >> (64 - t.lanes)); }

Value* scratch_vector(Lowering& l, ir::Type t) { return l.state_field(offsetof(CpuState, scratch), l.memory_type(t)); }
void set_scratch_vector(Lowering& l, Value* v) { l.set_state_field(offsetof(CpuState, scratch), v); }

Value* to_memory(Lowering& l, Value* v, ir::Type t) {
  return t.elem == ir::Elem::i1 ? l.b.CreateZExt(v, l.memory_type(t)) : v;
}
Value* from_memory(Lowering& l, Value* v, ir::Type t) {
  return t.elem == ir::Elem::i1 ? l.b.CreateTrunc(v, l.type(t)) : v;
}

Value* load_lanes(Lowering& l, const Inst& i, Value* mask, Value* otherwise) {
  const ir::Type t = i.type;
  if (!fits(l, i, t)) return nullptr;
  Access access(l, i, t.bytes(), t.bytes() / t.lanes, false);
  if (!mask && flat_inline(l, i, t)) {
    return flat_load_block(l, i, [&] {
      call_elements(l, access, Function::load_elements, all_lanes(l, t), t);
      return scratch_vector(l, t);
    });
  }
  const bool big = access.attr().big_endian;
  access.probe();
  Value* fast = nullptr;
  if (access.has_fast()) {
    fast = mask ? l.b.CreateMaskedLoad(l.memory_type(t), access.host(), llvm::Align(1), mask)
                : static_cast<Value*>(l.b.CreateAlignedLoad(l.memory_type(t), access.host(), llvm::Align(1)));
    l.tag(fast, l.guest_tag());
    order_after_load(l, access.attr().order);
    fast = swap_bytes(l, fast, t, big);
    if (mask) fast = l.b.CreateSelect(mask, fast, otherwise);
  }
  access.go_slow();
  if (mask) set_scratch_vector(l, otherwise);
  call_elements(l, access, Function::load_elements, mask ? mask_word(l, mask, t) : all_lanes(l, t), t);
  Value* slow = scratch_vector(l, t);
  return from_memory(l, access.join(fast, slow), t);
}

Value* store_lanes(Lowering& l, const Inst& i, Value* mask) {
  const ir::Type t = l.arg_type(i, 1);
  if (!fits(l, i, t)) return nullptr;
  Access access(l, i, t.bytes(), t.bytes() / t.lanes, true);
  Value* v = to_memory(l, l.arg(i, 1), t);
  if (!mask && flat_inline(l, i, t)) {
    flat_store_block(l, i, [&]() -> Value* {
      set_scratch_vector(l, v);
      call_elements(l, access, Function::store_elements, all_lanes(l, t), t);
      return nullptr;
    });
    return l.nothing();
  }
  access.probe();
  if (access.has_fast()) {
    order_before_store(l, access.attr().order);
    Value* swapped = swap_bytes(l, v, t, access.attr().big_endian);
    Value* access_inst = mask ? static_cast<Value*>(l.b.CreateMaskedStore(swapped, access.host(), llvm::Align(1), mask))
                              : l.b.CreateAlignedStore(swapped, access.host(), llvm::Align(1));
    l.tag(access_inst, l.guest_tag());
    order_after_store(l, access.attr().order);
  }
  access.go_slow();
  set_scratch_vector(l, v);
  call_elements(l, access, Function::store_elements, mask ? mask_word(l, mask, t) : all_lanes(l, t), t);
  access.join(nullptr, nullptr);
  return l.nothing();
}

Value* load_masked(Lowering& l, const Inst& i) {
  if (!i.type.is_vector()) return l.refuse("scalars");
  return load_lanes(l, i, l.arg(i, 1), to_memory(l, l.arg(i, 2), i.type));
}
Value* store_masked(Lowering& l, const Inst& i) {
  if (!l.arg_type(i, 1).is_vector()) return l.refuse("scalars");
  return store_lanes(l, i, l.arg(i, 2));
}

constexpr LowerRow kRows[] = {
    {Op::load_masked, load_masked},
    {Op::store_masked, store_masked},
};

}  // namespace

Value* load_vector(Lowering& l, const Inst& i) { return load_lanes(l, i, nullptr, nullptr); }
Value* store_vector(Lowering& l, const Inst& i) { return store_lanes(l, i, nullptr); }

std::span<const LowerRow> vector_memory_rows() { return kRows; }

}  // namespace mimus::jit

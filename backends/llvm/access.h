// The inline TLB lookup in front of every guest memory access (core/memory/soft_tlb.h states the rule).
#pragma once

#include <bit>

#include "backends/llvm/lower.h"

namespace mimus::jit {

// One access: probe() leaves the builder in the block for the hit; there the caller emits the access through host() and
// calls done(); slow paths are emitted in between by the caller with the builder at slow().
//
//     Access access(l, inst, size, write);
//     access.probe();                       // builder: hit
//     Value* fast = ...access.host()...;
//     access.go_slow();                     // builder: miss
//     Value* slow = l.call_slow(...);
//     return access.join(fast, slow);       // builder: both
class Access {
 public:
  // `element` bytes have to be aligned when the access's rule says so; scalars are one element.
  Access(Lowering& l, const ir::Inst& inst, unsigned bytes, unsigned element, bool write);
  void align_down(u64 alignment);  // of the address, before probe()
  void probe();
  // Whether there is a fast path at all; without one probe() leaves the builder at the slow path.
  bool has_fast() const { return fast_; }
  void go_slow();
  llvm::Value* join(llvm::Value* fast, llvm::Value* slow);

  llvm::Value* host() const { return host_; }  // pointer
  llvm::Value* physical();                     // i64, in the hit block
  llvm::Value* address() const;                // at the builder's place
  u32 desc() const { return access_desc(unsigned(std::countr_zero(element_)), inst_.attr); }
  const ir::MemAttr& attr() const { return attr_; }

 private:
  llvm::Value* entry_field(u32 offset);  // of the TLB entry
  // Looks up the page on which `first` lies, and branches to miss_ or `hit` by comparing `page` with the tag.
  void look_up(llvm::Value* first, llvm::Value* page, bool write, llvm::BasicBlock* hit);
  void probe_group();
  Lowering& l_;
  const ir::Inst& inst_;
  const ir::MemAttr attr_;
  const unsigned bytes_, element_;
  const bool write_;
  bool fast_;
  AccessGroup* group_ = nullptr;       // of several accesses
  s64 displacement_ = 0;               // from its base
  llvm::Value* group_host_ = nullptr;  // made by this access, the first of the group
  llvm::Value *va_ = nullptr, *entry_ = nullptr, *host_ = nullptr;
  llvm::BasicBlock *miss_ = nullptr, *join_ = nullptr, *fast_end_ = nullptr;
};

// Byte order and memory order of fast paths. Slow paths take and return numbers, whatever the byte order. x86-64 has
// total store order: acquire and release only bind the compiler, which a fence of that strength does.
llvm::Value* swap_bytes(Lowering& l, llvm::Value* v, ir::Type t, bool swap);
void order_after_load(Lowering& l, ir::Order order);
void order_before_store(Lowering& l, ir::Order order);
void order_after_store(Lowering& l, ir::Order order);

// Flat memory (lower_flat.cc): whether an access of the type is one instruction, and that.
bool flat_inline(Lowering& l, const ir::Inst& i, ir::Type t);
llvm::Value* flat_load(Lowering& l, const ir::Inst& i);
llvm::Value* flat_store(Lowering& l, const ir::Inst& i);
// The same for vectors of 16 bytes; `retry` makes the access by way of the runtime.
llvm::Value* flat_load_block(Lowering& l, const ir::Inst& i, Lowering::Retry retry);
void flat_store_block(Lowering& l, const ir::Inst& i, Lowering::Retry retry);

// Vectors, masked or not (lower_vector_memory.cc).
llvm::Value* load_vector(Lowering& l, const ir::Inst& i);
llvm::Value* store_vector(Lowering& l, const ir::Inst& i);

// Value <-> the u64 that slow paths take and return.
llvm::Value* to_u64(Lowering& l, llvm::Value* v, ir::Type t);
llvm::Value* from_u64(Lowering& l, llvm::Value* v, ir::Type t);

}  // namespace mimus::jit

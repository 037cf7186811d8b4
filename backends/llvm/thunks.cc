#include "backends/llvm/thunks.h"

#include <cstddef>

#include "backends/emit/assembler.h"
#include "core/engine/runtime.h"

namespace mimus::jit {
namespace {

using namespace Xbyak::util;

constexpr u32 kThunkBytes = 8 << 10;

// Which argument register of the C function is `site`: the LLVM function has stored state.pc, so it becomes 0. The LLVM
// function passes what follows it one register earlier.
enum class Site : u8 { none, rcx, r8, r8_then_r9 };
struct Row {
  Symbol symbol;
  u32 function;  // offset in struct Runtime
  Site site;
  bool result;  // returns something in rax
};
constexpr Row kRows[] = {
    {Symbol::load, offsetof(Runtime, load), Site::rcx, true},
    {Symbol::store, offsetof(Runtime, store), Site::r8, false},
    {Symbol::load_linked, offsetof(Runtime, load_linked), Site::rcx, true},
    {Symbol::store_conditional, offsetof(Runtime, store_conditional), Site::r8, true},
    {Symbol::amo, offsetof(Runtime, amo), Site::r8_then_r9, true},
    {Symbol::cas, offsetof(Runtime, cas), Site::rcx, false},
    {Symbol::zero_block, offsetof(Runtime, zero_block), Site::rcx, false},
    {Symbol::trap, offsetof(Runtime, trap), Site::none, false},
};

class Writer {
 public:
  Writer(emit::CodeSlab& slab, const emit::HostRuntime& host, emit::CodeSlab::Piece piece) : slab_(slab), host_(host) {
    a_.open(piece.write, piece.size);
  }

  u64 write_slow_path(const Row& row) {
    const u64 entry = here();
    save(row.result);
    if (row.site == Site::r8_then_r9) a_.mov(r9d, r8d);
    if (row.site == Site::rcx) a_.xor_(ecx, ecx);
    if (row.site == Site::r8 || row.site == Site::r8_then_r9) a_.xor_(r8d, r8d);
    a_.mov(rax, argument_field(offsetof(CpuState, runtime)));
    a_.call(qword[rax + size_t(row.function)]);
    restore(row.result);
    return entry;
  }

  // rdi = state, rsi rdx rcx = operands, r8d = what, r9 = the function.
  u64 write_assist() {
    const u64 entry = here();
    save(true);
    a_.call(r9);
    restore(true);
    return entry;
  }

  // At block entry's rsp; memory is exact. The entry thunk's epilogue stores the pins, so they are loaded first.
  u64 write_leave() {
    const u64 entry = here();
    for (unsigned i = 0; i < emit::kPinnedCount; ++i)
      if (host_.pin_offset(i)) a_.mov(Xbyak::Reg64(emit::kPinnedRegisters[i]), field(host_.pin_offset(i)));
    a_.ret();
    return entry;
  }

  bool failed() const { return a_.failed(); }

 private:
  static constexpr u8 kSaved[] = {1, 2, 6, 7, 8, 9, 10};  // rcx rdx rsi rdi r8 r9 r10; r11 is the caller's to save
  static constexpr u32 kSavedRdi = 3 * 8;                 // above the vectors: r10 r9 r8 rdi ...
  static constexpr u32 kVectorBytes = 16 * 32;

  u64 here() {
    a_.align_to(16);
    return slab_.to_exec(a_.getCurr());
  }
  // Inside a function LLVM may have put anything into r12: thunks that are called find the state in rdi.
  Xbyak::Address argument_field(u32 offset, u32 bits = 64) { return Xbyak::AddressFrame(bits)[rdi + size_t(offset)]; }
  Xbyak::Address field(u32 offset, u32 bits = 64) { return Xbyak::AddressFrame(bits)[emit::rstate + size_t(offset)]; }

  void move_vectors(bool store) {
    for (int i = 0; i < 16; ++i) {
      const size_t at = size_t(i) * 32;
      if (host_.features().avx)
        store ? a_.vmovups(yword[rsp + at], Xbyak::Ymm(i)) : a_.vmovups(Xbyak::Ymm(i), yword[rsp + at]);
      else
        store ? a_.movups(xword[rsp + at], Xbyak::Xmm(i)) : a_.movups(Xbyak::Xmm(i), xword[rsp + at]);
    }
  }
  void save(bool result) {
    if (!result) a_.push(rax);
    for (u8 reg : kSaved) a_.push(Xbyak::Reg64(reg));
    a_.sub(rsp, kVectorBytes + (result ? 0 : 8));  // keeps rsp a multiple of 16 for the call
    move_vectors(true);
    if (host_.features().avx) a_.vzeroupper();
    a_.stmxcsr(argument_field(offsetof(CpuState, guest_mxcsr), 32));
    a_.ldmxcsr(argument_field(offsetof(CpuState, host_mxcsr), 32));
  }
  void restore(bool result) {
    a_.mov(rdi, qword[rsp + size_t(kVectorBytes + (result ? 0 : 8) + kSavedRdi)]);
    a_.ldmxcsr(argument_field(offsetof(CpuState, guest_mxcsr), 32));
    move_vectors(false);
    a_.add(rsp, kVectorBytes + (result ? 0 : 8));
    for (size_t i = std::size(kSaved); i-- > 0;) a_.pop(Xbyak::Reg64(kSaved[i]));
    if (!result) a_.pop(rax);
    a_.ret();
  }

  emit::CodeSlab& slab_;
  const emit::HostRuntime& host_;
  emit::Assembler a_;
};

}  // namespace

Expected<Thunks> Thunks::create(emit::CodeSlab& slab, const emit::HostRuntime& host) {
  MIMUS_TRY(const emit::CodeSlab::Piece piece, slab.allocate_permanent(kThunkBytes, 64));
  Writer writer(slab, host, piece);
  Thunks thunks;
  for (const Row& row : kRows) thunks.addresses_[unsigned(row.symbol)] = writer.write_slow_path(row);
  thunks.addresses_[unsigned(Symbol::assist)] = writer.write_assist();
  thunks.addresses_[unsigned(Symbol::leave)] = writer.write_leave();
  if (writer.failed()) return fail("code cache: the LLVM engine's thunks do not fit");
  return thunks;
}

}  // namespace mimus::jit

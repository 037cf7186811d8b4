#include "backends/llvm/thunks.h"

#include <cstddef>

#include "backends/emit/assembler.h"
#include "backends/emit/fp_assist.h"
#include "backends/emit/reprobe.h"
#include "backends/llvm/cold.h"
#include "core/engine/runtime.h"

namespace mimus::jit {
namespace {

using namespace Xbyak::util;

constexpr u32 kThunkBytes = 16 << 10;

// What a slow path's C function takes after the CpuState.
enum class Source : u8 { none, first, second, desc, extra, zero };
struct Row {
  u32 function;  // offset in struct Runtime
  std::array<Source, 5> arguments;
};
using enum Source;
// The site is always 0: the stub has stored state.pc.
constexpr Row kRows[unsigned(Slow::count)] = {
    {offsetof(Runtime, load), {first, desc, zero}},
    {offsetof(Runtime, store), {first, second, desc, zero}},
    {offsetof(Runtime, load_linked), {first, desc, zero}},
    {offsetof(Runtime, store_conditional), {first, second, desc, zero}},
    {offsetof(Runtime, amo), {first, second, desc, zero, extra}},
    {offsetof(Runtime, cas), {first, desc, zero}},
    {offsetof(Runtime, zero_block), {first, extra, zero}},
    {offsetof(Runtime, trap), {desc, second}},
};
constexpr u8 kArgumentRegisters[] = {6, 2, 1, 8, 9};  // rsi rdx rcx r8 r9

class Writer {
 public:
  Writer(emit::CodeSlab& slab, const emit::HostRuntime& host, emit::CodeSlab::Piece piece) : slab_(slab), host_(host) {
    a_.open(piece.write, piece.size);
  }

  u64 write_slow_path(const Row& row, bool wide) {
    static constexpr u8 kSaved[] = {0, 1, 2, 6, 7, 8, 9, 10, 11};  // what a C function may change
    constexpr u32 kPushed = 8 * std::size(kSaved);
    constexpr u32 area = kVectorBytes + 8;  // keeps rsp a multiple of 16 for the call
    const u64 entry = here();
    if (row.function == offsetof(Runtime, load) || row.function == offsetof(Runtime, store))
      reprobe(row.function == offsetof(Runtime, store));
    for (u8 reg : kSaved) a_.push(Xbyak::Reg64(reg));
    a_.sub(rsp, area);
    save_vectors(wide);
    a_.mov(rdi, qword[rsp + size_t(area + kPushed + 8)]);
    enter_host_fp();
    for (unsigned i = 0; i < row.arguments.size(); ++i) load_argument(row.arguments[i], kArgumentRegisters[i]);
    a_.mov(rax, field(offsetof(CpuState, runtime)));
    a_.call(qword[rax + size_t(row.function)]);
    a_.mov(rdi, qword[rsp + size_t(area + kPushed + 8)]);
    a_.mov(scratch(SlowArguments::kFirst), rax);
    enter_guest_fp();
    load_vectors(wide);
    a_.add(rsp, area);
    for (size_t i = std::size(kSaved); i-- > 0;) a_.pop(Xbyak::Reg64(kSaved[i]));
    a_.ret();
    return entry;
  }

  void reprobe(bool store) {
    const auto word = [this](u32 number, u32 bits = 64) {
      return [this, number, bits](u32) { return scratch(number, bits); };
    };
    a_.push(rdi);
    a_.mov(rdi, qword[rsp + 16]);
    emit::write_reprobe(a_, {.store = store,
                             .state = 7,
                             .va = word(SlowArguments::kFirst),
                             .value = word(SlowArguments::kSecond),
                             .result = word(SlowArguments::kFirst),
                             .desc = word(SlowArguments::kDesc, 32),
                             .before_return = [this] { a_.pop(rdi); }});
    a_.pop(rdi);
  }

  // rdi = state, rsi rdx rcx = operands, r8d = what, r9 = the function. r11 is the caller's to save.
  u64 write_assist(bool wide) {
    static constexpr u8 kSaved[] = {1, 2, 6, 8, 9, 10, 7};
    const u64 entry = here();
    for (u8 reg : kSaved) a_.push(Xbyak::Reg64(reg));
    a_.sub(rsp, kVectorBytes);
    save_vectors(wide);
    enter_host_fp();
    a_.call(r9);
    a_.mov(rdi, qword[rsp + size_t(kVectorBytes)]);
    enter_guest_fp();
    load_vectors(wide);
    a_.add(rsp, kVectorBytes);
    for (size_t i = std::size(kSaved); i-- > 0;) a_.pop(Xbyak::Reg64(kSaved[i]));
    a_.ret();
    return entry;
  }

  // r12 = state, rsp as at block entry; memory is exact. The entry thunk's epilogue stores the pins, so they are
  // loaded.
  u64 write_leave() {
    const u64 entry = here();
    for (unsigned i = 0; i < emit::kPinnedCount; ++i)
      if (host_.pin_offset(i))
        a_.mov(Xbyak::Reg64(emit::kPinnedRegisters[i]), qword[emit::rstate + size_t(host_.pin_offset(i))]);
    a_.ret();
    return entry;
  }

  bool failed() const { return a_.failed(); }

 private:
  static constexpr u32 kVectorBytes = 16 * 32;

  u64 here() {
    a_.align_to(16);
    return slab_.to_exec(a_.getCurr());
  }
  Xbyak::Address field(u32 offset, u32 bits = 64) { return Xbyak::AddressFrame(bits)[rdi + size_t(offset)]; }
  Xbyak::Address scratch(u32 word, u32 bits = 64) { return field(u32(offsetof(CpuState, scratch)) + 8 * word, bits); }

  void load_argument(Source source, u8 number) {
    const Xbyak::Reg64 reg(number);
    switch (source) {
      case none: return;
      case first: return a_.mov(reg, scratch(SlowArguments::kFirst));
      case second: return a_.mov(reg, scratch(SlowArguments::kSecond));
      case desc: return a_.mov(reg.cvt32(), scratch(SlowArguments::kDesc, 32));
      case extra:
        return a_.mov(reg.cvt32(), field(u32(offsetof(CpuState, scratch)) + 8 * SlowArguments::kDesc + 4, 32));
      case zero: return a_.xor_(reg.cvt32(), reg.cvt32());
    }
  }
  void enter_host_fp() {
    a_.stmxcsr(field(offsetof(CpuState, guest_mxcsr), 32));
    a_.ldmxcsr(field(offsetof(CpuState, host_mxcsr), 32));
  }
  void enter_guest_fp() { a_.ldmxcsr(field(offsetof(CpuState, guest_mxcsr), 32)); }

  // The lower halves by AVX instructions too where there is AVX: those leave the upper halves clean.
  void save_vectors(bool wide) {
    const bool avx = host_.features().avx;
    for (int i = 0; i < 16; ++i) {
      const Xbyak::RegExp at = rsp + size_t(i) * 32;
      if (avx && wide)
        a_.vmovups(yword[at], Xbyak::Ymm(i));
      else if (avx)
        a_.vmovups(xword[at], Xbyak::Xmm(i));
      else
        a_.movups(xword[at], Xbyak::Xmm(i));
    }
    if (avx && wide) a_.vzeroupper();
  }
  void load_vectors(bool wide) {
    const bool avx = host_.features().avx;
    for (int i = 0; i < 16; ++i) {
      const Xbyak::RegExp at = rsp + size_t(i) * 32;
      if (avx && wide)
        a_.vmovups(Xbyak::Ymm(i), yword[at]);
      else if (avx)
        a_.vmovups(Xbyak::Xmm(i), xword[at]);
      else
        a_.movups(Xbyak::Xmm(i), xword[at]);
    }
  }

  emit::CodeSlab& slab_;
  const emit::HostRuntime& host_;
  emit::Assembler a_;
};

}  // namespace

Expected<Thunks> Thunks::create(emit::CodeSlab& slab, const emit::HostRuntime& host,
                                std::span<const HelperDesc> helpers) {
  MIMUS_TRY(const emit::CodeSlab::Piece piece, slab.allocate_permanent(kThunkBytes, 64));
  Writer writer(slab, host, piece);
  Thunks thunks;
  for (unsigned i = 0; i < unsigned(Slow::count); ++i)
    for (bool wide : {false, true}) thunks.slow_[i * 2 + wide] = writer.write_slow_path(kRows[i], wide);
  thunks.symbols_[unsigned(Symbol::assist)] = writer.write_assist(false);
  thunks.symbols_[unsigned(Symbol::assist_wide)] = writer.write_assist(true);
  thunks.symbols_[unsigned(Symbol::leave)] = writer.write_leave();
  if (writer.failed()) return fail("code cache: the LLVM engine's thunks do not fit");

  std::vector<u64> functions(unsigned(Function::count));
  functions[unsigned(Function::fp_assist)] = reinterpret_cast<u64>(&emit::fp_assist);
  functions[unsigned(Function::load_elements)] = reinterpret_cast<u64>(&load_elements);
  functions[unsigned(Function::store_elements)] = reinterpret_cast<u64>(&store_elements);
  for (const HelperDesc& helper : helpers) functions.push_back(reinterpret_cast<u64>(helper.function));
  const u32 bytes = u32(functions.size() * sizeof functions[0]);
  MIMUS_TRY(const emit::CodeSlab::Piece table, slab.allocate_permanent(bytes, 64));
  std::memcpy(table.write, functions.data(), bytes);
  thunks.functions_ = table.exec;
  return thunks;
}

}  // namespace mimus::jit

#include "backends/llvm/self_test.h"

#include <cstddef>
#include <cstring>
#include <memory>
#include <new>

#include "backends/llvm/object.h"

namespace mimus::jit {

namespace {

// A CpuState with room behind it for the slots of the ISA, all zero.
class BlankState {
 public:
  explicit BlankState(u32 bytes)
      : bytes_(static_cast<u8*>(::operator new(align_up(u64{bytes}, alignof(CpuState)), kAlignment))) {
    std::memset(bytes_, 0, bytes);
    state_ = new (bytes_) CpuState;
  }
  ~BlankState() {
    state_->~CpuState();
    ::operator delete(bytes_, kAlignment);
  }
  BlankState(const BlankState&) = delete;
  CpuState& state() { return *state_; }
  void put(u32 offset, u64 word) { std::memcpy(bytes_ + offset, &word, sizeof word); }

 private:
  static constexpr std::align_val_t kAlignment{alignof(CpuState)};
  u8* bytes_;
  CpuState* state_;
};

constexpr u64 kPattern = 0x1122'3344'5566'7700;  // of pin i: + i

}  // namespace

Expected<u64> place_text(Compiler& compiler, emit::CodeSlab& slab, const Thunks& thunks, std::string_view text) {
  MIMUS_TRY(const std::vector<u8> object, compiler.compile_text(text));
  MIMUS_TRY(const Blob blob, read_object(object));
  MIMUS_TRY(const emit::CodeSlab::Piece piece, slab.allocate(u32(blob.bytes.size()), std::max(blob.alignment, 16u)));
  std::memcpy(piece.write, blob.bytes.data(), blob.bytes.size());
  for (const Blob::Reference& reference : blob.references) {
    u64 target = 0;
    for (unsigned i = 0; i < kSymbolNames.size(); ++i)
      if (reference.name == kSymbolNames[i]) target = thunks.address(Symbol(i));
    if (!target) return fail("LLVM refers to '" + reference.name + "'");
    const s32 field = s32(target + u64(s64(reference.addend)) - (piece.exec + reference.offset));
    std::memcpy(piece.write + reference.offset, &field, sizeof field);
  }
  return piece.exec + blob.entry;
}

std::string contract_function(std::string_view body) {
  constexpr std::string_view kParameters =
      "ptr %s, i64 %p1, i64 %p2, i64 %p3, i64 %p4, i64 %p5, i64 %x, i64 %y, i64 %p6, i64 %p7, i64 %p8";
  const std::string leave(kSymbolNames[unsigned(Symbol::leave)]);
  std::string text = "declare hidden preserve_nonecc void @" + leave +
                     "(ptr, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64)\n"
                     "define hidden preserve_nonecc void @" +
                     std::string(kEntryName) + "(" + std::string(kParameters) + ") nounwind noredzone strictfp {\n";
  text += body;
  text += "  musttail call preserve_nonecc void @" + leave + "(" + std::string(kParameters) + ")\n  ret void\n}\n";
  return text;
}

Expected<void> check_register_contract(Compiler& compiler, emit::CodeSlab& slab, const emit::HostRuntime& host,
                                       const Thunks& thunks) {
  std::string body;
  for (unsigned i = 0; i < emit::kPinnedCount; ++i) {
    const std::string n = std::to_string(i + 1);
    body += "  %q" + n + " = getelementptr i8, ptr %s, i64 " + std::to_string(offsetof(CpuState, scratch) + 8 * i) +
            "\n  store i64 %p" + n + ", ptr %q" + n + "\n";
  }
  MIMUS_TRY(const u64 code, place_text(compiler, slab, thunks, contract_function(body)));
  BlankState blank(host.layout().size);
  for (unsigned i = 0; i < emit::kPinnedCount; ++i)
    if (host.pin_offset(i)) blank.put(host.pin_offset(i), kPattern + i);
  CpuState& state = blank.state();
  host.enter(state, code);
  for (unsigned i = 0; i < emit::kPinnedCount; ++i)
    if (host.pin_offset(i) && state.scratch[i] != kPattern + i)
      return fail("this version of LLVM passes arguments in other registers than the engine needs");
  return {};
}

}  // namespace mimus::jit

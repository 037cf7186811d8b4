// RISC-V Linux processes. Sources: Linux arch/riscv/include/uapi/asm (sigcontext.h, ucontext.h, hwcap.h, hwprobe.h) as
// documented in Linux Documentation/arch/riscv; RISC-V ELF psABI 1.0 (procedure calling convention).
#include <elf.h>
#include <fmt/format.h>

#include <algorithm>

#include "frontends/riscv/csr.h"
#include "frontends/riscv/riscv.h"
#include "frontends/riscv/state.h"
#include "machines/user/isa.h"
#include "machines/user/vdso.h"

namespace mimus::user {
namespace {

using riscv::hart;

constexpr unsigned kRa = 1, kSp = 2, kTp = 4, kA0 = 10, kA1 = 11, kA2 = 12, kA7 = 17;

struct Context {  // struct sigcontext
  u64 pc;
  u64 x[31];  // x1 to x31
  // union of the FP states of F, D and Q; this is D's, and the end of the chain of extensions (zero) at its end
  u64 f[32];
  u32 fcsr;
  u32 rest[67];
};
static_assert(sizeof(Context) == 256 + 528);

struct Frame {  // struct rt_sigframe
  siginfo_t info;
  u64 flags;
  u64 link;
  GuestStack stack;
  u64 mask;
  u8 unused[120];
  alignas(16) Context context;
};
static_assert(offsetof(Frame, context) == 128 + 176 && sizeof(Frame) == 1088);

constexpr IsaFacts kFacts{"riscv64", EM_RISCV, "riscv64-linux-gnu", "libc6-riscv64-cross", CallNumbers::generic};

u64 read_fcsr(const riscv::RiscvState& s) { return s.frm << 5 | riscv::read_fflags(s); }
void write_fcsr(riscv::RiscvState& s, u64 value) {
  riscv::write_fflags(s, value & 31);
  riscv::write_frm(s, value >> 5 & 7);
}

// riscv_hwprobe(2): the bits of RISCV_HWPROBE_KEY_IMA_EXT_0 by extension. Single letters are for all models the same.
constexpr struct {
  std::string_view name;
  unsigned bit;
} kProbeBits[] = {{"zba", 3},          {"zbb", 4},        {"zbs", 5},   {"zicboz", 6}, {"zbc", 7},
                  {"zbkb", 8},         {"zbkc", 9},       {"zbkx", 10}, {"zknd", 11},  {"zkne", 12},
                  {"zknh", 13},        {"zksed", 14},     {"zksh", 15}, {"zkt", 16},   {"zfh", 27},
                  {"zfhmin", 28},      {"zihintntl", 29}, {"zfa", 32},  {"zacas", 34}, {"zicond", 35},
                  {"zihintpause", 36}, {"zimop", 42},     {"zcb", 44},  {"zcmop", 47}, {"zawrs", 48}};
constexpr u64 kProbeFd = 1 << 0, kProbeC = 1 << 1;

class Riscv64 final : public UserIsa {
 public:
  explicit Riscv64(std::vector<std::string> extensions) : extensions_(std::move(extensions)) {}

  const IsaFacts& facts() const override { return kFacts; }
  u64 hwcap() const override {
    u64 bits = 0;
    for (char letter : std::string_view("imafdc")) bits |= u64{1} << (letter - 'a');
    return bits;
  }
  std::string_view platform() const override { return {}; }
  std::span<const u8> vdso() const override { return riscv64_vdso(); }
  u64 vdso_sigreturn() const override { return vdso_symbol(riscv64_vdso(), "__vdso_rt_sigreturn"); }

  std::string cpuinfo(const CpuState&, unsigned cpus) const override {
    std::string isa = "rv64", text;
    for (const std::string& name : extensions_) isa += (name.size() > 1 ? "_" : "") + name;
    for (unsigned i = 0; i < cpus; i++)
      text += fmt::format("processor\t: {0}\nhart\t\t: {0}\nisa\t\t: {1}\nmmu\t\t: sv39\nuarch\t\t: mimus\n\n", i, isa);
    return text;
  }

  std::optional<u64> hardware_probe(s64 key) const override {
    switch (key) {
      case 0:  // MVENDORID
      case 1:  // MARCHID
      case 2:  // MIMPID
        return 0;
      case 3: return 1;  // BASE_BEHAVIOR: IMA
      case 4: {          // IMA_EXT_0
        u64 bits = kProbeFd | kProbeC;
        for (auto [name, bit] : kProbeBits)
          if (std::ranges::find(extensions_, name) != extensions_.end()) bits |= u64{1} << bit;
        return bits;
      }
      case 5:                                      // CPUPERF_0
      case 9:                                      // MISALIGNED_SCALAR_PERF
        return 3;                                  // fast
      case 6: return riscv::kCacheBlock;           // ZICBOZ_BLOCK_SIZE
      case 7: return AddressSpace::kLowLimit - 1;  // HIGHEST_VIRT_ADDRESS
      case 8: return 10'000'000;                   // TIME_CSR_FREQ
      default: return std::nullopt;
    }
  }

  void start(CpuState& state, GuestVa entry, GuestVa sp) const override {
    state.pc = entry;
    hart(state).x[kSp] = sp;
  }
  void copy_registers(CpuState& to, const CpuState& from) const override {
    auto& t = hart(to);
    const auto& f = hart(from);
    std::memcpy(t.x, f.x, sizeof t.x);
    std::memcpy(t.f, f.f, sizeof t.f);
    t.pc = f.pc;
    write_fcsr(t, read_fcsr(f));
  }
  GuestVa stack_pointer(const CpuState& state) const override { return hart(state).x[kSp]; }
  void set_child(CpuState& state, std::optional<GuestVa> sp, std::optional<u64> tls) const override {
    if (sp) hart(state).x[kSp] = *sp;
    if (tls) hart(state).x[kTp] = *tls;
  }

  std::optional<TrapSignal> signal_of(const CpuState& state, const Fault& fault) const override {
    switch (fault.cause) {
      case riscv::kCauseUserCall: return std::nullopt;
      case riscv::kCauseBreakpoint: return TrapSignal{SIGTRAP, TRAP_BRKPT, state.pc};
      case riscv::kCauseFetchMisaligned:
      case riscv::kCauseLoadMisaligned:
      case riscv::kCauseStoreMisaligned: return TrapSignal{SIGBUS, BUS_ADRALN, fault.tval};
      case riscv::kCauseFetchAccess:
      case riscv::kCauseLoadAccess:
      case riscv::kCauseStoreAccess:
      case riscv::kCauseFetchPage:
      case riscv::kCauseLoadPage:
      case riscv::kCauseStorePage: return TrapSignal{SIGSEGV, SEGV_MAPERR, fault.tval};
      default: return TrapSignal{SIGILL, ILL_ILLOPC, state.pc};
    }
  }

  CallArgs call(const CpuState& state) const override {
    CallArgs args;
    args.number = hart(state).x[kA7];
    for (unsigned i = 0; i < 6; i++) args.arg[i] = hart(state).x[kA0 + i];
    return args;
  }
  void step_over_call(CpuState& state) const override { state.pc += 4; }
  void step_back(CpuState& state) const override { state.pc -= 4; }
  void set_result(CpuState& state, s64 value) const override { hart(state).x[kA0] = u64(value); }
  void set_first_argument(CpuState& state, u64 value) const override { hart(state).x[kA0] = value; }

  bool push_frame(CpuState& state, AddressSpace& memory, GuestVa sp, int signal, const GuestAction& action,
                  const FrameContents& contents, GuestVa trampoline) const override {
    auto& s = hart(state);
    Frame frame{};
    frame.info = contents.info;
    frame.stack = contents.stack;
    frame.mask = contents.mask;
    frame.context.pc = state.pc;
    std::memcpy(frame.context.x, &s.x[1], sizeof frame.context.x);
    std::memcpy(frame.context.f, s.f, sizeof frame.context.f);
    frame.context.fcsr = u32(read_fcsr(s));
    const GuestVa at = align_down(sp - sizeof frame, 16);
    if (memory.put(at, frame) != 0) return false;
    s.x[kRa] = trampoline;
    s.x[kSp] = at;
    s.x[kA0] = u64(signal);
    s.x[kA1] = at + offsetof(Frame, info);
    s.x[kA2] = at + offsetof(Frame, flags);
    state.pc = action.handler;
    return true;
  }

  bool pop_frame(CpuState& state, AddressSpace& memory, FrameContents& contents) const override {
    auto& s = hart(state);
    Frame frame;
    if (memory.get(frame, s.x[kSp]) != 0) return false;
    contents = {frame.info, frame.mask, frame.stack};
    state.pc = frame.context.pc & ~u64{1};
    std::memcpy(&s.x[1], frame.context.x, sizeof frame.context.x);
    std::memcpy(s.f, frame.context.f, sizeof frame.context.f);
    write_fcsr(s, frame.context.fcsr);
    return true;
  }

  std::span<const u8> breakpoint(u64 kind) const override {
    static constexpr u8 kShort[] = {0x02, 0x90}, kLong[] = {0x73, 0x00, 0x10, 0x00};  // c.ebreak, ebreak
    if (kind == sizeof kShort) return kShort;
    return kind == sizeof kLong ? std::span<const u8>(kLong) : std::span<const u8>();
  }

  // struct user_regs_struct: pc, x1 to x31; struct __riscv_d_ext_state: f0 to f31, fcsr.
  u32 read_registers(const CpuState& state, RegisterSet set, u8* to) const override {
    if (set == RegisterSet::pac_masks) return 0;
    const auto& s = hart(state);
    const u64* const from = set == RegisterSet::general ? s.x : s.f;
    const u64 extra = set == RegisterSet::general ? s.pc : read_fcsr(s);
    std::memcpy(to, from, sizeof s.x);
    std::memcpy(to + (set == RegisterSet::general ? 0 : sizeof s.f), &extra, sizeof extra);
    return set == RegisterSet::general ? sizeof s.x : sizeof s.f + 8;
  }
  void write_registers(CpuState& state, RegisterSet set, const u8* from) const override {
    auto& s = hart(state);
    u64 extra = 0;
    if (set == RegisterSet::general) {
      std::memcpy(&s.x[1], from + 8, sizeof s.x - 8);
      std::memcpy(&s.pc, from, 8);
      return;
    }
    std::memcpy(s.f, from, sizeof s.f);
    std::memcpy(&extra, from + sizeof s.f, 4);
    write_fcsr(s, extra);
  }

  // {handler, flags, mask}: no restorer.
  unsigned action_bytes() const override { return 24; }
  GuestAction read_action(std::span<const u8> bytes) const override {
    GuestAction action;
    std::memcpy(&action.handler, bytes.data(), 8);
    std::memcpy(&action.flags, bytes.data() + 8, 8);
    std::memcpy(&action.mask, bytes.data() + 16, 8);
    return action;
  }
  void write_action(std::span<u8> bytes, const GuestAction& action) const override {
    std::memcpy(bytes.data(), &action.handler, 8);
    std::memcpy(bytes.data() + 8, &action.flags, 8);
    std::memcpy(bytes.data() + 16, &action.mask, 8);
  }

 private:
  std::vector<std::string> extensions_;
};

}  // namespace

const IsaFacts& riscv64_facts() { return kFacts; }
std::unique_ptr<UserIsa> make_riscv64(std::vector<std::string> extensions) {
  return std::make_unique<Riscv64>(std::move(extensions));
}

}  // namespace mimus::user

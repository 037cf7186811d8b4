#include "tests/diff/aarch64_program.h"

#include <elf.h>
#include <signal.h>

#include <cstdlib>

#include "tests/diff/guest_program.h"

namespace mimus::diff::a64 {
namespace {

// Variables above the window, addressed from x28 = kContext; then the records of sequences.
constexpr unsigned kVarRecord = 256, kVarCount = 264, kVarResult = 272, kVarTemp = 280, kVarLink = 288,
                   kStructure = 512;
constexpr GuestVa kRecords = 0x11000000;

// A record: where to start, and the state before.
struct Record {
  u64 start, unused;
  MachineState before;
};
static_assert(sizeof(Record) == 16 + sizeof(MachineState));
constexpr unsigned kX = offsetof(MachineState, x), kSp = offsetof(MachineState, sp), kV = offsetof(MachineState, v),
                   kNzcv = offsetof(MachineState, nzcv), kFpcr = offsetof(MachineState, fpcr),
                   kFpsr = offsetof(MachineState, fpsr), kWindowAt = offsetof(MachineState, window);
constexpr unsigned kState = offsetof(Record, before);

// Signals are taken on a stack of their own. Linux's structures on AArch64: siginfo_t.si_addr, in ucontext_t x0..x30,
// sp, pc, pstate, then the record of the SIMD registers.
constexpr GuestVa kSignalStack = 0x10700000;
constexpr unsigned kSignalStackBytes = 0x8000;
constexpr unsigned kSiAddr = 16, kUcX = 184, kUcSp = kUcX + 248, kUcPc = kUcSp + 8, kUcPstate = kUcPc + 8,
                   kUcFpsr = 464 + 8, kUcFpcr = kUcFpsr + 4, kUcV = kUcFpcr + 4;
constexpr u64 kSaFlags = 0x4 | 0x08000000 | 0x40000000;  // SIGINFO, ONSTACK, NODEFER

// The few instructions that the driver consists of.
class Driver {
 public:
  std::vector<u32> code;

  void word(u32 raw) { code.push_back(raw); }
  void ldr(unsigned t, unsigned n, unsigned offset) { word(0xf9400000 | offset / 8 << 10 | n << 5 | t); }
  void str(unsigned t, unsigned n, unsigned offset) { word(0xf9000000 | offset / 8 << 10 | n << 5 | t); }
  void ldr_w(unsigned t, unsigned n, unsigned offset) { word(0xb9400000 | offset / 4 << 10 | n << 5 | t); }
  void ldr_q(unsigned t, unsigned n, unsigned offset) { word(0x3dc00000 | offset / 16 << 10 | n << 5 | t); }
  void str_q(unsigned t, unsigned n, unsigned offset) { word(0x3d800000 | offset / 16 << 10 | n << 5 | t); }
  void ldur(unsigned t, unsigned n, int offset) { word(0xf8400000 | u32(offset & 0x1ff) << 12 | n << 5 | t); }
  void stur(unsigned t, unsigned n, int offset) { word(0xf8000000 | u32(offset & 0x1ff) << 12 | n << 5 | t); }
  void add(unsigned d, unsigned n, unsigned imm) { word(0x91000000 | imm << 10 | n << 5 | d); }
  void sub(unsigned d, unsigned n, unsigned imm) { word(0xd1000000 | imm << 10 | n << 5 | d); }
  void mov(unsigned d, u64 value) {
    word(0xd2800000 | u32(value & 0xffff) << 5 | d);
    for (unsigned hw = 1; hw < 4; ++hw)
      if (value >> (16 * hw) & 0xffff) word(0xf2800000 | hw << 21 | u32(value >> (16 * hw) & 0xffff) << 5 | d);
  }
  void svc(unsigned number) {
    mov(8, number);
    word(0xd4000001);
  }
  void mrs(unsigned t, u32 sysreg) { word(0xd5300000 | sysreg | t); }
  void msr(unsigned t, u32 sysreg) { word(0xd5100000 | sysreg | t); }
  void branch(size_t to) { word(0x14000000 | (u32(to - code.size()) & 0x3ffffff)); }
  void cbnz(unsigned t, size_t to) { word(0xb5000000 | (u32(to - code.size()) & 0x7ffff) << 5 | t); }
};
constexpr u32 kRegNzcv = 0xb4200, kRegFpcr = 0xb4400, kRegFpsr = 0xb4420;  // o0:op1:CRn:CRm:op2 in place

void set_variable(Driver& d, unsigned variable, u64 value) {
  d.mov(0, value);
  d.str(0, kContextRegister, variable);
}

// Copies the window between memory at x28 and at `base` + offset through `temp`.
void copy_window(Driver& d, bool load, unsigned base, unsigned temp, unsigned offset) {
  for (unsigned i = 0; i < kWindow; i += 8) {
    const int at = int(i) - int(kWindow / 2);
    if (load) {
      d.ldr(temp, base, offset + i);
      d.stur(temp, kContextRegister, at);
    } else {
      d.ldur(temp, kContextRegister, at);
      d.str(temp, base, offset + i);
    }
  }
}

// `handler`: its index in the code.
void install_handlers(Driver& d, GuestVa handler) {
  set_variable(d, kStructure, kSignalStack);
  set_variable(d, kStructure + 8, 0);
  set_variable(d, kStructure + 16, kSignalStackBytes);
  d.add(0, kContextRegister, kStructure);
  d.mov(1, 0);
  d.svc(132);
  set_variable(d, kStructure, handler);
  set_variable(d, kStructure + 8, kSaFlags);
  set_variable(d, kStructure + 16, 0);
  set_variable(d, kStructure + 24, 0);
  for (int number : {SIGILL, SIGTRAP, SIGBUS, SIGSEGV}) {
    d.mov(0, u64(number));
    d.add(1, kContextRegister, kStructure);
    d.mov(2, 0);
    d.mov(3, 8);
    d.svc(134);
  }
}

// Enters the next sequence by x30, which its first instruction loads.
void enter(Driver& d) {
  d.ldr(0, kContextRegister, kVarRecord);
  d.word(0xd503305f);  // clrex
  copy_window(d, true, 0, 1, kState + kWindowAt);
  for (auto [offset, reg] : {std::pair{kNzcv, kRegNzcv}, {kFpcr, kRegFpcr}, {kFpsr, kRegFpsr}}) {
    d.ldr(1, 0, kState + offset);
    d.msr(1, reg);
  }
  for (unsigned n = 0; n < 32; ++n) d.ldr_q(n, 0, kState + kV + 16 * n);
  d.ldr(1, 0, kState + kSp);
  d.add(31, 1, 0);  // mov sp, x1
  d.ldr(1, 0, kState + kX + 8 * 30);
  d.str(1, kContextRegister, kVarLink);
  for (unsigned n = 1; n < 30; ++n)
    if (n != kContextRegister) d.ldr(n, 0, kState + kX + 8 * n);
  d.ldr(30, 0, 0);
  d.ldr(0, 0, kState + kX);
  d.word(0xd61f0000 | 30 << 5);  // br x30
}

// A sequence has ended in the regular way.
void store_state(Driver& d) {
  d.str(30, kContextRegister, kVarTemp);
  d.ldr(30, kContextRegister, kVarResult);
  for (unsigned n = 0; n < 30; ++n) d.str(n, 30, kX + 8 * n);
  d.ldr(0, kContextRegister, kVarTemp);
  d.str(0, 30, kX + 8 * 30);
  d.add(0, 31, 0);  // mov x0, sp
  d.str(0, 30, kSp);
  for (auto [offset, reg] : {std::pair{kNzcv, kRegNzcv}, {kFpcr, kRegFpcr}, {kFpsr, kRegFpsr}}) {
    d.mrs(0, reg);
    d.str(0, 30, offset);
  }
  for (unsigned n = 0; n < 32; ++n) d.str_q(n, 30, kV + 16 * n);
  for (unsigned offset : {offsetof(Result, signal), offsetof(Result, address), offsetof(Result, pc)})
    d.str(31, 30, offset);
}

// The handler: x0 signal, x1 siginfo_t, x2 ucontext_t.
void store_signal(Driver& d) {
  d.mov(kContextRegister, kContext);
  d.ldr(30, kContextRegister, kVarResult);
  d.str(0, 30, offsetof(Result, signal));
  auto copy = [&](unsigned base, unsigned from, unsigned to) {
    d.ldr(3, base, from);
    d.str(3, 30, to);
  };
  copy(1, kSiAddr, offsetof(Result, address));
  copy(2, kUcPc, offsetof(Result, pc));
  for (unsigned n = 0; n < 31; ++n) copy(2, kUcX + 8 * n, kX + 8 * n);
  copy(2, kUcSp, kSp);
  d.ldr(3, 2, kUcPstate);
  d.word(0x92400000 | 4 << 16 | 3 << 10 | 3 << 5 | 3);  // and x3, x3, #0xf0000000
  d.str(3, 30, kNzcv);
  d.ldr_w(3, 2, kUcFpsr);
  d.str(3, 30, kFpsr);
  d.ldr_w(3, 2, kUcFpcr);
  d.str(3, 30, kFpcr);
  for (unsigned n = 0; n < 32; ++n) {
    d.ldr_q(0, 2, kUcV + 16 * n);
    d.str_q(0, 30, kV + 16 * n);
  }
}

struct Layout {
  std::vector<u32> code;
  size_t done = 0;
};

Layout driver(u64 count, u64 results, GuestVa handler) {
  Driver d;
  d.mov(kContextRegister, kContext);
  set_variable(d, kVarRecord, kRecords);
  set_variable(d, kVarCount, count);
  set_variable(d, kVarResult, results);
  install_handlers(d, handler);
  const size_t next = d.code.size();
  enter(d);
  Layout layout;
  layout.done = d.code.size();
  store_state(d);
  const size_t over_signal = d.code.size();
  d.word(0);  // b advance
  const size_t signal = d.code.size();
  store_signal(d);
  d.code[over_signal] = 0x14000000 | u32(d.code.size() - over_signal);
  copy_window(d, false, 30, 0, kWindowAt);
  d.add(30, 30, sizeof(Result));
  d.str(30, kContextRegister, kVarResult);
  d.ldr(30, kContextRegister, kVarRecord);
  d.add(30, 30, sizeof(Record));
  d.str(30, kContextRegister, kVarRecord);
  d.ldr(30, kContextRegister, kVarCount);
  d.sub(30, 30, 1);
  d.str(30, kContextRegister, kVarCount);
  d.cbnz(30, next);
  // write(1, results, bytes) until all is out; exit(0).
  d.mov(19, results);
  d.mov(20, count * sizeof(Result));
  const size_t more = d.code.size();
  d.mov(0, 1);
  d.add(1, 19, 0);
  d.add(2, 20, 0);
  d.svc(64);
  d.word(0x8b000000 | 0 << 16 | 19 << 5 | 19);  // add x19, x19, x0
  d.word(0xcb000000 | 0 << 16 | 20 << 5 | 20);  // sub x20, x20, x0
  d.cbnz(20, more);
  d.mov(0, 0);
  d.svc(93);
  layout.code = std::move(d.code);
  if (handler == 0) return driver(count, results, kCode + 4 * signal);
  // The handler's address has fewer zero halfwords than 0 and moves what follows it; the second look has it right.
  return handler == kCode + 4 * signal ? layout : driver(count, results, kCode + 4 * signal);
}

}  // namespace

bool oracle_available() { return std::system("qemu-aarch64 --version > /dev/null 2>&1") == 0; }

Placement place(std::span<const Sequence> sequences) {
  const u64 results = kRecords + sequences.size() * sizeof(Record);
  Layout layout = driver(sequences.size(), results, 0);
  Placement placement;
  placement.image = std::move(layout.code);
  const GuestVa end = kCode + 4 * layout.done;
  for (const Sequence& sequence : sequences) {
    const GuestVa start = kCode + 4 * placement.image.size();
    placement.starts.push_back(start);
    placement.image.push_back(0xf9400000 | kVarLink / 8 << 10 | kContextRegister << 5 | 30);  // ldr x30, [x28, ...]
    const std::vector<u32> code = sequence.code(start + 4, end);
    placement.image.insert(placement.image.end(), code.begin(), code.end());
  }
  return placement;
}

Expected<std::vector<Result>> run(std::span<const Sequence> sequences, const std::string& command) {
  const Placement placement = place(sequences);
  std::vector<Record> records;
  for (size_t i = 0; i < sequences.size(); ++i) records.push_back({placement.starts[i], 0, sequences[i].before});
  auto bytes_of = []<class T>(const std::vector<T>& v) {
    return std::span(reinterpret_cast<const u8*>(v.data()), v.size() * sizeof(T));
  };
  const Segment segments[] = {
      {kCode, bytes_of(placement.image), bytes_of(placement.image).size()},
      {kSignalStack, {}, kSignalStackBytes},
      {kContext - kPageSize, {}, 2 * kPageSize},
      {kRecords, bytes_of(records), bytes_of(records).size() + sequences.size() * sizeof(Result)},
  };
  std::vector<Result> results(sequences.size());
  const std::span out(reinterpret_cast<u8*>(results.data()), results.size() * sizeof(Result));
  MIMUS_CHECK(run_guest(make_elf(EM_AARCH64, 0, kCode, segments), command, out));
  return results;
}

}  // namespace mimus::diff::a64

#include "tests/diff/oracle.h"

#include <elf.h>
#include <fmt/format.h>
#include <signal.h>

#include <cstdio>
#include <cstdlib>

#include "tests/diff/guest_program.h"
#include "tests/isa/assembler.h"

namespace mimus::diff {
namespace {

// The program's data, all addressed from x31 = kContext: variables above the window, then the records of sequences.
constexpr unsigned kVarRecord = 256, kVarCount = 264, kVarResult = 272, kVarTemp = 280;
constexpr GuestVa kRecords = 0x11000000;

// A record: where to start, and the state before.
struct Record {
  u64 start;
  MachineState before;
};
static_assert(sizeof(MachineState) == 776 && sizeof(Record) == 784);
constexpr unsigned kX = 0, kF = 256, kFcsr = 512, kWindowAt = 520;
constexpr unsigned kSignal = offsetof(OracleResult, signal), kAddress = offsetof(OracleResult, address),
                   kPc = offsetof(OracleResult, pc);

// Signals are taken on a stack of their own. Linux's structures on RISC-V: siginfo_t.si_addr, and in ucontext_t the
// program counter and x1..x31, then f0..f31 and fcsr.
constexpr GuestVa kSignalStack = 0x10700000;
constexpr unsigned kSignalStackBytes = 0x4000;
constexpr unsigned kSiAddr = 16, kUcPc = 176, kUcF = kUcPc + 256, kUcFcsr = kUcF + 256;
constexpr unsigned kSaFlags = 0x4 | 0x08000000 | 0x40000000;  // SIGINFO, ONSTACK, NODEFER
constexpr unsigned kSigactionCall = 134, kSigaltstackCall = 132;

void each_register(std::string& text, const char* insn, bool is_float, unsigned base_offset, std::string_view base,
                   std::span<const unsigned> except) {
  for (unsigned n = is_float ? 0 : 1; n < (is_float ? 32u : 31u); ++n) {
    if (std::ranges::find(except, n) != except.end()) continue;
    auto name = is_float ? riscv::float_register_name(n) : riscv::register_name(n);
    text += fmt::format("{} {}, {}({})\n", insn, name, base_offset + 8 * n, base);
  }
}

// Copies the window between memory at t6 and at `base` through `temp`.
void copy_window(std::string& text, bool load, std::string_view base, std::string_view temp, unsigned offset) {
  for (unsigned i = 0; i < kWindow; i += 8) {
    std::string record = fmt::format("{}({})", offset + i, base), window = fmt::format("{}(t6)", int(i) - 128);
    text += fmt::format("ld {0}, {1}\nsd {0}, {2}\n", temp, load ? record : window, load ? window : record);
  }
}

// Stores `value` of 8 bytes into a variable.
void set_variable(std::string& text, unsigned variable, u64 value) {
  text += fmt::format("li t0, {}\nsd t0, {}(t6)\n", value, variable);
}

// Every signal that a sequence may cause goes to "signal"; the structures are built in the variables.
void install_handlers(std::string& text) {
  constexpr unsigned kStructure = 512;
  set_variable(text, kStructure, kSignalStack);
  set_variable(text, kStructure + 8, 0);
  set_variable(text, kStructure + 16, kSignalStackBytes);
  text += fmt::format("addi a0, t6, {}\naddi a1, zero, 0\nli a7, {}\necall\n", kStructure, kSigaltstackCall);
  text += fmt::format("la t0, signal\nsd t0, {}(t6)\n", kStructure);
  set_variable(text, kStructure + 8, kSaFlags);
  set_variable(text, kStructure + 16, 0);
  for (int number : {SIGILL, SIGTRAP, SIGBUS, SIGSEGV}) {
    text += fmt::format("addi a0, zero, {}\naddi a1, t6, {}\naddi a2, zero, 0\naddi a3, zero, 8\nli a7, {}\necall\n",
                        number, kStructure, kSigactionCall);
  }
}

// Enters the next sequence: no reservation, window, fcsr, registers, and last t0 itself.
void enter(std::string& text) {
  constexpr unsigned kTemporary = 5;  // t0
  text += fmt::format("next: ld t0, {}(t6)\naddi t1, t6, 128\nsc.w zero, zero, (t1)\n", kVarRecord);
  copy_window(text, true, "t0", "t1", 8 + kWindowAt);
  text += fmt::format("ld t1, {}(t0)\ncsrrw zero, fcsr, t1\n", 8 + kFcsr);
  each_register(text, "fld", true, 8 + kF, "t0", {});
  each_register(text, "ld", false, 8 + kX, "t0", std::span(&kTemporary, 1));
  text += fmt::format("ld t6, 0(t0)\nld t0, {}(t0)\njalr zero, 0(t6)\n", 8 + kX + 8 * kTemporary);
}

// A sequence ends at "done" with t6 = kContext, or at "signal" with the handler's arguments.
void leave(std::string& text) {
  constexpr unsigned kSaved[] = {1, 2};  // ra and sp
  text += fmt::format("done: sd ra, {}(t6)\nld ra, {}(t6)\n", kVarTemp, kVarResult);
  text += fmt::format("sd sp, {}(ra)\nld sp, {}(t6)\nsd sp, {}(ra)\n", kX + 16, kVarTemp, kX + 8);
  each_register(text, "sd", false, kX, "ra", kSaved);
  each_register(text, "fsd", true, kF, "ra", {});
  text += fmt::format("csrrs sp, fcsr, zero\nsd sp, {}(ra)\n", kFcsr);
  for (unsigned field : {kSignal, kAddress, kPc}) text += fmt::format("sd zero, {}(ra)\n", field);
  text += "j advance\n";

  text += fmt::format("signal: lui t6, {:#x}\nld ra, {}(t6)\n", kContext >> 12, kVarResult);
  text += fmt::format("sd a0, {}(ra)\n", kSignal);
  auto copy = [&](const char* load, unsigned from, const char* base, unsigned to) {
    text += fmt::format("{} t0, {}({})\nsd t0, {}(ra)\n", load, from, base, to);
  };
  copy("ld", kSiAddr, "a1", kAddress);
  copy("ld", kUcPc, "a2", kPc);
  for (unsigned n = 1; n < 31; ++n) copy("ld", kUcPc + 8 * n, "a2", kX + 8 * n);
  for (unsigned n = 0; n < 32; ++n) copy("ld", kUcF + 8 * n, "a2", kF + 8 * n);
  copy("lwu", kUcFcsr, "a2", kFcsr);

  text += "advance:\n";
  copy_window(text, false, "ra", "sp", kWindowAt);
  text += fmt::format("addi ra, ra, {}\nsd ra, {}(t6)\n", sizeof(OracleResult), kVarResult);
  text += fmt::format("ld ra, {0}(t6)\naddi ra, ra, {1}\nsd ra, {0}(t6)\n", kVarRecord, sizeof(Record));
  text += fmt::format("ld ra, {0}(t6)\naddi ra, ra, -1\nsd ra, {0}(t6)\nbeq ra, zero, over\nj next\n", kVarCount);
}

std::string driver(u64 count, u64 results) {
  std::string text = fmt::format("lui t6, {:#x}\n", kContext >> 12);
  set_variable(text, kVarRecord, kRecords);
  set_variable(text, kVarCount, count);
  set_variable(text, kVarResult, results);
  install_handlers(text);
  enter(text);
  leave(text);
  // write(1, results, bytes) until all is out; exit(0).
  text += fmt::format("over: li s0, {}\nli s1, {}\n", results, count * sizeof(OracleResult));
  text += "more: addi a0, zero, 1\naddi a1, s0, 0\naddi a2, s1, 0\nli a7, 64\necall\n";
  text += "add s0, s0, a0\nsub s1, s1, a0\nblt zero, s1, more\nli a7, 93\naddi a0, zero, 0\necall\n";
  return text;
}

std::vector<u8> program_of(std::span<const Sequence> sequences) {
  const Placement placement = place(sequences);
  std::vector<Record> records;
  for (size_t i = 0; i < sequences.size(); ++i) records.push_back({placement.starts[i], sequences[i].before});
  const std::span bytes(reinterpret_cast<const u8*>(records.data()), records.size() * sizeof(Record));
  const Segment segments[] = {
      {kCode, placement.image, placement.image.size()},
      {kSignalStack, {}, kSignalStackBytes},
      {kContext - kPageSize, {}, 2 * kPageSize},
      {kRecords, bytes, bytes.size() + sequences.size() * sizeof(OracleResult)},
  };
  return make_elf(EM_RISCV, EF_RISCV_RVC | EF_RISCV_FLOAT_ABI_DOUBLE, kCode, segments);
}

constexpr const char* kCommand =
    "qemu-riscv64 -cpu "
    "rv64,zba=true,zbb=true,zbc=true,zbs=true,zbkb=true,zbkc=true,zbkx=true,zknd=true,zkne=true,zknh=true,zksed=true,"
    "zksh=true,Zfh=true";

}  // namespace

bool oracle_available() { return std::system("qemu-riscv64 --version > /dev/null 2>&1") == 0; }

Placement place(std::span<const Sequence> sequences) {
  u64 results = kRecords + sequences.size() * sizeof(Record);
  auto program = test::assemble(driver(sequences.size(), results), kCode);
  Placement placement;
  if (!program) {
    std::fprintf(stderr, "%s\n", program.error().message.c_str());
    return placement;
  }
  placement.end = program->labels["done"];
  placement.image = std::move(program->bytes);
  for (const Sequence& sequence : sequences) {
    // The end must be in the range of the sequence's last jump, 1 MiB: a few thousand sequences fit.
    GuestVa start = kCode + placement.image.size();
    placement.starts.push_back(start);
    std::vector<u8> code = sequence.code(start, placement.end);
    placement.image.insert(placement.image.end(), code.begin(), code.end());
    placement.image.resize(align_up(placement.image.size(), 4));
  }
  return placement;
}

Expected<std::vector<OracleResult>> run_oracle(std::span<const Sequence> sequences, const std::string& command) {
  std::vector<OracleResult> results(sequences.size());
  const std::span bytes(reinterpret_cast<u8*>(results.data()), results.size() * sizeof(OracleResult));
  MIMUS_CHECK(run_guest(program_of(sequences), command.empty() ? kCommand : command, bytes));
  return results;
}

}  // namespace mimus::diff

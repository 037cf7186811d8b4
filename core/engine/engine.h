// Engine: turns IR into something that runs. interp, baseline and llvm implement it.
#pragma once

#include <cassert>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/engine/helper.h"
#include "core/ir/block.h"
#include "core/state/cpu.h"
#include "core/state/layout.h"

namespace mimus {

// How code reaches guest memory.
enum class MemoryModel : u8 {
  soft_tlb,   // through the CPU's software TLB (core/memory/soft_tlb.h)
  flat,       // guest address + the base of the segment GS; what may not be accessed faults (Code::faults)
  flat_zero,  // the same, the base being 0
};

// What an engine has to know about the machine that its code will run in. Lives as long as the code.
struct RuntimeLayout {
  const StateLayout& state;
  std::span<const HelperDesc> helpers;
  MemoryModel memory = MemoryModel::soft_tlb;

  // The map from guest pages to code is the same for all CPUs: edges to other pages can be linked.
  bool flat() const { return memory != MemoryModel::soft_tlb; }
};

// Proof that the code-cache lock is held. Everything that changes published code asks for it.
class CodeWriteToken {
 public:
  explicit CodeWriteToken(const std::unique_lock<std::mutex>& held) { assert(held.owns_lock()); }
  CodeWriteToken(const CodeWriteToken&) = delete;
};

// A direct edge out of a piece of code, which accel/dbt may link to other code.
struct CodeEdge {
  u32 block = 0;           // index into Region::blocks
  u32 exit = 0;            // index into that block's exits (kind jump or call)
  bool linkable = false;   // false: the engine always goes through the jump cache or the run loop (e.g. another page)
  bool to_return = false;  // to the call exit's return_pc, where a predicted `ret` goes on, instead of its target
};

// Maps host code back to the guest: the entry with the greatest host_offset <= the offset applies.
struct PcMapEntry {
  u32 host_offset;   // bytes from the code's start
  GuestPc guest_pc;  // address of the guest instruction
};

// An access to flat memory, for the handler of its fault: goes on at `landing`, where the access is made again by way
// of the Runtime. Sorted by host_offset.
struct FaultEntry {
  u32 host_offset;  // of the instruction, bytes from the code's start
  u32 landing;      // likewise
};

// One prepared region. Immutable but for links.
class Code {
 public:
  virtual ~Code() = default;

  // Runs from the entry until generated code leaves; on return state.pc and state.leave are set (Leave).
  virtual void run(CpuState& state) = 0;

  // Address to which other host code of the same register contract may jump, or 0 (interp).
  virtual u64 host_entry() const { return 0; }
  virtual std::span<const CodeEdge> edges() const = 0;
  virtual void link(const CodeWriteToken&, u32 /*edge*/, u64 /*host_target*/) {}
  virtual void unlink(const CodeWriteToken&, u32 /*edge*/) {}
  // Makes every later entry by host_entry() go to `host_target` (tier swap), or, with 0, back to the run loop at this
  // code's guest PC (invalidation: also unlinks all edges, so that running code leaves at its next edge).
  virtual void redirect(const CodeWriteToken&, u64 /*host_target*/) {}

  // Host code range [start, start+size) and its PC map, empty for interp.
  virtual std::span<const u8> host_bytes() const { return {}; }
  virtual std::span<const PcMapEntry> pc_map() const { return {}; }
  virtual std::span<const FaultEntry> faults() const { return {}; }  // async-signal-safe
  // With PrepareOptions::profile: true once the entry was reached profile_limit times.
  virtual bool hot() const { return false; }
  // With PrepareOptions::profile: how often the entry was reached so far (about, when CPUs race).
  virtual u64 runs() const { return 0; }
  // With PrepareOptions::savable, and with the code-cache lock held: appends a form of the code, as it was made, that
  // depends neither on where it is nor on where this process's functions are. False: there is none.
  virtual bool save(std::vector<u8>& /*out*/) const { return false; }
  // Listing for --dump host.
  virtual std::string dump() const = 0;
};

struct PrepareOptions {
  u32 code_id = 0;           // what the code puts into state.left_code when it leaves by an edge
  bool count_insns = false;  // add Exit::insns to state.insn_count at every way out
  bool profile =
      false;  // count entries (tier-up): leaves by Leave::dispatch at the entry, once, when profile_limit is reached
  u32 profile_limit = 0;
  bool savable = false;  // Code::save will be called
};

class Engine {
 public:
  virtual ~Engine() = default;
  virtual std::string_view name() const = 0;
  // Thread-safe. A failure (out of code space, compiler refusal) leaves nothing behind.
  virtual Expected<std::unique_ptr<Code>> prepare(const ir::Region& region, const PrepareOptions& options) = 0;

  // -- code that outlives the process --
  // All that saved code depends on besides the program that made it, its region and its options. Empty: none is saved.
  virtual std::string saved_code_identity() const { return {}; }
  // What prepare() would make, from what Code::save() of an engine of the same identity has written. Thread-safe. Never
  // looks beyond `saved`, which may have been damaged in any way; the code itself is believed, so the caller has made
  // sure where it comes from. It decides whether entries are counted, too.
  virtual Expected<std::unique_ptr<Code>> load(std::span<const u8> /*saved*/, const PrepareOptions& /*options*/) {
    return fail("this engine's code cannot be kept");
  }
};

}  // namespace mimus

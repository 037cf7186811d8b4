// Lowering: makes one LLVM function of a region.
//
// The function has the calling convention preserve_none, whose argument order is the register contract of
// backends/emit/contract.h: state, pins 1-5, two spare arguments (rdx, rcx), pins 6-8. It never returns; every way out
// is a musttail call that passes the pins on.
//
// Guest slots are SSA values. `slots_[s].value` is the current one, or null when only memory holds it; `dirty` tells
// that memory may hold something else. Dirty slots are stored on the way out of the region, in the cold blocks in front
// of slow paths, and before helpers that look at the state, so that memory is exact whenever C++ code can see it.
#pragma once

#include <array>
#include <string>

#include "backends/emit/contract.h"
#include "backends/llvm/access_groups.h"
#include "backends/llvm/cold.h"
#include "backends/llvm/llvm_headers.h"
#include "backends/llvm/plan.h"
#include "backends/llvm/symbols.h"
#include "core/engine/runtime.h"

namespace mimus::jit {

class Lowering;
// Emits one instruction. Null (with an error noted by refuse()) when it cannot; any value for ops without a result.
using LowerFn = llvm::Value* (*)(Lowering&, const ir::Inst&);
struct LowerRow {
  ir::Op op;
  LowerFn lower;
};
// The rows of each file of ops. An op without a row is refused by name.
std::span<const LowerRow> integer_rows();
std::span<const LowerRow> bit_rows();
std::span<const LowerRow> memory_rows();
std::span<const LowerRow> atomic_rows();
std::span<const LowerRow> float_rows();
std::span<const LowerRow> convert_rows();
std::span<const LowerRow> vector_rows();
std::span<const LowerRow> vector_memory_rows();
std::span<const LowerRow> crypto_rows();
const std::array<LowerFn, ir::kOpCount>& lower_table();

// What the host offers beyond x86-64's baseline, as far as the lowering cares.
struct HostFeatures {
  bool fma = false, pclmul = false, ssse3 = false, sse41 = false, aes = false, sha = false;
};

// A piece of code that is made outside LLVM (stubs.h). Its index is the N of symbol "exit.N" and of its link cell.
struct ExitStub {
  enum class Kind : u8 {
    edge,     // as the exit says
    landing,  // where the return stack sends a `ret` that matches that call exit
  };
  Kind kind;
  u32 block, exit;
};

// A call of a slow path.
struct SlowCall {
  Slow function = Slow::load;
  bool result = false;  // an i64
  u32 desc = 0, extra = 0;
  struct Argument {
    u32 word;  // of CpuState::scratch
    llvm::Value* value;
  };
  llvm::SmallVector<Argument, 4> arguments = {};
};

class Lowering {
 public:
  Lowering(llvm::Module& module, const RegionPlan& plan, const RuntimeLayout& layout, const PrepareOptions& options,
           const HostFeatures& features, u32 access_slack = 0);
  Expected<void> run();
  std::span<const ExitStub> stubs() const { return stubs_; }
  std::span<const ColdSite> cold_sites() const { return cold_sites_; }  // indexed by the patchpoints' ids

  // -- for the rows --
  llvm::IRBuilder<> b;
  llvm::LLVMContext& context;
  const HostFeatures& features;
  const ir::Block& block() const { return *block_; }
  llvm::Type* type(ir::Type t);
  llvm::Type* memory_type(ir::Type t);  // as it lies in a slot or in guest memory (i1 lanes are bytes)
  llvm::Value* arg(const ir::Inst& inst, unsigned i) { return values_[inst.args[i]]; }
  ir::Type arg_type(const ir::Inst& inst, unsigned i) const { return block_->insts[inst.args[i]].type; }
  llvm::Value* splat(ir::Type t, u64 value);         // integer constant of type t
  llvm::Value* bits_of(llvm::Value* v, ir::Type t);  // bitcast to the integer type of the same shape
  llvm::Value* refuse(std::string why);              // notes an error and returns null
  llvm::Value* nothing() { return b.getTrue(); }     // "done" for ops without a result
  llvm::CallInst* intrinsic(llvm::Intrinsic::ID id, llvm::ArrayRef<llvm::Type*> types,
                            llvm::ArrayRef<llvm::Value*> args);

  // -- guest state --
  llvm::Value* state_field(u32 offset, llvm::Type* t);  // load
  void set_state_field(u32 offset, llvm::Value* v);     // store
  llvm::Value* state_pointer(u32 offset);
  llvm::Value* read_slot(ir::SlotId s);
  void write_slot(ir::SlotId s, llvm::Value* v);
  void store_dirty();                       // emits stores of all dirty slots; they stay dirty (cold blocks)
  void store_unpinned();                    // the same without pinned slots, which travel in registers
  void sync_slots();                        // the same on the straight path: afterwards nothing is dirty
  void clean_slots(const SlotSet& except);  // the same for all but some
  void forget_slots();                      // memory may have changed under the values
  void store_pc();                          // state.pc = address of the current instruction

  // -- floating-point registers (float_slots.cc): what a value of 64 bits is besides --
  llvm::Value* as_f64(llvm::Value* v);
  llvm::Value* from_f64(llvm::Value* number);
  llvm::Value* join(llvm::Value* low, llvm::Value* high);  // f32 and the upper half as i32
  llvm::Value* unboxed(llvm::Value* v, llvm::Value* default_nan);
  llvm::Value* known_f64(llvm::Value* v) const;  // null if it is not known as such
  bool known_split(llvm::Value* v, llvm::Value*& low, llvm::Value*& high) const;
  llvm::Value* value(ir::ValueId id) { return values_[id]; }
  // The group of a load or store of `block()` (access_groups.h).
  AccessGroup* group_of(const ir::Inst& inst, s64& displacement);
  ir::ValueId id_of(const ir::Inst& inst) const { return ir::ValueId(&inst - block_->insts.data()); }
  // Does `block()` write the value of its instruction `id` to a floating-point register that holds f64s?
  bool becomes_f64(ir::ValueId id) const;

  // -- control flow --
  llvm::BasicBlock* new_block() { return llvm::BasicBlock::Create(context, "", function_); }
  void branch_unlikely(llvm::Value* condition, llvm::BasicBlock* rare, llvm::BasicBlock* usual);
  // A slow path of the runtime, to be used in a cold block. It sees exact memory; when it leaves, what follows is not
  // run. Null when there is no result.
  llvm::Value* call_slow(const SlowCall& call);
  // An access to flat memory at base + access.disp. What is loaded or stored is of flat_type(). `retry` emits what is
  // done instead where the access faults, and returns what is loaded.
  using Retry = llvm::function_ref<llvm::Value*()>;
  llvm::Value* flat_access(const FlatAccess& access, llvm::Value* base, llvm::Value* stored, Retry retry);
  llvm::Type* flat_type(ir::Type t);  // i64, float, double or <2 x i64>
  bool flat() const { return layout_.flat(); }
  // The value of an instruction as it is when extended to i64, if a load has left it so; else null.
  llvm::Value* extended(ir::ValueId value, bool sign) const {
    const Extended& e = extended_[value];
    return e.value && e.sign == sign ? e.value : nullptr;
  }
  void note_extended(const ir::Inst& inst, bool sign, llvm::Value* value) {
    extended_[size_t(&inst - block_->insts.data())] = {value, sign};
  }
  // A C function u64 f(CpuState*, u64, u64, u64, u32) that saves nothing; `observes` when it calls the runtime: then it
  // sees exact memory and may leave.
  llvm::Value* function_address(u32 index);  // Function, or of a helper behind them
  llvm::Value* call_function(Function function, llvm::ArrayRef<llvm::Value*> operands, llvm::Value* what,
                             bool observes);
  void leave_if_asked();                            // leaves when state.leave is set; memory must be exact
  llvm::MDNode* guest_tag() { return guest_tag_; }  // TBAA: guest memory never aliases guest state
  llvm::MDNode* state_tag() { return state_tag_; }
  llvm::Value* tag(llvm::Value* access, llvm::MDNode* tbaa);

  llvm::Value* lower_helper(const ir::Inst& inst);
  llvm::Value* lower_exit_if(const ir::Inst& inst);
  llvm::Value* lower_end(const ir::Inst& inst);
  llvm::Value* lower_begin_insn(const ir::Inst& inst);

 private:
  struct Slot {
    llvm::Value* value = nullptr;
    bool dirty = false;
  };
  struct Extended {
    llvm::Value* value = nullptr;
    bool sign = false;
  };
  struct Entry {  // how a block of the region is entered
    llvm::BasicBlock* block = nullptr;
    std::vector<Slot> slots;                // one edge: its slots as they were there
    std::vector<llvm::PHINode*> phis;       // several edges: per slot, null when not live
    std::vector<llvm::PHINode*> high_phis;  // of slots that hold f32s: the upper halves
  };

  struct Form {
    llvm::Value *f64 = nullptr, *low = nullptr, *high = nullptr;
    llvm::Value* unboxed = nullptr;  // of what the region never changes
  };
  void split(llvm::Value* v, llvm::Value*& low, llvm::Value*& high);
  void make_phi(Entry& entry, ir::SlotId s, unsigned edges);
  void add_incoming(Entry& entry, ir::SlotId s, llvm::Value* v, llvm::BasicBlock* from);
  llvm::Value* merged(const Entry& entry, ir::SlotId s);

  void make_function();
  void make_entries();
  void enter_block(u32 index);
  Expected<void> lower_block(u32 index);
  void finish_phis();
  llvm::Value* stable_value(ir::SlotId s);
  llvm::Value* load_slot(ir::SlotId s);
  void store_slot(ir::SlotId s);
  void emit_exit(u32 exit_index);
  void emit_inside(u32 exit_index, u32 to);
  void emit_outside(u32 exit_index);
  void poll_exit(u32 exit_index);
  void count_insns(const ir::Exit& exit);
  void count_early();
  void add_insns(llvm::Value* count);
  void emit_trap(const ir::Exit& exit);
  struct Ways {  // where an access to flat memory goes on
    llvm::BasicBlock *next, *fault;
  };
  llvm::Value* patchpoint(ColdSite site, llvm::ArrayRef<llvm::Value*> args, Ways ways = {nullptr, nullptr});
  void set_personality();
  void push_return(u32 exit_index);
  llvm::Value* make_stub(ExitStub::Kind kind, u32 exit_index);
  void tail_call(llvm::Value* target, bool with_pins, llvm::Value* extra = nullptr);
  llvm::BasicBlock* leave_block();

  llvm::Module& module_;
  const RegionPlan& plan_;
  const RuntimeLayout& layout_;
  const PrepareOptions& options_;
  const u32 access_slack_;  // bytes more than accesses to flat memory usually need
  llvm::Function* function_ = nullptr;
  llvm::FunctionType* function_type_ = nullptr;
  llvm::Value* state_ = nullptr;
  llvm::BasicBlock* entry_block_ = nullptr;
  llvm::BasicBlock* leave_block_ = nullptr;
  llvm::GlobalVariable* cells_ = nullptr;
  llvm::MDNode *guest_tag_ = nullptr, *state_tag_ = nullptr, *rare_ = nullptr;
  std::array<int, emit::kPinnedCount> pin_slot_;  // slot of each pin, -1: none
  std::vector<Entry> entries_;
  std::vector<Slot> slots_;
  std::vector<llvm::Value*> stable_;
  std::vector<llvm::Value*> values_;
  AccessGroups groups_;
  llvm::DenseMap<llvm::Value*, Form> forms_;
  std::vector<llvm::WeakTrackingVH> merged_;  // values made at joins whether or not they are used
  std::vector<Extended> extended_;
  std::vector<ExitStub> stubs_;
  std::vector<ColdSite> cold_sites_;
  u32 block_index_ = 0;
  const ir::Block* block_ = nullptr;
  GuestPc pc_ = 0;  // of the current guest instruction, and its length in bytes
  u32 insn_length_ = 0;
  u32 insns_before_ = 0;  // instructions of the block that came before it
  u32 pending_insn_ = 0;  // 1 once the block's first instruction has begun
  bool ended_ = false;    // the current path has been left for good
  std::string error_;
};

}  // namespace mimus::jit

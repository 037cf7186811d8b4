// Compiler: one region in, host code in a window of the slab out. One pass forward over each block, in the order of the
// IR; what is rarely run (misses, assists, exits not yet linked) is put off to the block's end.
//
// Values: integers up to 64 bits live in general registers, f32 / f64 and 16-byte vectors in SSE registers. An i1 is 0
// or 1 with all upper bits zero; i8 and i16 have unknown upper bits unless Facts::ext says otherwise; i32 is
// zero-extended (a load that is only sign-extended: sign-extended).
#pragma once

#include <array>
#include <optional>
#include <string>

#include "backends/baseline/assists.h"
#include "backends/baseline/registers.h"
#include "core/engine/engine.h"

namespace mimus::baseline {

inline constexpr u32 kFiredCounter = 0x7fffffff;  // an execution counter that has reached its limit: not again for long

// Patchable way from one piece of code to another.
struct EdgePatch {
  u32 displacement = 0;  // offset of the jump's 32-bit displacement; 0: the edge cannot be linked
  u32 unlinked = 0;      // where it goes when it is not linked
};

// A field of the code that depends on where something is: kind << 24 | its offset. In saved code, the fields say what
// they refer to (saved_code.h).
enum class Reloc : u8 {
  slab,        // 32-bit displacement of something at a fixed place in the slab: a thunk, a constant
  code_id,     // 32 bits
  counter,     // 32-bit displacement of the execution counter
  helper,      // 64-bit address of a helper function
  run_single,  // likewise, of run_single_op
  run_scalar,  // of run_scalar_op
  fp_assist,   // of emit::fp_assist
  single,      // of an interp::SingleOp that Assists shares
  count
};
inline constexpr u32 kRelocOffset = 0xffffff;

// What a compilation has produced, as offsets from the start of the window. Kept by the compiler's user, to be filled
// again and again.
struct Artifact {
  u32 bytes = 0;
  u32 hot_bytes = 0;  // of the first block, up to its cold code
  u32 leave = 0;      // code that leaves to the run loop at the region's first pc
  u32* counter = nullptr;
  std::vector<CodeEdge> edges;
  std::vector<EdgePatch> patches;   // one per edge
  std::vector<EdgePatch> internal;  // loops inside the region
  std::vector<PcMapEntry> pc_map;
  std::vector<FaultEntry> faults;
  std::vector<u32> relocations;  // PrepareOptions::savable: of Reloc
  bool movable = true;           // there is nothing that relocations cannot express

  void clear() {
    bytes = hot_bytes = leave = 0;
    counter = nullptr;
    relocations.clear();
    movable = true;
    edges.clear();
    patches.clear();
    internal.clear();
    pc_map.clear();
    faults.clear();
  }
};

class Compiler {
 public:
  Compiler(const RuntimeLayout& layout, Assists& assists, emit::CodeSlab& slab, const emit::HostRuntime& host);

  enum class Outcome { done, no_room, refused };
  // Writes to `window`; the code may run only there.
  Outcome compile(const ir::Region& region, const PrepareOptions& options, u8* window, u32 bytes, Artifact& out);
  const std::string& refusal() const { return refusal_; }  // what cannot be compiled

 private:
  using Handler = void (Compiler::*)(const ir::Inst&);
  static const std::array<Handler, ir::kOpCount> kHandlers, kVectorHandlers;

  // A value on its way to memory: one of a register, an SSE register, a sign-extended immediate that fits 32 bits.
  struct Stored {
    int gpr = kNone, xmm = kNone;
    s64 imm = 0;
  };
  struct Edge {
    GuestPc target = 0;
    u32 index = 0;       // into Artifact::edges
    u32 inner = kNever;  // block of the region that it goes to
    bool linkable = false;
  };
  struct InternalJump {
    u32 displacement, unlinked, block;
  };
  struct Group {
    u32 next = kNever;  // the access that uses the cached address next
  };

  // -- cold code: emitted after the block. Registers are asked for before the branch to it: what they held is saved on
  // both ways then. --
  struct Cold {
    void (Compiler::*emit)(const Cold&) = nullptr;
    emit::Jump from, from2;     // jumps to bind to it (end == 0: none)
    u32 fault = 0, fault2 = 0;  // accesses to flat memory whose faults lead to it (0: none)
    u32 back = 0;               // where it goes on
    GuestPc pc = 0;             // guest instruction
    u32 retired = 0;            // guest instructions before it
    const ir::Inst* inst = nullptr;
    const ir::Exit* exit = nullptr;
    s64 value = 0;  // displacement, guest PC
    u32 desc = 0;   // of an access; index of an edge
    Place base;     // address of an access, or a register
    Stored stored;
    int result = kNone;
    int clear = kNone;  // register to be zeroed
    u32 live_xmm = 0;
    ir::Type type;
    Ext ext = Ext::any;
    emit::SlowPath path{};
    bool reprobe = false;                                 // the page may be in the TLB all the same
    std::array<int, 4> x = {kNone, kNone, kNone, kNone};  // SSE registers
    const interp::SingleOp* single = nullptr;
    std::array<u64, 2> constant = {};
  };
  Cold& add_cold(void (Compiler::*emit)(const Cold&));  // the reference holds until the next one
  void flush_cold();
  void go_back(const Cold& cold);

  // -- driver (compiler.cc) --
  bool compile_block(u32 index);
  void number_edges();
  void emit_entry(const ir::Block& block);
  void emit_inst(u32 index);
  bool fits_handler(const ir::Inst& inst) const;
  bool fits_vector_handler(const ir::Inst& inst) const;
  void refuse(const ir::Inst& inst);
  void note_pc(GuestPc pc);
  void relocate(Reloc kind, u32 behind);
  void jump_thunk(u64 thunk);
  void call_thunk(u64 thunk);
  void load_address(const void* address, Reloc kind);
  void cold_leave(const Cold&);
  void cold_hot(const Cold&);

  // -- helpers of the handlers --
  ir::Type type_of(ir::ValueId value) const { return block_->insts[value].type; }
  const ir::Inst& def(ir::ValueId value) const { return block_->insts[value]; }
  bool is_fused(ir::ValueId value) const { return facts_[value].shape == Shape::fused; }
  ir::ValueId self() const { return index_; }
  static unsigned op_bits(ir::Type type) { return type.bits() > 32 ? 64 : 32; }
  Xbyak::Address state(u64 offset, unsigned bits = 64) const {
    return Xbyak::AddressFrame(bits)[emit::rstate + size_t(offset)];
  }
  Xbyak::Address frame(u32 offset, unsigned bits = 64) const;
  // Calls f with the operand as xbyak wants it.
  template <class F>
  void with(const Place& place, unsigned bits, F&& f) {
    if (place.is_reg())
      f(static_cast<const Xbyak::Operand&>(gpr_of(place.reg, bits)));
    else
      f(static_cast<const Xbyak::Operand&>(Xbyak::AddressFrame(bits)[place.address]));
  }
  template <class F>
  void with_xmm(const Place& place, F&& f) {
    if (place.is_reg())
      f(static_cast<const Xbyak::Operand&>(Xbyak::Xmm(place.reg)));
    else
      f(static_cast<const Xbyak::Operand&>(Xbyak::util::ptr[place.address]));
  }
  void move(int to, int from, unsigned bits = 64);
  // The operand in a register whose bits above its width, up to `bits`, are zero or copies of the sign; a temporary if
  // it is not so already.
  int extended(ir::ValueId value, Ext ext, unsigned bits);
  void extend(int to, const Xbyak::Operand& from, unsigned width, Ext ext, unsigned bits);
  void count_insns(u32 count);
  void uncount_insns(u32 count);

  // -- integers (ops_int.cc, ops_bits.cc) --
  void op_alu(const ir::Inst&);
  void op_add(const ir::Inst&);
  void op_sub(const ir::Inst&);
  void op_neg_not(const ir::Inst&);
  void op_andn(const ir::Inst&);
  void op_mul(const ir::Inst&);
  void op_mul_high(const ir::Inst&);
  void op_div(const ir::Inst&);
  void op_shift(const ir::Inst&);
  void op_rotate(const ir::Inst&);
  void op_min_max(const ir::Inst&);
  void op_compare(const ir::Inst&);
  void op_select(const ir::Inst&);
  void op_adc(const ir::Inst&);
  void op_add_carry(const ir::Inst&);
  void op_count(const ir::Inst&);
  void op_bswap(const ir::Inst&);
  void op_extend(const ir::Inst&);
  void op_trunc(const ir::Inst&);
  void op_extract(const ir::Inst&);
  void op_insert(const ir::Inst&);
  void op_orc8(const ir::Inst&);
  void op_bitreverse(const ir::Inst&);
  void op_clmul(const ir::Inst&);
  bool in_memory(const ir::Inst& inst, ir::ValueId a, ir::ValueId b);
  void negate(ir::ValueId value, unsigned bits);
  // The subtraction a - b whose flags tell a comparison or a condition flag; b may be a constant.
  struct FlagTest {
    ir::ValueId a = ir::kNoValue, b = ir::kNoValue;  // roots; b is kNoValue for a constant
    u64 constant = 0;
    unsigned width = 0;
    emit::Cond cond = emit::Cond::e;
  };
  FlagTest flag_test(const ir::Inst& flag) const;
  std::optional<emit::Cond> known_flags(const FlagTest& test) const;
  emit::Cond emit_flag_test(const ir::Inst& flag);
  void write_flag(const ir::Inst& write);
  emit::Cond emit_compare(const ir::Inst& compare);
  void emit_test(const ir::Inst& conjunction);
  emit::Cond emit_condition(ir::ValueId condition);
  void set_carry(ir::ValueId carry);
  void mul_high_narrow(const ir::Inst& inst, unsigned width);
  void shift_by(ir::Op op, const Xbyak::Reg& reg, unsigned n);
  void shift_by_cl(const ir::Inst& inst, unsigned width, unsigned bits);
  void count_without_instruction(const ir::Inst& inst, unsigned width, unsigned bits);
  void cold_div(const Cold&);

  // -- state (ops_state.cc) --
  void op_read(const ir::Inst&);
  void op_write(const ir::Inst&);
  void op_begin_insn(const ir::Inst&);
  void op_helper(const ir::Inst&);
  void pass_argument(u32 offset, ir::ValueId value);
  void cold_helper_left(const Cold&);

  // -- memory (ops_memory.cc, ops_flat.cc, ops_atomic.cc) --
  void op_load(const ir::Inst&);
  void op_store(const ir::Inst&);
  void op_slow_memory(const ir::Inst&);
  void op_zero_block(const ir::Inst&);
  void op_fence(const ir::Inst&);
  void op_amo(const ir::Inst&);
  void op_cas(const ir::Inst&);
  emit::Jump probe_tlb(int base, s32 low, s32 high, bool writes, bool natural, int entry, int tag);
  void load_from(const Xbyak::RegExp& from, ir::Type type, Ext ext, int to);
  void store_to(const Xbyak::RegExp& to, ir::Type type, const Stored& value);
  Stored stored(ir::ValueId value);
  int find_group() const;
  int new_group() const;
  void keep_group(int group, int reg);
  Cold& add_miss(const ir::Inst& inst, ir::Type type, emit::SlowPath path);
  void access(const ir::Inst& inst, ir::Type type, const Stored* value);
  void group_access(const ir::Inst& inst, ir::Type type, const Stored* value, int group);
  void transfer(const Xbyak::RegExp& where, ir::Type type, const Stored* value, size_t cold_index, int d);
  int define_loaded(ir::Type type, int spare, int spare2);
  void pass_address(const Place& base, s64 disp);
  void pass_value(ir::Type type, const Stored& value);
  void call_slow(emit::SlowPath path, u32 desc, bool keep_xmm, u32 retired);
  void fetch_result(ir::Type type, Ext ext, int to);
  void slow_access(const ir::Inst& inst, ir::Type type, const Stored* value);
  void full_fence();
  bool flat() const { return layout_.flat(); }
  void guard(size_t cold_index);
  emit::Jump check_alignment(int base, s32 disp, unsigned bytes);
  void cold_flat(const Cold&);
  void flat_access(const ir::Inst& inst, ir::Type type, const Stored* value);
  void flat_load_linked(const ir::Inst& inst);
  void flat_store_conditional(const ir::Inst& inst);
  int atomic_address(const ir::Inst& inst, ir::Type type, int base, emit::SlowPath path, size_t& cold_index);
  void amo_loop(const ir::Inst& inst, const Xbyak::Address& memory, int value, unsigned bits, size_t cold_index);
  void cold_access(const Cold&);
  void cold_atomic(const Cold&);

  // -- exits (ops_exit.cc) --
  void op_exit_if(const ir::Inst&);
  void op_end(const ir::Inst&);
  bool is_linkable(GuestPc target) const;
  u32 inner_block(GuestPc target) const;
  Edge edge_of(const ir::Exit& exit) const;
  Edge return_edge(const ir::Exit& exit);
  void leave_at(GuestPc pc, u64 thunk);
  void poll(GuestPc target, int reg);
  void jump_edge(const Edge& edge, std::optional<emit::Cond> cond);
  void probe_constant(GuestPc target);
  void probe_hash(int reg);
  static std::array<int, 2> free_pair(int taken);
  void push_return(const ir::Exit& exit, int keep);
  void pop_return(int reg);
  void leave_jump(const ir::Exit& exit, int);
  void leave_indirect(const ir::Exit& exit, int reg);
  void leave_call(const ir::Exit& exit, int);
  void leave_call_indirect(const ir::Exit& exit, int reg);
  void leave_ret(const ir::Exit& exit, int reg);
  void leave_trap(const ir::Exit& exit, int);
  void leave_yield(const ir::Exit& exit, int);
  void leave_by(const ir::Exit& exit, int reg);
  void cold_poll(const Cold&);
  void cold_edge_stub(const Cold&);
  void cold_inner_stub(const Cold&);
  void cold_probe_constant(const Cold&);
  void cold_probe_hash(const Cold&);
  void cold_dispatch(const Cold&);
  void cold_return_stub(const Cold&);
  void cold_exit(const Cold&);

  // -- floating point (ops_fp.cc, ops_fp_convert.cc) --
  void op_fp_binary(const ir::Inst&);
  void op_fsqrt(const ir::Inst&);
  void op_fma(const ir::Inst&);
  void op_fp_sign(const ir::Inst&);
  void op_nan_fix(const ir::Inst&);
  void op_fp_minmax(const ir::Inst&);
  void op_fp_compare(const ir::Inst&);
  void op_fp_flags_read(const ir::Inst&);
  void op_fp_flags_write(const ir::Inst&);
  void op_fcvt(const ir::Inst&);
  void op_fround(const ir::Inst&);
  void op_fto_s(const ir::Inst&);
  void op_fto_u(const ir::Inst&);
  void op_ffrom(const ir::Inst&);
  void op_unbox(const ir::Inst&);
  void op_box(const ir::Inst&);
  template <class F>
  void with_constant(const void* field, unsigned bits, F&& f) {
    f(Xbyak::Address(Xbyak::AddressFrame(bits)[Xbyak::util::rip + field]));
    relocate(Reloc::slab, 4);
  }
  void ucomis(ir::Type type, int a, const Xbyak::Operand& b);
  bool host_rounds(ir::Rounding rounding) const;
  void begin_rounding(ir::Rounding rounding);
  void end_rounding(ir::Rounding rounding);
  struct FpTarget {
    int result, work;
  };
  FpTarget define_fp(int ra, const Place& pb);
  void emit_fp(const ir::Inst& inst, int ra, const Place& pb, FpTarget to);
  void load_default_nan(ir::Type type, u16 rule, int to);
  void convert_to_int(bool truncate, ir::Type from, const Xbyak::Reg& to, int x);
  void convert_from_int(ir::Type to, int x, const Xbyak::Reg& from);
  void fp_binary_arm(const ir::Inst&);
  void check_arm(const ir::Inst& inst, ir::Type from, const std::array<int, 4>& x, bool tiny);
  void cold_fp_arm(const Cold&);
  void cold_fma(const Cold&);
  void cold_nan(const Cold&);
  void cold_minmax(const Cold&);
  void cold_minmax_function(const Cold&);
  void cold_fto_s(const Cold&);
  void cold_fto_u(const Cold&);
  void cold_unbox(const Cold&);

  // -- vectors of 128 bits, with AVX (ops_vector.cc, ops_vector_shift.cc, ops_vector_lanes.cc, ops_vector_crypto.cc) --
  void vector_constant(const ir::Inst&);
  void vector_binary(const ir::Inst&);
  void vector_andn(const ir::Inst&);
  void vector_not(const ir::Inst&);
  void vector_neg(const ir::Inst&);
  void vector_shift(const ir::Inst&);
  void vector_rotate(const ir::Inst&);
  void vector_popcount(const ir::Inst&);
  void vector_bitreverse(const ir::Inst&);
  void vector_extend(const ir::Inst&);
  void vector_compare(const ir::Inst& compare);
  void vector_splat(const ir::Inst&);
  void vector_lane_get(const ir::Inst&);
  void vector_lane_set(const ir::Inst&);
  void vector_lane_pick(const ir::Inst&);
  void vector_shuffle(const ir::Inst&);
  void vector_reduce(const ir::Inst&);
  void vector_clmul_wide(const ir::Inst&);
  void vector_aes(const ir::Inst&);
  void vector_aes_mix(const ir::Inst&);
  void vector_sha1(const ir::Inst&);
  void vector_sha256_rounds(const ir::Inst&);
  void vector_sha256_msg(const ir::Inst&);
  bool vector_sequence(const ir::Inst&);
  bool vector_shuffle_one(const Xbyak::Xmm& to, int from, std::span<const u8> bytes);
  // Calls f with 16 bytes of memory as an operand. f emits one instruction without an immediate.
  template <class F>
  void with_constant(u64 low, u64 high, F&& f) {
    const int here = 0;  // patched when it is known where the constant lies
    f(static_cast<const Xbyak::Operand&>(Xbyak::util::ptr[Xbyak::util::rip + here]));
    Cold& constant = add_cold(&Compiler::cold_constant);
    constant.from = {a_.offset()};
    constant.constant = {low, high};
  }
  void cold_constant(const Cold&);

  // -- ops done by the interpreter's functions (ops_fallback.cc) --
  void fallback(const ir::Inst& inst);
  void op_pending_flags(const ir::Inst&);
  const interp::SingleOp* single_op(const ir::Inst& inst);
  void put_in_frame(u32 offset, ir::ValueId value);
  void take_from_frame(u32 offset, ir::Type type);
  void call_assist(const interp::SingleOp* single);

  const RuntimeLayout& layout_;
  Assists& assists_;
  emit::CodeSlab& slab_;
  const emit::HostRuntime& host_;
  const emit::HostFeatures& features_;
  emit::Assembler a_;
  Analysis facts_;
  Registers regs_;

  const ir::Region* region_ = nullptr;
  const PrepareOptions* options_ = nullptr;
  Artifact* out_ = nullptr;
  const ir::Block* block_ = nullptr;
  u32 block_index_ = 0;
  u32 index_ = 0;                  // of the instruction being emitted
  GuestPc pc_ = 0;                 // of the current guest instruction
  u32 insn_length_ = 0;            // its bytes
  u32 retired_ = 0;                // guest instructions of the block before it
  u32 written_in_place_ = kNever;  // a `write` whose slot has been changed already
  u32 nan_fixed_ = kNever;         // a `nan_fix` that has been done already
  int rounding_temp_ = kNone;
  FlagTest host_flags_;         // what the host's flags hold ...
  u32 host_flags_at_ = kNever;  // ... while nothing has been emitted behind this offset
  std::vector<Cold> cold_;
  std::vector<u32> block_entries_;  // offsets
  std::vector<u32> exit_edges_;     // of the block's exits: their edges
  std::vector<InternalJump> internal_jumps_;
  u32 edge_exit_ = 0;  // common end of the block's edge stubs; 0: not emitted yet
  Group groups_[Registers::kCached];
  std::string refusal_;
};

}  // namespace mimus::baseline

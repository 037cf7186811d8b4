#include "hw/misc/psci.h"

#include <algorithm>

namespace mimus {
namespace {

using Answer = FirmwarePort::Answer;
using Then = FirmwarePort::Then;

enum Result : s64 {
  kSuccess = 0,
  kNotSupported = -1,
  kInvalidParameters = -2,
  kAlreadyOn = -4,
  kInvalidAddress = -9,
};
Answer answer(s64 result) { return {u64(result)}; }

constexpr u64 kSmc64 = 0x4000'0000;  // bit of the function's number: 64-bit arguments
constexpr u64 kPowerDown = 1 << 16;  // of power_state: StateType
constexpr u64 kAffinityOn = 0, kAffinityOff = 1;
constexpr u64 kNoTrustedOs = 2;  // MIGRATE_INFO_TYPE: nothing to migrate

}  // namespace

struct Psci::Function {
  u64 id;      // as of the 32-bit calling convention
  bool smc64;  // exists with 64-bit arguments as well
  Answer (Psci::*run)(const Call&);
};

const Psci::Function Psci::kFunctions[] = {
    {0x84000000, false, &Psci::version},
    {0x84000001, true, &Psci::cpu_suspend},
    {0x84000002, false, &Psci::cpu_off},
    {0x84000003, true, &Psci::cpu_on},
    {0x84000004, true, &Psci::affinity_info},
    {0x84000006, false, &Psci::migrate_info_type},
    {0x84000008, false, &Psci::system_off},
    {0x84000009, false, &Psci::system_reset},
    {0x8400000a, false, &Psci::features},
    {0x80000000, false, &Psci::smccc_version},
    {0x80000001, false, &Psci::smccc_arch_features},
};

Psci::Psci(u32 cpus, MachineControl& machine, const PhysicalMemory& memory, CpuPower* power)
    : machine_(machine), memory_(memory), power_(power), on_(cpus) {
  reset(ResetKind::cold);
}

// Bits 63:32 of the number are ignored (SMC Calling Convention, 2.5).
const Psci::Function* Psci::find(u64 id) {
  for (const Function& function : kFunctions)
    if (function.id == u32(id) || (function.smc64 && (function.id | kSmc64) == u32(id))) return &function;
  return nullptr;
}

Answer Psci::call(u32 cpu, u64 id, u64 a, u64 b, u64 c) {
  const Function* function = find(id);
  if (!function || cpu >= on_.size()) return answer(kNotSupported);
  const u64 mask = id & kSmc64 ? ~u64{0} : u64{0xffff'ffff};
  return (this->*function->run)({cpu, a & mask, b & mask, c & mask});
}

bool Psci::is_on(u32 cpu) {
  std::scoped_lock guard(lock_);
  return cpu < on_.size() && on_[cpu];
}

Answer Psci::version(const Call&) { return {0x1'0001}; }

// Standby alone: the CPU waits and comes back from the call.
Answer Psci::cpu_suspend(const Call& call) {
  if (call.a & kPowerDown) return answer(kInvalidParameters);
  return {0, Then::wait};
}

Answer Psci::cpu_off(const Call& call) {
  std::scoped_lock guard(lock_);
  on_[call.cpu] = false;
  return {0, Then::stop};
}

// target_cpu, entry_point_address, context_id.
Answer Psci::cpu_on(const Call& call) {
  if (!power_) return answer(kNotSupported);
  if (call.a >= on_.size()) return answer(kInvalidParameters);
  if (call.b % 4 || !memory_.host(call.b, 4)) return answer(kInvalidAddress);
  {
    std::scoped_lock guard(lock_);
    if (on_[call.a]) return answer(kAlreadyOn);
    on_[call.a] = true;
  }
  power_->start(u32(call.a), call.b, call.c);
  return answer(kSuccess);
}

// target_affinity, lowest_affinity_level: only CPUs can be asked about.
Answer Psci::affinity_info(const Call& call) {
  if (call.a >= on_.size() || call.b != 0) return answer(kInvalidParameters);
  return {is_on(u32(call.a)) ? kAffinityOn : kAffinityOff};
}

Answer Psci::migrate_info_type(const Call&) { return {kNoTrustedOs}; }

// Neither returns.
Answer Psci::system_off(const Call&) {
  machine_.request_power_off(0);
  return {0, Then::stop};
}

Answer Psci::system_reset(const Call&) {
  machine_.request_reset();
  return {0, Then::stop};
}

// Feature flags of a function: none, also of CPU_SUSPEND (original format of power_state, no OS-initiated mode).
Answer Psci::features(const Call& call) { return answer(find(call.a) ? kSuccess : kNotSupported); }

Answer Psci::smccc_version(const Call&) { return {0x1'0001}; }

Answer Psci::smccc_arch_features(const Call& call) {
  const bool known = call.a == 0x80000000 || call.a == 0x80000001;
  return answer(known ? kSuccess : kNotSupported);
}

void Psci::reset(ResetKind) {
  std::scoped_lock guard(lock_);
  std::ranges::fill(on_, u8{0});
  on_[0] = true;
}

void Psci::visit_state(StateVisitor& visitor) {
  std::scoped_lock guard(lock_);
  visitor.begin("psci", 1);
  for (u8& on : on_) visitor.index("on", on, 2);
  visitor.end();
}

}  // namespace mimus

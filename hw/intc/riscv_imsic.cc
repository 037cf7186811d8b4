#include "hw/intc/riscv_imsic.h"

#include <bit>

namespace mimus {
namespace {

constexpr unsigned kWords = (RiscvImsic::kIdentities + 1) / 64;
enum Level : unsigned { kMachine, kSupervisor };  // windows, files
constexpr unsigned kMei = 11, kSei = 9;           // bits of mip

// Register numbers (3.8).
constexpr u32 kDelivery = 0x70, kThreshold = 0x72, kPending = 0x80, kEnabled = 0xc0, kEnd = 0x100;

struct File {
  using Bits = std::array<u64, kWords>;

  IrqLine output;
  Bits pending{}, enabled{};
  u32 threshold = 0;  // 0: none; else only lower numbers
  bool delivery = false;
  bool raised = false;  // what `output` was last set to

  u32 top() const {
    for (unsigned word = 0; word < kWords; ++word) {
      const u64 ready = pending[word] & enabled[word];
      if (!ready) continue;
      const u32 identity = 64 * word + u32(std::countr_zero(ready));
      return threshold == 0 || identity < threshold ? identity : 0;
    }
    return 0;
  }
  void update() {
    const bool raise = delivery && top() != 0;
    if (raise == raised) return;
    raised = raise;
    output.set(raise);
  }
  void set_pending(u32 identity, bool on) {
    if (identity == 0 || identity > RiscvImsic::kIdentities) return;
    const u64 mask = u64{1} << (identity % 64);
    u64& word = pending[identity / 64];
    word = on ? word | mask : word & ~mask;
    update();
  }
  // The array word that a register number names; null where no identity is implemented, and for odd numbers, which do
  // not exist in RV64.
  u64* word(u32 number) {
    if (number < kPending || number >= kEnd || number % 2) return nullptr;
    const unsigned index = (number & 0x3f) / 2;
    if (index >= kWords) return nullptr;
    return number < kEnabled ? &pending[index] : &enabled[index];
  }
  void visit_state(StateVisitor& visitor) {
    visitor.begin("file", 1);
    visitor.field("pending", pending);
    visitor.field("enabled", enabled);
    visitor.index("threshold", threshold, RiscvImsic::kIdentities + 1);
    visitor.field("delivery", delivery);
    if (visitor.loading() && ((pending[0] | enabled[0]) & 1)) visitor.reject("pending", "interrupt 0 does not exist");
    visitor.end();
  }
};

}  // namespace

class RiscvImsic::Hart final : public CpuInterruptPort {
 public:
  explicit Hart(IrqSink* sink) {
    files_[kMachine].output = {sink, kMei};
    files_[kSupervisor].output = {sink, kSei};
  }

  void set_irq(unsigned, bool) override {}  // no wires
  bool has_registers() const override { return true; }

  u64 read(u32 reg) override {
    std::scoped_lock guard(lock_);
    File& f = file(reg);
    const u32 number = reg % kRiscvMachineFile;
    if (number == kRiscvTopInterrupt) return f.top();
    if (number == kDelivery) return f.delivery;
    if (number == kThreshold) return f.threshold;
    const u64* word = f.word(number);
    return word ? *word : 0;
  }

  void write(u32 reg, u64 value) override {
    std::scoped_lock guard(lock_);
    File& f = file(reg);
    const u32 number = reg % kRiscvMachineFile;
    if (number == kRiscvTopInterrupt) return f.set_pending(u32(value), false);
    if (number == kDelivery) {
      f.delivery = value == 1;  // the other ways of delivery are not implemented
    } else if (number == kThreshold) {
      f.threshold = u32(value) & kIdentities;
    } else if (u64* word = f.word(number)) {
      const bool first = word == &f.pending[0] || word == &f.enabled[0];
      *word = first ? value & ~u64{1} : value;
    }
    f.update();
  }

  void message(unsigned level, u32 identity) {
    std::scoped_lock guard(lock_);
    files_[level].set_pending(identity, true);
  }

  void reset() {
    std::scoped_lock guard(lock_);
    for (File& f : files_) {
      f.pending = f.enabled = {};
      f.threshold = 0;
      f.delivery = false;
      f.update();
    }
  }
  void visit_state(StateVisitor& visitor) {
    std::scoped_lock guard(lock_);
    for (File& f : files_) f.visit_state(visitor);
  }
  void after_load() {
    std::scoped_lock guard(lock_);
    for (File& f : files_) {
      f.raised = f.delivery && f.top() != 0;
      f.output.set(f.raised);
    }
  }

 private:
  File& file(u32 reg) { return files_[reg < kRiscvMachineFile ? kSupervisor : kMachine]; }

  std::mutex lock_;  // leaf but for the sink
  std::array<File, 2> files_;
};

RiscvImsic::RiscvImsic(std::span<IrqSink* const> harts) {
  for (IrqSink* sink : harts) harts_.push_back(std::make_unique<Hart>(sink));
}
RiscvImsic::~RiscvImsic() = default;

CpuInterruptPort& RiscvImsic::port(unsigned hart) { return *harts_[hart]; }

u64 RiscvImsic::read(RegionId, u64, unsigned) { return 0; }

void RiscvImsic::write(RegionId region, u64 offset, unsigned width, u64 value) {
  const u64 hart = offset / kPageBytes, at = offset % kPageBytes;
  if (width != 4 || hart >= harts_.size() || (at != 0 && at != 4)) return;
  const u32 identity = at == 0 ? u32(value) : std::byteswap(u32(value));
  harts_[hart]->message(region & 1, identity);
}

void RiscvImsic::reset(ResetKind) {
  for (auto& hart : harts_) hart->reset();
}

// Left out: File::raised, which follows from the rest.
void RiscvImsic::visit_state(StateVisitor& visitor) {
  visitor.begin("imsic", 1);
  for (auto& hart : harts_) hart->visit_state(visitor);
  visitor.end();
}

void RiscvImsic::after_load() {
  for (auto& hart : harts_) hart->after_load();
}

}  // namespace mimus

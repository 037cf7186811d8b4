#include "hw/intc/riscv_plic.h"

#include <bit>

namespace mimus {
namespace {

constexpr u64 kPending = 0x1000;
constexpr u64 kEnable = 0x2000;
constexpr u64 kEnableStride = 0x80;
constexpr u64 kContext = 0x200000;
constexpr u64 kContextStride = 0x1000;

}  // namespace

RiscvPlic::RiscvPlic(std::span<IrqSink* const> harts) {
  for (IrqSink* sink : harts) {
    contexts_.push_back({{sink, kMei}});
    contexts_.push_back({{sink, kSei}});
  }
}

void RiscvPlic::assign(Bits& set, unsigned source, bool value) {
  const u32 mask = u32{1} << (source % 32);
  set[source / 32] = value ? set[source / 32] | mask : set[source / 32] & ~mask;
}

// The enabled pending source of the highest priority, the lowest number first; 0 if there is none.
unsigned RiscvPlic::best(const Context& context) const {
  unsigned found = 0;
  for (unsigned word = 0; word < kWords; word++) {
    for (u32 left = pending_[word] & context.enabled[word]; left; left &= left - 1) {
      unsigned source = word * 32 + unsigned(std::countr_zero(left));
      if (priority_[source] > priority_[found]) found = source;  // priority_[0] is 0
    }
  }
  return found;
}

void RiscvPlic::update(Context& context) {
  const bool raise = priority_[best(context)] > context.threshold;
  if (raise == context.raised) return;
  context.raised = raise;
  context.output.set(raise);
}

void RiscvPlic::update_all() {
  for (Context& context : contexts_) update(context);
}

// The gateway of `source`: makes a request if the line is high and no other request is under way.
void RiscvPlic::forward(unsigned source) {
  if (!test(level_, source) || test(claimed_, source) || test(pending_, source)) return;
  assign(pending_, source, true);
  for (Context& context : contexts_)
    if (test(context.enabled, source)) update(context);
}

void RiscvPlic::set_irq(unsigned source, bool level) {
  if (source == 0 || source >= kSources) return;
  std::scoped_lock guard(lock_);
  assign(level_, source, level);
  forward(source);
}

// Section 9: claiming ignores the threshold.
u32 RiscvPlic::claim(Context& context) {
  const unsigned source = best(context);
  if (!source) return 0;
  assign(pending_, source, false);
  assign(claimed_, source, true);
  update_all();
  return source;
}

// Section 10: ignored unless the source is enabled for the context; which context claimed it does not matter.
void RiscvPlic::complete(Context& context, u32 source) {
  if (source == 0 || source >= kSources || !test(context.enabled, source)) return;
  assign(claimed_, source, false);
  forward(source);
}

u32 RiscvPlic::read_context(u64 offset) {
  const u64 index = offset / kContextStride;
  if (index >= contexts_.size()) return 0;
  switch (offset % kContextStride) {
    case 0: return contexts_[index].threshold;
    case 4: return claim(contexts_[index]);
    default: return 0;
  }
}

u64 RiscvPlic::read(RegionId, u64 offset, unsigned width) {
  if (width != 4 || offset % 4) return 0;
  std::scoped_lock guard(lock_);
  if (offset >= kContext) return read_context(offset - kContext);
  if (offset >= kEnable) {
    const u64 index = (offset - kEnable) / kEnableStride, word = (offset - kEnable) % kEnableStride / 4;
    return index < contexts_.size() && word < kWords ? contexts_[index].enabled[word] : 0;
  }
  if (offset >= kPending) return offset - kPending < kWords * 4 ? pending_[(offset - kPending) / 4] : 0;
  return offset / 4 < kSources ? priority_[offset / 4] : 0;
}

void RiscvPlic::write_context(u64 offset, u32 value) {
  const u64 index = offset / kContextStride;
  if (index >= contexts_.size()) return;
  Context& context = contexts_[index];
  switch (offset % kContextStride) {
    case 0:
      context.threshold = value & kMaxPriority;
      update(context);
      break;
    case 4: complete(context, value); break;
    default: break;  // reserved
  }
}

void RiscvPlic::write(RegionId, u64 offset, unsigned width, u64 value) {
  if (width != 4 || offset % 4) return;
  std::scoped_lock guard(lock_);
  if (offset >= kContext) return write_context(offset - kContext, u32(value));
  if (offset >= kEnable) {
    const u64 index = (offset - kEnable) / kEnableStride, word = (offset - kEnable) % kEnableStride / 4;
    if (index >= contexts_.size() || word >= kWords) return;
    contexts_[index].enabled[word] = u32(value) & (word == 0 ? ~u32{1} : ~u32{0});
    return update(contexts_[index]);
  }
  if (offset >= kPending || offset == 0 || offset / 4 >= kSources) return;
  priority_[offset / 4] = u32(value) & kMaxPriority;
  update_all();
}

// Input lines keep their levels: what drives them is reset on its own.
void RiscvPlic::reset(ResetKind) {
  std::scoped_lock guard(lock_);
  priority_ = {};
  pending_ = {};
  claimed_ = {};
  for (Context& context : contexts_) {
    context.enabled = {};
    context.threshold = 0;
    update(context);
  }
  for (unsigned source = 1; source < kSources; source++) forward(source);
}

// Left out: Context::raised, which follows from the rest.
void RiscvPlic::visit_state(StateVisitor& visitor) {
  std::scoped_lock guard(lock_);
  visitor.begin("plic", 1);
  for (u32& priority : priority_) visitor.index("priority", priority, kMaxPriority + 1);
  visitor.field("level", level_);
  visitor.field("pending", pending_);
  visitor.field("claimed", claimed_);
  for (Context& context : contexts_) {
    visitor.begin("context", 1);
    visitor.field("enabled", context.enabled);
    visitor.index("threshold", context.threshold, kMaxPriority + 1);
    if (visitor.loading() && bit(context.enabled[0], 0)) visitor.reject("enabled", "source 0 does not exist");
    visitor.end();
  }
  if (visitor.loading() && (bit(pending_[0] | claimed_[0] | level_[0], 0) || priority_[0]))
    visitor.reject("pending", "source 0 does not exist");
  visitor.end();
}

void RiscvPlic::after_load() {
  std::scoped_lock guard(lock_);
  for (Context& context : contexts_) {
    context.raised = priority_[best(context)] > context.threshold;
    context.output.set(context.raised);
  }
}

}  // namespace mimus

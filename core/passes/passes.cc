#include <cstdio>
#include <cstdlib>

#include "core/passes/sweep.h"

namespace mimus::passes {

namespace {

template <Jobs J>
void run_forward(ir::Block& block, const ir::TextContext& context) {
  forward_sweep(block, context, J);
}
template <Jobs J>
void run_backward(ir::Block& block, const ir::TextContext& context) {
  backward_sweep(block, context, J);
}

constexpr Pass kPasses[] = {
    {"constant-folding", run_forward<Jobs{.fold = true}>},
    {"copy-propagation", run_forward<Jobs{.copies = true}>},
    {"redundant-slot-reads", run_forward<Jobs{.reads = true}>},
    // What reads of slots hid from the first two.
    {"simplify", run_forward<Jobs{.fold = true, .copies = true, .reads = true}>},
    {"dead-slot-writes", run_backward<Jobs{.dead_writes = true}>},
    {"dead-code", run_backward<Jobs{.dead_code = true}>},
};

[[noreturn]] void broken(std::string_view pass, const std::string& message, const std::string& before) {
  std::fprintf(stderr, "pass %.*s broke the IR: %s\nbefore it:\n%s", int(pass.size()), pass.data(), message.c_str(),
               before.c_str());
  std::abort();
}

// One pass with what the observer asks for around it.
void run_observed(const Pass& pass, ir::Block& block, const ir::TextContext& context, const PassObserver& observer) {
  std::string before;
  if (observer.verify) before = ir::print(block, context);
  pass.run(block, context);
  if (observer.verify)
    if (const auto verified = ir::verify(block, context); !verified)
      broken(pass.name, verified.error().message, before);
  if (observer.after) observer.after(pass.name, block);
}

}  // namespace

std::span<const Pass> pipeline() { return kPasses; }

void run_passes(ir::Block& block, const ir::TextContext& context, const PassObserver& observer) {
  if (observer.verify || observer.after) {
    if (observer.verify)
      if (const auto verified = ir::verify(block, context); !verified)
        broken("(frontend)", verified.error().message, "(nothing)\n");
    for (const Pass& pass : kPasses) run_observed(pass, block, context, observer);
    return;
  }
  forward_sweep(block, context, {.fold = true, .copies = true, .reads = true});
  backward_sweep(block, context, {.dead_writes = true, .dead_code = true});
}

}  // namespace mimus::passes

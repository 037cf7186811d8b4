#include "machines/virt/interrupt_tree.h"

#include "hw/intc/riscv_aplic.h"
#include "hw/intc/riscv_clint.h"
#include "hw/intc/riscv_imsic.h"
#include "hw/intc/riscv_plic.h"
#include "machines/virt/memory_map.h"

namespace mimus::virt {
namespace {

constexpr u32 kSei = RiscvPlic::kSei, kMei = RiscvPlic::kMei;
constexpr u32 kMsi = RiscvClint::kMsi, kMti = RiscvClint::kMti;
constexpr u32 kLevelHigh = 4;  // dt-bindings/interrupt-controller/irq.h

// Each of the inputs of each hart.
std::vector<u32> inputs(const std::vector<u32>& harts, std::initializer_list<u32> numbers) {
  std::vector<u32> cells;
  for (u32 hart : harts)
    for (u32 number : numbers) cells.insert(cells.end(), {hart, number});
  return cells;
}

void clint(FdtBuilder& t, const std::vector<u32>& harts) {
  auto node = t.node(unit("clint", kClintBase));
  t.strings("compatible", {"sifive,clint0", "riscv,clint0"});
  t.pairs("reg", {kClintBase, RiscvClint::kSize});
  t.cells("interrupts-extended", inputs(harts, {kMsi, kMti}));
}

u32 plic(FdtBuilder& t, const std::vector<u32>& harts) {
  auto node = t.node(unit("plic", kPlicBase));
  t.strings("compatible", {"sifive,plic-1.0.0", "riscv,plic0"});
  t.pairs("reg", {kPlicBase, kPlicSize});
  t.cells("#interrupt-cells", {1});
  t.cells("#address-cells", {0});
  t.empty("interrupt-controller");
  t.cells("interrupts-extended", inputs(harts, {kMei, kSei}));
  t.cells("riscv,ndev", {RiscvPlic::kSources - 1});
  return t.phandle();
}

u32 imsics(FdtBuilder& t, GuestPa base, const std::vector<u32>& harts, u32 input) {
  auto node = t.node(unit("imsics", base));
  t.string("compatible", "riscv,imsics");
  t.pairs("reg", {base, harts.size() * RiscvImsic::kPageBytes});
  t.empty("interrupt-controller");
  t.cells("#interrupt-cells", {0});
  t.empty("msi-controller");
  t.cells("#msi-cells", {0});
  t.cells("interrupts-extended", inputs(harts, {input}));
  t.cells("riscv,num-ids", {RiscvImsic::kIdentities});
  return t.phandle();
}

struct AplicDomain {
  GuestPa base;
  u32 input;                    // of the harts
  std::optional<u32> messages;  // phandle
  std::optional<u32> child;     // phandle; it gets all sources
};

u32 aplic(FdtBuilder& t, const AplicDomain& domain, const std::vector<u32>& harts) {
  constexpr u32 kLast = RiscvAplic::kSources - 1;
  auto node = t.node(unit("aplic", domain.base));
  t.string("compatible", "riscv,aplic");
  t.pairs("reg", {domain.base, RiscvAplic::kWindowBytes});
  t.empty("interrupt-controller");
  t.cells("#interrupt-cells", {2});
  t.cells("#address-cells", {0});
  t.cells("riscv,num-sources", {kLast});
  if (domain.messages)
    t.cells("msi-parent", {*domain.messages});
  else
    t.cells("interrupts-extended", inputs(harts, {domain.input}));
  if (domain.child) {
    t.cells("riscv,children", {*domain.child});
    t.cells("riscv,delegation", {*domain.child, 1, kLast});
    t.cells("riscv,delegate", {*domain.child, 1, kLast});  // the name that older firmware looks for
  }
  return t.phandle();
}

// Our firmware knows the machine-level parts, and kernels have no use for them.
InterruptTree aia(FdtBuilder& t, const RiscvTreeInfo& info, const std::vector<u32>& harts) {
  InterruptTree result;
  const bool messages = info.interrupts == InterruptController::aplic_imsic;
  if (messages) result.messages = imsics(t, kImsicSupervisorBase, harts, kSei);
  const u32 supervisor = aplic(t, {kAplicSupervisorBase, kSei, result.messages, {}}, harts);
  result.wires = {.phandle = supervisor, .cells = [](u32 input) { return std::vector{input, kLevelHigh}; }};
  if (info.own_firmware) return result;
  std::optional<u32> machine;
  if (messages) machine = imsics(t, kImsicMachineBase, harts, kMei);
  aplic(t, {kAplicMachineBase, kMei, machine, supervisor}, harts);
  return result;
}

}  // namespace

InterruptTree add_interrupt_controllers(FdtBuilder& t, const RiscvTreeInfo& info, const std::vector<u32>& harts) {
  clint(t, harts);
  if (info.interrupts != InterruptController::plic) return aia(t, info, harts);
  InterruptTree result;
  result.wires = {.phandle = plic(t, harts), .cells = [](u32 input) { return std::vector{input}; }};
  return result;
}

}  // namespace mimus::virt

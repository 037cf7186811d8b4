// The input is a hostile guest with a GICv3 and its ITS, or a GICv2: it accesses registers in memory and of CPUs,
// writes tables and commands, while devices raise lines and send messages. Nothing may crash, and a reset must bring
// everything back.
#include <functional>
#include <memory>

#include "core/device/event_queue.h"
#include "core/memory/physical.h"
#include "core/state/visitor.h"
#include "hw/intc/gicv2.h"
#include "hw/intc/gicv3_its.h"
#include "tests/dev/manual_clock.h"
#include "tests/fuzz/input.h"

namespace mimus {
namespace {

constexpr GuestPa kRam = 0x40000000, kTables = kRam + 0x20000, kQueue = kRam + 0x30000;
constexpr u64 kRamBytes = 0x40000;
constexpr u32 kCpus = 3;
constexpr u64 kValid = u64{1} << 63;

struct Cpu final : IrqSink {
  bool levels[2] = {};
  void set_irq(unsigned input, bool level) override { levels[input] = level; }
};

// Shared by all runs, since mapping memory is slow.
PhysicalMemory& guest_memory() {
  static PhysicalMemory* memory = [] {
    auto* made = new PhysicalMemory;
    if (!made->add_ram("ram", kRam, kRamBytes)) std::abort();
    return made;
  }();
  return *memory;
}

class Guest {
 public:
  Guest(const u8* data, size_t size) : input_(data, size), memory_(guest_memory()) {
    memory_.write(kRam, std::vector<u8>(kRamBytes));
    v3_.reset(ResetKind::cold);
    v2_.reset(ResetKind::cold);
    if (input_.flag()) bring_up();
  }
  void run() {
    static constexpr void (Guest::* kSteps[])() = {
        &Guest::write_register, &Guest::read_register, &Guest::write_cpu, &Guest::read_cpu,
        &Guest::write_memory,   &Guest::command,       &Guest::message,   &Guest::line,
        &Guest::save_and_load,  &Guest::load_garbage,  &Guest::access_v2, &Guest::pass_time,
    };
    while (!input_.empty()) (this->*kSteps[input_.below(std::size(kSteps))])();
    for (Device* device : devices()) device->reset(ResetKind::cold);
    for (const Cpu& cpu : cpus_)
      if (cpu.levels[0] || cpu.levels[1]) std::abort();
    if ((v3_.read(Gicv3::kDistributor, 0, 4) & 0xff) != 0x50) std::abort();
  }

 private:
  std::array<Device*, 3> devices() { return {&v3_, &its_, &v2_}; }
  void set(Device& device, RegionId region, u64 offset, u64 value, unsigned width = 4) {
    device.write(region, offset, width, value);
  }

  // What a kernel does first: interrupts in group 1, LPIs, tables and the command queue of the ITS, one mapped device.
  void bring_up() {
    set(v3_, Gicv3::kDistributor, 0, 3);
    memory_.write(kRam, std::vector<u8>(0x400, 0xa1));
    for (u32 cpu = 0; cpu < kCpus; cpu++) {
      set(v3_, Gicv3::kRedistributors, cpu * 0x20000 + 0x70, kRam | 13, 8);
      set(v3_, Gicv3::kRedistributors, cpu * 0x20000 + 0x78, kRam + 0x10000, 8);
      set(v3_, Gicv3::kRedistributors, cpu * 0x20000, 1);
      set(v3_, Gicv3::kRedistributors, cpu * 0x20000 + 0x10080, ~0u);
      set(v3_, Gicv3::kRedistributors, cpu * 0x20000 + 0x10100, ~0u);
      v3_.cpu_port(cpu).write(0xc230, 0xf0);  // ICC_PMR_EL1
      v3_.cpu_port(cpu).write(0xc667, 1);     // ICC_IGRPEN1_EL1
    }
    set(its_, GicIts::kControl, 0x80, kQueue | kValid, 8);
    set(its_, GicIts::kControl, 0x100, kTables | kValid | (input_.flag() ? u64{1} << 62 : 0), 8);
    set(its_, GicIts::kControl, 0x108, (kTables + 0x1000) | kValid, 8);
    set(its_, GicIts::kControl, 0, 1);
    run_command({0x09, 0, kValid, 0});
    run_command({0x08, 3, (kTables + 0x2000) | kValid, 0});
    for (u64 event = 0; event < 16; event++) run_command({0x0a, event | (8192 + event) << 32, 0, 0});
    set(v2_, Gicv2::kDistributor, 0, 3);
    for (u32 cpu = 0; cpu < kCpus; cpu++) {
      v2_.cpu_write(cpu, Gicv2::kCpuInterface, 4, 4, 0xf0);
      v2_.cpu_write(cpu, Gicv2::kCpuInterface, 0, 4, 3);
    }
  }

  struct Access {
    Device& device;
    RegionId region;
    u64 offset;
    unsigned width;
  };
  Access access() {
    static constexpr unsigned kWidths[] = {1, 2, 4, 4, 4, 4, 8, 8};
    const u32 kind = input_.below(4);
    const unsigned width = kWidths[input_.below(8)];
    const u64 offset = align_down(input_.number<u16>(), width);
    if (kind == 0) return {v3_, Gicv3::kDistributor, offset, width};
    if (kind == 1) return {its_, RegionId(input_.below(2)), offset, width};
    const u64 frame = input_.below(2 * kCpus + 2) * u64{0x10000};
    return {v3_, Gicv3::kRedistributors, frame + offset, width};
  }
  void write_register() {
    const Access a = access();
    a.device.write(a.region, a.offset, a.width, input_.flag() ? input_.number<u8>() : input_.number<u64>());
  }
  void read_register() {
    const Access a = access();
    a.device.read(a.region, a.offset, a.width);
  }

  u32 cpu_register() {
    static constexpr u16 kRegisters[] = {0xc660, 0xc661, 0xc230, 0xc65d, 0xc659, 0xc65b, 0xc640, 0xc641,
                                         0xc642, 0xc643, 0xc644, 0xc648, 0xc65f, 0xc662, 0xc663, 0xc664,
                                         0xc665, 0xc666, 0xc667, 0xe64d, 0xf664, 0xf667};
    return input_.flag() ? kRegisters[input_.below(std::size(kRegisters))] : input_.number<u16>();
  }
  void write_cpu() {
    CpuInterruptPort& port = v3_.cpu_port(input_.below(kCpus));
    const u32 reg = cpu_register();
    port.write(reg, input_.flag() ? input_.number<u16>() : input_.number<u64>());
  }
  void read_cpu() {
    CpuInterruptPort& port = v3_.cpu_port(input_.below(kCpus));
    const u64 value = port.read(cpu_register());
    if (input_.flag()) port.write(0xc661, value);  // ICC_EOIR1_EL1
  }

  void write_memory() {
    const u64 offset = input_.below(kRamBytes >> 8) * u64{256} + input_.number<u8>();
    const auto bytes = input_.bytes(std::min<u64>(input_.number<u8>(), kRamBytes - offset));
    memory_.write(kRam + offset, bytes);
  }
  void run_command(const std::array<u64, 4>& words) {
    const u64 at = its_.read(GicIts::kControl, 0x88, 8) % 0x1000;
    memory_.write(kQueue + at, {reinterpret_cast<const u8*>(words.data()), sizeof words});
    set(its_, GicIts::kControl, 0x88, (at + 32) % 0x1000, 8);
  }
  void command() {
    std::array<u64, 4> words{input_.below(17) | u64{input_.below(4)} << 32};
    words[1] = input_.below(20) | u64{8190 + input_.below(40)} << 32;
    words[2] = input_.flag() ? input_.number<u64>() : input_.below(4) | u64{input_.below(4)} << 16;
    if (input_.flag()) words[2] |= kValid | (kTables + 0x2000);
    words[3] = u64{input_.below(4)} << 16;
    run_command(words);
  }
  void message() {
    const u32 event = input_.flag() ? input_.below(20) : input_.number<u32>();
    its_.message(GicIts::kTranslation, 0x40, event, input_.flag() ? input_.below(4) : input_.number<u32>());
  }
  void line() {
    const bool level = input_.flag();
    const u32 input = input_.below(300);
    if (input < 32) {
      v3_.cpu_port(input % kCpus).set_irq(input, level);
      v2_.cpu_port(input % kCpus).set_irq(input, level);
    }
    v3_.set_irq(input, level);
    v2_.set_irq(input, level);
  }
  void access_v2() {
    const u32 cpu = input_.below(kCpus + 1);
    const RegionId region = input_.below(2);
    const unsigned width = 1u << input_.below(4);
    const u64 offset = input_.number<u16>() % (region == Gicv2::kDistributor ? 0x1000 : 0x2000);
    if (input_.flag())
      v2_.cpu_read(cpu, region, align_down(offset, width), width);
    else
      v2_.cpu_write(cpu, region, align_down(offset, width), width, input_.number<u32>());
  }
  void pass_time() {
    clock_.ns += 1000;
    events_.run_ready();
  }

  void save_and_load() {
    for (Device* device : devices()) {
      auto visit = [&](StateVisitor& v) { device->visit_state(v); };
      if (auto loaded = load_state(save_state(visit), visit); !loaded) {
        std::fprintf(stderr, "a device refuses its own state: %s\n", loaded.error().message.c_str());
        std::abort();
      }
    }
    for (Device* device : devices()) device->after_load();
  }
  // A state with some bytes changed. One that is refused leaves a device that must be reset.
  void load_garbage() {
    Device& device = *devices()[input_.below(3)];
    auto visit = [&](StateVisitor& v) { device.visit_state(v); };
    auto saved = save_state(visit);
    for (u32 i = input_.below(8); i > 0; --i) saved[input_.number<u32>() % saved.size()] = input_.number<u8>();
    if (load_state(saved, visit))
      device.after_load();
    else
      device.reset(ResetKind::cold);
  }

  FuzzInput input_;
  PhysicalMemory& memory_;
  ManualClock clock_;
  std::mutex lock_;
  EventQueue events_{clock_, lock_};
  Cpu cpus_[2 * kCpus];
  IrqSink* sinks3_[kCpus] = {&cpus_[0], &cpus_[1], &cpus_[2]};
  IrqSink* sinks2_[kCpus] = {&cpus_[3], &cpus_[4], &cpus_[5]};
  Gicv3 v3_{memory_, sinks3_};
  GicIts its_{v3_, memory_, clock_, events_};
  Gicv2 v2_{sinks2_};
};

}  // namespace
}  // namespace mimus

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
  mimus::Guest(data, size).run();
  return 0;
}

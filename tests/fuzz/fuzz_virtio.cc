// The input is a hostile guest: it chooses a device, then writes registers, memory and descriptors, notifies queues,
// while the host completes requests and delivers data. Nothing may crash, and the device must still answer.
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "core/memory/physical.h"
#include "core/state/visitor.h"
#include "hw/virtio/block.h"
#include "hw/virtio/console.h"
#include "hw/virtio/entropy.h"
#include "hw/virtio/mmio.h"
#include "hw/virtio/net.h"
#include "tests/fuzz/input.h"

namespace mimus::virtio {
namespace {

constexpr GuestPa kRam = 0x80000000;
constexpr u64 kRamBytes = 0x10000;  // two ranges of half of it
constexpr u16 kRingSize = 16;
constexpr u64 kRingBytes = 0x400;

// Endpoints that remember what they owe; the input decides when it happens.
struct Host final : BlockEndpoint, CharEndpoint, NetEndpoint, EntropyEndpoint {
  u64 size_bytes() const override { return 64 * 512; }
  bool read_only() const override { return locked; }
  std::string serial() const override { return "fuzz"; }
  void read(u64 offset, std::span<const std::span<u8>> buffers, Done done) override {
    work.push_back([list = std::vector(buffers.begin(), buffers.end()), done] {
      for (std::span<u8> buffer : list) std::ranges::fill(buffer, u8{0x5a});
      done(Status::ok);
    });
  }
  void write(u64 offset, std::span<const std::span<const u8>> buffers, Done done) override {
    work.push_back([this, list = std::vector(buffers.begin(), buffers.end()), done] {
      for (std::span<const u8> buffer : list)
        for (u8 byte : buffer) sum += byte;
      done(Status::io_error);
    });
  }
  void flush(Done done) override {
    work.push_back([done] { done(Status::ok); });
  }
  void discard(u64, u64, Done done) override { flush(done); }
  void write_zeroes(u64, u64, bool, Done done) override { flush(done); }
  void quiesce() override {
    for (auto& job : work) stale.push_back(std::move(job));
    work.clear();
  }

  size_t write(std::span<const u8> data) override {
    const size_t taken = std::min(data.size(), budget);
    budget -= taken;
    return taken;
  }
  void attach(Handlers given) override { handlers = std::move(given); }
  void resume() override {}

  void send(const NetFrame& frame) override {
    for (u8 byte : frame.bytes) sum += byte;
  }
  void attach(Deliver function) override { deliver = std::move(function); }
  NetOffloads takes() const override { return {true, true, true}; }
  NetOffloads gives() const override { return {true, true, true}; }
  void ready() override {}

  void fill(std::span<u8> out) override { std::ranges::fill(out, u8{0xee}); }

  bool locked = false;
  std::deque<std::function<void()>> work;
  std::vector<std::function<void()>> stale;  // of requests before a reset: must be harmless
  size_t budget = 16;
  Handlers handlers;
  Deliver deliver;
  u64 sum = 0;
};

// Shared by all runs (mapping memory is slow) and cleared before each.
PhysicalMemory& guest_memory() {
  static PhysicalMemory* memory = [] {
    auto* made = new PhysicalMemory;
    if (!made->add_ram("low", kRam, kRamBytes / 2) || !made->add_ram("high", kRam + kRamBytes / 2, kRamBytes / 2) ||
        !made->add_rom("rom", 0x1000, std::vector<u8>(4096, 1)))
      std::abort();
    return made;
  }();
  return *memory;
}

class Guest {
 public:
  Guest(const u8* data, size_t size) : input_(data, size), memory_(guest_memory()) {
    const std::vector<u8> zeroes(kRamBytes);
    memory_.write(kRam, zeroes);
    host_.locked = input_.flag();
    mmio_ = std::make_unique<Mmio>("fuzz", IrqLine{}, make_device(input_.below(4)));
    if (input_.flag()) bring_up();
  }
  void run() {
    static constexpr void (Guest::* kSteps[])() = {
        &Guest::write_register, &Guest::read_register, &Guest::write_memory,  &Guest::write_descriptor,
        &Guest::offer,          &Guest::notify,        &Guest::complete,      &Guest::receive,
        &Guest::request,        &Guest::type,          &Guest::save_and_load, &Guest::load_garbage,
    };
    while (!input_.empty()) (this->*kSteps[input_.below(std::size(kSteps))])();
    set(0x70, 0);
    if (get(0x70) != 0 || get(0) != 0x74726976) std::abort();
    for (auto& job : host_.stale) job();
  }

 private:
  std::unique_ptr<VirtioDevice> make_device(int kind) {
    const Wiring wiring{memory_};
    if (kind == 0) return std::make_unique<Block>("disk", host_, wiring);
    if (kind == 1) return std::make_unique<Net>("net", host_, Net::Options{}, wiring);
    if (kind == 2) return std::make_unique<Console>("console", host_, Console::Size{80, 25}, wiring);
    return std::make_unique<Entropy>("rng", host_, wiring);
  }
  u32 get(u64 offset) { return u32(mmio_->read(0, offset, 4)); }
  void set(u64 offset, u32 value) { mmio_->write(0, offset, 4, value); }

  // What a driver does first, so that the input need not find it out: three queues of 16 entries in the first pages.
  void bring_up() {
    const u64 features = mmio_->device()->offered_features() & (input_.number<u64>() | kFeatureVersion1);
    set(0x70, 3);
    for (u32 word : {0u, 1u}) {
      set(0x24, word);
      set(0x20, u32(features >> (32 * word)));
    }
    set(0x70, 11);
    for (u32 queue = 0; queue < mmio_->device()->queue_count(); ++queue) {
      const u32 base = u32(kRam + queue * kRingBytes);
      set(0x30, queue);
      set(0x38, kRingSize);
      set(0x80, base);
      set(0x90, base + 0x100);
      set(0xa0, base + 0x200);
      set(0x44, 1);
    }
    set(0x70, 15);
  }

  void write_register() {
    static constexpr unsigned kWidths[] = {1, 2, 4, 8};
    const u64 offset = input_.below(Mmio::kWindowBytes - 7);
    const unsigned width = kWidths[input_.below(4)];
    mmio_->write(0, offset & ~u64{3}, width, input_.number<u64>());
  }
  void read_register() { get(input_.below(Mmio::kWindowBytes - 3)); }
  void write_memory() {
    const u64 offset = input_.number<u16>();
    const auto bytes = input_.bytes(std::min<u64>(input_.number<u8>(), kRamBytes - offset));
    memory_.write(kRam + offset, bytes);
  }
  u64 ring() { return kRam + kRingBytes * input_.below(3); }
  void write_descriptor() {
    const GuestPa at = ring() + 16 * input_.below(kRingSize);
    Descriptor descriptor;
    descriptor.address = input_.flag() ? kRam + input_.number<u16>() : input_.number<u64>();
    descriptor.length = input_.flag() ? input_.number<u8>() : input_.number<u32>();
    descriptor.flags = u16(input_.below(8));
    descriptor.next = u16(input_.below(kRingSize + 1));
    memory_.write(at, {reinterpret_cast<const u8*>(&descriptor), sizeof descriptor});
  }
  void offer() { offer(ring(), u16(input_.below(kRingSize + 1))); }
  void offer(GuestPa ring, u16 head) {
    const GuestPa avail = ring + 0x100;
    u16 index = 0;
    memory_.read(avail + 2, {reinterpret_cast<u8*>(&index), 2});
    memory_.write(avail + 4 + 2 * u64(index % kRingSize), {reinterpret_cast<const u8*>(&head), 2});
    ++index;
    memory_.write(avail + 2, {reinterpret_cast<const u8*>(&index), 2});
  }
  // A chain of the usual shape, over the border between the two ranges: bytes for the device, room for its answer.
  void request() {
    const u32 queue = input_.below(3);
    auto bytes = input_.bytes(input_.below(65));
    if (bytes.size() >= 16 && input_.flag()) {  // a block request of a small type and sector
      std::fill_n(bytes.begin() + 1, 15, 0);
      bytes[0] %= 14;
      bytes[8] = u8(input_.below(65));
    }
    const GuestPa at = kRam + kRamBytes / 2 - 20;
    const u32 room = input_.below(3) * 512 + input_.below(21);
    const Descriptor pair[2] = {{at, u32(bytes.size()), kDescNext, 15}, {at + 0x1000, room, kDescWrite, 0}};
    memory_.write(at, bytes);
    const GuestPa ring = kRam + kRingBytes * queue;
    memory_.write(ring + 14 * 16, {reinterpret_cast<const u8*>(pair), sizeof pair});
    offer(ring, 14);
    set(0x50, queue);
  }
  void notify() { set(0x50, input_.below(4)); }
  void complete() {
    if (host_.work.empty()) return;
    const size_t which = input_.below(u32(host_.work.size()));
    auto job = std::move(host_.work[which]);
    host_.work.erase(host_.work.begin() + std::ptrdiff_t(which));
    job();
  }
  void receive() {
    if (!host_.deliver) return;
    const std::vector<u8> bytes(input_.below(4000), 7);
    NetFrame frame{.bytes = bytes, .needs_checksum = input_.below(2) != 0, .checksum_start = input_.number<u16>()};
    frame.segments = NetFrame::Segments(input_.below(3));
    frame.segment_bytes = input_.number<u16>();
    host_.deliver(frame);
  }
  void type() {
    host_.budget = input_.number<u8>();
    if (host_.handlers.on_writable) host_.handlers.on_writable();
    if (host_.handlers.room)
      host_.handlers.on_input(std::vector<u8>(std::min<size_t>(host_.handlers.room(), 300), 'x'));
  }
  void save_and_load() {
    const auto saved = save_state([&](StateVisitor& v) { mmio_->visit_state(v); });
    if (auto loaded = load_state(saved, [&](StateVisitor& v) { mmio_->visit_state(v); }); !loaded) {
      std::fprintf(stderr, "a device refuses its own state: %s\n", loaded.error().message.c_str());
      std::abort();
    }
    mmio_->after_load();
  }
  // A state with some bytes changed. One that is refused leaves a device that must be reset.
  void load_garbage() {
    auto saved = save_state([&](StateVisitor& v) { mmio_->visit_state(v); });
    for (int i = input_.below(8); i > 0; --i) saved[input_.below(u32(saved.size()))] = input_.number<u8>();
    if (load_state(saved, [&](StateVisitor& v) { mmio_->visit_state(v); }))
      mmio_->after_load();
    else
      mmio_->reset(ResetKind::cold);
  }

  FuzzInput input_;
  PhysicalMemory& memory_;
  Host host_;
  std::unique_ptr<Mmio> mmio_;
};

}  // namespace
}  // namespace mimus::virtio

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
  mimus::virtio::Guest(data, size).run();
  return 0;
}

#include "hw/virtio/entropy.h"

#include <array>

namespace mimus::virtio {

namespace {

constexpr u16 kQueueSize = 64;
// Given for one buffer at most; 5.4.6.1 lets the device use less than the buffer, and the driver comes again.
constexpr u64 kMostBytes = 4096;

}  // namespace

Entropy::Entropy(std::string name, EntropyEndpoint& source, Wiring wiring)
    : VirtioDevice(std::move(name), DeviceId::entropy, std::span(&kQueueSize, 1), wiring), source_(source) {}

void Entropy::queue_notified(unsigned queue) {
  serve(queue, [&](Chain& chain) {
    std::array<u8, kMostBytes> bytes;
    const auto wanted = std::span(bytes).first(std::min(kMostBytes, total_bytes(chain.writable)));
    source_.fill(wanted);
    finish(queue, chain.head, u32(scatter(memory(), chain.writable, 0, wanted)));
  });
}

}  // namespace mimus::virtio

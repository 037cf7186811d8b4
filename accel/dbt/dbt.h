// The dynamic-binary-translation accelerator: run loop, tiers, code cache. It knows engines and frontends only by their
// interfaces; the composition root hands them in.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "accel/dbt/translation_store.h"
#include "core/device/event_queue.h"
#include "core/device/guest_error.h"
#include "core/device/timebase.h"
#include "core/engine/accelerator.h"
#include "core/engine/engine.h"
#include "core/engine/frontend.h"
#include "core/engine/process.h"
#include "core/memory/physical.h"

namespace mimus::dbt {

// Which engine runs code of which temperature. `warm` takes over from `cold` after `warm_after` executions, and
// compiles on a thread of its own.
struct Tiers {
  Engine* fallback = nullptr;  // interp: runs what `cold` cannot prepare; never null
  Engine* cold = nullptr;      // runs everything else from its first execution on; may be the fallback
  // Called once, on the compile thread, when something is hot; may be empty. The store (or null) outlives the engine.
  std::function<Expected<Engine*>(RegionStore* store)> load_warm = {};
  u32 warm_after = 0;
  u32 warm_rate = 0;        // executions per millisecond below which hot code waits (WarmQueue)
  bool warm_loops = false;  // only regions with a loop: the cold tier runs the rest nearly as well
  u32 region_insns = 256;   // budget of a warm region
};

// Looks at translations as they are made (--dump). Any thread, under a lock.
struct DumpHook {
  std::function<bool(GuestPc)> wants;
  std::function<void(std::string_view stage, const std::string& text)> print;
};

// How code is translated and kept.
struct CodeConfig {
  Tiers tiers = {};
  u64 code_start = 0, code_bytes = 0;            // host addresses where engines put code; 0 bytes: none makes any
  std::function<size_t()> code_space_left = {};  // bytes; empty: unlimited
  std::function<void(const CodeWriteToken&)> reset_code_memory = {};  // forgets all generated code
  GuestErrorSink* guest_errors = nullptr;
  StoreConfig store = {};  // where translations are kept for other runs
  DumpHook dump = {};
  bool verify_ir = false;  // after the frontend and after every pass
  bool count_insns = false;
  u32 max_block_insns = 64;
};

struct DbtConfig : CodeConfig {
  DbtConfig(const Frontend& frontend, PhysicalMemory& memory, EventQueue& events, Timebase& timebase)
      : frontend(frontend), memory(memory), events(events), timebase(timebase) {}

  const Frontend& frontend;
  PhysicalMemory& memory;
  EventQueue& events;
  Timebase& timebase;
  u32 cpus = 1;
};

std::unique_ptr<Accelerator> make_dbt(DbtConfig config);

// For the threads of a process. Its engines are made for flat memory.
struct UserDbtConfig : CodeConfig {
  UserDbtConfig(const Frontend& frontend, ProcessMemory& memory) : frontend(frontend), memory(memory) {}

  const Frontend& frontend;
  ProcessMemory& memory;
};

std::unique_ptr<UserAccelerator> make_user_dbt(UserDbtConfig config);

}  // namespace mimus::dbt

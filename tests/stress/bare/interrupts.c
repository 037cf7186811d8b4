// Software and timer interrupts: a token goes round by interrupt, all sleeping harts wake, timers fire in time.
#include "stress.h"

enum { LAPS = 25 };

static u32 token;

void test_interrupts(void) {
  const u32 id = (u32)self()->id;
  for (u32 lap = 0; lap < LAPS; ++lap) {
    const u32 mine = lap * HARTS + id;
    for (u32 now; (now = LOAD(&token)) != mine;) wait_for_change(&token, now);
    STORE(&token, mine + 1);
    wake_all();
  }
  barrier();
  for (int i = 0; i < 3; ++i) wait_for_time(1000 + 500 * id);  // of 100 ns
  barrier();
  for (int i = 0; i < 8; ++i) {
    if (i % HARTS == (int)id) remote(REQUEST_FENCE_I | REQUEST_SFENCE);
  }
}

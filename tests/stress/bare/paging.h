// Sv39 tables of the harts: the first 4 GiB mapped to themselves, a window that all share, a private one for each.
#pragma once
#include "stress.h"

enum { PAGE = 4096, WINDOW_PAGES = 16, FRAMES_PER_HART = 8 };
enum { PTE_V = 1, PTE_R = 2, PTE_W = 4, PTE_X = 8, PTE_G = 32, PTE_A = 64, PTE_D = 128, PTE_RWX = 14 };

u64 shared_window(void);  // virtual address
u64 private_window(void);
u8* frame_of(u64 hart, u64 index);                     // a page of memory, by its own address
void map_shared(u64 page, const u8* frame, u64 bits);  // bits 0: no page. No fence here.
void map_private(u64 page, const u8* frame, u64 bits);
void map_second(u64 page, const u8* frame, u64 bits);  // private window of the second address space
u64 satp_of(int second);

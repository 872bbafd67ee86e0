/*
 * One question about what is stored, asked seldom.
 */
#ifndef CAPTURED_STORE_FIND_H
#define CAPTURED_STORE_FIND_H

#include "captured/store.h"

/* 1: a session with this UUID is committed, live or ended; 0; -1 failed. */
int store_knows(struct store *, const uint8_t uuid[16]);

#endif

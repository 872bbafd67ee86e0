/*
 * Settings of workers in the store.
 */
#ifndef CAPTURED_STORE_SETTING_H
#define CAPTURED_STORE_SETTING_H

#include "captured/setting.h"
#include "captured/store.h"

/*
 * In the transaction: writes a worker's settings, and what holds now into
 * each of its sessions, ended ones too: they are the worker's.
 */
int store_setting(struct store *, const struct setting *,
    const struct session_rec *holds);
/* All that there are; 0, or -1. */
int store_load_settings(struct store *, struct settings *);
/* The worker of a session, live or ended: 1, 0 none such, -1. */
int store_worker_of(struct store *, const uint8_t uuid[16], char *out,
    size_t size);

#endif

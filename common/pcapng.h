/*
 * pcapng out: messages as the TCP segments that may have carried them, so
 * that Wireshark and tshark read a capture.  Addresses, bytes, order and times
 * are true; segment boundaries, handshakes, sequence numbers and
 * acknowledgements are made up.
 *
 * https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-02.html
 */
#ifndef COMMON_PCAPNG_H
#define COMMON_PCAPNG_H

#include "common/msg.h"

/* A connection between two ends, as text "1.2.3.4:5" or "[::1]:5". */
struct pcapng_stream {
	uint8_t addr[2][16]; /* IPv4 as ::ffff:… */
	uint16_t port[2];
	bool v4; /* both are IPv4 */
	uint32_t seq[2];
};

/* Section header and the one interface. */
void pcapng_begin(struct mbuf *, const char *application);
/* A handshake of the first end with the second; what is no address becomes
 * one of those for documentation. */
void pcapng_open(struct mbuf *, struct pcapng_stream *, const char *first,
    const char *second, int64_t us);
/* Bytes that end 0 or 1 sent. */
void pcapng_data(struct mbuf *, struct pcapng_stream *, unsigned end,
    const void *, size_t, int64_t us);

#endif

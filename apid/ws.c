#include <stdlib.h>
#include "apid/ws.h"
const struct ws_path *
ws_path(struct span p)
{
	return NULL;
}
struct ws {
	int x;
};
struct ws *
ws_new(struct apid *a)
{
	return calloc(1, sizeof(struct ws));
}
void
ws_free(struct ws *w)
{
	free(w);
}
int
ws_add(struct ws *w, int fd, const struct sockaddr_storage *a,
    const struct ws_path *p, struct span q, const char **why)
{
	*why = "no";
	return -1;
}
void
ws_tick(struct ws *w)
{
}
unsigned
ws_clients(const struct ws *w)
{
	return 0;
}
void
ws_on_feed(struct ws *w, struct msg_in *m)
{
}
void
ws_on_capture(struct ws *w, struct ipc *i)
{
}

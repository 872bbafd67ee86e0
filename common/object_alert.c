/*
 * See object_alert.h.  What does not apply is null.
 */
#include "common/object.h"
#include "common/object_alert.h"
#include "common/object_put.h"

void
object_alert(struct json_out *o, const struct alert_rec *a)
{
	char session[SESSION_TEXT];

	uuid_text(a->session, session);
	json_object(o);
	json_kuint_str(o, "id", a->id);
	json_kcstr(o, "kind", alert_kind_name((enum alert_kind)a->kind));
	json_kcstr(o, "severity",
	    alert_severity_name((enum alert_severity)a->severity));
	json_kbool(o, "active", a->ended_us == 0);
	object_put_time(o, "first_seen", a->first_us);
	object_put_time(o, "last_seen", a->last_us);
	object_put_time(o, "ended_at", a->ended_us);
	json_kuint(o, "count", a->count);
	object_put_text(o, "pool", a->pool);
	object_put_text(o, "worker", a->worker);
	json_kcstr(o, "session_id", a->has_session ? session : NULL);
	if (a->pos != 0)
		json_kuint_str(o, "message_id", a->pos);
	else
		json_knull(o, "message_id");
	json_kcstr(o, "text", a->text);
	json_object_end(o);
}

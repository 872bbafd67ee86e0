"""What the tests of the API share."""
import requests

import hs


def get(b, path, **kw):
    """GET from the box's console, which is at b.url."""
    return requests.get(b.url + path, timeout=hs.DEADLINE, **kw)


def opened(b):
    """The box, with .url, when its console answers and is well."""
    b.url = b.hsd.expect_error(r"the console is at (http://\S+?)/ and")[1]
    b.hsd.child("apid")
    hs.wait_for(lambda: get(b, "/health").status_code == 200, "health")
    return b

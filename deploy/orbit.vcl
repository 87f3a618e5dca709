# Orbit's rules for Varnish: dropping what the origin tells it to (`orbit origin --cdn varnish+xkey://HOST:PORT`), and keeping what
# the origin lets caches keep.
#
# To be included behind the backends and `acl purgers`, as deploy/varnish.vcl does. It needs the vmod xkey (Debian: varnish-modules).

vcl 4.1;

import std;
import xkey;

sub vcl_recv {
    if (req.method == "PURGE" || req.method == "BAN") {
        if (client.ip !~ purgers) {
            return (synth(403, "Forbidden"));
        }
        if (req.http.xkey-purge-all || (req.method == "BAN" && req.http.x-cache-tags)) {
            if (req.http.xkey-purge-all) {
                std.ban("obj.status != 0");
            } else {
                std.ban("obj.http.cache-tag ~ " + req.http.x-cache-tags);
            }
            return (synth(200, "Banned"));
        }
        if (req.http.xkey-purge) {
            set req.http.n-gone = xkey.purge(req.http.xkey-purge);
            return (synth(200, "Purged"));
        }
        if (req.http.xkey-softpurge) {
            set req.http.n-gone = xkey.softpurge(req.http.xkey-softpurge);
            return (synth(200, "Marked as stale"));
        }
        if (req.method == "PURGE") {
            return (purge);
        }
        return (synth(400, "Say what to drop"));
    }
    # What is not an image passes, event streams above all.
    if (req.url !~ "^/(api/)?images/[^/?]+([?]|$)" || (req.method != "GET" && req.method != "HEAD")) {
        return (pipe);
    }
    # Orbit's answers depend on the URL and, where they say so, on Accept.
    unset req.http.cookie;
    return (hash);
}

sub vcl_pipe {
    # One request a connection, so that the next one is looked at again.
    set bereq.http.connection = "close";
}

sub vcl_backend_response {
    # A key for each tag; xkey reads this field when the copy is stored.
    set beresp.http.xkey = beresp.http.surrogate-key;
    # What caches that act for the origin are told (RFC 9213) stands before what all are told.
    if (beresp.http.cdn-cache-control ~ "max-age=[0-9]+") {
        set beresp.ttl = std.duration(regsub(beresp.http.cdn-cache-control, ".*max-age=([0-9]+).*", "\1s"), beresp.ttl);
    }
    set beresp.grace = 24h;
}

sub vcl_deliver {
    unset resp.http.xkey;
    # Nobody further out is told to drop anything, and so needs no tags.
    unset resp.http.surrogate-key;
    unset resp.http.cache-tag;
    unset resp.http.cdn-cache-control;
    # A browser counts Age against its own hour, and would ask again for whatever lay here for longer.
    unset resp.http.age;
    if (obj.hits > 0) {
        set resp.http.x-varnish-cache = "HIT";
    } else {
        set resp.http.x-varnish-cache = "MISS";
    }
}

sub vcl_synth {
    if (req.http.n-gone) {
        set resp.http.n-gone = req.http.n-gone;
    }
}
